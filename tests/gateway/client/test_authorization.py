"""What a local cluster sends of its users, against what nodes of 8.19.21 and 9.5.3 sent for the same users and roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.authorization.role_files import RoleStore, parse_role_file
from gateway.client.authorization import LocalSecurity, is_system_action, sent_action
from gateway.client.users import UserSettings, user_name_problem
from protocol.errors import ElasticsearchException
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE
from protocol.messages.tasks import CANCEL_CHILD, CANCEL_CHILD_INTERNAL
from protocol.security import (
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    Authentication,
    AuthenticationType,
    SubjectInfo,
)
from protocol.versions import V_8_19, TransportVersion
from tests.gateway.client.local_security import CERTIFIED, KEYED, SEARCH, Remote, compared
from tests.vectors import read_lines

ROLES = b"""
reader:
  remote_indices:
    - {clusters: ["real*"], names: ["logs-*"], privileges: [read]}
watcher:
  remote_cluster:
    - {clusters: [far], privileges: [monitor_stats]}
"""


def security(**users: list[str]) -> LocalSecurity:
    return LocalSecurity({name: UserSettings(roles=roles) for name, roles in users.items()}, parse_role_file(ROLES), "node")


def refused(local: LocalSecurity, user: str, remote: Remote, action: str = SEARCH) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as caught:
        local.headers(user, remote, action, V_8_19)
    return caught.value


def test_a_real_node_sends_the_same_and_refuses_in_the_same_words() -> None:
    rows = list(compared(read_lines("security_local.jsonl.gz")))
    assert [(what, right, ours) for what, right, ours in rows if right != ours] == []
    assert sum(isinstance(right, tuple) for _, right, _ in rows) > 200
    assert sum(isinstance(right, list) for _, right, _ in rows) > 40


def test_headers_of_both_models() -> None:
    local = security(alice=["reader"])
    keyed = local.headers("alice", KEYED, SEARCH, V_8_19)
    assert set(keyed) == {CREDENTIALS_HEADER, SUBJECT_INFO_HEADER}
    assert keyed[CREDENTIALS_HEADER] == "ApiKey key"
    (name,) = local.headers("alice", CERTIFIED, SEARCH, V_8_19)
    assert name == AUTHENTICATION_HEADER


def test_headers_are_of_the_version_of_the_connection() -> None:
    older = TransportVersion(8840000)
    header = security(alice=["reader"]).headers("alice", KEYED, SEARCH, older)[SUBJECT_INFO_HEADER]
    assert SubjectInfo.decode(header).authentication.version == older


def test_a_renewed_key_is_sent_at_once() -> None:
    local = security(alice=["reader"])
    local.headers("alice", Remote("real", "old"), SEARCH, V_8_19)
    assert local.headers("alice", Remote("real", "new"), SEARCH, V_8_19)[CREDENTIALS_HEADER] == "ApiKey new"


def test_remote_clusters_are_told_apart() -> None:
    local = security(alice=["reader"])
    local.headers("alice", Remote("real-1", "key"), SEARCH, V_8_19)
    error = refused(local, "alice", Remote("other", "key"))
    assert (error.type, error.status) == ("security_exception", 403)
    assert error.reason == (
        "action [indices:data/read/search] towards remote cluster [other] is unauthorized for user [alice] with effective roles [reader] "
        "because no remote indices privileges apply for the target cluster"
    )


def test_cluster_actions_are_refused_in_other_words() -> None:
    error = refused(security(alice=["reader", "gone"]), "alice", Remote("other", "key"), "cluster:monitor/stats/remote")
    assert error.reason == (
        "action [cluster:monitor/stats/remote] towards remote cluster [other] is unauthorized for user [alice] with effective roles "
        "[reader] (assigned roles [gone] were not found) because no remote cluster privileges apply for the target cluster"
    )


def test_who_is_not_a_user_is_refused_in_both_models() -> None:
    for remote in (KEYED, CERTIFIED):
        error = refused(security(alice=["reader"]), "bob", remote)
        assert (error.type, error.status, error.reason) == ("security_exception", 401, "unable to authenticate user [bob]")


def test_nobody_is_an_internal_user() -> None:
    assert user_name_problem("_system") is not None
    assert refused(security(_system=["superuser"]), "_system", KEYED).status == 401


def test_the_local_cluster_asks_for_itself_as_the_system_user() -> None:
    local = security()
    for remote, action in ((KEYED, REMOTE_CLUSTER_HANDSHAKE), (CERTIFIED, TRANSPORT_HANDSHAKE), (KEYED, "cluster:monitor/state")):
        headers = local.headers("nobody", remote, action, V_8_19)
        if remote is KEYED:
            info = SubjectInfo.decode(headers[SUBJECT_INFO_HEADER])
            authentication = info.authentication
            assert info.role_descriptors == []
        else:
            authentication = Authentication.decode(headers[AUTHENTICATION_HEADER])
        assert (authentication.user.username, authentication.user.internal) == ("_system", True)
        assert authentication.type is AuthenticationType.INTERNAL


def test_actions_within_a_cluster_have_other_names_in_the_key_model() -> None:
    assert sent_action(KEYED, CANCEL_CHILD_INTERNAL) == CANCEL_CHILD
    assert sent_action(CERTIFIED, CANCEL_CHILD_INTERNAL) == CANCEL_CHILD_INTERNAL
    assert sent_action(KEYED, SEARCH) == SEARCH
    assert is_system_action(CANCEL_CHILD)
    assert not is_system_action(SEARCH)


def test_roles_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "roles.yml"
    file.write_bytes(ROLES)
    users = {"alice": UserSettings(roles=["reader"])}
    assert LocalSecurity.load(users, file, "node").headers("alice", KEYED, SEARCH, V_8_19)
    assert refused(LocalSecurity.load(users, None, "node"), "alice", KEYED).status == 403


def test_a_role_file_tells_of_remote_privileges_that_cannot_be_used() -> None:
    text = b'bad:\n  remote_indices:\n    - {clusters: ["/a(/"], names: [x], privileges: [read]}\n'
    assert "The set of patterns [/a(/] is invalid" in parse_role_file(text).problems[0]


def test_a_superuser_is_not_locked_out_by_a_bad_role() -> None:
    store = parse_role_file(b"bad:\n  remote_indices:\n    - {clusters: [x], names: [x], privileges: [nothing]}\n")
    users = {"root": UserSettings(roles=["bad", "superuser"]), "alice": UserSettings(roles=["bad"])}
    local = LocalSecurity(users, store, "node")
    root = SubjectInfo.decode(local.headers("root", KEYED, SEARCH, V_8_19)[SUBJECT_INFO_HEADER])
    alone = LocalSecurity({"root": UserSettings(roles=["superuser"])}, RoleStore(), "node")
    assert (
        root.role_descriptors
        == SubjectInfo.decode(alone.headers("root", KEYED, SEARCH, V_8_19)[SUBJECT_INFO_HEADER]).role_descriptors
    )
    assert refused(local, "alice", KEYED).type == "illegal_argument_exception"
