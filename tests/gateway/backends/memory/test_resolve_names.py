"""What names stand for after authorization, against Elasticsearch's own classes; what a data stream and its failure store answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.data_streams import DataStream
from gateway.backends.memory.definitions import create_data_stream
from gateway.backends.memory.index import Index
from gateway.backends.memory.resolve_names import Names
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import ResolveIndexResponse
from tests.gateway.backends.memory.names_cases import told

with gzip.open(Path(__file__).parents[3] / "vectors" / "names_behind.jsonl.gz") as lines:
    CLUSTER, *CASES = [json.loads(line) for line in lines]
GROUPS = 40


def made() -> dict[str, Index]:
    """The cluster of the vectors; each filter names its alias."""

    def aliases(given: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
        return {alias: {"filter": {"term": {"a": alias}}} if filtered else {} for alias, filtered in given.items()}

    indices = [
        Index(name, aliases=aliases(index["aliases"]), hidden=index["hidden"], closed=index["closed"])
        for name, index in CLUSTER["indices"].items()
    ]
    for name, each in CLUSTER["streams"].items():
        stream = DataStream(name, tuple(each["data"]), tuple(each["failures"]), aliases(each["aliases"]), each["hidden"])
        indices += [Index(index, hidden=True, data_stream=stream) for index in (*each["data"], *each["failures"])]
    return {index.name: index for index in indices}


INDICES = made()
NAMES = Names(INDICES)


def filtering(filters: tuple[dict[str, Any], ...]) -> list[str]:
    """The aliases whose filters these are."""
    if not filters:
        return []
    joined = filters[0]["bool"]["should"] if "bool" in filters[0] else filters
    return sorted(each["term"]["a"] for each in joined)


def ask(case: Mapping[str, Any]) -> dict[str, Any]:
    chosen = dict.fromkeys(
        ("allow_no_indices", "expand_open", "forbid_closed_indices", "ignore_throttled", "allow_selectors"), False
    )
    options = IndicesOptions(**(chosen | dict.fromkeys(case["options"], True)))
    # What stands for nothing comes from authorization as no name at all.
    names = [] if case["names"] == ["*", "-*"] else case["names"]
    try:
        if case["op"] == "resolve":
            return {"resolved": shown(MemoryCluster(INDICES.values(), name="m").resolve_index(names, options))}
        found = NAMES.concrete(names, options, data_streams=case["streams"], searched=False)
    except ElasticsearchException as error:
        return {"error": error.type, "reason": error.reason}
    held = {each.index.name: aliases for each in found if (aliases := filtering(each.filters))}
    return {"indices": [each.index.name for each in found], "filters": held}


def shown(response: ResolveIndexResponse) -> dict[str, Any]:
    return {
        "indices": [told(index) for index in response.indices],
        "aliases": [
            {"name": alias.name, "indices": alias.indices} if alias.indices else {"name": alias.name}
            for alias in response.aliases
        ],
        "data_streams": [
            {"name": stream.name, "backing_indices": stream.backing_indices, "timestamp_field": stream.timestamp_field}
            for stream in response.data_streams
        ],
    }


def filters_held(answer: dict[str, Any]) -> dict[str, Any]:
    """An alias of several data streams is named as filtering one for which it has no filter."""
    if "filters" not in answer:
        return answer
    held: dict[str, list[str]] = {}
    for name, aliases in answer["filters"].items():
        stream = INDICES[name].data_stream
        kept = [alias for alias in aliases if stream is None or stream.aliases[alias]]
        if kept:
            held[name] = kept
    return {**answer, "filters": held}


def ordered(answer: dict[str, Any]) -> dict[str, Any]:
    """The order of a name's data and failures is left to chance."""
    resolved = answer.get("resolved")
    if resolved is None:
        return answer
    return {kind: sorted(found, key=lambda each: (each["name"], str(each))) for kind, found in resolved.items()}


@pytest.mark.parametrize("group", range(GROUPS))
def test_resolves_as_elasticsearch(group: int) -> None:
    asked = CASES[group::GROUPS]
    different = [(case, answer) for case in asked if ordered(answer := ask(case)) != ordered(filters_held(case["answer"]))]
    assert different == []


@pytest.fixture(scope="module")
def cluster() -> MemoryCluster:
    body = {
        "template": {
            "mappings": {"properties": {"level": {"type": "keyword"}}},
            "aliases": {"errors": {"filter": {"term": {"level": "error"}}}},
            "data_stream_options": {"failure_store": {"enabled": True}},
        },
        "created": "2026-11-01",
        "generations": ["data", "data", "failures"],
    }
    indices = create_data_stream("logs", body)
    for number, index in enumerate(indices):
        for level in ("error", "info"):
            index.add(level, json.dumps({"@timestamp": number, "level": level, "error": {"type": "t"}}).encode())
    return MemoryCluster(indices, name="m")


@pytest.mark.parametrize(
    ("name", "hits"),
    [
        ("logs", ["ds-1 error", "ds-1 info", "ds-2 error", "ds-2 info"]),
        ("logs::data", ["ds-1 error", "ds-1 info", "ds-2 error", "ds-2 info"]),
        ("errors", ["ds-1 error", "ds-2 error"]),
        (".ds-logs-2026.11.01-000002", ["ds-2 error", "ds-2 info"]),
        ("logs::failures", ["fs-3 error", "fs-3 info"]),
        ("errors::failures", ["fs-3 error", "fs-3 info"]),
        (".fs-logs-2026.11.01-000003", ["fs-3 error", "fs-3 info"]),
    ],
)
def test_hits_of_a_data_stream_are_in_its_backing_indices(cluster: MemoryCluster, name: str, hits: list[str]) -> None:
    found = cluster.search([name], IndicesOptions(), {}, now_millis=0).hits.hits
    short = [f"{hit.index} {hit.id}".replace("-logs-2026.11.01-00000", "-")[1:] for hit in found]
    assert sorted(short) == hits


def test_a_failure_store_has_the_fields_of_failures(cluster: MemoryCluster) -> None:
    def fields(name: str) -> dict[str, set[str]]:
        caps = cluster.field_caps([name], IndicesOptions(), ["level", "error.type"], now_millis=0, filters=["-parent"])
        return {response.index: set(response.fields) for response in caps.index_responses}

    assert fields("logs::failures") == {".fs-logs-2026.11.01-000003": {"error.type"}}
    assert "level" in fields("logs")[".ds-logs-2026.11.01-000001"]


def test_boosts_know_no_data_streams(cluster: MemoryCluster) -> None:
    for name in ("logs", "errors"):
        with pytest.raises(ElasticsearchException, match=rf"no such index \[{name}\]") as refused:
            cluster.search(["logs"], IndicesOptions(), {"indices_boost": [{name: 2}]}, now_millis=0)
        assert refused.value.metadata["es.excluded_ds"] == ["true"]
    boosts = [{"logs": 7}, {".ds-logs-2026.11.01-000002": 2}]
    found = cluster.search(["logs"], IndicesOptions(ignore_unavailable=True), {"indices_boost": boosts}, now_millis=0).hits.hits
    assert [hit.score for hit in found] == [2, 2, 1, 1]


def test_a_data_stream_matches_for_a_local_cluster_that_asks(cluster: MemoryCluster) -> None:
    options = IndicesOptions.STRICT_EXPAND_OPEN
    assert cluster.has_matching(["logs"], options) == (True, None)
    assert cluster.has_matching(["logs::failures"], options) == (True, None)
    assert cluster.has_matching([".fs-logs-2026.11.01-000003"], options) == (True, None)
    assert cluster.has_matching(["none::failures"], options) == (None, "no such index [none]")
