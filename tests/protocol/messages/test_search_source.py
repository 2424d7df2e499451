"""The bodies of searches against what Elasticsearch's own classes make of them."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import UnsupportedError, WireError
from protocol.messages.queries import QUERY
from protocol.messages.queries.parts import read_field
from protocol.messages.search_source import SEARCH_SOURCE, SearchSource
from protocol.versions import V_8_19, TransportVersion
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

CASES = list(read_lines("search_sources.jsonl.gz"))
DONE = [case for case in CASES if not case["refused"]]
REFUSED = [case for case in CASES if case["refused"]]


def title(case: dict[str, Any]) -> str:
    return json.dumps(case["request"], ensure_ascii=True)[:80]


def decode(data: bytes, version: TransportVersion = V_8_19) -> dict[str, Any]:
    reader = Reader(data, version)
    source = SEARCH_SOURCE.read(reader)
    reader.expect_end("source")
    return source


def encode(source: dict[str, Any], version: TransportVersion = V_8_19) -> bytes:
    writer = Writer(version)
    SEARCH_SOURCE.write(writer, source)
    return writer.getvalue()


def canonical(value: Any, name: str = "") -> Any:
    """Elasticsearch's rendering where we have another spelling of the same."""
    if isinstance(value, dict):
        return {("aggs" if key == "aggregations" else key): canonical(entry, key) for key, entry in value.items()}
    if isinstance(value, list):
        return [canonical(entry) for entry in value]
    if name in ("operator", "zero_terms_query", "boundary_scanner", "suggest_mode", "sort", "string_distance") and isinstance(
        value, str
    ):
        return value.lower()
    if name == "track_total_hits":
        return {2147483647: True, -1: False}.get(value, value)
    return value


@pytest.mark.parametrize("case", DONE, ids=title)
def test_what_elasticsearch_wrote_reads_to_what_it_renders(case: dict[str, Any]) -> None:
    source, rest = decode(base64.b64decode(case["bytes"])), canonical(case["rest"])
    assert source.pop("aggs", {}).keys() == rest.pop("aggs", {}).keys(), "what is in them has tests of its own"
    assert source == rest


@pytest.mark.parametrize("case", DONE, ids=title)
def test_what_was_read_writes_back_to_the_same_bytes(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["bytes"])
    assert encode(decode(data)) == data


@pytest.mark.parametrize("case", DONE, ids=title)
def test_what_elasticsearch_renders_is_understood(case: dict[str, Any]) -> None:
    """After the journey through JSON the types of numbers and strings still give the same bytes."""
    rest = json.loads(json.dumps(decode(base64.b64decode(case["bytes"]))))
    assert encode(rest) == base64.b64decode(case["bytes"])


@pytest.mark.parametrize("case", REFUSED, ids=title)
def test_what_is_not_done_is_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        decode(base64.b64decode(case["bytes"]))
    assert innermost(case["request"]) in caught.value.feature


def innermost(request: dict[str, Any]) -> str:
    """The name of the feature that a refused body is about."""
    text = json.dumps(request)
    names = ("script_fields", "span_first", "lookup", "span_near", "_geo_distance", "_script", "rescore")
    if '"terms": {"user"' in text:
        return "[terms] with a lookup"
    for name in names:
        if f'"{name}"' in text:
            return f"[{name}]"
    (name, value), *_ = request.items()
    return f"[{next(iter(value))}]" if name == "query" else f"[{name}]"


def test_there_are_enough_cases() -> None:
    assert len(DONE) >= 150
    assert len(REFUSED) >= 20


@pytest.mark.parametrize(
    ("version", "vectors", "wildcards"),
    [(8841000, False, False), (8841045, False, False), (8841046, True, False), (8841063, True, False), (8841064, True, True)],
)
def test_older_patches_lack_two_fields(version: int, vectors: bool, wildcards: bool) -> None:
    source = {"_source": {"includes": ["a"], "excludes": []}, "query": {"wildcard": {"f": {"wildcard": "x*", "boost": 1.0}}}}
    older = TransportVersion(version)
    data = encode(source, older)
    assert decode(data, older) == source
    assert len(encode(source)) - len(data) == (not vectors) + (not wildcards)


def test_queries_nest_to_the_cap_and_not_beyond() -> None:
    query: dict[str, Any] = {"match_all": {"boost": 1.0}}
    for _ in range(90):
        query = {"constant_score": {"filter": query, "boost": 1.0}}
    writer = Writer(V_8_19)
    QUERY.write(writer, query)
    assert QUERY.read(Reader(writer.getvalue(), V_8_19)) == query
    for _ in range(20):
        query = {"constant_score": {"filter": query, "boost": 1.0}}
    writer = Writer(V_8_19)
    QUERY.write(writer, query)
    with pytest.raises(WireError, match="nested deeper"):
        QUERY.read(Reader(writer.getvalue(), V_8_19))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"quary": {}}, r"\[search\] does not support \[quary\]"),
        ({"query": {"match": {"a": {"query": "b", "slup": 1}}}}, r"\[match\] does not support \[slup\]"),
        ({"query": {"match": {"a": {}}}}, r"\[match\] requires \[query\]"),
        ({"query": {"match": {"a": {"query": "b", "operator": "nor"}}}}, r"unknown value \[nor\]"),
        ({"query": {"nothing": {}}}, r"unknown query \[nothing\]"),
        ({"query": {"term": {}}}, r"\[term\] query wants one field"),
        ({"query": {"terms": {"a": ["x"], "b": ["y"]}}}, r"\[terms\] query wants one field"),
        ({"timeout": "10 parsecs"}, "failed to parse"),
    ],
)
def test_a_body_that_is_not_understood_is_not_written(body: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        encode(body)


def test_short_forms_are_understood() -> None:
    assert decode(encode({"query": {"match": {"a": "b"}}, "sort": ["price", {"n": "desc"}]})) == {
        "query": {"match": {"a": {"query": "b"}}},
        "sort": [{"price": {"order": "asc"}}, {"n": {"order": "desc"}}],
    }


def test_a_negative_boost_is_refused() -> None:
    writer = Writer(V_8_19)
    QUERY.write(writer, {"match_all": {"boost": -1.0}})
    with pytest.raises(WireError, match=r"negative \[boost\] are not allowed"):
        QUERY.read(Reader(writer.getvalue(), V_8_19))


@pytest.mark.parametrize(
    ("weight", "shown"), [(b"\x7f\x80\x00\x00", "Infinity"), (b"\x7f\xc0\x00\x00", "NaN"), (b"\xff\xff\x3e\x99", "NaN")]
)
def test_a_weight_that_is_no_number_is_refused(weight: bytes, shown: str) -> None:
    with pytest.raises(WireError, match=f"boost must be a positive float, got {shown}"):
        read_field(Reader(b"\x04body" + weight, V_8_19))


BYTES = [base64.b64decode(case["bytes"]) for case in CASES]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(BYTES), st.integers(0, 400), st.integers(0, 255), st.booleans())
def test_damaged_bodies_raise_only_wire_errors(data: bytes, position: int, value: int, cut: bool) -> None:
    position %= len(data)
    damaged = data[:position] + (b"" if cut else bytes([value]) + data[position + 1 :])
    with contextlib.suppress(WireError):
        decode(damaged)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    with contextlib.suppress(WireError):
        SearchSource.decode(data, V_8_19)
