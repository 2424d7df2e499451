"""Whole searches, against answers of a real 8.19.21 node: sorts, paging, totals, collapse, fetch options and highlights."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.backends.memory.index import Index
from gateway.backends.memory.search import Target
from protocol.errors import ElasticsearchException
from tests.gateway.backends.memory.recorded import cases, indices, run, same

_PARSED_ELSEWHERE = "Elasticsearch's REST parser refuses it, with a position in the body; such a request never travels"
_NOT_THERE = "the in-memory cluster does not have it, and says so by name"
DIFFERENT = {
    **dict.fromkeys(
        (
            *("highlight_bad_key", "highlight_bad_field_key", "sort_mode_bad", "sort_numeric_bad", "sort_bad_key"),
            *("sort_ignore_unmapped", "sort_score_missing", "page_timeout_bad", "error_post_filter_bad", "error_ext"),
        ),
        _PARSED_ELSEWHERE,
    ),
    **dict.fromkeys(
        (
            *("highlight_function", "docvalue_num_fmt", "sort_ignored"),
            *("collapse_inner", "collapse_rescore", "error_script_fields", "error_runtime", "error_slice"),
            *(
                "error_pit",
                "error_explain",
                "error_profile",
                "error_rescore_sort",
                "error_knn",
                "error_retriever",
                "error_inner_hits",
            ),
        ),
        _NOT_THERE,
    ),
    **dict.fromkeys(
        ("fields_star", "fields_geo", "fields_unmapped", "docvalue_geo", "sort_geo"), "there are no geo_point fields"
    ),
    "sort_missing_val_ip": "a real node fails in its fetch phase, with an empty reason",
    "docvalue_star": "which of several text fields is named first is the order of a hash map",
    "page_window_exact": "the recorded node's documents lay in another order than they were loaded",
    "error_indices_boost_nope": "names of indices are the cluster's",
}
SINGLE = [name for name, case in cases().items() if "path" not in case and not name.startswith("indices_")]


@pytest.mark.parametrize("name", [name for name in SINGLE if name not in DIFFERENT])
def test_answers_as_elasticsearch(name: str, engine_index: Index) -> None:
    case = cases()[name]
    index = engine_index if case["index"] == "eval-main" else indices()[case["index"]]
    got = run([Target(index)], case["body"])
    if case["status"] == 200:
        assert "error" not in got, got["error"]
        assert same(got, _comparable(case["response"])) is None
    else:
        assert _reason(got["error"]) == _recorded_reason(case["response"]["error"])


@pytest.mark.parametrize("name", [name for name, why in DIFFERENT.items() if why == _NOT_THERE])
def test_refuses_by_name_what_there_is_not(name: str, engine_index: Index) -> None:
    case = cases()[name]
    index = engine_index if case["index"] == "eval-main" else indices()[case["index"]]
    type_, reason = _reason(run([Target(index)], case["body"])["error"])
    assert type_ in ("illegal_argument_exception", "parsing_exception", "query_shard_exception")
    assert "not supported" in reason or "does not support" in reason or "unknown query" in reason


def _comparable(response: dict[str, Any]) -> dict[str, Any]:
    shown = dict(response)
    shown["_shards"] = {key: value for key, value in response["_shards"].items() if key != "failures"}
    return shown


def _reason(error: ElasticsearchException) -> tuple[str, str]:
    if error.type == "search_phase_execution_exception":
        error = error.details["failures"][0].cause  # type: ignore[index]
    return error.type, str(error.reason)


def _recorded_reason(error: dict[str, Any]) -> tuple[str, str]:
    shown = error["failed_shards"][0]["reason"] if error.get("failed_shards") else error
    return shown["type"], shown["reason"]
