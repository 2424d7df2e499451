"""Patterns, privileges and decisions against what Elasticsearch's own classes say."""

from __future__ import annotations

import json
from typing import Any

from gateway.authorization import (
    AbstractionType,
    ClusterMetadata,
    DescriptorSet,
    IndexAbstraction,
    denials,
    expressions,
    parse_descriptor_set,
)
from gateway.authorization.authorize import now
from gateway.authorization.cluster_privileges import CLUSTER_PRIVILEGES
from gateway.authorization.patterns import compile_pattern
from gateway.authorization.privileges import INDEX_PRIVILEGES
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import role
from tests.vectors import read_lines

CLUSTER = ClusterMetadata(
    [
        IndexAbstraction("a"),
        IndexAbstraction("ab", hidden=True),
        IndexAbstraction("abc", closed=True),
        IndexAbstraction(".a", hidden=True),
        IndexAbstraction(".security-7", hidden=True),
        IndexAbstraction(".security", AbstractionType.ALIAS, (".security-7",), hidden=True),
        IndexAbstraction("s", AbstractionType.DATA_STREAM, (".ds-s-1",), failure_indices=(".fs-s-1",)),
        IndexAbstraction(".ds-s-1", hidden=True, data_stream="s"),
        IndexAbstraction(".fs-s-1", hidden=True, data_stream="s", failure_index=True),
        IndexAbstraction("al", AbstractionType.ALIAS, ("a", "ab")),
    ]
)

OPTIONS = (
    "ignore_unavailable",
    "allow_no_indices",
    "expand_open",
    "expand_closed",
    "expand_hidden",
    "ignore_aliases",
    "allow_selectors",
)


def test_patterns_match_what_elasticsearchs_match() -> None:
    different = []
    for row in read_lines("security_patterns.jsonl.gz"):
        try:
            matches = compile_pattern(row["pattern"])
            found = {word: matches(word) for word in row.get("words", {"": False})}
        except ValueError:
            found = None
        if found != (None if row.get("error") else row["words"]):
            different.append((row, found))
    assert different == []


def test_privileges_grant_what_elasticsearchs_grant() -> None:
    different = []
    for row in read_lines("security_privileges.jsonl.gz"):
        action = row["action"]
        index = [name for name, privilege in INDEX_PRIVILEGES.items() if privilege.allows(action)]
        cluster = [name for name, privilege in CLUSTER_PRIVILEGES.items() if privilege.allows(action)]
        if index != row["index"] or cluster != row.get("cluster", cluster):
            different.append((action, index, cluster))
    assert different == []


def decision(row: dict[str, Any]) -> dict[str, Any]:
    who = role(*(DescriptorSet("x", parse_descriptor_set(json.dumps(one))) for one in row["sets"]))
    options = IndicesOptions(**{name: name in row["options"] for name in OPTIONS})
    try:
        names = expressions.resolve(who, row["action"], row["names"], options, CLUSTER, now, data_streams=True)
    except ElasticsearchException as error:
        return {"error": error.reason}
    if not names:
        return {"nothing": who.check_action(row["action"]).allowed}
    resources = [expressions.as_resource(name, CLUSTER) for name in names]
    denied = [one.expression for one in resources if not who.check_index(row["action"], one).allowed]
    return {"granted": sorted(names), "denied": denials.on_indices(denied)}


def test_decisions_are_elasticsearchs() -> None:
    different = []
    for row in read_lines("security_decisions.jsonl.gz"):
        expected = {name: row[name] for name in ("error", "nothing", "granted", "denied") if name in row}
        if (found := decision(row)) != expected:
            different.append((row, found))
    assert different == []
