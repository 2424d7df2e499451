"""From what a native client says of its user to Elasticsearch's headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.native.asking import Asking
from protocol.errors import ElasticsearchException
from protocol.native.messages import Hello, Request
from protocol.security import Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19

KEY, INFO, AUTHENTICATION = (
    "_cross_cluster_access_credentials",
    "_cross_cluster_access_subject_info",
    "_xpack_security_authentication",
)
READER = {"reader": {"indices": [{"names": ["a*"], "privileges": ["read"], "query": {"term": {"x": 1}}}]}}
ADA = {
    "username": "ada",
    "roles": ["reader", "writer"],
    "full_name": "Ada L.",
    "email": "a@example.com",
    "metadata": {"team": ["x", 1]},
    "realm": {"name": "corp", "type": "ldap", "node": "n7"},
}


def headers(
    interface: str = REMOTE_CLUSTER, *, hello: dict[str, Any] | None = None, system: bool = False, **request: Any
) -> dict[str, str]:
    asking = Asking(interface, Hello([1], name="tests", **(hello or {})))
    return asking.headers(Request(1, "search", **request), system=system)


def refusal(interface: str = REMOTE_CLUSTER, **said: Any) -> str:
    with pytest.raises(ElasticsearchException) as raised:
        headers(interface, **said)
    assert (raised.value.type, raised.value.status) == ("illegal_argument_exception", None)
    return str(raised.value.reason)


def test_the_api_key_model() -> None:
    made = headers(credentials="abc", user={**ADA, "role_descriptors": [READER, {}]})
    assert made.keys() == {KEY, INFO}
    assert made[KEY] == "ApiKey abc"
    info = SubjectInfo.decode(made[INFO])
    assert info.authentication == Authentication(
        User("ada", ["reader", "writer"], {"team": ["x", 1]}, "Ada L.", "a@example.com"),
        RealmRef(node_name="n7", name="corp", type="ldap"),
        version=V_8_19,
    )
    assert [json.loads(one) for one in info.role_descriptors] == [READER, {}]


def test_the_certificate_model() -> None:
    made = headers(TRANSPORT, user={"username": "bob", "roles": ["r"]})
    assert made.keys() == {AUTHENTICATION}
    said = Authentication.decode(made[AUTHENTICATION])
    assert said.user == User("bob", ["r"])
    assert said.authenticated_by == RealmRef(node_name="tests", name="rcgw", type="rcgw")
    assert said.type is AuthenticationType.REALM


@pytest.mark.parametrize("interface", [REMOTE_CLUSTER, TRANSPORT])
def test_handshakes_are_made_by_the_system(interface: str) -> None:
    made = headers(interface, system=True, user={"username": "ada"})
    text = made[INFO if interface == REMOTE_CLUSTER else AUTHENTICATION]
    said = SubjectInfo.decode(text).authentication if interface == REMOTE_CLUSTER else Authentication.decode(text)
    assert said.user == User("_system", internal=True)
    assert said.type is AuthenticationType.INTERNAL


def test_a_name_of_elasticsearchs_own_is_no_internal_user() -> None:
    made = headers(TRANSPORT, user={"username": "_system"})
    assert not Authentication.decode(made[AUTHENTICATION]).user.internal


def test_a_request_says_it_instead_of_the_greeting() -> None:
    hello = {"credentials": "ApiKey one", "user": {"username": "ada", "role_descriptors": []}, "headers": {"X-Opaque-Id": "h"}}
    assert headers(hello=hello) == {
        KEY: "ApiKey one",
        INFO: headers(user=hello["user"])[INFO],
        "X-Opaque-Id": "h",
    }
    other = {"username": "bob", "role_descriptors": []}
    made = headers(hello=hello, credentials="two", user=other, headers={})
    assert made == {KEY: "ApiKey two", INFO: headers(user=other)[INFO]}


def test_elasticsearchs_own_headers_go_as_they_are() -> None:
    own = {KEY: "ApiKey x", INFO: "y", "_cross_cluster_access_signature": "z"}
    assert headers(headers=own) == own
    assert headers(headers=own, system=True)[INFO] == "y"
    assert headers() == {}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"user": {}}, "[user] has no [username]"),
        ({"user": {"username": ""}}, "[user] has no [username]"),
        ({"user": {"username": 7}}, "[user.username] is not a text"),
        ({"user": {"username": "a"}}, "[user] has no [role_descriptors]"),
        ({"user": {"username": "a", "roles": "r"}}, "[user.roles] is not an array"),
        ({"user": {"username": "a", "roles": [1]}}, "[user.roles] is not an array, each a text"),
        ({"user": {"username": "a", "role_descriptors": {}}}, "[user.role_descriptors] is not an array"),
        ({"user": {"username": "a", "role_descriptors": ["x"]}}, "[user.role_descriptors] is not an array, each a map"),
        ({"user": {"username": "a", "role_descriptors": [], "internal": True}}, "[user] has an unknown key [internal]"),
        ({"user": {"username": "a", "role_descriptors": [], "realm": {"x": "y"}}}, "[user] has an unknown key [realm.x]"),
        ({"user": {"username": "a", "role_descriptors": [], "realm": {"name": 1}}}, "[user.realm.name] is not a text"),
        ({"user": {"username": "a", "role_descriptors": [], "metadata": []}}, "[user.metadata] is not a map"),
        ({"credentials": "x", "headers": {KEY: "y"}}, f"[credentials] and the header [{KEY}] say the same thing"),
        (
            {"user": {"username": "a", "role_descriptors": []}, "headers": {INFO: "y"}},
            f"[user] and the header [{INFO}] say the same thing",
        ),
    ],
)
def test_what_cannot_be_said(said: dict[str, Any], reason: str) -> None:
    assert refusal(**said) == reason


def test_what_the_certificate_model_does_not_take() -> None:
    assert refusal(TRANSPORT, credentials="x") == "[credentials] are for the port of the API key model"
    assert "[user.role_descriptors] are for the port of the API key model" in refusal(
        TRANSPORT, user={"username": "a", "role_descriptors": []}
    )


def test_users_are_kept_apart() -> None:
    asking = Asking(REMOTE_CLUSTER, Hello([1]))
    first, again, other = (
        asking.headers(Request(1, "search", user={"username": "a", "role_descriptors": [{name: {}}]})) for name in ("x", "x", "y")
    )
    assert first == again
    assert first != other
