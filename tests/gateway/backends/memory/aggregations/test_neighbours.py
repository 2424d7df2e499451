"""Rows that stand side by side, and values that ascend, are read in shorter ways: the answers are those of any other order."""

from __future__ import annotations

import itertools
import random
from typing import Any

import orjson
import pytest

from gateway.backends.memory.aggregations import aggregate, reduce
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from protocol.rest.aggregations import render

_START, _HOUR = 1_711_800_000_000, 3_600_000  # 2024-03-30T12:00Z: the clocks of Berlin change the night after
_MAPPINGS = {
    "properties": {
        "at": {"type": "date"},
        "several": {"type": "date"},
        "name": {"type": "keyword"},
        "size": {"type": "double"},
        "whole": {"type": "long"},
    }
}


def _documents() -> list[bytes]:
    chance = random.Random(11)
    made, at = [], _START
    for number in range(300):
        at += chance.choice((0, 1, _HOUR // 3, _HOUR, 30 * _HOUR if number % 50 == 0 else 0))
        document: dict[str, Any] = {"at": at, "name": chance.choice(("a", "b", "c"))}
        if chance.random() < 0.8:
            document["size"] = chance.choice((0.1, 1e9, 1e-9, 12.34)) * chance.randrange(1000)
        if chance.random() < 0.8:
            document["whole"] = [chance.randrange(9) for _ in range(chance.randrange(1, 3))]
        if chance.random() < 0.5:
            document["several"] = [at, at + 40 * _HOUR]
        made.append(orjson.dumps(document))
    return made


def _index(documents: list[bytes]) -> Index:
    index = Index("logs", mapping=parse_mappings(_MAPPINGS), mappings=_MAPPINGS)
    for number, document in enumerate(documents):
        index.add(str(number), document)
    return index


_ORDERED = _documents()
_IN_ORDER = _index(_ORDERED)
_SHUFFLED = _index(random.Random(3).sample(_ORDERED, len(_ORDERED)))


def _answer(index: Index, query: dict[str, Any] | None, body: dict[str, Any]) -> Any:
    matches = execute(index, query, now_millis=0, needs_scores=False)
    return render(reduce([aggregate({"x": body}, index, matches, now_millis=0)], final=True), typed_keys=True)


def _near(found: Any) -> Any:
    """Sums may differ in their last digit."""
    if isinstance(found, dict):
        return {key: _near(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_near(value) for value in found]
    return float(f"{found:.14g}") if isinstance(found, float) else found


_QUERIES = (
    None,
    {"range": {"at": {"gte": _START + 20 * _HOUR, "lt": _START + 190 * _HOUR}}},
    {"range": {"at": {"gte": _START + 10**11}}},
    {"term": {"name": "b"}},
)
_DAILY = {"field": "at", "calendar_interval": "day"}


@pytest.mark.parametrize("query", _QUERIES)
@pytest.mark.parametrize(
    "body",
    [
        {"date_histogram": _DAILY},
        {"date_histogram": {**_DAILY, "time_zone": "Europe/Berlin"}},
        {"date_histogram": {"field": "at", "calendar_interval": "hour", "time_zone": "Europe/Berlin", "offset": "20m"}},
        {"date_histogram": {"field": "at", "fixed_interval": "5h", "time_zone": "Europe/Berlin"}},
        {"date_histogram": {"field": "at", "calendar_interval": "month", "min_doc_count": 1}},
        {"date_histogram": {**_DAILY, "extended_bounds": {"min": _START - 99 * _HOUR, "max": _START + 999 * _HOUR}}},
        {"date_histogram": {**_DAILY, "hard_bounds": {"min": _START + 30 * _HOUR, "max": _START + 90 * _HOUR}}},
        {"date_histogram": {**_DAILY, "missing": _START}},
        {"date_histogram": {**_DAILY, "field": "several"}},
        {"date_histogram": _DAILY, "aggs": {"y": {"avg": {"field": "size"}}}},
        {"histogram": {"field": "at", "interval": _HOUR}},
        {"terms": {"field": "name"}, "aggs": {"y": {"stats": {"field": "size"}}, "z": {"sum": {"field": "whole"}}}},
        {"terms": {"field": "name", "size": 1, "order": {"_key": "desc"}}, "aggs": {"y": {"avg": {"field": "size"}}}},
        {"terms": {"field": "name", "order": {"_key": "desc"}}, "aggs": {"y": {"avg": {"field": "size"}}}},
        {"terms": {"field": "name", "order": {"y": "asc"}}, "aggs": {"y": {"avg": {"field": "size", "missing": 7}}}},
        {"terms": {"field": "whole"}, "aggs": {"y": {"value_count": {"field": "several"}}}},
        {"filter": {"term": {"name": "a"}}, "aggs": {"y": {"sum": {"field": "whole"}}}},
        {"stats": {"field": "size"}},
        {"sum": {"field": "whole"}},
    ],
    ids=str,
)
def test_order_does_not_matter(query: dict[str, Any] | None, body: dict[str, Any]) -> None:
    assert _near(_answer(_IN_ORDER, query, body)) == _near(_answer(_SHUFFLED, query, body))


def test_gaps_are_filled_across_a_change_of_the_clocks() -> None:
    body = {"date_histogram": {"field": "at", "calendar_interval": "day", "time_zone": "Europe/Berlin"}}
    query = {"terms": {"at": [orjson.loads(_ORDERED[0])["at"], orjson.loads(_ORDERED[-1])["at"]]}}
    found = _answer(_IN_ORDER, query, body)["date_histogram#x"]["buckets"]
    assert [bucket["key_as_string"] for bucket in found[:3]] == [
        "2024-03-30T00:00:00.000+01:00",
        "2024-03-31T00:00:00.000+01:00",
        "2024-04-01T00:00:00.000+02:00",
    ]
    steps = {right["key"] - left["key"] for left, right in itertools.pairwise(found)}
    assert steps == {24 * _HOUR, 23 * _HOUR}
