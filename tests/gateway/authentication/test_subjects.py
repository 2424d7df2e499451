"""Who a request is for: what the headers may say, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.authentication.subjects import CrossClusterKey, certificate_subject, cross_cluster_subject
from protocol.errors import ElasticsearchException
from protocol.security import (
    API_KEY_ID,
    CROSS_CLUSTER_ACCESS_AUTHENTICATION,
    CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS,
    Authentication,
    AuthenticationType,
    RealmDomain,
    RealmIdentifier,
    RealmRef,
    SubjectInfo,
    SubjectType,
    User,
)
from tests.vectors import read_lines

KEY = CrossClusterKey("ID", "creator", b"{}")
NATIVE = RealmRef(node_name="n", name="native1", type="native")
ALICE = User("alice", ["r1"])


def realm(name: str, domain: RealmDomain | None = None) -> RealmRef:
    return RealmRef(node_name="n", name=name, type=name, domain=domain)


DOMAIN = RealmDomain(name="d", realms=[RealmIdentifier(type="native", name="native1")])
API_KEY = realm("_es_api_key")
CROSS = realm("_es_cross_cluster_access")
SERVICE = realm("_service_account")
KEY_METADATA: dict[str, Any] = {API_KEY_ID: "k1"}


def internal(name: str, by: RealmRef | None = None) -> Authentication:
    return Authentication(User(name, internal=True), by or realm("__attach"), AuthenticationType.INTERNAL)


def refused(authentication: Authentication) -> str | None:
    """The cause of the refusal, which both security models give alike."""
    with pytest.raises(ElasticsearchException) as by_key:
        cross_cluster_subject(SubjectInfo(authentication), KEY)
    error = by_key.value
    assert (error.type, error.reason, error.status) == ("security_exception", "error attempting to authenticate request", 401)
    assert error.headers == {"WWW-Authenticate": ['Basic realm="security", charset="UTF-8"', "ApiKey"]}
    assert error.cause is not None
    assert error.cause.type == "illegal_argument_exception"
    return error.cause.reason


def test_a_user() -> None:
    subject = cross_cluster_subject(SubjectInfo(Authentication(ALICE, NATIVE), [b"{}", b'{"a":{}}']), KEY)
    assert subject.principal == "alice"
    assert subject.key is KEY
    assert subject.role_descriptors == (b"{}", b'{"a":{}}')
    assert not subject.is_system


def test_the_system_user_only_comes_through_with_a_key() -> None:
    assert cross_cluster_subject(SubjectInfo(internal("_system")), KEY).is_system
    assert refused(internal("_xpack")) == "received cross cluster request from an unexpected internal user [_xpack]"
    assert certificate_subject(internal("_xpack"), "a").principal == "_xpack"


def test_a_user_who_is_just_called_system_is_not_the_system() -> None:
    assert not certificate_subject(Authentication(User("_system", ["superuser"]), NATIVE), "a").is_system


def test_certificate_mode_needs_a_user() -> None:
    with pytest.raises(ElasticsearchException) as caught:
        certificate_subject(None, "cluster:monitor/state")
    assert caught.value.reason == "missing authentication credentials for action [cluster:monitor/state]"
    assert caught.value.status == 401


NESTED = Authentication(
    User("bob"),
    CROSS,
    AuthenticationType.API_KEY,
    metadata={
        API_KEY_ID: "k",
        CROSS_CLUSTER_ACCESS_AUTHENTICATION: Authentication(ALICE, NATIVE),
        CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS: [],
    },
)

REALM, TOKEN, KEY_TYPE, ANONYMOUS = (
    AuthenticationType.REALM,
    AuthenticationType.TOKEN,
    AuthenticationType.API_KEY,
    AuthenticationType.ANONYMOUS,
)
RUN_AS: dict[str, Any] = {"authenticating_user": User("admin", ["superuser"]), "looked_up_by": NATIVE}


@pytest.mark.parametrize(
    ("authentication", "reason"),
    [
        (NESTED, "subject [bob] has type [CROSS_CLUSTER_ACCESS] but nested cross cluster access is not supported"),
        (Authentication(ALICE, NATIVE, ANONYMOUS), "Anonymous authentication cannot have realm type [native]"),
        (internal("_system", NATIVE), "Internal authentication cannot have realm type [native]"),
        (
            Authentication(ALICE, realm("__attach"), AuthenticationType.INTERNAL),
            "Internal authentication must have internal user",
        ),
        (Authentication(User("a"), NATIVE, KEY_TYPE), "API key authentication cannot have realm type [native]"),
        (
            Authentication(User("a"), API_KEY, KEY_TYPE),
            "API key authentication requires metadata to contain a non-null API key ID",
        ),
        (Authentication(ALICE, API_KEY, KEY_TYPE, metadata=KEY_METADATA), "API key authentication user must have no role"),
        (
            Authentication(User("a"), realm("_es_api_key", DOMAIN), KEY_TYPE, metadata=KEY_METADATA),
            "API key authentication cannot have domain",
        ),
        (
            Authentication(User("_xpack", internal=True), API_KEY, KEY_TYPE, metadata=KEY_METADATA),
            "API key authentication cannot have internal user [_xpack]",
        ),
        (Authentication(User("a"), API_KEY, REALM), "Realm authentication must have subject type of user"),
        (Authentication(ALICE, SERVICE, TOKEN), "Service account authentication user must have no role"),
        (Authentication(ALICE, NATIVE, ANONYMOUS, **RUN_AS), "Anonymous authentication cannot have realm type [native]"),
        (
            Authentication(ALICE, realm("__anonymous"), ANONYMOUS, **RUN_AS),
            "Anonymous authentication cannot run-as other user",
        ),
        (
            Authentication(ALICE, NATIVE, authenticating_user=User("admin"), looked_up_by=API_KEY),
            "Run-as subject type cannot be [API_KEY]",
        ),
        (
            Authentication(User("_xpack", internal=True), NATIVE, authenticating_user=User("admin"), looked_up_by=NATIVE),
            "Run-as subject cannot be the internal user [_xpack]",
        ),
    ],
)
def test_contradictions_are_refused(authentication: Authentication, reason: str) -> None:
    assert refused(authentication) == reason
    with pytest.raises(ElasticsearchException) as caught:
        certificate_subject(authentication, "a")
    assert caught.value.cause is not None
    assert caught.value.cause.reason == reason


@pytest.mark.parametrize(
    "authentication",
    [
        Authentication(ALICE, NATIVE),
        Authentication(ALICE, NATIVE, TOKEN),
        Authentication(ALICE, NATIVE, **RUN_AS),
        Authentication(User("a"), API_KEY, KEY_TYPE, metadata=KEY_METADATA),
        Authentication(User("elastic/kibana"), SERVICE, TOKEN),
        internal("_system", realm("__fallback")),
    ],
)
def test_what_is_consistent_passes(authentication: Authentication) -> None:
    assert certificate_subject(authentication, "a").authentication is authentication


def test_the_headers_of_real_nodes_are_consistent() -> None:
    for row in read_lines("headers.jsonl"):
        if row["kind"] == "subject_info":
            cross_cluster_subject(SubjectInfo.decode(row["header"]), KEY)
            continue
        authentication = Authentication.decode(row["header"])
        if authentication.subject_type is SubjectType.CROSS_CLUSTER_ACCESS:
            assert "nested cross cluster access" in str(refused(authentication))
        elif authentication.type is ANONYMOUS:
            cross_cluster_subject(SubjectInfo(authentication), KEY)
        else:
            certificate_subject(authentication, "a")
