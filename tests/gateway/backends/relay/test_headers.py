"""What the upstream is told of a user: never more than the gateway's own decision, whichever model on either side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.authentication.subjects import CrossClusterKey, Subject
from gateway.authorization.subject_roles import build_role
from gateway.backends.relay.headers import UpstreamHeaders
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.messages.search_request import SEARCH
from protocol.security import (
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_ROLE_DESCRIPTORS,
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    SYSTEM_USER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    User,
)
from protocol.versions import V_8_19
from tests.gateway.authorization.support import entry

REALM = RealmRef(node_name="n", name="native1", type="native")
USER = {"u": {"indices": [entry("logs*", query='{"term":{"a":1}}')]}}
KEY = {
    "cross_cluster": {
        "cluster": ["cross_cluster_search", "monitor_enrich"],
        "indices": [entry("logs-a*", privileges=["read", "read_cross_cluster"], field_security={"grant": ["a"]})],
    }
}
STATE = "cluster:monitor/state"
INFO = "cluster:monitor/xpack/info"


class Roles:
    def get(self, name: str) -> Any:
        return None


def header(action: str, **headers: str) -> Header:
    return Header(1, Status(0), V_8_19, 100, action, headers)


def keyed(*sets: dict[str, Any], user: str = "alice") -> Subject:
    internal = user.startswith("_")
    realm = RealmRef(node_name="n", name="__attach", type="__attach") if internal else REALM
    kind = AuthenticationType.INTERNAL if internal else AuthenticationType.REALM
    authentication = Authentication(User(user, internal=internal), realm, type=kind, version=V_8_19)
    key = CrossClusterKey("ID", "creator", json.dumps(KEY).encode())
    return Subject(authentication, key, tuple(json.dumps(one).encode() for one in sets))


def sent(subject: Subject, action: str, credentials: str | None) -> dict[str, str]:
    return UpstreamHeaders(credentials).of(build_role(subject, Roles()), header(action))


def entries_of(raw: bytes) -> list[dict[str, Any]]:
    return [one for descriptor in json.loads(raw).values() for one in descriptor.get("indices", ())]


def test_a_key_upstream_gets_the_clients_key_as_one_more_set() -> None:
    headers = sent(keyed(USER), SEARCH, "OWN")
    assert headers[CREDENTIALS_HEADER] == "ApiKey OWN"
    info = SubjectInfo.decode(headers[SUBJECT_INFO_HEADER])
    assert info.authentication.user.username == "alice"
    user, key = info.role_descriptors
    assert [one["query"] for one in entries_of(user)] == ['{"term":{"a":1}}']
    assert [one["names"] for one in entries_of(key)] == [["logs-a*"]]
    assert entries_of(key)[0]["field_security"] == {"grant": ["a"]}


def test_what_no_set_may_hold_is_left_out_of_it() -> None:
    info = SubjectInfo.decode(sent(keyed(USER), SEARCH, "OWN")[SUBJECT_INFO_HEADER])
    clusters = [descriptor["cluster"] for raw in info.role_descriptors for descriptor in json.loads(raw).values()]
    assert clusters == [[], ["monitor_enrich"]]


def test_a_certificate_upstream_gets_both_sets_as_those_of_an_api_key() -> None:
    headers = sent(keyed(USER), SEARCH, None)
    assert set(headers) == {AUTHENTICATION_HEADER}
    authentication = Authentication.decode(headers[AUTHENTICATION_HEADER])
    assert authentication.type is AuthenticationType.API_KEY
    own, limit = (authentication.metadata[name] for name in (API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS))
    assert [one["names"] for one in entries_of(own)] == [["logs*"]]
    assert [one["names"] for one in entries_of(limit)] == [["logs-a*"]]


def test_three_sets_are_too_many_for_a_certificate_upstream() -> None:
    with pytest.raises(ElasticsearchException, match=r"bound by \[3\] sets of role descriptors, and two can be sent") as raised:
        sent(keyed(USER, USER), SEARCH, None)
    assert raised.value.status == 403


def test_a_user_without_a_set_stays_without_rights() -> None:
    info = SubjectInfo.decode(sent(keyed(), SEARCH, "OWN")[SUBJECT_INFO_HEADER])
    assert entries_of(info.role_descriptors[0]) == []


@pytest.mark.parametrize("credentials", ["OWN", None])
def test_a_cluster_action_of_the_system_is_the_systems(credentials: str | None) -> None:
    headers = sent(keyed(user=SYSTEM_USER), STATE, credentials)
    text = headers[AUTHENTICATION_HEADER] if credentials is None else None
    found = Authentication.decode(text) if text else SubjectInfo.decode(headers[SUBJECT_INFO_HEADER]).authentication
    assert (found.user.username, found.user.internal) == (SYSTEM_USER, True)


def test_an_index_action_of_the_system_is_bound_by_the_clients_key() -> None:
    """An upstream would put its own descriptors for the system in the place of the sets, so somebody else asks."""
    info = SubjectInfo.decode(sent(keyed(user=SYSTEM_USER), "indices:monitor/stats", "OWN")[SUBJECT_INFO_HEADER])
    assert not info.authentication.user.internal
    assert [one["names"] for one in entries_of(info.role_descriptors[-1])] == [["logs-a*"]]


def test_a_cluster_action_of_a_user_may_do_this_one_thing_at_a_certificate_upstream() -> None:
    authentication = Authentication.decode(sent(keyed(USER), INFO, None)[AUTHENTICATION_HEADER])
    for name in (API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS):
        assert list(json.loads(authentication.metadata[name]).values()) == [{"cluster": [INFO]}]


def test_only_harmless_headers_are_passed_on() -> None:
    role = build_role(keyed(USER), Roles())
    request = header(SEARCH, **{"X-Opaque-Id": "o", "traceparent": "t", "_xpack_security_authentication": "x", "other": "y"})
    headers = UpstreamHeaders("OWN").of(role, request)
    assert set(headers) == {"X-Opaque-Id", "traceparent", CREDENTIALS_HEADER, SUBJECT_INFO_HEADER}
