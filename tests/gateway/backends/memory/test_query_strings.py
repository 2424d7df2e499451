"""query_string and simple_query_string read what Lucene's parsers read, and score it alike."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException
from tests.gateway.backends.memory.conftest import ENGINE


def lines() -> list[dict[str, Any]]:
    with gzip.open(ENGINE / "query_strings.jsonl.gz") as file:
        return [json.loads(line) for line in file]


@cache
def small_index() -> Index:
    mappings = {"properties": {"f": {"type": "text"}, "g": {"type": "text"}, "n": {"type": "long"}, "d": {"type": "date"}}}
    index = Index("small", mapping=parse_mappings(mappings), mappings=mappings)
    for number, text in enumerate(lines()[0]["documents"]):
        index.add(str(number), json.dumps({"f": text, "g": text[::-1], "n": number, "d": f"2024-01-{number + 1:02d}"}).encode())
    return index


def query_of(case: dict[str, Any]) -> dict[str, Any]:
    body = {"query": case["query"], "default_operator": "and" if case["kind"].endswith("A") else "or"}
    if case["kind"].startswith("Q"):
        # A node sends this default with every query string; it is for words with a tilde only.
        return {"query_string": {**body, "default_field": "f", "fuzziness": "AUTO"}}
    return {"simple_query_string": {**body, "fields": ["f"]}}


@pytest.mark.parametrize("kind", ["Q", "QA", "S", "SA"])
def test_the_documents_and_scores_are_lucenes(kind: str) -> None:
    cases = [case for case in lines()[1:] if case["kind"] == kind and "scores" in case]
    assert len(cases) > 50
    for case in cases:
        found = execute(small_index(), query_of(case), now_millis=0)
        scores = {str(row): score for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True)}
        assert scores == pytest.approx(case["scores"], rel=1e-5, abs=1e-9), case["query"]


def test_what_lucene_cannot_parse_is_refused() -> None:
    cases = [case for case in lines()[1:] if "error" in case]
    assert len(cases) == 100
    for case in cases:
        with pytest.raises(ElasticsearchException) as caught:
            execute(small_index(), query_of(case), now_millis=0)
        assert caught.value.type == "query_shard_exception"
        assert caught.value.reason == f"Failed to parse query [{case['query']}]"
        assert caught.value.cause is not None
        assert caught.value.cause.type == "parse_exception"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("n:[3 TO 5]", [3, 4, 5]),
        ("n:{3 TO 5}", [4]),
        ("n:>=22", [22, 23]),
        ("n:<2", [0, 1]),
        ("d:[2024-01-03 TO 2024-01-04]", [2, 3]),
        ('d:"2024-01-05"', [4]),
        ("n:(1 OR 7)", [1, 7]),
        ("_exists_:n AND n:1", [1]),
        ("n:* AND n:2", [2]),
        ("-n:[2 TO 23]", [0, 1]),
        ("nope:x", []),
        (r"n:\1", [1]),
    ],
)
def test_fields_of_other_types(text: str, rows: list[int]) -> None:
    assert execute(small_index(), {"query_string": {"query": text}}, now_millis=0).rows.tolist() == rows


def test_a_value_that_a_field_cannot_take_is_an_error_unless_lenient() -> None:
    with pytest.raises(ElasticsearchException) as caught:
        execute(small_index(), {"query_string": {"query": "x", "fields": ["n"]}}, now_millis=0)
    assert caught.value.reason == 'failed to create query: For input string: "x"'
    assert caught.value.cause is not None
    assert caught.value.cause.type == "number_format_exception"
    lenient = {"query_string": {"query": "x", "fields": ["n"], "lenient": True}}
    assert len(execute(small_index(), lenient, now_millis=0)) == 0
    assert len(execute(small_index(), {"query_string": {"query": "fox"}}, now_millis=0)) > 0


def test_minimum_should_match_and_the_default_operator() -> None:
    def count(**options: Any) -> int:
        return len(execute(small_index(), {"query_string": {"query": "ab abc bd", "fields": ["f"], **options}}, now_millis=0))

    assert count() > count(minimum_should_match=2) > count(default_operator="AND") == count(minimum_should_match="100%")


@given(st.text('ab"()+-|&!*?~^:[]{}/\\ TO1', max_size=16))
def test_any_text_is_answered_or_refused(text: str) -> None:
    execute(small_index(), {"simple_query_string": {"query": text}}, now_millis=0)
    with suppress(ElasticsearchException):
        execute(small_index(), {"query_string": {"query": text}}, now_millis=0)


def test_deep_nesting_is_refused() -> None:
    for kind in ("query_string", "simple_query_string"):
        with pytest.raises(ElasticsearchException, match="too deeply nested"):
            execute(small_index(), {kind: {"query": "(" * 3000 + "a" + ")" * 3000}}, now_millis=0)
