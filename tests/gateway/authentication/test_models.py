"""The two security models, from headers to subject: which headers are needed, which are refused, and in which of a real node's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.authentication.api_key import CreatedApiKey
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authentication.models import ALLOWED_HEADERS, ApiKeyModel, CertificateModel
from gateway.authorization.access import parse_access
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.security import Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19

CREDENTIALS, SUBJECT_INFO = "_cross_cluster_access_credentials", "_cross_cluster_access_subject_info"
ALICE = Authentication(User("alice", roles=["r"]), RealmRef(node_name="n", name="r", type="native"), version=V_8_19)
INFO = SubjectInfo(ALICE, [b"{}"]).encode()
MISSING = "Cross cluster requests through the dedicated remote cluster server port require transport header [{}] but none found."


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ApiKeyStore]:
    with ApiKeyStore(tmp_path) as store:
        yield store


@pytest.fixture
def key(store: ApiKeyStore) -> CreatedApiKey:
    return store.create("k", parse_access({"search": [{"names": ["logs*"]}]}))


def header(**headers: str) -> Header:
    return Header(1, Status(0), V_8_19, 100, "some:action", headers)


def good(key: CreatedApiKey, **more: str) -> Header:
    return header(**{CREDENTIALS: f"ApiKey {key.encoded}", SUBJECT_INFO: INFO}, **more)


def refusal(model: ApiKeyModel, wanted: Header) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as raised:
        model.check_request(wanted)
    return raised.value


def test_a_good_key_and_its_user_are_the_subject(store: ApiKeyStore, key: CreatedApiKey) -> None:
    model = ApiKeyModel(store)
    wanted = good(key, **{"X-Opaque-Id": "x", "_xpack_audit_request_id": "y"})
    model.check_header(wanted)
    model.check_request(wanted)
    subject = model.subject(wanted)
    assert subject.key is not None
    assert (subject.key.id, subject.principal, subject.role_descriptors) == (key.key.id, "alice", (b"{}",))


def test_the_first_check_wants_credentials_only(store: ApiKeyStore, key: CreatedApiKey) -> None:
    model = ApiKeyModel(store)
    model.check_header(header(**{CREDENTIALS: f"ApiKey {key.encoded}"}))
    with pytest.raises(ElasticsearchException, match="failed to extract credentials from headers") as raised:
        model.check_header(header(**{SUBJECT_INFO: INFO}))
    assert raised.value.cause is not None
    assert str(raised.value.cause.reason).startswith(MISSING.format(CREDENTIALS))


@pytest.mark.parametrize("missing", [CREDENTIALS, SUBJECT_INFO])
def test_both_headers_are_needed(store: ApiKeyStore, key: CreatedApiKey, missing: str) -> None:
    headers = {name: value for name, value in good(key).request_headers.items() if name != missing}
    error = refusal(ApiKeyModel(store), header(**headers))
    assert error.type == "illegal_argument_exception"
    assert str(error.reason).startswith(MISSING.format(missing))


def test_another_header_is_refused_even_when_the_rest_was_seen_before(store: ApiKeyStore, key: CreatedApiKey) -> None:
    model = ApiKeyModel(store)
    model.check_request(good(key))
    error = refusal(model, good(key, _xpack_security_authentication="x"))
    assert error.reason == (
        "Transport request header [_xpack_security_authentication] is not allowed for cross cluster requests through the dedicated"
        " remote cluster server port"
    )
    assert "_xpack_security_authentication" not in ALLOWED_HEADERS


def test_a_key_that_is_good_no_more_is_refused_with_each_request(store: ApiKeyStore, key: CreatedApiKey) -> None:
    model = ApiKeyModel(store)
    model.check_request(good(key))
    store.invalidate([key.key.id])
    error = refusal(model, good(key))
    assert (error.status, error.reason) == (401, f"unable to authenticate user [{key.key.id}] for action [some:action]")
    assert error.metadata == {"es.additional_unsuccessful_credentials": [f"API key: api key [{key.key.id}] has been invalidated"]}
    assert error.headers["WWW-Authenticate"] == ['Basic realm="security", charset="UTF-8"', "ApiKey"]


@pytest.mark.parametrize(
    ("credentials", "cause"),
    [("Basic YTpi", "null_pointer_exception"), ("ApiKey", "null_pointer_exception"), ("ApiKey !!", "illegal_argument_exception")],
)
def test_what_is_no_credential_is_told_so(store: ApiKeyStore, credentials: str, cause: str) -> None:
    error = refusal(ApiKeyModel(store), header(**{CREDENTIALS: credentials, SUBJECT_INFO: INFO}))
    assert error.reason == "error attempting to authenticate request"
    assert error.cause is not None
    assert error.cause.reason == f"cross cluster access header [{CREDENTIALS}] value must be a valid API key credential"
    assert error.cause.cause is not None
    assert error.cause.cause.type == cause


def test_a_subject_info_that_cannot_be_read_is_refused(store: ApiKeyStore, key: CreatedApiKey) -> None:
    with pytest.raises(ElasticsearchException, match="error attempting to authenticate request"):
        ApiKeyModel(store).subject(header(**{CREDENTIALS: f"ApiKey {key.encoded}", SUBJECT_INFO: INFO[:20]}))


def test_a_certificate_alone_names_nobody() -> None:
    with pytest.raises(ElasticsearchException, match=r"missing authentication credentials for action \[some:action\]") as raised:
        CertificateModel().subject(header())
    assert raised.value.status == 401


def test_the_user_named_over_a_trusted_connection_is_believed() -> None:
    model = CertificateModel()
    wanted = header(_xpack_security_authentication=ALICE.encode())
    model.check_header(wanted)
    model.check_request(wanted)
    assert model.subject(wanted).principal == "alice"
    assert model.fingerprint(wanted) != model.fingerprint(header())


def test_a_user_header_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ElasticsearchException, match="error attempting to authenticate request"):
        CertificateModel().subject(header(_xpack_security_authentication="AAAA"))
