"""What roles show of each index, and the fields that they grant, against what Elasticsearch's own classes say."""

from __future__ import annotations

import json
from typing import Any

from gateway.authorization import (
    AbstractionType,
    ClusterMetadata,
    DescriptorSet,
    IndexAbstraction,
    parse_descriptor_set,
)
from gateway.authorization.expressions import as_resource
from gateway.authorization.roles import Role
from protocol.errors import ElasticsearchException
from tests.gateway.authorization.support import role
from tests.vectors import read_lines

SETUP, *CASES = read_lines("security_rules.jsonl.gz")


def cluster() -> ClusterMetadata:
    aliases: dict[str, list[str]] = {}
    found = []
    for name, own in SETUP["indices"].items():
        found.append(IndexAbstraction(name))
        for alias in own:
            aliases.setdefault(alias, []).append(name)
    for name, stream in SETUP["streams"].items():
        data, failures = tuple(stream["data"]), tuple(stream["failures"])
        found.append(IndexAbstraction(name, AbstractionType.DATA_STREAM, data, failure_indices=failures))
        found += [IndexAbstraction(index, hidden=True, data_stream=name) for index in data]
        found += [IndexAbstraction(index, hidden=True, data_stream=name, failure_index=True) for index in failures]
        for alias in stream["aliases"]:
            aliases.setdefault(alias, []).extend(data)
    found += [IndexAbstraction(alias, AbstractionType.ALIAS, tuple(indices)) for alias, indices in aliases.items()]
    return ClusterMetadata(found)


CLUSTER = cluster()


def shown(row: dict[str, Any]) -> dict[str, Any]:
    try:
        who: Role = role(*(DescriptorSet("x", parse_descriptor_set(json.dumps(one))) for one in row["sets"]))
    except ElasticsearchException as error:
        return {"refused": error.reason}
    resources = [as_resource(name, CLUSTER) for name in row["names"]]
    if not all(who.check_index(row["action"], one).allowed for one in resources):
        return {"granted": False, "indices": {}}
    indices: dict[str, Any] = {}
    for index, access in who.access(row["action"], resources, CLUSTER).items():
        indices[index] = one = {}
        if access.queries:
            one["queries"] = sorted(sorted(json.dumps(query) for query in of) for of in access.queries)
        if access.fields is not None:
            one["fields"] = [word for word in SETUP["words"] if access.fields.allows(word)]
    return {"granted": True, "indices": indices}


def expected(row: dict[str, Any]) -> dict[str, Any]:
    if "refused" in row:
        return {"refused": row["refused"]}
    for one in row["indices"].values():
        if "queries" in one:
            one["queries"] = sorted(sorted(json.dumps(json.loads(text)) for text in of) for of in one["queries"])
    return {"granted": row["granted"], "indices": row["indices"]}


def test_roles_show_what_elasticsearchs_show() -> None:
    different = [
        (row["sets"], row["action"], row["names"], right, found)
        for row in CASES
        if (found := shown(row)) != (right := expected(row))
    ]
    assert different == []
    ruled = [one for row in CASES for one in row.get("indices", {}).values()]
    assert sum("queries" in one for one in ruled) > 500
    assert sum("fields" in one for one in ruled) > 500
