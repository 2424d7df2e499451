"""Bools of any shape, against their definition document by document."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute

NUMBERS = st.lists(st.lists(st.integers(-5, 5), max_size=3), min_size=1, max_size=40)
LEAF = st.one_of(
    st.builds(lambda value: {"term": {"v": value}}, st.integers(-5, 5)),
    st.builds(lambda low, high: {"range": {"v": {"gte": low, "lt": high}}}, st.integers(-6, 6), st.integers(-6, 6)),
    st.just({"exists": {"field": "v"}}),
    st.just({"match_all": {}}),
)
QUERIES = st.recursive(
    LEAF,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "must": st.lists(inner, max_size=2),
            "filter": st.lists(inner, max_size=2),
            "must_not": st.lists(inner, max_size=2),
            "should": st.lists(inner, max_size=3),
            "minimum_should_match": st.integers(0, 3),
        },
    ).map(lambda body: {"bool": body}),
    max_leaves=8,
)


def brute(query: dict[str, Any], document: list[int]) -> float | None:
    """The score of a document by the definition, or None when it does not match."""
    ((kind, body),) = query.items()
    if kind == "term":
        return 1.0 if body["v"] in document else None
    if kind == "range":
        return 1.0 if any(body["v"]["gte"] <= value < body["v"]["lt"] for value in document) else None
    if kind == "exists":
        return 1.0 if document else None
    if kind == "match_all":
        return 1.0
    must, filters = body.get("must", []), body.get("filter", [])
    should, must_not = body.get("should", []), body.get("must_not", [])
    if not (must or filters or should or must_not):
        return 1.0
    required = [brute(clause, document) for clause in must]
    optional = [found for clause in should if (found := brute(clause, document)) is not None]
    minimum = body.get("minimum_should_match", 0)
    if not (must or filters) and should:
        minimum = max(1, minimum)
    if None in required or any(brute(clause, document) is None for clause in filters) or len(optional) < minimum:
        return None
    if any(brute(clause, document) is not None for clause in must_not):
        return None
    return sum(found or 0 for found in required) + sum(optional)


@given(NUMBERS, QUERIES)
def test_bools_of_any_shape_match_and_score_by_definition(documents: list[list[int]], query: dict[str, Any]) -> None:
    made = Index("numbers", mapping=parse_mappings({"properties": {"v": {"type": "long"}}}))
    for number, values in enumerate(documents):
        made.add(str(number), json.dumps({"v": values}).encode())
    found = execute(made, query, now_millis=0)
    expected = {row: score_ for row, values in enumerate(documents) if (score_ := brute(query, values)) is not None}
    assert dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True)) == expected
    plain = execute(made, query, now_millis=0, needs_scores=False)
    assert np.array_equal(plain.rows, found.rows)
