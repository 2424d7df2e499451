"""From subjects to roles, in both security models, and the words of refusals that depend on who asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.authentication.subjects import CrossClusterKey, Subject, certificate_subject, cross_cluster_subject
from gateway.authorization import (
    Role,
    authorize,
    authorize_cluster,
    authorize_indices,
    build_role,
    parse_role_file,
)
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_ID,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_ROLE_DESCRIPTORS,
    API_KEY_TYPE,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    SubjectType,
    User,
)
from tests.gateway.authorization.support import CLUSTER, entry, key_subject
from tests.vectors import read_lines

SEARCH = "indices:data/read/search"
NATIVE = RealmRef(node_name="n", name="native1", type="native")
STORE = parse_role_file(
    b"""
logs: {indices: [{names: 'logs-*', privileges: [read]}]}
metrics: {cluster: [monitor], indices: [{names: [metrics], privileges: [all]}]}
runner: {run_as: ['al*']}
unusable: {indices: [{names: ['*'], privileges: [reed]}]}
"""
)


def search(role: Role, *names: str) -> list[str]:
    grant = authorize_indices(role, SEARCH, names, IndicesOptions(), CLUSTER)
    assert grant.names is not None
    return sorted(grant.names)  # expanded names have an order of their own


def refusal(role: Role, action: str = SEARCH, *names: str) -> str:
    with pytest.raises(ElasticsearchException) as caught:
        authorize(role, action, names, IndicesOptions(), CLUSTER)
    assert (caught.value.type, caught.value.status) == ("security_exception", 403)
    return str(caught.value.reason)


def refused(subject: Subject) -> tuple[str, str | None]:
    with pytest.raises(ElasticsearchException) as caught:
        build_role(subject, STORE)
    return caught.value.type, caught.value.reason


def by_certificate(user: User, **more: Any) -> Role:
    return build_role(certificate_subject(Authentication(user, NATIVE, **more), "a"), STORE)


KEY = {
    "cross_cluster": {
        "cluster": ["cross_cluster_search"],
        "indices": [entry("logs-*", privileges=["read", "read_cross_cluster"])],
    }
}


def test_with_a_key_all_sets_must_allow() -> None:
    one = {"x": {"indices": [entry("logs-a*")]}}
    other = {"y": {"indices": [entry("*1")]}, "z": {"indices": [entry("metrics")]}}
    assert search(build_role(key_subject([one], KEY), STORE), "*") == ["logs-a1", "logs-a2", "logs-alias"]
    both = build_role(key_subject([one, other], KEY), STORE)
    assert search(both, "*") == ["logs-a1"]
    assert "on indices [metrics]" in refusal(both, SEARCH, "metrics")
    assert both.origins == ("subject info of user [alice]", "subject info of user [alice]", "API key [ID]")


@pytest.mark.parametrize("sets", [[], [{}], [{}, {"x": {"indices": [entry("*")]}}]])
def test_an_empty_set_allows_nothing(sets: list[dict[str, Any]]) -> None:
    role = build_role(key_subject(sets, KEY), STORE)
    assert "is unauthorized for user [alice]" in refusal(role, SEARCH, "logs-a1")
    assert "is unauthorized for user [alice]" in refusal(role, "cluster:monitor/xpack/info")


@pytest.mark.parametrize(
    "descriptor",
    [
        {"cluster": ["monitor"]},
        {"cluster": ["monitor_stats", "all"]},
        {"run_as": ["x"]},
        {"applications": [{"application": "a", "privileges": ["p"], "resources": ["*"]}]},
        {"global": {"application": {"manage": {"applications": ["a"]}}}},
        {"remote_indices": [{**entry("*"), "clusters": ["c"]}]},
        {"remote_cluster": [{"privileges": ["monitor_stats"], "clusters": ["c"]}]},
        {"restriction": {"workflows": ["search_application_query"]}},
    ],
)
def test_other_privileges_may_not_travel(descriptor: dict[str, Any]) -> None:
    assert refused(key_subject([{"x": descriptor}], KEY)) == (
        "illegal_argument_exception",
        "Role descriptor for cross cluster access can only contain index and cluster privileges but other privileges found for "
        "subject [alice]",
    )


def test_cluster_privileges_that_may_travel() -> None:
    key = {"cross_cluster": {"cluster": ["cross_cluster_search", "monitor_enrich"]}}
    role = build_role(key_subject([{"x": {"cluster": ["monitor_stats", "monitor_enrich"]}}], key), STORE)
    assert authorize_cluster(role, "cluster:monitor/stats/remote").names is None
    assert authorize_cluster(role, "cluster:monitor/xpack/enrich/esql/resolve_policy").explain()[0].startswith("allowed")
    text = refusal(role, "cluster:monitor/state")
    assert text == (
        "action [cluster:monitor/state] towards remote cluster is unauthorized for user [alice] with assigned roles [r1] authenticated "
        "by API key id [ID] of user [creator], this action is granted by the cluster privileges "
        "[cross_cluster_replication,read_ccr,transport_client,manage_ccr,monitor,manage,all]"
    )


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"x":1}', b'{"x":{"indices":1}}', b'{"x":{},"x":{}}', b'{"":{}}', b"\xff", b"{}{}"]
)
def test_descriptors_that_cannot_be_read_refuse_the_request(raw: bytes) -> None:
    subject = key_subject([], KEY)
    with pytest.raises(ElasticsearchException):
        build_role(Subject(subject.authentication, subject.key, (raw,)), STORE)


def test_unknown_privileges_and_bad_patterns_refuse_the_request() -> None:
    assert refused(key_subject([{"x": {"indices": [entry("a", privileges=["reed"])]}}], KEY))[0] == "illegal_argument_exception"
    assert refused(key_subject([{"x": {"indices": [entry("/(/")]}}], KEY)) == (
        "security_exception",
        "The set of patterns [/(/] is invalid",
    )
    assert refused(key_subject([{}] * 17, KEY))[0] == "illegal_argument_exception"


def test_the_system_user_with_a_key_gets_what_replication_needs_within_the_key() -> None:
    system = Authentication(
        User("_system", internal=True), RealmRef(node_name="n", name="__attach", type="__attach"), AuthenticationType.INTERNAL
    )
    for sent in ([], [b'{"x":{"cluster":["all"],"indices":[{"names":["*"],"privileges":["all"]}]}}']):
        key = CrossClusterKey("ID", "creator", json.dumps(KEY).encode())
        role = build_role(cross_cluster_subject(SubjectInfo(system, sent), key), STORE)
        assert authorize_cluster(role, "cluster:internal/remote_cluster/handshake").checks
        assert authorize_cluster(role, "cluster:internal/remote_cluster/nodes").checks
        text = refusal(role, "cluster:monitor/state")
        assert text.startswith(
            "action [cluster:monitor/state] towards remote cluster is unauthorized for user [_system] with assigned roles [] "
            "authenticated by API key id [ID] of user [creator], this action is granted by the cluster privileges ["
        )
        refusal(role, SEARCH, "logs-a1")


def test_anybody_may_ask_about_their_own_privileges() -> None:
    role = build_role(key_subject([{}], KEY), STORE)
    action = "cluster:admin/xpack/security/user/has_privileges"
    assert authorize_cluster(role, action, about_user="alice").checks
    for about in (None, "bob"):
        with pytest.raises(ElasticsearchException):
            authorize_cluster(role, action, about_user=about)
    with pytest.raises(ElasticsearchException):
        authorize_cluster(role, "cluster:monitor/state", about_user="alice")


def test_role_names_are_looked_up_here() -> None:
    role = by_certificate(User("alice", ["logs", "metrics", "gone"]))
    assert search(role, "*") == ["logs-a1", "logs-a2", "logs-alias", "logs-b1", "metrics"]
    assert authorize_cluster(role, "cluster:monitor/state").checks
    assert refusal(role, SEARCH, "x") == (
        "action [indices:data/read/search] is unauthorized for user [alice] with effective roles [logs,metrics] "
        "(assigned roles [gone] were not found) on indices [x], this action is granted by the index privileges [read,all]"
    )


def test_unknown_roles_only() -> None:
    assert refusal(by_certificate(User("alice", ["x"])), SEARCH, "logs-a1") == (
        "action [indices:data/read/search] is unauthorized for user [alice] with effective roles [] (assigned roles [x] were not found) "
        "on indices [logs-a1], this action is granted by the index privileges [read,all]"
    )
    assert "with effective roles [], this action" in refusal(by_certificate(User("alice")), "cluster:monitor/state")


def test_reserved_roles() -> None:
    superuser = by_certificate(User("elastic", ["superuser"]))
    assert search(superuser, ".security-7", "logs-a1") == [".security-7", "logs-a1"]
    assert "on restricted indices [.security-7]" in refusal(superuser, "indices:admin/delete", ".security-7")
    assert authorize_cluster(superuser, "cluster:admin/xpack/security/user/get").checks
    viewer = by_certificate(User("v", ["viewer"]))
    assert search(viewer, "logs-*") == ["logs-a1", "logs-a2", "logs-alias", "logs-b1"]
    assert "on indices [.hidden]" in refusal(viewer, SEARCH, ".hidden")
    assert search(viewer, ".alerts-x", "profiling-1") == [".alerts-x", "profiling-1"]
    kibana = by_certificate(User("k", ["kibana_system"]))
    assert authorize_cluster(kibana, "cluster:monitor/state").checks
    assert "with effective roles [kibana_system] on restricted indices [.security-7]" in refusal(kibana, SEARCH, ".security-7")
    assert "with effective roles [kibana_admin] on indices [a]" in refusal(
        by_certificate(User("k", ["kibana_admin"])), SEARCH, "a"
    )


def test_a_role_that_cannot_be_used_refuses_those_who_have_it() -> None:
    for roles in (["unusable"], ["logs", "unusable"]):
        subject = certificate_subject(Authentication(User("alice", roles), NATIVE), "a")
        kind, reason = refused(subject)
        assert kind == "illegal_argument_exception"
        assert reason is not None
        assert reason.startswith("unknown index privilege [reed]")
    superuser = by_certificate(User("elastic", ["unusable", "superuser", "logs"]))
    assert search(superuser, ".security-7") == [".security-7"]
    assert superuser.names == ("superuser",)


def test_run_as() -> None:
    alice = User("alice", ["logs"])
    allowed = by_certificate(alice, authenticating_user=User("admin", ["runner"]), looked_up_by=NATIVE)
    assert search(allowed, "logs-a1") == ["logs-a1"]
    assert refusal(allowed, SEARCH, "metrics") == (
        "action [indices:data/read/search] is unauthorized for user [admin] run as [alice] with effective roles [logs] "
        "on indices [metrics], this action is granted by the index privileges [read,all]"
    )
    denied = by_certificate(User("bob", ["logs"]), authenticating_user=User("admin", ["runner", "x"]), looked_up_by=NATIVE)
    assert refusal(denied, SEARCH, "logs-a1") == (
        "action [indices:data/read/search] is unauthorized for user [admin] with effective roles [runner] "
        "(assigned roles [x] were not found), because user [admin] is unauthorized to run as [bob]"
    )
    assert "unauthorized to run as [bob]" in refusal(denied, "cluster:monitor/state")
    nowhere = by_certificate(alice, authenticating_user=User("admin", ["runner"]))
    assert "unauthorized to run as [alice]" in refusal(nowhere, SEARCH, "logs-a1")


def api_key(metadata: dict[str, Any], **more: Any) -> Subject:
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    full = {API_KEY_ID: "k1", **metadata}
    return certificate_subject(Authentication(User("elastic"), realm, AuthenticationType.API_KEY, metadata=full, **more), "a")


def one(*names: str) -> bytes:
    return json.dumps({"r": {"cluster": ["monitor"], "indices": [entry(*names)]}}).encode()


def test_the_descriptors_inside_an_api_key() -> None:
    own, owner = API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS
    limited = build_role(api_key({own: one("logs-a*"), owner: one("*1", "metrics")}), STORE)
    assert search(limited, "*") == ["logs-a1"]
    for nothing in (None, b"{}"):
        assert search(build_role(api_key({own: nothing, owner: one("metrics")}), STORE), "*") == ["metrics"]
    assert refusal(limited, SEARCH, "logs-b1") == (
        "action [indices:data/read/search] is unauthorized for API key id [k1] of user [elastic] on indices [logs-b1], "
        "this action is granted by the index privileges [read,all]"
    )
    assert authorize_cluster(limited, "cluster:monitor/state").checks


def test_api_keys_that_are_refused() -> None:
    own, owner = API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS
    missing = ("security_exception", "no role descriptors found for API key")
    assert refused(api_key({})) == missing
    assert refused(api_key({own: one("*")})) == missing
    assert refused(api_key({own: {"r": {}}, owner: one("*")})) == missing
    assert refused(api_key({owner: one("*"), API_KEY_TYPE: "cross_cluster"}))[1] == (
        "authentication expected API key type of [rest], but API key [k1] has type [cross_cluster]"
    )


def test_a_key_restricted_to_a_workflow_does_nothing_from_another_cluster() -> None:
    restricted = json.dumps({"r": {"indices": [entry("*")], "restriction": {"workflows": ["search_application_query"]}}}).encode()
    role = build_role(api_key({API_KEY_ROLE_DESCRIPTORS: restricted, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: one("*")}), STORE)
    with pytest.raises(ElasticsearchException) as caught:
        authorize_indices(role, SEARCH, ["logs-a1"], IndicesOptions(), CLUSTER)
    assert caught.value.cause is not None
    assert caught.value.cause.reason == "access restricted by workflow"
    refusal(role, "cluster:monitor/state")


def test_run_as_by_an_api_key() -> None:
    runner = json.dumps({"r": {"run_as": ["alice"]}}).encode()
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    metadata = {API_KEY_ID: "k1", API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: runner}
    for name, allowed in (("alice", True), ("bob", False)):
        authentication = Authentication(
            User(name, ["logs"]), realm, AuthenticationType.API_KEY, User("elastic"), NATIVE, metadata
        )
        role = build_role(certificate_subject(authentication, "a"), STORE)
        if allowed:
            assert search(role, "logs-a1") == ["logs-a1"]
            assert "unauthorized for API key id [k1] of user [elastic] run as [alice] with effective" in refusal(
                role, SEARCH, "x"
            )
        else:
            assert refusal(role, SEARCH, "logs-a1").endswith(
                "because API key id [k1] of user [elastic] is unauthorized to run as [bob]"
            )


def system() -> Role:
    realm = RealmRef(node_name="n", name="__attach", type="__attach")
    return build_role(
        certificate_subject(Authentication(User("_system", internal=True), realm, AuthenticationType.INTERNAL), "a"), STORE
    )


def test_the_system_user_with_a_certificate() -> None:
    role = system()
    for action in ("cluster:monitor/state", "internal:transport/handshake", "internal:admin/tasks/cancel_child"):
        assert authorize_cluster(role, action).names is None
    assert search(role, "logs-a*", ".security-7") == [".security-7", "logs-a1", "logs-a2", "logs-alias"]
    assert refusal(role, "cluster:admin/xpack/security/user/get").startswith(
        "action [cluster:admin/xpack/security/user/get] is unauthorized for user [_system] with effective roles [_system], this action"
    )
    with pytest.raises(ElasticsearchException, match="unauthorized"):
        authorize_indices(role, "indices:admin/delete", ["logs-a1"], IndicesOptions(), CLUSTER)
    assert authorize_indices(
        role, "internal:transport/proxy/indices:data/read/search[phase/query]", None, IndicesOptions(), CLUSTER
    ).checks


def test_anybody_with_a_certificate_may_shake_hands_and_no_more() -> None:
    role = by_certificate(User("nobody"))
    assert authorize_cluster(role, "internal:transport/handshake").checks
    assert "is unauthorized for user [nobody]" in refusal(role, "internal:admin/tasks/cancel_child")
    with pytest.raises(ElasticsearchException):
        authorize_cluster(build_role(key_subject([], KEY), STORE), "internal:transport/handshake")


def test_other_internal_users_with_a_certificate() -> None:
    realm = RealmRef(node_name="n", name="__attach", type="__attach")

    def internal(name: str) -> Subject:
        return certificate_subject(Authentication(User(name, internal=True), realm, AuthenticationType.INTERNAL), "a")

    xpack = build_role(internal("_xpack"), STORE)
    assert search(xpack, "logs-a1", ".kibana") == [".kibana", "logs-a1"]
    assert "on restricted indices [.security-7]" in refusal(xpack, SEARCH, ".security-7")
    storage = build_role(internal("_storage"), STORE)
    assert authorize_indices(storage, "indices:admin/refresh", ["metrics"], IndicesOptions(), CLUSTER).names == ("metrics",)
    assert "is unauthorized for user [_storage] with effective roles [_storage] on indices [metrics]" in refusal(
        storage, SEARCH, "metrics"
    )
    assert refused(internal("_nobody")) == (
        "illegal_argument_exception",
        "the internal user [_nobody] should never have its roles resolved",
    )


def service_account(name: str) -> Subject:
    realm = RealmRef(node_name="n", name="_service_account", type="_service_account")
    return certificate_subject(Authentication(User(name), realm, AuthenticationType.TOKEN), "a")


def test_service_accounts_have_their_fixed_role() -> None:
    kibana = build_role(service_account("elastic/kibana"), STORE)
    assert authorize_cluster(kibana, "cluster:monitor/state").checks
    assert refusal(kibana, SEARCH, ".security-7").startswith(
        "action [indices:data/read/search] is unauthorized for service account [elastic/kibana] on restricted indices [.security-7], "
    )
    fleet = build_role(service_account("elastic/fleet-server"), STORE)
    assert authorize_indices(fleet, "indices:data/write/bulk", None, IndicesOptions(), CLUSTER).checks
    assert "for service account [elastic/fleet-server] on indices [logs-a1]" in refusal(fleet, SEARCH, "logs-a1")


@pytest.mark.parametrize("name", ["elastic/nothing", "kibana", "other/kibana"])
def test_service_accounts_that_do_not_exist(name: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        build_role(service_account(name), STORE)
    assert (caught.value.type, caught.value.status) == ("security_exception", 500)
    assert caught.value.reason == f"cannot load role for service account [{name}] - no such service account"


def test_api_keys_of_service_accounts_that_old_releases_made() -> None:
    metadata = {API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: b"{}", API_KEY_CREATOR_REALM_NAME: "_service_account"}
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    for user, allowed in (("elastic/fleet-server", True), ("elastic/kibana", False)):
        authentication = Authentication(User(user), realm, AuthenticationType.API_KEY, metadata={API_KEY_ID: "k1", **metadata})
        role = build_role(certificate_subject(authentication, "a"), STORE)
        if allowed:
            assert authorize_cluster(role, "cluster:monitor/state").checks
        else:
            assert f"for API key id [k1] of user [{user}]" in refusal(role, "cluster:monitor/state")
        assert f"for API key id [k1] of user [{user}] on indices [logs-a1]" in refusal(role, SEARCH, "logs-a1")


def test_the_superuser_of_old_api_keys_is_that_of_today() -> None:
    legacy: dict[str, Any] = {
        "cluster": ["all"],
        "indices": [entry("*", privileges=["all"], allow_restricted_indices=True)],
        "applications": [{"application": "*", "privileges": ["*"], "resources": ["*"]}],
        "run_as": ["*"],
        "metadata": {"_reserved": True},
    }
    write = "indices:admin/refresh"
    for body, allowed in ((legacy, False), ({**legacy, "metadata": {}}, True), ({**legacy, "run_as": ["x"]}, True)):
        owner = json.dumps({"superuser": body}).encode()
        role = build_role(api_key({API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: owner}), STORE)
        assert search(role, ".security-7") == [".security-7"]
        if allowed:
            assert authorize_indices(role, write, [".security-7"], IndicesOptions(), CLUSTER).names == (".security-7",)
        else:
            assert "on restricted indices [.security-7]" in refusal(role, write, ".security-7")


def test_who_is_not_known_at_home_gets_nothing_here() -> None:
    realm = RealmRef(node_name="n", name="__anonymous", type="__anonymous")
    anonymous = Authentication(User("_anonymous", ["superuser"]), realm, AuthenticationType.ANONYMOUS)
    with pytest.raises(ElasticsearchException) as caught:
        certificate_subject(anonymous, SEARCH)
    assert (caught.value.type, caught.value.status) == ("security_exception", 401)
    assert caught.value.reason == f"action [{SEARCH}] requires authentication"
    assert set(caught.value.headers) == {"WWW-Authenticate"}
    assert cross_cluster_subject(SubjectInfo(anonymous), CrossClusterKey("ID", "creator", b"{}")).principal == "_anonymous"


def test_roles_of_real_headers() -> None:
    """What real local clusters send for their superuser, and for themselves."""
    key = CrossClusterKey("ID", "creator", json.dumps(KEY).encode())
    seen = set()
    for row in read_lines("headers.jsonl"):
        if not row["name"].startswith("trace"):
            continue
        if row["kind"] == "subject_info":
            role = build_role(cross_cluster_subject(SubjectInfo.decode(row["header"]), key), STORE)
        else:
            authentication = Authentication.decode(row["header"])
            if authentication.subject_type is SubjectType.CROSS_CLUSTER_ACCESS:
                continue  # what a remote says to its own nodes
            role = build_role(certificate_subject(authentication, "a"), STORE)
        if role.subject.is_system:
            assert authorize_cluster(role, "cluster:monitor/xpack/info").checks
        else:
            assert search(role, "logs-a*") == ["logs-a1", "logs-a2", "logs-alias"]
        seen.add((row["kind"], role.subject.principal))
    assert {("subject_info", "_system"), ("subject_info", "elastic"), ("authentication", "elastic")} <= seen
