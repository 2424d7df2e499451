"""What the upstream is told of a user: never more than the gateway's own decision, whichever model on either side."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authentication.subjects import CrossClusterKey, Subject
from gateway.authorization import ClusterMetadata, DescriptorSet, IndexAbstraction, Role, parse_role_descriptor
from gateway.authorization.actions import ACTION_ONLY, HAS_PRIVILEGES_ACTION
from gateway.authorization.authorize import authorize_unresolved
from gateway.authorization.coverage import Resource
from gateway.authorization.parsing import parse_descriptor_set
from gateway.authorization.subject_roles import build_role
from gateway.backends.relay.headers import MAX_KEPT, UpstreamHeaders
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.messages.esql import EXCHANGE, EXCHANGE_INTERNAL
from protocol.messages.search_request import SEARCH
from protocol.messages.stats import REMOTE_CLUSTER_STATS
from protocol.security import (
    API_KEY_ID,
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
from protocol.values import BytesReference
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


@pytest.mark.parametrize(("credentials", "name"), [("OWN", EXCHANGE), (None, EXCHANGE_INTERNAL)])
@pytest.mark.parametrize("asked", [EXCHANGE, EXCHANGE_INTERNAL])
def test_what_the_system_asks_has_the_upstreams_name_for_it(credentials: str | None, name: str, asked: str) -> None:
    """The clients of one model ask by another name than those of the other, and an upstream allows one of them only."""
    assert UpstreamHeaders(credentials).action(asked) == name
    headers = sent(keyed(user=SYSTEM_USER), asked, credentials)
    text = headers[AUTHENTICATION_HEADER] if credentials is None else None
    found = Authentication.decode(text) if text else SubjectInfo.decode(headers[SUBJECT_INFO_HEADER]).authentication
    assert (found.user.username, found.user.internal) == (SYSTEM_USER, True)


def test_a_user_who_asks_what_the_system_asks_stays_a_user() -> None:
    headers = sent(keyed(USER), EXCHANGE, None)
    assert Authentication.decode(headers[AUTHENTICATION_HEADER]).user.username == "alice"


def test_an_index_action_of_the_system_is_bound_by_the_clients_key() -> None:
    """An upstream would put its own descriptors for the system in the place of the sets, so somebody else asks."""
    info = SubjectInfo.decode(sent(keyed(user=SYSTEM_USER), "indices:monitor/stats", "OWN")[SUBJECT_INFO_HEADER])
    assert not info.authentication.user.internal
    assert [one["names"] for one in entries_of(info.role_descriptors[-1])] == [["logs-a*"]]


def test_a_cluster_action_of_a_user_goes_by_the_whole_sets_at_a_certificate_upstream() -> None:
    """It may have parts of another name: that of ``cluster:monitor/stats/remote`` is ``cluster:monitor/stats``."""
    role = build_role(certified(), Known(reader={"cluster": ["monitor"], "indices": [entry("*")]}))
    metadata = told_a_certificate_upstream(role, INFO).metadata
    for name in (API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS):
        (descriptor,) = json.loads(metadata[name]).values()
        assert descriptor["cluster"] == ["monitor"]
        assert as_an_upstream_reads_it(metadata[name]).cluster_rule("cluster:admin/settings/update") is None


def test_only_harmless_headers_are_passed_on() -> None:
    role = build_role(keyed(USER), Roles())
    request = header(SEARCH, **{"X-Opaque-Id": "o", "traceparent": "t", "_xpack_security_authentication": "x", "other": "y"})
    headers = UpstreamHeaders("OWN").of(role, request)
    assert set(headers) == {"X-Opaque-Id", "traceparent", CREDENTIALS_HEADER, SUBJECT_INFO_HEADER}


# What follows hunts for ways to more than the role allows.

NATIVE = RealmRef(node_name="n", name="native1", type="native")


def certified(user: User | None = None, **more: Any) -> Subject:
    return Subject(Authentication(user or User("bob", roles=["reader"]), NATIVE, version=V_8_19, **more))


class Known:
    """Roles of the gateway, for the certificate model."""

    def __init__(self, **roles: dict[str, Any]) -> None:
        self._roles = {name: parse_role_descriptor(name, body) for name, body in roles.items()}

    def get(self, name: str) -> Any:
        return self._roles.get(name)


def told_a_key_upstream(role: Role, action: str = SEARCH) -> SubjectInfo:
    return SubjectInfo.decode(UpstreamHeaders("OWN").of(role, header(action))[SUBJECT_INFO_HEADER])


def told_a_certificate_upstream(role: Role, action: str = SEARCH) -> Authentication:
    return Authentication.decode(UpstreamHeaders(None).of(role, header(action))[AUTHENTICATION_HEADER])


def as_an_upstream_reads_it(raw: bytes) -> DescriptorSet:
    return DescriptorSet("upstream", parse_descriptor_set(raw))


def seen(one: DescriptorSet, name: str) -> tuple[bool, Any]:
    """Whether the set allows a search of the index, and what it shows of it."""
    who = Role(keyed(), (one,))
    if not who.check_index(SEARCH, Resource(name)).allowed:
        return False, None
    return True, who.access(SEARCH, [Resource.of(SHOWN, name)], SHOWN).get(name)


SHOWN = ClusterMetadata([IndexAbstraction(name) for name in ("a", "b", "c")])
DENIAL = {"indices": [{"names": ["a"], "privileges": ["none", "read"]}]}


def test_a_denial_stays_one_among_other_descriptors() -> None:
    """Alone in its descriptor such an entry gives nothing; as one of several it would give what it names after none."""
    role = build_role(keyed({"deny": DENIAL, "allow": {"indices": [entry("b")]}}), Roles())
    assert seen(role.sets[0], "a")[0] is False
    for raw in (
        told_a_key_upstream(role).role_descriptors[0],
        told_a_certificate_upstream(role).metadata[API_KEY_ROLE_DESCRIPTORS],
    ):
        upstream = as_an_upstream_reads_it(raw)
        assert (seen(upstream, "a")[0], seen(upstream, "b")[0]) == (False, True)


def test_a_denial_alone_gives_nothing() -> None:
    role = build_role(keyed({"deny": DENIAL}), Roles())
    assert not as_an_upstream_reads_it(told_a_key_upstream(role).role_descriptors[0]).groups
    assert not as_an_upstream_reads_it(told_a_certificate_upstream(role).metadata[API_KEY_ROLE_DESCRIPTORS]).groups


RULES: list[dict[str, Any]] = [
    {},
    {"query": '{"term":{"x":1}}'},
    {"query": '{"term":{"y":1}}', "field_security": {"grant": ["f*"], "except": ["f1"]}},
    {"field_security": {"grant": []}},
]
ENTRIES: list[dict[str, Any]] = [
    {"names": [name], "privileges": [privilege], **rules}
    for name in ("a", "b", "*")
    for privilege in ("read", "none", "view_index_metadata")
    for rules in RULES
]


@given(st.lists(st.lists(st.sampled_from(ENTRIES), max_size=3), max_size=4))
def test_a_set_means_the_same_as_it_travels(descriptors: list[list[dict[str, Any]]]) -> None:
    """Entries for the same names, with other rules, in the same and in other descriptors: the upstream joins them as the gateway does."""
    user = {f"d{number}": {"indices": entries} for number, entries in enumerate(descriptors)}
    role = build_role(keyed(user), Roles())
    for raw in (
        told_a_key_upstream(role).role_descriptors[0],
        told_a_certificate_upstream(role).metadata[API_KEY_ROLE_DESCRIPTORS],
    ):
        upstream = as_an_upstream_reads_it(raw)
        for name in ("a", "b", "c"):
            assert seen(upstream, name) == seen(role.sets[0], name)


def test_a_set_of_nothing_is_told_as_one() -> None:
    """An API key whose own descriptors are empty has all that its owner has."""
    role = build_role(keyed(), Roles())
    own = told_a_certificate_upstream(role).metadata[API_KEY_ROLE_DESCRIPTORS]
    assert own != b"{}"
    assert not as_an_upstream_reads_it(own).groups


def test_a_user_without_known_roles_has_nothing_in_certificate_mode() -> None:
    role = build_role(certified(User("bob", roles=["unknown"])), Known())
    metadata = told_a_certificate_upstream(role).metadata
    assert b"{}" not in (metadata[API_KEY_ROLE_DESCRIPTORS], metadata[API_KEY_LIMITED_BY_ROLE_DESCRIPTORS])
    assert not as_an_upstream_reads_it(metadata[API_KEY_ROLE_DESCRIPTORS]).groups


@pytest.mark.parametrize("credentials", ["OWN", None])
def test_a_document_query_that_is_a_template_is_refused(credentials: str | None) -> None:
    template = '{"template":{"source":{"term":{"owner":"{{_user.username}}"}}}}'
    role = build_role(keyed({"u": {"indices": [entry("logs*", query=template)]}}), Roles())
    with pytest.raises(ElasticsearchException, match=r"descriptor \[u\] for indices \[logs\*\] is a template") as raised:
        UpstreamHeaders(credentials).of(role, header(SEARCH))
    assert raised.value.status == 403


def test_rights_of_an_api_key_of_the_client_are_both_its_sets() -> None:
    metadata = {
        API_KEY_ID: "LOCAL",
        API_KEY_ROLE_DESCRIPTORS: BytesReference(b'{"k":{"indices":[{"names":["a"],"privileges":["read"]}]}}'),
        API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: BytesReference(b'{"o":{"indices":[{"names":["*"],"privileges":["read"]}]}}'),
    }
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    subject = Subject(Authentication(User("bob"), realm, type=AuthenticationType.API_KEY, metadata=metadata, version=V_8_19))
    role = build_role(subject, Known())
    told = told_a_certificate_upstream(role).metadata
    assert [one["names"] for one in entries_of(told[API_KEY_ROLE_DESCRIPTORS])] == [["a"]]
    assert [one["names"] for one in entries_of(told[API_KEY_LIMITED_BY_ROLE_DESCRIPTORS])] == [["*"]]
    assert [entries_of(raw)[0]["names"] for raw in told_a_key_upstream(role).role_descriptors] == [["a"], ["*"]]


@pytest.mark.parametrize("credentials", ["OWN", None])
def test_who_acts_for_another_has_the_rights_of_the_other(credentials: str | None) -> None:
    subject = certified(User("victim", roles=["narrow"]), authenticating_user=User("boss", roles=["wide"]), looked_up_by=NATIVE)
    known = Known(narrow={"indices": [entry("a")]}, wide={"indices": [entry("*")], "run_as": ["*"]})
    role = build_role(subject, known)
    if credentials is None:
        told = told_a_certificate_upstream(role)
        raws = [told.metadata[API_KEY_ROLE_DESCRIPTORS], told.metadata[API_KEY_LIMITED_BY_ROLE_DESCRIPTORS]]
        assert told.user.username == "victim"
    else:
        raws = list(told_a_key_upstream(role).role_descriptors)
    assert [entries_of(raw)[0]["names"] for raw in raws] == [["a"]] * len(raws)


def test_descriptors_within_the_clients_own_headers_do_not_count() -> None:
    """In API key mode the client says who its user is; what stands there of rights is not taken for any."""
    wide = BytesReference(b'{"w":{"cluster":["all"],"indices":[{"names":["*"],"privileges":["all"]}]}}')
    metadata = {API_KEY_ID: "X", API_KEY_ROLE_DESCRIPTORS: wide, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: wide}
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    authentication = Authentication(User("bob"), realm, type=AuthenticationType.API_KEY, metadata=metadata, version=V_8_19)
    key = CrossClusterKey("ID", "creator", json.dumps(KEY).encode())
    role = build_role(Subject(authentication, key, (json.dumps(USER).encode(),)), Roles())
    told = told_a_certificate_upstream(role).metadata
    assert [one["names"] for one in entries_of(told[API_KEY_ROLE_DESCRIPTORS])] == [["logs*"]]


def with_key(key: str, user: str = "alice", realm: RealmRef = NATIVE) -> Role:
    subject = Subject(
        Authentication(User(user), realm, version=V_8_19),
        CrossClusterKey(key, "creator", json.dumps(KEY).encode()),
        (json.dumps(USER).encode(),),
    )
    return build_role(subject, Roles())


OTHER_REALM = RealmRef(node_name="n", name="ldap1", type="ldap")
PEOPLE = [with_key("A"), with_key("B"), with_key("A", "bob"), with_key("A", realm=OTHER_REALM)]


def test_nobody_can_continue_anothers_scroll() -> None:
    """An upstream in certificate mode lets an API key continue what one of the same id began; one in API key mode compares the name, and
    the realm, of native ones the type alone."""
    ids = [told_a_certificate_upstream(role).metadata[API_KEY_ID] for role in PEOPLE]
    assert len(set(ids)) == len(PEOPLE)
    assert told_a_certificate_upstream(with_key("A")).metadata[API_KEY_ID] == ids[0]
    subjects = [told_a_key_upstream(role).authentication for role in PEOPLE]
    assert len({(one.user.username, one.authenticated_by.type) for one in subjects}) == len(PEOPLE)


@pytest.mark.parametrize("credentials", ["OWN", None])
def test_a_question_about_privileges_is_answered_from_all_of_the_sets(credentials: str | None) -> None:
    role = build_role(keyed(USER), Roles())
    if credentials is None:
        told = told_a_certificate_upstream(role, HAS_PRIVILEGES_ACTION).metadata
        raws = [told[API_KEY_ROLE_DESCRIPTORS], told[API_KEY_LIMITED_BY_ROLE_DESCRIPTORS]]
    else:
        info = told_a_key_upstream(role, HAS_PRIVILEGES_ACTION)
        raws = list(info.role_descriptors)
        assert info.authentication.user.username == "alice"
    assert [entries_of(raw)[0]["names"] for raw in raws] == [["logs*"], ["logs-a*"]]


def test_a_cluster_action_of_a_user_goes_by_the_privileges_that_may_travel() -> None:
    """The key allows it by cross_cluster_search, which no set may hold; the indices of the sets have nothing to do with it."""
    role = build_role(keyed({"u": {"cluster": ["monitor_stats"], "indices": [entry("*")]}}), Roles())
    assert role.check_cluster(REMOTE_CLUSTER_STATS).allowed
    told = [json.loads(raw) for raw in told_a_key_upstream(role, REMOTE_CLUSTER_STATS).role_descriptors]
    assert told == [{"gateway": {"cluster": ["monitor_stats"], "indices": []}}] * 2


def test_a_cluster_action_that_no_travelling_privilege_allows_is_refused() -> None:
    role = build_role(certified(), Known(reader={"cluster": ["all"], "indices": [entry("*")]}))
    with pytest.raises(ElasticsearchException, match=r"none of the cluster privileges \[monitor_enrich, monitor_stats\]"):
        UpstreamHeaders("OWN").of(role, header("cluster:admin/settings/update"))


@pytest.mark.parametrize("action", ["cluster:*", "cluster:monitor/stats*", "cluster:monitor/stat?", "cluster:monitor/stats\\x"])
def test_an_action_whose_name_is_a_pattern_gains_nothing(action: str) -> None:
    """Names of actions come from outside, and none becomes a privilege."""
    role = build_role(certified(), Known(reader={"cluster": ["monitor_stats"], "indices": [entry("a")]}))
    for credentials in ("OWN", None):
        try:
            headers = UpstreamHeaders(credentials).of(role, header(action))
        except ElasticsearchException:
            assert credentials == "OWN"
            continue
        texts = "".join(base64.b64decode(text).decode("latin-1") for name, text in headers.items() if name != CREDENTIALS_HEADER)
        assert action not in texts


def test_an_index_template_is_a_matter_of_the_cluster() -> None:
    """``indices:admin/template/*`` has the name of an index action, and cluster privileges decide over it."""
    role = build_role(certified(), Known(reader={"cluster": ["manage_index_templates"], "indices": [entry("*")]}))
    told = told_a_certificate_upstream(role, "indices:admin/template/get").metadata
    assert as_an_upstream_reads_it(told[API_KEY_ROLE_DESCRIPTORS]).cluster_rule("indices:admin/template/get") is not None
    with pytest.raises(ElasticsearchException, match="none of the cluster privileges"):
        UpstreamHeaders("OWN").of(role, header("indices:admin/template/get"))


@pytest.mark.parametrize("credentials", ["OWN", None])
@pytest.mark.parametrize("action", ["internal:transport/proxy/indices:data/read/search[phase/query]", *sorted(ACTION_ONLY)])
def test_what_is_made_of_parts_or_proxied_carries_the_whole_sets(action: str, credentials: str | None) -> None:
    role = build_role(keyed(USER), Roles())
    assert UpstreamHeaders(credentials).of(role, header(action)) == UpstreamHeaders(credentials).of(role, header(SEARCH))


def test_a_proxied_cluster_action_is_nobodys() -> None:
    role = build_role(keyed({"u": {"cluster": ["monitor_stats"], "indices": [entry("*", privileges=["all"])]}}), Roles())
    with pytest.raises(ElasticsearchException, match="is unauthorized for user"):
        authorize_unresolved(role, f"internal:transport/proxy/{REMOTE_CLUSTER_STATS}", None)


def test_no_right_to_an_internal_user() -> None:
    """An upstream would give an internal user rights of its own."""
    subject = Subject(
        Authentication(
            User("_async_search", internal=True),
            RealmRef(node_name="n", name="__attach", type="__attach"),
            type=AuthenticationType.INTERNAL,
            version=V_8_19,
        )
    )
    role = build_role(subject, Known())
    assert not told_a_key_upstream(role).authentication.user.internal
    assert not told_a_certificate_upstream(role).user.internal


def test_index_actions_of_the_system_do_not_go_to_a_key_upstream() -> None:
    """In certificate mode the system is bound by no descriptors, which could be sent."""
    system = Authentication(
        User(SYSTEM_USER, internal=True),
        RealmRef(node_name="n", name="__attach", type="__attach"),
        type=AuthenticationType.INTERNAL,
        version=V_8_19,
    )
    role = build_role(Subject(system), Known())
    with pytest.raises(ElasticsearchException, match="it has no role descriptors"):
        UpstreamHeaders("OWN").of(role, header(SEARCH))


def test_another_role_of_the_same_headers_is_told_anew() -> None:
    """Roles are made again when keys and roles change; nothing that was told of an old one is kept for the new."""
    headers = UpstreamHeaders("OWN")
    subject = certified()
    wide, narrow = (build_role(subject, Known(reader={"indices": [entry(name)]})) for name in ("*", "a"))
    told = [SubjectInfo.decode(headers.of(role, header(SEARCH))[SUBJECT_INFO_HEADER]) for role in (wide, narrow, wide)]
    assert [entries_of(one.role_descriptors[0])[0]["names"] for one in told] == [["*"], ["a"], ["*"]]


def test_a_new_key_is_used_at_once() -> None:
    headers = UpstreamHeaders("OLD")
    role = build_role(keyed(USER), Roles())
    headers.of(role, header(SEARCH))
    headers.renew("NEW")
    assert headers.of(role, header(SEARCH))[CREDENTIALS_HEADER] == "ApiKey NEW"


def test_names_of_actions_do_not_fill_the_memory() -> None:
    headers = UpstreamHeaders("OWN")
    role = build_role(certified(), Known(reader={"cluster": ["monitor_stats"]}))
    for number in range(3 * MAX_KEPT):
        headers.of(role, header(f"cluster:monitor/stats{number}"))
    assert all(len(kept) <= MAX_KEPT for kept in headers._kept.values())
