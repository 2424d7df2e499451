"""Every query of tests/vectors/engine finds what the real node found, with its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.backends.memory.index import Index
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException
from tests.gateway.backends.memory.conftest import engine_cases

NOW = 1_704_100_000_000
UNSUPPORTED = {
    "fs_fvf": "function_score",
    "fs_funcs": "function_score",
    "fs_gauss": "function_score",
    "span_near": "span_near",
    "intervals": "intervals",
    "geo_distance": "geo_distance",
    "geo_bbox": "geo_bounding_box",
    "knn_q": "knn",
    "terms_set": "terms_set",
    "mlt": "more_like_this",
    "bad_query_err": "frobnicate",
}
"""Cases whose query type is refused by name."""
NOT_QUERIES = {"knn", "nested_inner", "unmapped_sort_err", "text_sort_err"}
"""Cases that fail or succeed in another phase; inner_hits are refused (below)."""
OTHER_SCORES = {"rescore", "collapse", "min_score", "post_filter", "track_100"}
"""Cases whose hits are made of the query's matches by a later phase: only the matches are compared, where they show."""

CASES = [case for case in engine_cases() if case["kind"] == "query"]
SUPPORTED = [case for case in CASES if case["name"] not in UNSUPPORTED and case["name"] not in NOT_QUERIES]


@pytest.mark.parametrize("case", SUPPORTED, ids=[case["name"] for case in SUPPORTED])
def test_the_matches_are_the_real_nodes(engine_index: Index, case: dict[str, Any]) -> None:
    body, hits = case["body"], case["response"]["hits"]
    found = execute(engine_index, body.get("query"), now_millis=NOW)
    if "total" in hits and case["name"] not in OTHER_SCORES:
        assert len(found) == hits["total"]["value"]
    scores = {engine_index.id(int(row)): float(score) for row, score in zip(found.rows, found.scores, strict=True)}
    for hit in hits["hits"]:
        assert hit["_id"] in scores
        if hit["_score"] is not None and case["name"] != "rescore":
            assert scores[hit["_id"]] == pytest.approx(hit["_score"], rel=1e-6)
        if "matched_queries" in hit:
            row = engine_index.row(hit["_id"])
            assert row is not None
            assert found.names_of(row) == hit["matched_queries"]
    if "sort" in body or case["name"] in OTHER_SCORES:
        return
    best = np.sort(found.scores)[::-1][: len(hits["hits"])]
    assert best == pytest.approx([hit["_score"] for hit in hits["hits"]], rel=1e-6)


@pytest.mark.parametrize(("name", "kind"), UNSUPPORTED.items())
def test_a_query_type_that_is_not_there_is_refused_by_name(engine_index: Index, name: str, kind: str) -> None:
    body = next(case["body"] for case in CASES if case["name"] == name)
    with pytest.raises(ElasticsearchException) as caught:
        execute(engine_index, body["query"], now_millis=NOW)
    assert caught.value.type == "parsing_exception"
    assert caught.value.reason == f"unknown query [{kind}]"


def test_inner_hits_are_refused_by_name(engine_index: Index) -> None:
    body = next(case["body"] for case in CASES if case["name"] == "nested_inner")
    with pytest.raises(ElasticsearchException, match="inner_hits"):
        execute(engine_index, body["query"], now_millis=NOW)


def test_scores_do_not_change_what_matches(engine_index: Index) -> None:
    for case in SUPPORTED:
        query = case["body"].get("query")
        scored = execute(engine_index, query, now_millis=NOW)
        plain = execute(engine_index, query, now_millis=NOW, needs_scores=False)
        assert np.array_equal(scored.rows, plain.rows), case["name"]
        assert np.array_equal(np.flatnonzero(plain.mask), plain.rows), case["name"]
