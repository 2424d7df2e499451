"""Pipeline aggregations as a real node answered them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.backends.memory.aggregations import aggregate, check_pipelines, reduce
from gateway.backends.memory.index import Index
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import AGGREGATION_RESULTS
from protocol.rest.aggregations import render
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.elasticsearch.comparing import differences
from tests.vectors import read_lines

CASES = {case["name"]: case for case in read_lines("engine/pipelines.jsonl")}
ANSWERED = [name for name, case in CASES.items() if case["status"] == 200]
REFUSED = [name for name, case in CASES.items() if case["status"] != 200]


def results(index: Index, aggs: dict[str, Any], *, final: bool = True) -> list[InternalAggregation]:
    matches = execute(index, None, now_millis=0)
    return reduce([aggregate(aggs, index, matches, now_millis=0)], final=final, request=aggs)


@pytest.mark.parametrize("name", ANSWERED)
def test_answers_as_the_node(engine_index: Index, name: str) -> None:
    case = CASES[name]
    check_pipelines(case["aggs"])
    found = results(engine_index, case["aggs"])
    shown = render(found)
    if name == "extended_stats_bucket":
        # Beyond 2**53 Java's DecimalFormat shows digits that its doubles do not have; the asking cluster is the one that does it.
        for answer in (case["pipelines"]["x"], shown["x"]):
            assert answer.pop("sum_of_squares_as_string").startswith("1,042,121,128,905,729,0")
    # The node's digests saw the values in another order.
    tolerance = 0.01 if name == "path-percentile" else 1e-9
    assert not list(differences(case["pipelines"], {name: shown[name] for name in case["pipelines"]}, tolerance=tolerance))
    if "within" in case:
        assert not list(differences(case["within"], {bucket["key"]: bucket["m"] for bucket in shown["l"]["buckets"]}))
    writer = Writer(V_8_19)
    AGGREGATION_RESULTS.write(writer, found)
    reader = Reader(writer.getvalue(), V_8_19)
    assert render(AGGREGATION_RESULTS.read(reader)) == render(found)
    reader.expect_end("aggregations")


@pytest.mark.parametrize("name", REFUSED)
def test_fails_as_the_node(engine_index: Index, name: str) -> None:
    case = CASES[name]
    expected = case["error"]

    def run() -> None:
        check_pipelines(case["aggs"])
        results(engine_index, case["aggs"])

    with pytest.raises(ElasticsearchException) as caught:
        run()
    if expected["type"] == "search_phase_execution_exception":
        # The search puts it around what the reduction throws.
        expected = expected["caused_by"]
    elif name == "percents-wrong":
        # A node refuses this while it reads JSON; over the wire it would be its validation.
        expected = {
            "type": "action_request_validation_exception",
            "reason": f"Validation Failed: 1: {expected['reason']};",
        }
    assert (caught.value.type, caught.value.reason) == (expected["type"], expected["reason"])


def test_partial_results_have_none(engine_index: Index) -> None:
    found = results(engine_index, CASES["levels"]["aggs"], final=False)
    assert [result.name for result in found] == ["l", "f"]
    buckets = found[0].buckets  # type: ignore[attr-defined]
    assert {result.name for bucket in buckets for result in bucket.aggregations} == {"d"}


@pytest.mark.parametrize("kind", ["derivative", "cumulative_sum", "bucket_script", "bucket_sort", "moving_fn"])
def test_others_are_refused_by_name(kind: str) -> None:
    below = {"d": {"histogram": {"field": "bytes", "interval": 5}, "aggs": {"x": {kind: {"buckets_path": "_count"}}}}}
    with pytest.raises(ElasticsearchException) as caught:
        check_pipelines(below)
    assert (caught.value.type, caught.value.reason) == (
        "illegal_argument_exception",
        f"aggregation [{kind}] is not supported",
    )
