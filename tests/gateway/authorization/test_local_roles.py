"""What a local cluster sends of its user's roles, against what a 9.5.3 node sent for a superuser."""

from __future__ import annotations

import json
from typing import Any

from gateway.authorization.local_roles import as_sent
from gateway.authorization.parsing import parse_descriptor_set, parse_role_descriptor
from gateway.authorization.reserved_roles import RESERVED_ROLES
from protocol.security import SubjectInfo
from tests.vectors import read_lines


def role(**members: Any) -> Any:
    return parse_role_descriptor("r", members)


def test_a_superuser_is_sent_as_a_real_node_does() -> None:
    sent = {
        bytes(raw)
        for row in read_lines("headers.jsonl")
        if row["name"].startswith("trace") and row["kind"] == "subject_info"
        for raw in SubjectInfo.decode(row["header"]).role_descriptors
    }
    (real,) = sent
    assert (as_sent([RESERVED_ROLES["superuser"]], "any"),) == parse_descriptor_set(real)


def test_only_what_is_for_the_alias_is_sent() -> None:
    roles = [
        role(
            cluster=["all"],
            indices=[{"names": ["local"], "privileges": ["all"]}],
            remote_indices=[
                {"clusters": ["east*"], "names": ["b", "a"], "privileges": ["read"], "query": '{"match_all":{}}'},
                {"clusters": ["west"], "names": ["w"], "privileges": ["read"]},
            ],
        ),
        role(remote_cluster=[{"clusters": ["e*"], "privileges": ["monitor_stats"]}]),
    ]
    sent = as_sent(roles, "east-1")
    assert sent is not None
    assert sent.name == "_remote_user"
    assert sent.cluster == ("monitor_stats",)
    assert json.loads(json.dumps([entry.to_json() for entry in sent.indices])) == [
        {"names": ["a", "b"], "privileges": ["read"], "query": '{"match_all":{}}', "allow_restricted_indices": False}
    ]
    west = as_sent(roles, "west")
    assert west is not None
    assert ([entry.names for entry in west.indices], west.cluster) == ([("w",)], ())


def test_roles_that_give_nothing_there_send_nothing() -> None:
    assert as_sent([role(cluster=["all"])], "east") is None
    assert as_sent([role(remote_indices=[{"clusters": ["west"], "names": ["w"], "privileges": ["read"]}])], "east") is None
