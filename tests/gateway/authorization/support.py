"""A small cluster and short ways to make roles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.authentication.subjects import CrossClusterKey, Subject
from gateway.authorization import (
    AbstractionType,
    ClusterMetadata,
    DescriptorSet,
    IndexAbstraction,
    Role,
    parse_role_descriptor,
)
from protocol.security import Authentication, RealmRef, User

ALIAS, STREAM = AbstractionType.ALIAS, AbstractionType.DATA_STREAM

CLUSTER = ClusterMetadata(
    [
        IndexAbstraction("logs-a1"),
        IndexAbstraction("logs-a2"),
        IndexAbstraction("logs-b1"),
        IndexAbstraction("logs-closed", closed=True),
        IndexAbstraction("logs-hidden", hidden=True),
        IndexAbstraction("metrics"),
        IndexAbstraction("logs-alias", ALIAS, ("logs-a1", "metrics")),
        IndexAbstraction("hidden-alias", ALIAS, ("logs-a1",), hidden=True),
        IndexAbstraction("events", STREAM, (".ds-events-1", ".ds-events-2"), failure_indices=(".fs-events-1",)),
        IndexAbstraction(".ds-events-1", hidden=True, data_stream="events"),
        IndexAbstraction(".ds-events-2", hidden=True, data_stream="events"),
        IndexAbstraction(".fs-events-1", hidden=True, data_stream="events", failure_index=True),
        IndexAbstraction("events-alias", ALIAS, (".ds-events-1", ".ds-events-2")),
        IndexAbstraction(".security-7", hidden=True, system=True),
        IndexAbstraction(".security", ALIAS, (".security-7",), hidden=True, system=True),
        IndexAbstraction("odd-system", system=True),
    ]
)


def authentication(name: str = "alice", roles: Sequence[str] = ("r1",)) -> Authentication:
    return Authentication(User(name, list(roles)), RealmRef(node_name="n", name="default_native", type="native"))


def key_subject(sets: Sequence[Mapping[str, Any]] = (), key: Mapping[str, Any] | None = None, name: str = "alice") -> Subject:
    descriptors = json.dumps(key or {}).encode()
    raw = tuple(json.dumps(one).encode() for one in sets)
    return Subject(authentication(name), CrossClusterKey("ID", "creator", descriptors), raw)


def entry(*names: str, privileges: Sequence[str] = ("read",), **more: Any) -> dict[str, Any]:
    return {"names": list(names), "privileges": list(privileges), **more}


def descriptors(*entries: Mapping[str, Any], cluster: Sequence[str] = (), name: str = "d", **more: Any) -> DescriptorSet:
    body = {"cluster": list(cluster), "indices": list(entries), **more}
    return DescriptorSet("test", (parse_role_descriptor(name, body),))


def role(*sets: DescriptorSet, subject: Subject | None = None) -> Role:
    """A role in API key mode, limited by all of the sets."""
    return Role(subject or key_subject(), sets)


def reader(*names: str, **more: Any) -> Role:
    return role(descriptors(entry(*names, **more)))
