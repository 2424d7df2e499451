"""Aggregations over small and random data: options, refusals, limits, and what may not leak."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter, defaultdict
from typing import Any

import pytest

from gateway.authorization.index_access import IndexAccess
from gateway.backends.memory.aggregations import aggregate, bucketing, pairs, reduce
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from gateway.backends.memory.restricted import restricted
from protocol.errors import ElasticsearchException
from protocol.rest.aggregations import render
from protocol.rest.value_formats import show_decimal

MAPPINGS: dict[str, Any] = {
    "properties": {
        "team": {"type": "keyword"},
        "city": {"type": "keyword"},
        "age": {"type": "integer"},
        "pay": {"type": "double"},
        "text": {"type": "text"},
        "when": {"type": "date"},
    }
}


def _index(documents: list[dict[str, Any]]) -> Index:
    index = Index("people", mapping=parse_mappings(MAPPINGS))
    for number, document in enumerate(documents):
        index.add(str(number), json.dumps(document).encode())
    return index


def _people(count: int) -> list[dict[str, Any]]:
    chance = random.Random(5)
    return [
        {
            "team": [f"t{chance.randrange(6)}" for _ in range(chance.randrange(3))],
            "city": f"c{chance.randrange(4)}",
            "age": [chance.randrange(20, 26) for _ in range(chance.randrange(3))],
            "pay": round(chance.uniform(1, 100), 2),
        }
        for _ in range(count)
    ]


def _run(
    documents: list[dict[str, Any]] | Index,
    aggs: dict[str, Any],
    query: dict[str, Any] | None = None,
    filters: tuple[dict[str, Any], ...] = (),
    **options: Any,
) -> dict[str, Any]:
    index = documents if isinstance(documents, Index) else _index(documents)
    matches = execute(index, query, now_millis=0, filters=filters)
    partial = aggregate(aggs, index, matches, now_millis=0, filters=filters)
    return render(reduce([partial], final=True, **options))


@pytest.mark.parametrize("dense", [1 << 22, 1])
def test_buckets_below_buckets_as_counted_by_hand(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucketing, "DENSE", dense)
    monkeypatch.setattr(pairs, "DENSE", dense)
    people = _people(300)
    aggs = {
        "team": {
            "terms": {"field": "team"},
            "aggs": {
                "age": {"histogram": {"field": "age", "interval": 2}, "aggs": {"pay": {"sum": {"field": "pay"}}}},
                "city": {"terms": {"field": "city", "size": 2}, "aggs": {"pay": {"avg": {"field": "pay"}}}},
            },
        }
    }
    found = _run(people, aggs)["team"]
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for person in people:
        for team in set(person["team"]):
            members[team].append(person)
    by_size = sorted(members.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    assert [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]] == [(key, len(those)) for key, those in by_size]
    for bucket in found["buckets"]:
        those = members[bucket["key"]]
        pay: dict[float, float] = defaultdict(float)
        for person in those:
            for age in {age // 2 * 2 for age in person["age"]}:
                pay[float(age)] += person["pay"]
        assert {each["key"]: each["pay"]["value"] for each in bucket["age"]["buckets"]} == pytest.approx(dict(pay))
        cities = Counter(person["city"] for person in those)
        best = sorted(cities.items(), key=lambda entry: (-entry[1], entry[0]))[:2]
        assert [(each["key"], each["doc_count"]) for each in bucket["city"]["buckets"]] == best
        for each in bucket["city"]["buckets"]:
            mean = statistics.fmean(person["pay"] for person in those if person["city"] == each["key"])
            assert each["pay"]["value"] == pytest.approx(mean)


def test_composite_pages_through_everything_once() -> None:
    people = _people(200)
    sources = [
        {"team": {"terms": {"field": "team", "missing_bucket": True}}},
        {"age": {"histogram": {"field": "age", "interval": 3}}},
        {"city": {"terms": {"field": "city", "order": "desc"}}},
    ]
    index, after, seen = _index(people), None, []
    while True:
        body: dict[str, Any] = {"size": 7, "sources": sources} | ({} if after is None else {"after": after})
        found = _run(index, {"x": {"composite": body}})["x"]
        if not found["buckets"]:
            break
        seen += [(tuple(bucket["key"].values()), bucket["doc_count"]) for bucket in found["buckets"]]
        after = found["after_key"]
    expected: Counter[tuple[Any, ...]] = Counter()
    for person in people:
        for team in set(person["team"]) or {None}:
            for age in person["age"]:
                expected[team, age // 3 * 3.0, person["city"]] += 1
    assert dict(seen) == dict(expected)
    assert len(seen) == len(expected)


def test_terms_of_hidden_documents_do_not_show() -> None:
    people = [{"team": "open", "city": "a", "age": 1}, {"team": "secret", "city": "b", "age": 2}]
    seen = restricted(_index(people), IndexAccess((({"term": {"city": "a"}},),)))
    for field in ("team", "age"):
        aggs = {"x": {"terms": {"field": field, "min_doc_count": 0}}, "g": {"global": {}}}
        found = _run(seen, aggs, {"match_none": {}})
        assert len(found["x"]["buckets"]) == 1
        assert found["g"]["doc_count"] == 1


def test_terms_of_documents_that_an_alias_leaves_out_do_show() -> None:
    people = [{"team": "open", "city": "a", "age": 1}, {"team": "secret", "city": "b", "age": 2}]
    aggs = {"x": {"terms": {"field": "team", "min_doc_count": 0}}, "g": {"global": {}}}
    found = _run(people, aggs, {"match_none": {}}, ({"term": {"city": "a"}},))
    assert len(found["x"]["buckets"]) == 2
    assert found["g"]["doc_count"] == 1


def test_an_index_without_the_field_counts_for_the_bound_of_errors() -> None:
    """As a real 8.19.21 node has it: an index by itself has no error, together with an index that has not the field it has."""
    people = _index([{"age": number} for number in range(40)])
    others = Index("others", mapping=parse_mappings({"properties": {"else": {"type": "keyword"}}}))
    others.add("1", b'{"else": "x"}')
    aggs = {"x": {"terms": {"field": "age"}}, "f": {"filter": {"match_all": {}}, "aggs": {"y": {"terms": {"field": "age"}}}}}
    partials = [aggregate(aggs, index, execute(index, None, now_millis=0), now_millis=0) for index in (people, others)]
    for chosen, bound in ((partials[:1], 0), (partials, 1), (partials[::-1], 1)):
        found = render(reduce(chosen, final=True))
        assert found["x"]["doc_count_error_upper_bound"] == found["f"]["y"]["doc_count_error_upper_bound"] == bound


@pytest.mark.parametrize("parts", [("pay", "nowhere"), ("nowhere", "age"), ("nowhere", "nowhere")])
def test_a_weighted_average_of_a_field_that_is_not_there_is_null(parts: tuple[str, str]) -> None:
    """As a real 8.19.21 node has it; so it is with fields that a role hides."""
    value, weight = parts
    body = {"value": {"field": value}, "weight": {"field": weight}}
    assert _run([{"pay": 1.5, "age": 2}], {"x": {"weighted_avg": body}}) == {"x": {"value": None}}


@pytest.mark.parametrize(
    ("aggs", "type_", "words"),
    [
        ({"x": {"avg": {"field": "team"}}}, "illegal_argument_exception", "Field [team] of type [keyword] is not supported for"),
        ({"x": {"cardinality": {"field": "text"}}}, "illegal_argument_exception", "Fielddata is disabled on [text] in [people]."),
        ({"x": {"terms": {"field": "_id"}}}, "illegal_argument_exception", "Fielddata access on the _id field is disallowed"),
        ({"x": {"geo_centroid": {"field": "team"}}}, "illegal_argument_exception", "aggregation [geo_centroid] is not supported"),
        ({"x": {"terms": {"field": "age", "include": "1.*"}}}, "illegal_argument_exception", "cannot support regular expression"),
        ({"x": {"terms": {"field": "team", "order": {"n": "asc"}}}}, "invalid_path", "Invalid aggregation order path [n]."),
        ({"x": {"terms": {"field": "team", "size": 0}}}, "illegal_argument_exception", "[size] must be greater than 0"),
        ({"x": {"histogram": {"field": "age", "interval": 0}}}, "illegal_argument_exception", "[interval] must be >0"),
        ({"x": {}}, "parsing_exception", "Missing definition for aggregation [x]"),
        ({"x": {"avg": {"field": "age"}, "max": {"field": "age"}}}, "parsing_exception", "Found two aggregation type definitions"),
        ({"x": {"avg": {"field": "age"}, "aggs": {"y": {"max": {}}}}}, "aggregation_initialization_exception", "cannot accept"),
        ({"x": {"top_hits": {}}}, "illegal_argument_exception", "aggregation [top_hits] is not supported here"),
        ({"x": {"percentiles": {"field": "age", "hdr": {}}}}, "illegal_argument_exception", "[hdr]"),
        ({"x": {"avg": {"script": {"source": "1"}}}}, "illegal_argument_exception", "[script] of aggregation [avg]"),
    ],
)  # fmt: skip
def test_refusals(aggs: dict[str, Any], type_: str, words: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        _run(_people(3), aggs)
    assert caught.value.type == type_
    assert words in str(caught.value.reason)


def test_too_many_buckets() -> None:
    documents = [{"when": 0}, {"when": 86_400_000}]
    aggs = {"x": {"date_histogram": {"field": "when", "fixed_interval": "1s"}}}
    with pytest.raises(ElasticsearchException, match=r"less than or equal to: \[65536\]") as caught:
        _run(documents, aggs)
    assert caught.value.type == "too_many_buckets_exception"
    assert len(_run(documents, aggs, max_buckets=90_000)["x"]["buckets"]) == 86_401


def test_merging_different_types_is_refused() -> None:
    texts = _index([{"team": "a"}])
    numbers = Index("numbers", mapping=parse_mappings({"properties": {"team": {"type": "long"}}}))
    numbers.add("0", b'{"team": 1}')
    aggs = {"x": {"terms": {"field": "team"}}}
    partials = [aggregate(aggs, index, execute(index, None, now_millis=0), now_millis=0) for index in (texts, numbers)]
    with pytest.raises(ElasticsearchException, match="different types") as caught:
        reduce(partials, final=True)
    assert caught.value.type == "aggregation_execution_exception"


@pytest.mark.parametrize(
    ("pattern", "value", "text"),
    [("0.00", 3.14159, "3.14"), ("#,##0.00", 1234567.891, "1,234,567.89"), ("#.##", 0.5, ".5"), ("0", 2.5, "2"), ("$0.0", -3.25, "-$3.2"),
     ("0%", 0.256, "26%"), ("000", 7.0, "007")],
)  # fmt: skip
def test_decimal_formats(pattern: str, value: float, text: str) -> None:
    assert show_decimal(pattern, value) == text
