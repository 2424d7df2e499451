"""The security headers of real nodes and of Elasticsearch's own classes, and texts that are no such headers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.security import (
    API_KEY_ID,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    CROSS_CLUSTER_ACCESS_AUTHENTICATION,
    CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS,
    NEWEST_HEADER,
    OLDEST_HEADER,
    ApiKeyCredentials,
    Authentication,
    AuthenticationType,
    RealmRef,
    Signature,
    SubjectInfo,
    SubjectType,
    User,
)
from protocol.versions import V_8_19, TransportVersion
from tests.vectors import read_lines

VECTORS = read_lines("headers.jsonl")
BY_NAME = {vector["name"]: vector["header"] for vector in VECTORS}
KINDS: dict[str, type[Authentication | SubjectInfo]] = {"authentication": Authentication, "subject_info": SubjectInfo}


def authentication(name: str) -> Authentication:
    return Authentication.decode(BY_NAME[name])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_encoded_to_the_same_text(vector: dict[str, Any]) -> None:
    assert KINDS[vector["kind"]].decode(vector["header"]).encode() == vector["header"]


def test_user_of_a_realm() -> None:
    who = authentication("realm")
    assert (who.user.username, who.user.roles, who.user.full_name, who.user.email) == (
        "alice",
        ["r1", "r2"],
        "Alice \u00c4",
        "a@example.com",
    )
    assert who.user.metadata == {"groups": ["a", "b"], "age": 41, "since": 1234567890123, "nested": {"x": True}, "none": None}
    assert who.user.enabled
    assert (who.type, who.subject_type, who.is_run_as) == (AuthenticationType.REALM, SubjectType.USER, False)
    assert who.realm is not None
    assert (who.realm.name, who.realm.type, who.realm.node_name) == ("n1", "native", "node-1")
    assert who.realm.domain is not None
    assert [(realm.type, realm.name) for realm in who.realm.domain.realms] == [("native", "n1"), ("ldap", "l1")]


def test_run_as() -> None:
    who = authentication("run as")
    assert who.is_run_as
    assert who.user.username == "bob"
    assert who.authenticating_user is not None
    assert who.authenticating_user.username == "alice"
    assert who.realm is not None
    assert (who.realm.type, who.authenticated_by.type) == ("file", "native")


def test_run_as_a_user_who_does_not_exist() -> None:
    who = authentication("failed run as")
    assert who.is_run_as
    assert who.realm is None
    assert who.subject_type is SubjectType.USER


def test_api_key() -> None:
    who = authentication("api key")
    assert (who.type, who.subject_type) == (AuthenticationType.API_KEY, SubjectType.API_KEY)
    assert who.metadata[API_KEY_ID] == "id-1"
    assert bytes(who.metadata[API_KEY_LIMITED_BY_ROLE_DESCRIPTORS]) == b'{"b":{"cluster":["monitor"]}}'


def test_kinds_of_subjects() -> None:
    assert authentication("service account").subject_type is SubjectType.SERVICE_ACCOUNT
    assert authentication("anonymous").type is AuthenticationType.ANONYMOUS
    internal = authentication("internal _system")
    assert (internal.user.username, internal.user.internal, internal.type) == ("_system", True, AuthenticationType.INTERNAL)


def test_cross_cluster_access_holds_the_authentication_of_the_other_cluster() -> None:
    who = authentication("cross cluster access")
    assert who.subject_type is SubjectType.CROSS_CLUSTER_ACCESS
    inner = who.metadata[CROSS_CLUSTER_ACCESS_AUTHENTICATION]
    assert inner.user.username == "alice"
    assert len(who.metadata[CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS]) == 2


def test_subject_info() -> None:
    info = SubjectInfo.decode(BY_NAME["subject info"])
    assert info.authentication.user.username == "alice"
    first, second = info.role_descriptors
    assert first.startswith(b'{"one":{')
    assert second.startswith(b'{"two":{"cluster":["monitor"]')


def test_version_of_the_header_is_its_own() -> None:
    assert authentication("older").version == TransportVersion(8800000)
    assert authentication("run as").version == V_8_19


def test_ours_for_every_version() -> None:
    who = Authentication(User("u", ["r"]), RealmRef(node_name="n", name="f", type="file"), metadata={"k": 1})
    for version in (OLDEST_HEADER, V_8_19, NEWEST_HEADER):
        who.version = version
        assert Authentication.decode(who.encode()) == who
        info = SubjectInfo(who, [b"{}"])
        assert SubjectInfo.decode(info.encode()) == info


def header(data: bytes, version: int = V_8_19.id) -> str:
    prefix = bytearray()
    while version > 0x7F:
        prefix.append(version & 0x7F | 0x80)
        version >>= 7
    return base64.b64encode(bytes(prefix) + bytes([version]) + data).decode()


SYSTEM = b"\x01\x07_system\x01n\x01a\x01a\x00\x00\x04\x00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends within"),
        ("not base64!", "not base64"),
        ("\u00e4", "not base64"),
        (header(SYSTEM, NEWEST_HEADER.id + 1), "transport version"),
        (header(SYSTEM, OLDEST_HEADER.id - 1), "transport version"),
        (header(SYSTEM + b"\x00"), "1 unread bytes"),
        (header(SYSTEM.replace(b"_system", b"_hacker")), r"user \[_hacker\] is not internal"),
        (header(SYSTEM[:-2] + b"\x05\x00"), "unknown AuthenticationType"),
        (header(b"\x00\x01u\x00\x0a\x00\x00\x00\x01\x01\x01\x07_system"), "inner user is not allowed"),
        (header(b"\x00\x01u\x00\x0a\x00\x00\x00\x01\x00" + 2 * b"\x01n\x01a\x01a\x00\x01"), "no such user"),
    ],
)  # fmt: skip
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        Authentication.decode(text)


def test_authentications_within_authentications_have_an_end() -> None:
    level = (
        b"\x00\x01u\x00\x0a\x00\x00\x00\x01\x00\x01n\x01a\x01a\x00\x00\x01\x01\x2d" + CROSS_CLUSTER_ACCESS_AUTHENTICATION.encode()
    )
    with pytest.raises(WireError, match="nested deeper"):
        Authentication.decode(header(level * 300))


def test_credentials() -> None:
    credentials = ApiKeyCredentials.decode("ApiKey " + base64.b64encode(b"id:0123456789abcdefghi:kl").decode())
    assert (credentials.id, credentials.secret) == ("id", "0123456789abcdefghi:kl")
    assert "0123456789" not in repr(credentials)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Bearer abc", "invalid ApiKey value"),
        ("ApiKey ", "invalid ApiKey value"),
        ("ApiKey " + base64.b64encode(b"no colon").decode(), "invalid ApiKey value"),
        ("ApiKey " + base64.b64encode(b":0123456789abcdefghijkl").decode(), "invalid ApiKey value"),
        ("ApiKey " + base64.b64encode(b"id:short").decode(), "invalid cross-cluster API key value"),
        ("ApiKey " + base64.b64encode(b"id:\xff").decode(), "invalid ApiKey value"),
        ("ApiKey %%%%", "not base64"),
    ],
)
def test_refused_credentials(text: str, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        ApiKeyCredentials.decode(text)


def test_signature() -> None:
    text = header(b"\x02\x04leaf\x02ca" + b"\x0dSHA256withRSA" + b"\x03sig", 9191000)
    signature = Signature.decode(text)
    assert signature == Signature(TransportVersion(9191000), [b"leaf", b"ca"], "SHA256withRSA", b"sig")
    assert signature.encode() == text
    with pytest.raises(WireError, match="cannot be empty"):
        Signature.decode(header(b"\x01\x00" + b"\x0dSHA256withRSA\x03sig", 9191000))


def test_signature_of_a_node_that_is_newer_than_any_known() -> None:
    assert Signature.decode(header(b"\x01\x04leaf" + b"\x0dSHA256withRSA\x03sig", 12345678)).certificates == [b"leaf"]
    with pytest.raises(WireError, match="transport version"):
        Signature.decode(header(b"\x01\x04leaf" + b"\x0dSHA256withRSA\x03sig", 8000099))


def test_signature_without_certificates() -> None:
    """What that means is not for the codec to say: a real node has an error of its own for it."""
    assert Signature.decode(header(b"\x00" + b"\x0dSHA256withRSA\x03sig", 9191000)).certificates == []


@given(st.sampled_from(VECTORS), st.data())
def test_mutated_headers_raise_only_the_error_of_the_protocol(vector: dict[str, Any], data: st.DataObject) -> None:
    damaged = bytearray(base64.b64decode(vector["header"]))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        value = KINDS[vector["kind"]].decode(base64.b64encode(damaged).decode())
    except WireError:
        return
    assert KINDS[vector["kind"]].decode(value.encode()).encode() == value.encode()


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_any_text_raises_only_the_error_of_the_protocol(text: str) -> None:
    for read in (Authentication.decode, SubjectInfo.decode, Signature.decode, ApiKeyCredentials.decode):
        try:
            read(text)
        except WireError:
            continue
