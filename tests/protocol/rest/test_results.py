"""Answers in REST JSON become the messages that show the same again, or are refused by name."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.hits import SortFieldType, StringMissing
from protocol.messages.search_response import SearchResponse
from protocol.rest import parse_rest_error, parse_search_response, render_search, search_request
from protocol.values import Single
from protocol.versions import V_8_19
from tests.vectors import read_lines

ANSWERS = {line["name"]: line for line in read_lines("rest_answers.jsonl.gz")}
PLAIN = [name for name, line in ANSWERS.items() if "rest_total_hits_as_int" not in line["params"]]
REFUSED = re.compile(r"\[[\w+.@ -]+\]|sort values")


def asked(name: str) -> Any:
    line = ANSWERS[name]
    return search_request(line["index"].split(","), line["body"], line["params"]).source


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_read_shows_the_same(name: str) -> None:
    body = ANSWERS[name]["rest"]
    read, refused = None, ""
    try:
        read = parse_search_response(body, asked(name), cluster_alias="rem", node_id="n")
    except ElasticsearchException as error:
        refused = error.reason or ""
    if read is None:
        assert REFUSED.search(refused), refused
        assert "malformed" not in refused
        return
    sent = SearchResponse.decode(read.encode(V_8_19), V_8_19)
    shown = render_search(sent, typed_keys=True, named_scores="include_named_queries_score" in ANSWERS[name]["params"])
    assert without_alias(shown) == body


def without_alias(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_alias(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [without_alias(entry) for entry in value]
    return value.removeprefix("rem:") if isinstance(value, str) else value


def test_hardly_any_hits_are_refused() -> None:
    refused = []
    for name in PLAIN:
        if "aggregations" in ANSWERS[name]["rest"]:
            continue
        try:
            parse_search_response(ANSWERS[name]["rest"], asked(name))
        except ElasticsearchException as error:
            refused.append((name, error.reason))
    assert {name for name, _ in refused} <= {"hits-sort-date-format", "rest-explain"}, refused


def hits(*sort: Any) -> Any:
    return {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": len(sort), "relation": "eq"},
            "max_score": None,
            "hits": [{"_id": "1", "sort": s} for s in sort],
        },
    }


@pytest.mark.parametrize(
    ("sort", "values", "kind", "raw"),
    [
        ({"a": "asc"}, [3, None], SortFieldType.LONG, [3, (1 << 63) - 1]),
        ({"a": "desc"}, [3, None], SortFieldType.LONG, [3, -(1 << 63)]),
        ({"a": {"order": "asc", "missing": "_first"}}, [3, None], SortFieldType.LONG, [3, -(1 << 63)]),
        ({"a": "asc"}, [1.5, 2], SortFieldType.DOUBLE, [1.5, 2.0]),
        ({"a": "asc"}, ["x", None], SortFieldType.STRING, [b"x", None]),
        ("_score", [1.5, 1.0], SortFieldType.SCORE, [Single(1.5), Single(1.0)]),
    ],
)
def test_sort_values_are_compared_by_their_type(sort: Any, values: list[Any], kind: SortFieldType, raw: list[Any]) -> None:
    source = search_request([], {"sort": [sort]}).source
    read = parse_search_response(hits(*([value] for value in values)), source)
    assert read.hits.sort_fields is not None
    assert read.hits.sort_fields[0].type is kind
    assert [hit.sort.raw for hit in read.hits.hits] == [[value] for value in raw]
    assert [type(hit.sort.raw[0]) for hit in read.hits.hits] == [type(value) for value in raw]
    assert SearchResponse.decode(read.encode(V_8_19), V_8_19).encode(V_8_19) == read.encode(V_8_19)


def test_texts_that_are_missing_sort_where_it_is_asked() -> None:
    source = search_request([], {"sort": [{"a": {"order": "asc", "missing": "_first"}}]}).source
    read = parse_search_response(hits(["x"]), source)
    assert read.hits.sort_fields is not None
    assert read.hits.sort_fields[0].missing is StringMissing.FIRST


@pytest.mark.parametrize(
    "change", [{"took": "x"}, {"_shards": 1}, {"hits": []}, {"foo": 1}, {"profile": {}}, {"timed_out": None}]
)
def test_another_body_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        parse_search_response(hits() | change)
    assert caught.value.type == "illegal_argument_exception"


def test_an_error_and_back() -> None:
    error = ElasticsearchException(
        "index_not_found_exception", "no such index [a]", metadata={"es.index": ["a"], "es.resource.id": ["a"]}
    )
    body = rest_error(error)
    again = parse_rest_error(body)
    assert (again.type, again.reason, again.metadata) == (error.type, error.reason, error.metadata)
    assert rest_error(again) == body


def test_a_failed_shard_is_read() -> None:
    reason = {
        "type": "query_shard_exception",
        "reason": "no",
        "caused_by": {"type": "illegal_argument_exception", "reason": "why"},
    }
    failure = {"shard": 0, "index": "logs", "node": "n", "reason": reason}
    body = hits() | {"_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1, "failures": [failure]}}
    read = parse_search_response(body, cluster_alias="rem")
    assert base64.b64encode(read.encode(V_8_19))
    assert render_search(read)["_shards"]["failures"] == [failure | {"index": "rem:logs"}]
