"""Signed requests, judged as Elasticsearch's own classes judge them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs.issue import Identity, make_ca, make_client
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authentication.models import ApiKeyModel
from gateway.authentication.signatures import MAX_CERTIFICATES, MAX_VERIFIED, SignatureVerifier
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.security import (
    CREDENTIALS_HEADER,
    SIGNATURE_HEADER,
    SUBJECT_INFO_HEADER,
    Authentication,
    RealmRef,
    Signature,
    SubjectInfo,
    User,
)
from protocol.versions import V_8_19, TransportVersion
from tests.gateway.authentication.support import LOGS, Clock, refusal
from tests.vectors import read_lines

VECTORS = read_lines("security_signatures.jsonl.gz")
SIGNING_VERSION = TransportVersion(9458007)


def authorities(vector: dict[str, Any]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(base64.b64decode(der)) for der in vector["authorities"]]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_signatures_are_judged_as_by_elasticsearch(vector: dict[str, Any]) -> None:
    verifier = SignatureVerifier(authorities(vector))
    if vector["outcome"] is True:
        identity = verifier.verify(vector["header"], *vector["texts"])
        assert identity == verifier.claimed_identity(vector["header"], *vector["texts"])
        assert identity == vector["shown"].partition(";")[0][1:].replace(", ", ",")
        return
    refused = refusal(verifier.verify, vector["header"], *vector["texts"])
    kind = (
        "Invalid cross cluster api key signature"
        if vector["outcome"] is False
        else "Failed to verify cross cluster api key signature certificate"
    )
    assert (refused.reason, refused.status, refused.cause) == (f"{kind} from [{vector['shown']}]", 401, None)
    assert refused.headers == {"WWW-Authenticate": ['Basic realm="security", charset="UTF-8"', "ApiKey"]}


def good() -> dict[str, Any]:
    return next(vector for vector in VECTORS if vector["name"] == "ec, trusting both")


def test_without_authorities_no_signature_is_good() -> None:
    refused = refusal(SignatureVerifier().verify, good()["header"], *good()["texts"])
    assert refused.reason == "error attempting to authenticate request"
    assert refused.cause is not None
    assert (refused.cause.type, refused.cause.reason) == (
        "illegal_state_exception",
        "Cannot verify signed cross-cluster headers because [cluster.remote.signing] has not trust configuration",
    )


def test_what_is_remembered_is_forgotten_with_the_trust() -> None:
    verifier = SignatureVerifier(authorities(good()))
    verifier.verify(good()["header"], *good()["texts"])
    other = next(vector for vector in VECTORS if vector["name"] == "rsa, trusting other")
    verifier.trust(authorities(other))
    assert "Failed to verify" in str(refusal(verifier.verify, good()["header"], *good()["texts"]).reason)
    verifier.trust([])
    assert refusal(verifier.verify, good()["header"], *good()["texts"]).cause is not None


def test_what_is_remembered_ends_with_the_certificate() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    verifier = SignatureVerifier(authorities(good()), clock=lambda: now)
    verifier.verify(good()["header"], *good()["texts"])
    now = datetime(2119, 12, 31, tzinfo=UTC)
    verifier.verify(good()["header"], *good()["texts"])
    now = datetime(2120, 1, 2, tzinfo=UTC)
    assert "Failed to verify" in str(refusal(verifier.verify, good()["header"], *good()["texts"]).reason)


def test_what_is_remembered_is_not_taken_for_another_request() -> None:
    verifier = SignatureVerifier(authorities(good()))
    subject_info, credentials = good()["texts"]
    verifier.verify(good()["header"], subject_info, credentials)
    for texts in ((subject_info + "x", credentials), (subject_info, credentials + "x"), (credentials, subject_info)):
        assert "Invalid cross cluster api key signature" in str(refusal(verifier.verify, good()["header"], *texts).reason)


@pytest.mark.parametrize(
    ("header", "type_", "reason"),
    [
        ("not base64!", "i_o_exception", "a header that is not base64"),
        (
            Signature(SIGNING_VERSION, [], "SHA256withRSA", b"x").encode(),
            "illegal_argument_exception",
            "Provided signature does not contain any certificates",
        ),
        (Signature(SIGNING_VERSION, [b""], "SHA256withRSA", b"x").encode(), "i_o_exception", "Certificate bytes cannot be empty"),
        (Signature(SIGNING_VERSION, [b"\x30\x00"], "SHA256withRSA", b"x").encode(), "i_o_exception", "Cannot read certificate"),
    ],
)
def test_what_cannot_be_read(header: str, type_: str, reason: str) -> None:
    verifier = SignatureVerifier(authorities(good()))
    refused = refusal(verifier.verify, header, "s", "c")
    assert refused.reason == "error attempting to authenticate request"
    assert refused.cause is not None
    assert (refused.cause.type, refused.cause.reason) == (type_, reason)
    assert refusal(verifier.claimed_identity, header, "s", "c").reason == reason


class Signer:
    """A local cluster that signs."""

    def __init__(self) -> None:
        self.ca = make_ca("Signers")
        self.identity = make_client(self.ca, "CN=node-1,O=Local")

    def sign(self, *texts: str, identity: Identity | None = None, chain: int = 1) -> str:
        identity = identity or self.identity
        assert isinstance(identity.key, ec.EllipticCurvePrivateKey)
        signature = identity.key.sign("\n".join(texts).encode(), ec.ECDSA(hashes.SHA256()))
        der = identity.certificate.public_bytes(serialization.Encoding.DER)
        return Signature(SIGNING_VERSION, [der] * chain, "SHA256withECDSA", signature).encode()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


def test_chains_and_memory_are_bounded(signer: Signer) -> None:
    verifier = SignatureVerifier([signer.ca.certificate])
    verifier.verify(signer.sign("s", "c", chain=MAX_CERTIFICATES), "s", "c")
    refused = refusal(verifier.verify, signer.sign("s", "c", chain=MAX_CERTIFICATES + 1), "s", "c")
    assert "Failed to verify" in str(refused.reason)
    for number in range(MAX_VERIFIED + 5):
        verifier.verify(signer.sign(str(number), "c"), str(number), "c")
    assert len(verifier._verified) == MAX_VERIFIED


class Model:
    """The API key model with one key, and requests that it checks."""

    def __init__(self, store: ApiKeyStore, signer: Signer, identity: str | None, **key: Any) -> None:
        self.created = store.create("k", LOGS, certificate_identity=identity, **key)
        self.model = ApiKeyModel(store, SignatureVerifier([signer.ca.certificate]))
        self.signer = signer
        user = Authentication(User("alice"), RealmRef(node_name="n", name="r", type="native"), version=V_8_19)
        self.subject_info = SubjectInfo(user, [b"{}"]).encode()
        self.credentials = f"ApiKey {self.created.encoded}"

    def header(self, signature: str | None = None, **other: str) -> Header:
        headers = {CREDENTIALS_HEADER: self.credentials, SUBJECT_INFO_HEADER: self.subject_info} | other
        if signature is not None:
            headers[SIGNATURE_HEADER] = signature
        return Header(1, Status(0), V_8_19, 100, "indices:data/read/search", headers)

    def sign(self, identity: Identity | None = None) -> str:
        return self.signer.sign(self.subject_info, self.credentials, identity=identity)


Build = Callable[..., Model]


@pytest.fixture
def build(store: ApiKeyStore, signer: Signer) -> Build:
    return lambda identity=None, **key: Model(store, signer, identity, **key)


def both(model: Model, header: Header) -> list[str | None]:
    """What the check of the header and that of the request say; None where they let it pass."""
    found: list[str | None] = []
    for check in (model.model.check_header, model.model.check_request):
        try:
            check(header)
        except ElasticsearchException as refused:
            found.append(refused.reason)
        else:
            found.append(None)
    return found


def test_a_signed_request_passes(build: Build) -> None:
    model = build("CN=node-.*,O=Local")
    header = model.header(model.sign())
    assert both(model, header) == [None, None]
    assert model.model.subject(header).principal == "alice"


def test_a_signature_is_verified_also_where_the_key_asks_for_none(build: Build) -> None:
    model = build()
    assert both(model, model.header()) == [None, None]
    assert both(model, model.header(model.sign())) == [None, None]
    stale = model.signer.sign("other", model.credentials)
    first, second = both(model, model.header(stale))
    assert first is None
    assert str(second).startswith("Invalid cross cluster api key signature from [(CN=node-1, O=Local;X.509;SHA1:")


def test_no_signature_where_the_key_asks_for_one(build: Build) -> None:
    model = build("CN=node-.*")
    text = (
        f"API key (type:[cross_cluster], id:[{model.created.key.id}]) requires certificate identity matching [CN=node-.*], "
        "but no certificate was provided"
    )
    assert both(model, model.header()) == [text, text]


def test_the_name_of_another(build: Build) -> None:
    model = build("CN=node-1")
    text = "DN from provided certificate [CN=node-1,O=Local] does not match API Key certificate identity pattern [CN=node-1]"
    assert both(model, model.header(model.sign())) == [text, text]


def test_a_name_that_matches_does_not_make_up_for_who_signed(build: Build) -> None:
    model = build("CN=node-1,O=Local")
    stranger = make_client(make_ca("Strangers"), "CN=node-1,O=Local")
    first, second = both(model, model.header(model.sign(stranger)))
    assert first is None  # as in 9.5.3: the first check believes the name, and nothing is done before the second
    assert str(second).startswith("Failed to verify cross cluster api key signature certificate from [(CN=node-1, O=Local;")


def test_the_signature_is_told_of_before_the_credential_and_the_subject_info_before_both(build: Build) -> None:
    model = build()
    wrong = f"{model.created.key.id}:{'x' * 22}".encode()
    model.credentials = f"ApiKey {base64.b64encode(wrong).decode()}"
    bad = model.header(model.signer.sign("other", model.credentials))
    assert both(model, bad)[0] == f"invalid credentials for API key [{model.created.key.id}]"
    assert "Invalid cross cluster api key signature" in str(both(model, bad)[1])
    unreadable = model.header(model.signer.sign("other", model.credentials), **{SUBJECT_INFO_HEADER: "AAAA"})
    assert both(model, unreadable)[1] == "error attempting to authenticate request"


@pytest.mark.parametrize("key", [{}, {"identity": "CN=no.*"}])
def test_the_order_in_which_a_key_is_checked(build: Build, clock: Clock, store: ApiKeyStore, key: dict[str, str]) -> None:
    """Invalidated, secret, type, identity, expiry."""
    model = build("CN=other", expiration="1s")
    clock.seconds += 5
    header = model.header(model.sign())
    assert "does not match" in str(both(model, header)[0])
    store.invalidate([model.created.key.id])
    assert "has been invalidated" in str(both(model, header)[0])


def test_a_signature_that_cannot_be_read(build: Build) -> None:
    model = build()
    for text in ("", "AAAA", "!"):
        header = model.header(text)
        assert both(model, header) == ["failed to extract credentials from headers", "error attempting to authenticate request"]


def test_a_signature_is_part_of_what_the_subject_follows_from(build: Build) -> None:
    model = build()
    assert model.model.fingerprint(model.header()) != model.model.fingerprint(model.header(model.sign()))


def test_expired_certificates_of_signers(signer: Signer) -> None:
    later = datetime.now(UTC) + timedelta(days=3000)
    verifier = SignatureVerifier([signer.ca.certificate], clock=lambda: later)
    assert "Failed to verify" in str(refusal(verifier.verify, signer.sign("s", "c"), "s", "c").reason)


@given(st.sampled_from([vector for vector in VECTORS if vector["outcome"] is True]), st.data())
def test_damaged_headers_raise_only_what_is_an_answer(vector: dict[str, Any], data: st.DataObject) -> None:
    damaged = bytearray(base64.b64decode(vector["header"]))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ElasticsearchException):
        SignatureVerifier(authorities(vector)).verify(base64.b64encode(damaged).decode(), *vector["texts"])


def test_a_certificate_of_a_version_that_does_not_exist() -> None:
    der = bytearray(base64.b64decode(good()["authorities"][0]))
    place = der.index(bytes.fromhex("a003020102")) + 4
    der[place] = 115
    header = Signature(SIGNING_VERSION, [bytes(der)], "SHA256withECDSA", b"x").encode()
    refused = refusal(SignatureVerifier(authorities(good())).verify, header, "s", "c")
    assert refused.cause is not None
    assert refused.cause.reason == "Cannot read certificate"
