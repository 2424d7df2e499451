"""Queries on each field type: what a value or a bound means, and the errors that Elasticsearch gives."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException

NOW = 1_704_499_200_000
"""2024-01-06T00:00:00Z"""
MAPPINGS: dict[str, Any] = {
    "properties": {
        "n": {"type": "integer"},
        "x": {"type": "double"},
        "f": {"type": "float"},
        "h": {"type": "half_float"},
        "s": {"type": "scaled_float", "scaling_factor": 10},
        "b": {"type": "boolean"},
        "d": {"type": "date"},
        "e": {"type": "date", "format": "dd/MM/yyyy"},
        "ns": {"type": "date_nanos"},
        "ip": {"type": "ip"},
        "k": {"type": "keyword"},
        "l": {"type": "keyword", "normalizer": "lowercase"},
        "c": {"type": "constant_keyword", "value": "same"},
        "t": {"type": "text"},
        "off": {"type": "long", "index": False, "doc_values": False},
        "o": {"properties": {"a": {"type": "long"}, "b": {"type": "keyword"}}},
        "nest": {"type": "nested", "properties": {"k": {"type": "keyword"}, "n": {"type": "long"}}},
    }
}
DOCUMENTS: list[dict[str, Any]] = [
    {
        "n": 1,
        "x": 1.5,
        "f": 0.1,
        "h": 0.1,
        "s": 1.2,
        "b": True,
        "d": "2024-01-01T10:00:00Z",
        "k": "Apple",
        "l": "Apple",
        "t": "Red fox",
    },
    {
        "n": [2, -3],
        "x": -1.5,
        "f": 2,
        "h": 2,
        "s": 2.5,
        "b": False,
        "d": "2024-01-02",
        "k": "banana",
        "l": "BANANA",
        "t": "red dog red",
    },
    {"n": 30, "x": 1e300, "d": "2024-01-05T23:59:59.999Z", "ip": "10.0.0.1", "k": ["cherry", "apple"], "t": "blue"},
    {"ip": ["10.0.1.7", "::1"], "e": "03/01/2024", "ns": "2024-01-03T00:00:00.000000001Z", "o": {"a": 1}, "t": ""},
    {"nest": [{"k": "a", "n": 1}, {"k": "b", "n": 2}], "o": {"b": "z"}, "off": 3},
    {"nest": {"k": "a", "n": 2}, "k": "x\\y*z"},
]


@cache
def index() -> Index:
    made = Index("types", mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS, aliases={"alias": {}})
    for number, document in enumerate(DOCUMENTS):
        made.add(str(number), json.dumps(document).encode())
    return made


def rows(query: dict[str, Any]) -> list[int]:
    found: list[int] = execute(index(), query, now_millis=NOW).rows.tolist()
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"term": {"n": "2"}}, [1]),
        ({"term": {"n": 2.0}}, [1]),
        ({"term": {"n": 2.5}}, []),
        ({"term": {"n": 1 << 40}}, []),
        ({"term": {"f": 0.1}}, [0]),
        ({"term": {"h": 0.1}}, [0]),
        ({"term": {"s": 1.2}}, [0]),
        ({"term": {"x": "1.5"}}, [0]),
        ({"term": {"b": "false"}}, [1]),
        ({"term": {"d": "2024-01-02"}}, [1]),
        ({"term": {"d": "2024-01"}}, [0]),
        ({"term": {"d": "now-1d/d"}}, [2]),
        ({"term": {"e": "03/01/2024"}}, [3]),
        ({"term": {"ns": "2024-01-03"}}, [3]),
        ({"term": {"ip": "10.0.0.1"}}, [2]),
        ({"term": {"ip": "10.0.0.0/15"}}, [2, 3]),
        ({"term": {"ip": "::/64"}}, [2, 3]),
        ({"term": {"k": "apple"}}, [2]),
        ({"term": {"k": {"value": "APPLE", "case_insensitive": True}}}, [0, 2]),
        ({"term": {"l": "bAnAnA"}}, [1]),
        ({"term": {"c": "same"}}, [0, 1, 2, 3, 4, 5]),
        ({"term": {"c": "other"}}, []),
        ({"term": {"t": "Red"}}, []),
        ({"term": {"t": "red"}}, [0, 1]),
        ({"term": {"nope": "x"}}, []),
        ({"term": {"_id": "3"}}, [3]),
        ({"term": {"_index": "types"}}, [0, 1, 2, 3, 4, 5]),
        ({"term": {"_index": "alias"}}, [0, 1, 2, 3, 4, 5]),
        ({"term": {"_index": "other"}}, []),
        ({"terms": {"n": [1, "30", 2.5]}}, [0, 2]),
        ({"terms": {"ip": ["10.0.0.1", "::/96"]}}, [2, 3]),
        ({"terms": {"d": ["2024-01-01", "2024-01-05"]}}, [0, 2]),
        ({"terms": {"l": ["APPLE"], "boost": 2}}, [0]),
        ({"terms": {"_id": ["0", "9"]}}, [0]),
        ({"terms": {"k": []}}, []),
        ({"range": {"n": {"gt": 1.5}}}, [1, 2]),
        ({"range": {"n": {"gte": -3, "lt": 1}}}, [1]),
        ({"range": {"n": {"lt": -2.5}}}, [1]),
        ({"range": {"n": {"from": 1, "to": 2, "include_lower": False, "include_upper": True}}}, [1]),
        ({"range": {"n": {"from": None, "to": 1}}}, [0, 1]),
        ({"range": {"n": {"gte": 1e30}}}, []),
        ({"range": {"n": {"lte": 1e30}}}, [0, 1, 2]),
        ({"range": {"n": {}}}, [0, 1, 2]),
        ({"range": {"x": {"gt": 1.5}}}, [2]),
        ({"range": {"f": {"gte": 0.1, "lte": 0.1}}}, [0]),
        ({"range": {"s": {"gt": 1.2}}}, [1]),
        ({"range": {"s": {"gte": 1.2, "lt": 2.5}}}, [0]),
        ({"range": {"b": {"gt": False}}}, [0]),
        ({"range": {"d": {"gt": "2024-01-01"}}}, [1, 2]),
        ({"range": {"d": {"gte": "2024-01-01", "lt": "2024-01-02"}}}, [0]),
        ({"range": {"d": {"lte": "2024-01-05"}}}, [0, 1, 2]),
        ({"range": {"d": {"lt": "2024-01-05"}}}, [0, 1]),
        ({"range": {"d": {"gte": "now-4d/d", "lt": "now"}}}, [1, 2]),
        ({"range": {"d": {"gte": "2024-01-01T11:00:00", "time_zone": "+01:00"}}}, [0, 1, 2]),
        ({"range": {"d": {"gte": "2024-01-01T11:00:01", "time_zone": "+01:00"}}}, [1, 2]),
        ({"range": {"d": {"gte": "02/01/2024", "format": "dd/MM/yyyy"}}}, [1, 2]),
        ({"range": {"d": {"gt": 1704153600000}}}, [2]),
        ({"range": {"e": {"gte": 1704240000000}}}, [3]),
        ({"range": {"ns": {"gt": "2024-01-03T00:00:00.000000001Z"}}}, []),
        ({"range": {"ns": {"gte": "2024-01-03T00:00:00.000000001Z"}}}, [3]),
        ({"range": {"k": {"gte": "apple", "lt": "cherry"}}}, [1, 2]),
        ({"range": {"l": {"gt": "APPLE"}}}, [1]),
        ({"range": {"ip": {"gte": "10.0.0.2"}}}, [3]),
        ({"range": {"ip": {"lt": "10.0.0.1"}}}, [3]),
        ({"range": {"t": {"gte": "dog", "lte": "fox"}}}, [0, 1]),
        ({"exists": {"field": "t"}}, [0, 1, 2, 3]),
        ({"exists": {"field": "o"}}, [3, 4]),
        ({"exists": {"field": "o.*"}}, [3, 4]),
        ({"exists": {"field": "nope"}}, []),
        ({"exists": {"field": "nest"}}, []),
        ({"exists": {"field": "_id"}}, [0, 1, 2, 3, 4, 5]),
        ({"prefix": {"k": "ap"}}, [2]),
        ({"prefix": {"k": {"value": "AP", "case_insensitive": True}}}, [0, 2]),
        ({"prefix": {"l": "BAN"}}, [1]),
        ({"prefix": {"c": "sa"}}, [0, 1, 2, 3, 4, 5]),
        ({"prefix": {"t": "re"}}, [0, 1]),
        ({"wildcard": {"k": {"wildcard": "*an*"}}}, [1]),
        ({"wildcard": {"k": "x\\\\y\\*z"}}, [5]),
        ({"wildcard": {"_index": "typ*"}}, [0, 1, 2, 3, 4, 5]),
        ({"regexp": {"k": "[a-c].*[ya]"}}, [1, 2]),
        ({"regexp": {"k": {"value": "APP.*", "case_insensitive": True}}}, [0, 2]),
        ({"fuzzy": {"k": "bananna"}}, [1]),
        ({"fuzzy": {"k": {"value": "aplpe", "fuzziness": 1}}}, [2]),
        ({"fuzzy": {"k": {"value": "aplpe", "fuzziness": 1, "transpositions": False}}}, []),
        ({"fuzzy": {"k": {"value": "bpple", "fuzziness": 1, "prefix_length": 1}}}, []),
        ({"ids": {"values": ["5", "0", "x"]}}, [0, 5]),
        ({"match": {"t": "RED dog"}}, [0, 1]),
        ({"match": {"t": {"query": "red dog", "operator": "AND"}}}, [1]),
        ({"match": {"t": {"query": "red dog blue", "minimum_should_match": "2<-1"}}}, [1]),
        ({"match": {"t": {"query": "!!", "zero_terms_query": "all"}}}, [0, 1, 2, 3, 4, 5]),
        ({"match": {"t": "!!"}}, []),
        ({"match": {"t": {"query": "Red", "analyzer": "keyword"}}}, []),
        ({"match": {"n": {"query": "x", "lenient": True}}}, []),
        ({"match": {"k": "cherry"}}, [2]),
        ({"match": {"d": "2024-01-02"}}, [1]),
        ({"match": {"_id": "2"}}, [2]),
        ({"match_phrase": {"t": "dog red"}}, [1]),
        ({"match_phrase": {"t": "red red"}}, []),
        ({"match_phrase": {"t": {"query": "red red", "slop": 1}}}, [1]),
        ({"match_phrase": {"k": "cherry"}}, [2]),
        ({"match_phrase_prefix": {"t": "red f"}}, [0]),
        ({"match_phrase_prefix": {"t": "b"}}, [2]),
        ({"match_bool_prefix": {"t": "blue fo"}}, [0, 2]),
        ({"multi_match": {"query": "cherry", "fields": ["k", "t"]}}, [2]),
        ({"multi_match": {"query": "1"}}, [0, 3]),
        ({"multi_match": {"query": "red blue", "fields": ["t"], "type": "cross_fields", "operator": "and"}}, []),
        ({"multi_match": {"query": "x", "fields": ["nope"]}}, []),
        ({"nested": {"path": "nest", "query": {"bool": {"must": [{"term": {"nest.k": "a"}}, {"term": {"nest.n": 2}}]}}}}, [5]),
        ({"nested": {"path": "nest", "query": {"term": {"k": "apple"}}}}, []),
        ({"nested": {"path": "nope", "query": {"match_all": {}}, "ignore_unmapped": True}}, []),
        ({"term": {"nest.k": "a"}}, []),
        ({"bool": {}}, [0, 1, 2, 3, 4, 5]),
        ({"bool": {"must_not": {"exists": {"field": "t"}}}}, [4, 5]),
        ({"bool": {"should": [{"term": {"n": 1}}], "minimum_should_match": 0}}, [0]),
        ({"bool": {"filter": [{"exists": {"field": "n"}}], "should": [{"term": {"n": 1}}]}}, [0, 1, 2]),
        ({"bool": {"should": [{"term": {"n": 1}}, {"term": {"n": 2}}], "minimum_should_match": 3}}, []),
        (
            {"bool": {"must": {"term": {"n": 1}}, "should": [{"term": {"n": 8}}, {"term": {"n": 9}}], "minimum_should_match": 1}},
            [],
        ),
        ({"bool": {"must": {"term": {"t": "red"}}, "must_not": [{"term": {"n": 1}}]}}, [1]),
        ({"constant_score": {"filter": {"term": {"t": "red"}}}}, [0, 1]),
        ({"match_none": {}}, []),
        ({"wrapper": {"query": "eyJ0ZXJtIjp7Im4iOjF9fQ=="}}, [0]),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_what_a_query_finds(query: dict[str, Any], expected: list[int]) -> None:
    assert rows(query) == expected


@pytest.mark.parametrize(
    ("query", "reason", "cause"),
    [
        ({"term": {"n": "x"}}, 'failed to create query: For input string: "x"', "number_format_exception"),
        ({"terms": {"n": [1, ""]}}, "failed to create query: empty String", "number_format_exception"),
        ({"match": {"n": "abc"}}, 'failed to create query: For input string: "abc"', "number_format_exception"),
        ({"range": {"x": {"gt": "a"}}}, 'failed to create query: For input string: "a"', "number_format_exception"),
        (
            {"term": {"b": "yes"}},
            "failed to create query: Can't parse boolean value [yes], expected [true] or [false]",
            "illegal_argument_exception",
        ),
        ({"term": {"ip": "x"}}, "failed to create query: 'x' is not an IP string literal.", "illegal_argument_exception"),
        (
            {"range": {"c": {"gte": "x"}}},
            "failed to create query: Field [c] of type [constant_keyword] does not support range queries",
            "illegal_argument_exception",
        ),
        (
            {"term": {"off": 3}},
            "failed to create query: Cannot search on field [off] since it is not indexed nor has doc values.",
            "illegal_argument_exception",
        ),
        (
            {"term": {"n": {"value": 1, "case_insensitive": True}}},
            "[n] field which is of type [integer], does not support case insensitive term queries",
            None,
        ),
        (
            {"prefix": {"n": "1"}},
            "Can only use prefix queries on keyword, text and wildcard fields - not on [n] which is of type [integer]",
            None,
        ),
        (
            {"wildcard": {"d": "1*"}},
            "Can only use wildcard queries on keyword, text and wildcard fields - not on [d] which is of type [date]",
            None,
        ),
        (
            {"regexp": {"ip": "1"}},
            "Can only use regexp queries on keyword and text fields - not on [ip] which is of type [ip]",
            None,
        ),
        (
            {"fuzzy": {"n": "1"}},
            "failed to create query: Can only use fuzzy queries on keyword and text fields - not on [n] which is of type [integer]",
            "illegal_argument_exception",
        ),
        (
            {"match_phrase_prefix": {"k": "a"}},
            "failed to create query: Can only use phrase prefix queries on text fields - not on [k] which is of type [keyword]",
            "illegal_argument_exception",
        ),
        ({"match": {"t": {"query": "x", "analyzer": "nope"}}}, "[match] analyzer [nope] not found", None),
        (
            {"nested": {"path": "nope", "query": {"match_all": {}}}},
            "failed to create query: [nested] failed to find nested object under path [nope]",
            "illegal_state_exception",
        ),
        ({"regexp": {"k": "(a"}}, "failed to create query: expected ')' at position 2", "illegal_argument_exception"),
        (
            {"bool": {"should": [{"match_all": {}}], "minimum_should_match": "x"}},
            'failed to create query: For input string: "x"',
            "number_format_exception",
        ),
    ],
)
def test_a_value_that_a_field_cannot_take_is_a_shards_error(query: dict[str, Any], reason: str, cause: str | None) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        rows(query)
    error = caught.value
    assert (error.type, error.status) == ("query_shard_exception", 400)
    assert (error.reason or "").startswith(reason)
    assert (error.cause.type if error.cause else None) == cause
    assert error.metadata == {"es.index": ["types"], "es.index_uuid": [index().uuid]}


@pytest.mark.parametrize(
    ("query", "type_", "reason", "cause"),
    [
        (
            {"range": {"d": {"gte": "x"}}},
            "parse_exception",
            "failed to parse date field [x] with format [strict_date_optional_time||epoch_millis]: [failed to parse date field [x] with "
            "format [strict_date_optional_time||epoch_millis]]",
            "illegal_argument_exception",
        ),
        (
            {"bool": {"filter": [{"range": {"d": {"lt": "now+1x"}}}]}},
            "parse_exception",
            "unit [x] not supported for date math [+1x]",
            None,
        ),
        (
            {"term": {"_index": ":types"}},
            "illegal_argument_exception",
            "index name [:types] is invalid because the remote part is empty",
            None,
        ),
    ],
)
def test_what_fails_in_rewriting_is_shown_bare(query: dict[str, Any], type_: str, reason: str, cause: str | None) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        rows(query)
    error = caught.value
    assert (error.type, error.reason, error.cause.type if error.cause else None) == (type_, reason, cause)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"frob": {}}, "unknown query [frob]"),
        ({"term": {"n": 1, "k": 2}}, "[term] query doesn't support multiple fields, found [n] and [k]"),
        ({"term": {"n": {"value": 1, "colour": 2}}}, "[term] query does not support [colour]"),
        ({"bool": {"musst": []}}, "[bool] query does not support [musst]"),
        ({"match": {}, "term": {}}, "[match] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"),
        (
            {"multi_match": {"query": "x", "type": "worst_fields"}},
            "failed to parse [multi_match] query type [worst_fields]. unknown type.",
        ),
        ({"range": {"n": 5}}, "[range] query malformed, no start_object after query name"),
    ],
)
def test_a_malformed_query_is_a_parsing_error(query: dict[str, Any], reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        rows(query)
    assert (caught.value.type, caught.value.reason) == ("parsing_exception", reason)


def test_queries_nest_only_so_deep() -> None:
    query: dict[str, Any] = {"match_all": {}}
    for _ in range(40):
        query = {"bool": {"must": [query]}}
    with pytest.raises(ElasticsearchException, match="max_nested_depth"):
        rows(query)


def score(query: dict[str, Any]) -> float:
    return float(execute(index(), query, now_millis=NOW).scores[0])


def test_scores_of_constant_queries_are_their_boosts() -> None:
    assert score({"term": {"n": {"value": 1, "boost": 2.5}}}) == 2.5
    assert score({"match_all": {"boost": 3}}) == 3
    assert score({"bool": {"filter": {"term": {"t": "red"}}}}) == 0
    assert score({"bool": {"must": [{"term": {"n": 1}}, {"match_all": {}}], "boost": 2}}) == 4
    assert score({"constant_score": {"filter": {"match": {"t": "red"}}, "boost": 1.5}}) == 1.5
    assert (
        score({"dis_max": {"queries": [{"term": {"n": 1}}, {"term": {"b": {"value": True, "boost": 0}}}], "tie_breaker": 0.5}})
        == 1
    )
    assert score({"boosting": {"positive": {"term": {"n": 1}}, "negative": {"match_all": {}}, "negative_boost": 0.25}}) == 0.25


@pytest.mark.parametrize(("mode", "expected"), [("avg", 1.5), ("sum", 3), ("max", 2), ("min", 1), ("none", 0)])
def test_a_nested_query_joins_the_scores_of_its_objects(mode: str, expected: float) -> None:
    inner = {"bool": {"should": [{"term": {"nest.n": 1}}, {"term": {"nest.n": {"value": 2, "boost": 2}}}]}}
    assert score({"nested": {"path": "nest", "query": inner, "score_mode": mode}}) == expected


def test_named_queries_say_which_rows_they_match() -> None:
    found = execute(
        index(),
        {"bool": {"should": [{"term": {"n": {"value": 1, "_name": "one"}}}, {"exists": {"field": "k", "_name": "k"}}]}},
        now_millis=NOW,
    )
    assert found.names_of(0) == ["one", "k"]
    assert found.names_of(1) == ["k"]


def test_filters_narrow_without_scoring() -> None:
    query = {"match": {"t": "red"}}
    found = execute(index(), query, now_millis=NOW, filters=({"term": {"n": 2}}, {"exists": {"field": "k"}}))
    assert found.rows.tolist() == [1]
    assert found.scores[0] == execute(index(), query, now_millis=NOW).scores[1]
    assert len(execute(index(), None, now_millis=NOW, filters=({"match_none": {}},))) == 0
    assert execute(index(), query, now_millis=NOW, filters=({"term": {"n": {"value": 2, "_name": "secret"}}},)).named == {}


def test_deleted_documents_are_not_found() -> None:
    made = Index("deleted")
    for number in range(4):
        made.add(str(number), b'{"a": "x"}')
    made.delete("1")
    for query in (None, {"match": {"a": "x"}}, {"bool": {"must_not": {"term": {"a": "y"}}}}):
        assert execute(made, query, now_millis=NOW).rows.tolist() == [0, 2, 3]


def test_an_empty_index_answers() -> None:
    made = Index("empty", mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS)
    queries: list[dict[str, Any]] = [
        {"match_all": {}},
        {"match": {"t": "x"}},
        {"range": {"n": {"gt": 1}}},
        {"match_phrase": {"t": "a b"}},
        {"prefix": {"k": "a"}},
        {"query_string": {"query": "a~1 AND b*"}},
    ]
    for query in queries:
        assert len(execute(made, query, now_millis=NOW)) == 0
