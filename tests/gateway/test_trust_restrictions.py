"""Trust restrictions: which of the certificates that are trusted are let in, as Elasticsearch's own class decides."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from certs.issue import make_ca, make_client
from gateway.config import ConfigError, settings_of
from gateway.configuration.model import COMMON_NAME_FIELD, DNS_NAME_FIELD
from gateway.trust_restrictions import TrustRestrictions, UntrustedNameError
from tests.vectors import read_lines

VECTORS = read_lines("security_trust.jsonl.gz")
PREFIX = "xpack.security.transport.ssl.trust_restrictions"


def fields_of(vector: dict[str, Any]) -> list[str]:
    """The fields as the settings read them."""
    return settings_of({f"{PREFIX}.x509_fields": vector["fields"]}, Path()).transport_ssl.trust_restrictions.x509_fields


def refusal(restrictions: TrustRestrictions, der: str) -> str | None:
    try:
        restrictions.check(x509.load_der_x509_certificate(base64.b64decode(der)))
    except UntrustedNameError as error:
        return str(error)
    return None


def lists(text: str | None) -> Any:
    """A text of refusal with its lists as sets: in Java their order is chance, and the pattern for all has no text."""
    if text is None:
        return None
    before, *rest = text.replace("Predicate[ALWAYS]", "*").split(" [")
    return before, [(frozenset(part.partition("]")[0].split(", ")), part.partition("]")[2]) for part in rest]


@pytest.mark.parametrize("certificate", list(dict.fromkeys(vector["certificate"] for vector in VECTORS)))
def test_certificates_are_let_in_as_by_elasticsearch(certificate: str) -> None:
    vectors = [vector for vector in VECTORS if vector["certificate"] == certificate]
    assert len(vectors) == 32
    for vector in vectors:
        refused = refusal(TrustRestrictions(vector["patterns"], fields_of(vector)), certificate)
        assert (refused is None) is vector["trusted"], vector
        assert lists(refused) == lists(vector.get("text"))


def test_vectors_have_both_outcomes() -> None:
    assert 50 < sum(vector["trusted"] for vector in VECTORS) < len(VECTORS) - 50


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("trust.subject_name: [ '*.local', node-1 ]", ("*.local", "node-1")),
        ("trust:\n  subject_name:\n    - a\n    - b\n", ("a", "b")),
        ("trust.subject_name: a, b", ("a", "b")),
        ("trust.subject_name: []", ()),
        ("trust.subject_name: a\nother: x", ("a",)),
    ],
)
def test_files(tmp_path: Path, text: str, patterns: tuple[str, ...]) -> None:
    (tmp_path / "trust.yml").write_text(text)
    assert TrustRestrictions.load(tmp_path / "trust.yml", [DNS_NAME_FIELD]).patterns == patterns


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"trust.yml: has no \[trust.subject_name\], the names to trust"),
        ("trust.subject_names: [ a ]", r"has no \[trust.subject_name\]"),
        ("trust.subject_name: [ a", "not YAML"),
        ("trust.subject_name: [ {a: b} ]", "may hold only single values"),
        (
            "trust.subject_name: [ '/a' ]",
            r"trust.yml:1: \[trust.subject_name\]: .*must therefore also end|\[trust.subject_name\]",
        ),
        ("- a", "expected settings as"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "trust.yml").write_text(text)
    with pytest.raises(ConfigError, match=problem) as raised:
        TrustRestrictions.load(tmp_path / "trust.yml", [DNS_NAME_FIELD])
    assert raised.value.problems[0].startswith(f"setting [{PREFIX}.path]: ")


def test_fields_that_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=rf"setting \[{PREFIX}.x509_fields\]: subject is not a supported x509 field for trust restrictions"
    ):
        settings_of({f"{PREFIX}.x509_fields": "subject"}, Path())


def test_the_default_field() -> None:
    assert settings_of({}, Path()).transport_ssl.trust_restrictions.x509_fields == [COMMON_NAME_FIELD]


def test_a_pattern_that_costs_too_much_lets_nobody_in() -> None:
    made = make_client(make_ca("CA"), "n", ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.local"])
    restrictions = TrustRestrictions(["/(.*a){60}b.*/"], [DNS_NAME_FIELD])
    with pytest.raises(UntrustedNameError, match=r"\S"):
        restrictions.check(made.certificate)


def test_key_stores_are_refused_by_name(tmp_path: Path) -> None:
    for name in (
        "cluster.remote.signing.truststore.path",
        "cluster.remote.signing.truststore.type",
        "xpack.security.transport.ssl.keystore.path",
    ):
        with pytest.raises(
            ConfigError, match=rf"setting \[{name}\] is not supported: key stores are not read here; give PEM files instead"
        ):
            settings_of({name: "x"}, tmp_path)
