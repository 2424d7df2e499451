"""Picking the first rows of a sort: the same as sorting all of them, whatever ties, and page after page without a gap."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.search import Target, search
from gateway.backends.memory.sort_keys import after, reduced, select, sortable
from gateway.backends.memory.sorting import compile_sort, parse_sort

MAPPING = {
    "properties": {
        "n": {"type": "long"},
        "d": {"type": "double"},
        "k": {"type": "keyword"},
        "t": {"type": "date"},
    }
}
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "n": st.integers(-3, 3) | st.lists(st.integers(-3, 3), max_size=3),
            "d": st.sampled_from([-0.0, 0.0, 1.5, -2.0, 1e300]),
            "k": st.sampled_from(["", "a", "b", "B", "é", "\U0001f600"]) | st.lists(st.sampled_from(["a", "c"]), max_size=2),
            "t": st.integers(0, 3),
        },
    ),
    min_size=1,
    max_size=40,
)
CRITERIA = st.lists(
    st.builds(
        lambda field, order, missing, mode: {
            field: {"order": order, "missing": missing, **({"mode": mode} if field == "n" else {})}
        },
        st.sampled_from(["n", "d", "k", "t"]),
        st.sampled_from(["asc", "desc"]),
        st.sampled_from(["_last", "_first"]),
        st.sampled_from(["min", "max", "avg", "sum", "median"]),
    ),
    min_size=1,
    max_size=3,
)


def _index(documents: list[dict[str, Any]]) -> Index:
    index = Index("x", mapping=parse_mappings(MAPPING))
    for number, document in enumerate(documents):
        index.add(str(number), json.dumps(document).encode())
    return index


@given(DOCUMENTS, CRITERIA, st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_selects_what_a_full_sort_puts_first(documents: list[dict[str, Any]], sort: list[Any], count: int) -> None:
    index = _index(documents)
    keys = compile_sort(parse_sort(sort), index, 0)
    assert keys is not None
    rows = index.live_rows()
    columns = [key.keys(rows, None).tolist() for key in keys]
    expected = sorted(range(len(rows)), key=lambda place: (*(column[place] for column in columns), place))
    assert select(rows, None, keys, count).tolist() == expected[:count]


@given(DOCUMENTS, CRITERIA, st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_pages_follow_each_other(documents: list[dict[str, Any]], sort: list[Any], size: int) -> None:
    """With the document's number as the last criterion, ``search_after`` goes through all documents, in the order of one big page."""
    target = [Target(_index(documents))]
    sort = [*sort, "_seq_no"]
    whole = search(target, {"sort": sort, "size": 100}, now_millis=0, node_id="node").hits.hits
    seen: list[Any] = []
    body: dict[str, Any] = {"sort": sort, "size": size}
    while page := search(target, body, now_millis=0, node_id="node").hits.hits:
        seen += [hit.id for hit in page]
        body["search_after"] = [
            value if not (isinstance(value, float) and math.isinf(value)) else ("Infinity" if value > 0 else "-Infinity")
            for value in page[-1].sort.formatted
        ]
    assert seen == [hit.id for hit in whole]
    assert len(seen) == len(documents)


def test_orders_decimals_as_java_does() -> None:
    values = np.array([np.inf, 1.0, -0.0, 0.0, -1.0, -np.inf, 1e-300, -1e-300])
    assert values[np.argsort(sortable(values))].tolist() == [-np.inf, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, np.inf]
    assert [math.copysign(1, value) for value in values[np.argsort(sortable(values))][3:5]] == [-1.0, 1.0]


def test_reduces_several_values_of_a_document() -> None:
    which, values = np.array([0, 0, 0, 2, 2]), np.array([5, 1, 4, -3, -4])
    assert reduced(which, values, 3, "min").tolist() == [1, 0, -4]
    assert reduced(which, values, 3, "max").tolist() == [5, 0, -3]
    assert reduced(which, values, 3, "sum").tolist() == [10, 0, -7]
    assert reduced(which, values, 3, "avg").tolist() == [3, 0, -3]
    assert reduced(which, values, 3, "median").tolist() == [4, 0, -3]


def test_after_takes_what_follows_the_last_values() -> None:
    index = _index([{"n": value} for value in (3, 1, 2, 2)])
    keys = compile_sort(parse_sort(["n", {"_seq_no": "desc"}]), index, 0)
    assert keys is not None
    assert after(index.live_rows(), None, keys, [2, 3]).tolist() == [True, False, True, False]
