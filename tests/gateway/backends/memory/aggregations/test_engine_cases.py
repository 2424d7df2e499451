"""The aggregations that a real node answered over 2,000 documents, of one index and of three."""

from __future__ import annotations

import functools
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.aggregations import aggregate, reduce
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import AGGREGATION_RESULTS
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.rest.aggregations import render
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

ENGINE = Path(__file__).parents[4] / "vectors" / "engine"
REFUSED = {
    "geo_bounds": "geo_bounds",
    "geohash_grid": "geohash_grid",
}
CASES = {case["name"]: case for case in read_lines("engine/cases.jsonl.gz") if case["kind"] == "aggregation"}
ANSWERED = sorted(name for name, case in CASES.items() if case["status"] == 200 and name not in REFUSED)
BY_ORDER = {"percentiles", "percentiles_list", "percentile_ranks"}
"""A digest of 2,000 values and more depends on the order in which they come; the node's segments had another."""

SHORTENED = {"terms_size", "terms_ip"}
"""Terms of which one index alone shows all that count, and three do not."""


@functools.cache
def indices(count: int) -> tuple[Index, ...]:
    """The documents, dealt out to so many indices of the name that the node's had."""
    mapping = json.loads((ENGINE / "mapping.json").read_text())
    for unsupported in ("loc", "vec"):
        del mapping["properties"][unsupported]
    made = tuple(Index("eval-main", mapping=parse_mappings(mapping)) for _ in range(count))
    lines = gzip.decompress((ENGINE / "documents.ndjson.gz").read_bytes()).splitlines()
    for place, (action, source) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
        made[place % count].add(json.loads(action)["index"]["_id"], source)
    return made


def partials(body: dict[str, Any], count: int) -> list[list[InternalAggregation]]:
    found = []
    for index in indices(count):
        shard = SearchShardTarget(node_id="node", shard_id=ShardId(index=index.name, uuid="uuid", shard=0))
        matches = execute(index, body.get("query"), now_millis=0)
        found.append(aggregate(body["aggs"], index, matches, now_millis=0, shard=shard))
    return found


def difference(expected: Any, found: Any, tolerance: float, path: str = "") -> str | None:
    """Where two JSON values differ first; numbers may by the tolerance."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            return f"{path} has {sorted(expected.keys() ^ found.keys())} on one side"
        pairs = [(expected[key], found[key], f"{path}/{key}") for key in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{path} has {len(found)} entries, not {len(expected)}"
        pairs = [(one, other, f"{path}[{place}]") for place, (one, other) in enumerate(zip(expected, found, strict=True))]
    elif isinstance(expected, float) and isinstance(found, float | int):
        close = math.isclose(expected, found, rel_tol=tolerance, abs_tol=tolerance)
        return None if close else f"{path} is {found}, not {expected}"
    else:
        return None if expected == found else f"{path} is {found!r}, not {expected!r}"
    return next((text for pair in pairs if (text := difference(pair[0], pair[1], tolerance, pair[2]))), None)


@pytest.mark.parametrize("name", ANSWERED)
def test_answers_as_the_node(name: str) -> None:
    case = CASES[name]
    found = render(reduce(partials(case["body"], 1), final=True, request=case["body"]["aggs"]))
    assert difference(case["response"]["aggregations"], found, 0.01 if name in BY_ORDER else 1e-9) is None


@pytest.mark.parametrize("name", ANSWERED)
def test_three_indices_reduce_to_the_whole(name: str) -> None:
    case = CASES[name]
    expected = case["response"]["aggregations"]
    found = render(reduce(partials(case["body"], 3), final=True, request=case["body"]["aggs"]))
    if name in SHORTENED:
        # Each index sends only its first terms, so counts may be too low; the result says by how much.
        assert found["x"]["doc_count_error_upper_bound"] > 0
        return
    assert difference(expected, found, 0.02 if name in BY_ORDER else 1e-9) is None


@pytest.mark.parametrize("name", ANSWERED)
def test_partial_results_travel(name: str) -> None:
    results = reduce(partials(CASES[name]["body"], 3), final=False)
    writer = Writer(V_8_19)
    AGGREGATION_RESULTS.write(writer, results)
    reader = Reader(writer.getvalue(), V_8_19)
    arrived = AGGREGATION_RESULTS.read(reader)
    reader.expect_end("aggregations")
    assert render(reduce([arrived], final=True)) == render(reduce([results], final=True))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_unsupported_kinds_are_refused_by_name(name: str) -> None:
    with pytest.raises(ElasticsearchException, match=rf"aggregation \[{REFUSED[name]}\] is not supported") as caught:
        partials(CASES[name]["body"], 1)
    assert caught.value.type == "illegal_argument_exception"


def test_text_fields_are_refused_in_elasticsearch_words() -> None:
    case = CASES["err_text_field"]
    (cause,) = case["response"]["error"]["root_cause"]
    with pytest.raises(ElasticsearchException) as caught:
        partials(case["body"], 1)
    assert (caught.value.type, caught.value.reason) == (cause["type"], cause["reason"])


def test_pipelines_are_left_to_the_asking_cluster() -> None:
    results = reduce(partials(CASES["max_bucket"]["body"], 1), final=False)
    assert [result.name for result in results] == ["x"]
