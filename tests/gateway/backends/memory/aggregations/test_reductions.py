"""Partial results that Elasticsearch's own classes read and reduced to the final answer, and those of real nodes."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from gateway.backends.memory.aggregations import SUPPORTED, reduce
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import AGGREGATION_RESULTS
from protocol.rest.aggregations import render
from protocol.versions import V_8_19
from protocol.wire import Reader
from tests.gateway.backends.memory.aggregations.test_engine_cases import difference
from tests.gateway.backends.memory.aggregations.ties import sorted_ties
from tests.vectors import read_lines


def _read(data: bytes) -> list[InternalAggregation]:
    reader = Reader(data, V_8_19)
    results = AGGREGATION_RESULTS.read(reader)
    reader.expect_end("aggregations")
    return results


def test_final_reduction_as_elasticsearch() -> None:
    wrong = []
    for line in read_lines("engine/reductions.jsonl.gz"):
        partials = [_read(bytes.fromhex(partial)) for partial in line["partials"]]
        found = render(reduce(partials, final=True), typed_keys=True)
        # Elasticsearch adds the parts of a sum in an order of its own, which may cost the last bit.
        where = difference(line["final"], found, 1e-14)
        if where is not None:
            wrong.append((line["request"], where))
    assert not wrong


def _supported(aggregations: dict[str, Any]) -> bool:
    for definition in aggregations.values():
        below = definition.get("aggs") or definition.get("aggregations") or {}
        kinds = definition.keys() - {"aggs", "aggregations", "meta"}
        if not kinds <= SUPPORTED or {"hdr", "explain"} & next(iter(definition.values())).keys() or not _supported(below):
            return False
    return True


RECORDED = [line for line in read_lines("aggregations_results.jsonl.gz") if _supported(line["aggs"])]


@pytest.mark.parametrize("final", [True, False])
def test_results_of_real_nodes(final: bool) -> None:
    wrong, checked = [], 0
    for line in RECORDED:
        if line["final"] is not final:
            continue
        results = _read(b64decode(line["bytes"]))
        found = render(results if final else reduce([results], final=True), typed_keys=True)
        checked += 1
        expected = line["rest"] if final else line["reduced"]
        # Scores are made of logarithms, whose last bit may differ.
        if found != expected and difference(sorted_ties(expected), sorted_ties(found), 1e-14) is not None:
            wrong.append((line["aggs"], expected, found))
    assert not wrong
    assert checked > 40
