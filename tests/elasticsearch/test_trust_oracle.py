"""Signatures, trusted names and filter rules against Elasticsearch's own classes: certificates that this project makes, and chance."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import Identity, make_ca, make_client
from certs.names import subject_rfc2253, subject_shown
from gateway.authentication.signatures import SignatureVerifier, certificate_text
from gateway.ip_filter import Rule
from gateway.trust_restrictions import TrustRestrictions, UntrustedNameError
from protocol.errors import ElasticsearchException
from protocol.security import Signature
from protocol.versions import TransportVersion
from tests.elasticsearch.oracle import Oracle
from tests.elasticsearch.rig.maven import NEWEST_9
from tests.vectors import make_trust

TEXTS = ["subject info", "ApiKey credentials"]


@pytest.fixture(scope="module")
def oracle(peers: None) -> Iterator[Oracle]:
    with Oracle("SecurityOracle", NEWEST_9) as started:
        yield started


def write(folder: Path, name: str, made: Identity) -> None:
    (folder / f"{name}.crt").write_bytes(certificates_to_pem([made.certificate]))
    (folder / f"{name}.key").write_bytes(key_to_pem(made.key))


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_client_certificate_of_ours_signs_in_elasticsearch_and_is_verified_here(
    oracle: Oracle, tmp_path: Path, kind: str
) -> None:
    ca = make_ca("Signers", kind="rsa" if kind == "rsa" else "ec")
    client = make_client(ca, "CN=node-1,O=Local", kind="rsa" if kind == "rsa" else "ec")
    write(tmp_path, "client", client)
    header = oracle.ask(op="sign", certificate=str(tmp_path / "client.crt"), key=str(tmp_path / "client.key"), texts=TEXTS)[
        "header"
    ]
    assert SignatureVerifier([ca.certificate]).verify(header, *TEXTS) == "CN=node-1,O=Local"
    with pytest.raises(ElasticsearchException, match="Invalid cross cluster api key signature"):
        SignatureVerifier([ca.certificate]).verify(header, TEXTS[0], "ApiKey other")


def test_what_is_signed_here_is_verified_by_elasticsearch(oracle: Oracle, tmp_path: Path) -> None:
    ca = make_ca("Signers")
    client = make_client(ca, "CN=node-1,O=Local")
    write(tmp_path, "ca", ca)
    assert isinstance(client.key, ec.EllipticCurvePrivateKey)
    signed = client.key.sign("\n".join(TEXTS).encode(), ec.ECDSA(hashes.SHA256()))
    der = client.certificate.public_bytes(serialization.Encoding.DER)
    header = Signature(TransportVersion(9191000), [der], "SHA256withECDSA", signed).encode()
    answer = oracle.ask(op="verify", authorities=[str(tmp_path / "ca.crt")], header=header, texts=TEXTS)
    assert answer == {"shown": certificate_text(client.certificate), "outcome": True}


def test_names_by_chance(oracle: Oracle) -> None:
    chance = random.Random(5)
    issuer = make_trust.make("CN=Issuer", ca=True)
    oids = [x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.TITLE, x509.NameOID.EMAIL_ADDRESS]
    for _ in range(150):
        attributes = []
        for _ in range(chance.randint(1, 3)):
            oid = chance.choice(oids)
            alphabet = 'ab \\",+=<>#;@' + ("" if oid == x509.NameOID.EMAIL_ADDRESS else "\n\u00e9\u65e5\U0001f600")
            text = "".join(chance.choices(alphabet, k=chance.randint(1, 6)))
            attributes.append(x509.NameAttribute(oid, text))
        made = make_trust.make(x509.Name(attributes), issuer)
        answer = oracle.ask(op="name", certificate=made.der)
        assert (subject_rfc2253(made.certificate), subject_shown(made.certificate)) == (answer["rfc2253"], answer["shown"])


def test_trusted_names_by_chance(oracle: Oracle) -> None:
    chance = random.Random(6)
    words = ["node-1", "node-2", "a.local", "b.local", "*"]
    patterns = ["*", "node-?", "*.local", "/node-[12]/", "/[ab]+\\.local/", "a*", "node-1", "x", "\\*", "/.*/"]
    fields = ["subjectAltName.dnsName", "subjectAltName.otherName.commonName"]
    outcomes = set()
    for _ in range(60):
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in chance.sample(words, chance.randint(0, 2))]
        names += [make_trust.other_name(b"\x0c" + bytes([len(name)]) + name.encode()) for name in chance.sample(words, 1)]
        made = make_trust.make("CN=n", names=names)
        for _ in range(5):
            asked = {
                "patterns": chance.sample(patterns, chance.randint(0, 3)),
                "fields": chance.sample(fields, chance.randint(1, 2)),
            }
            answer = oracle.ask(op="restrict", certificate=made.der, **asked)
            try:
                TrustRestrictions(asked["patterns"], asked["fields"]).check(made.certificate)
                trusted = True
            except UntrustedNameError:
                trusted = False
            assert trusted is answer["trusted"], (asked, base64.b64decode(made.der).hex())
            outcomes.add(trusted)
    assert outcomes == {True, False}


def test_filter_rules_by_chance(oracle: Oracle) -> None:
    chance = random.Random(7)
    outcomes = set()
    for _ in range(400):
        four = ".".join(str(chance.choice((10, 0, 255, 127))) for _ in range(4))
        six = f"2001:db8:{chance.choice(('', '0:', 'a:'))}:{chance.choice(('1', 'a', 'ff'))}"
        rule = chance.choice(
            (
                f"{four}/{chance.randint(0, 32)}",
                f"{six}/{chance.randint(0, 128)}",
                four,
                f"{four},{six}",
                "*.local",
                "node-?.local,10.0.0.1",
                "n*1.*",
            )
        )
        peer = chance.choice((four, six, "10.0.0.1", "2001:db8::1"))
        host = chance.choice(("node-1.local", "node-12.local", "n1.x", peer))
        answer = oracle.ask(op="filter", allow=True, rule=rule, address=peer, host=host)
        ours = Rule.parse(rule, allows=True)
        matches = ours.matches_address(ip_address(peer)) or ours.matches_name(host)
        assert matches is answer["matches"], (rule, peer, host)
        outcomes.add(matches)
    assert outcomes == {True, False}
