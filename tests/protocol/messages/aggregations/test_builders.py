"""Aggregation requests: every body, as Elasticsearch's own builders encode and render it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UnsupportedError, WireError
from protocol.messages.aggregations import AGGREGATIONS
from protocol.messages.aggregations.builders.base import AggregationBuilder, PipelineAggregationBuilder
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

VECTORS = read_lines("aggregations_requests.jsonl.gz")
DONE = [line for line in VECTORS if "refused" not in line]
REFUSED = [line for line in VECTORS if "refused" in line]

NOT_IN_THE_SERVER = {"adjacency_matrix", "auto_date_histogram", "multi_terms", "bucket_sort", "derivative"}
"""Declared from the sources of modules whose classes the oracle has not."""


def name_of(line: dict[str, Any]) -> str:
    return json.dumps(line["aggs"], ensure_ascii=False)


def decode(data: bytes) -> dict[str, Any]:
    reader = Reader(data, V_8_19)
    aggregations = AGGREGATIONS.read(reader)
    reader.expect_end("aggregations")
    return aggregations


def encode(aggregations: dict[str, Any]) -> bytes:
    writer = Writer(V_8_19)
    AGGREGATIONS.write(writer, aggregations)
    return writer.getvalue()


@pytest.mark.parametrize("line", DONE, ids=name_of)
def test_a_request_is_read_and_written_as_elasticsearch_does(line: dict[str, Any]) -> None:
    data = base64.b64decode(line["bytes"])
    read = decode(data)
    assert encode(read) == data
    assert json.loads(json.dumps(read)) == read, "not JSON"
    assert decode(encode(line["aggs"])) == read, "the user's form"
    assert set(read) == set(line["aggs"])


@pytest.mark.parametrize("line", DONE, ids=name_of)
def test_what_is_read_means_what_elasticsearch_renders(line: dict[str, Any]) -> None:
    assert_subset(decode(base64.b64decode(line["bytes"])), line["rest"])


ALIASES = {"aggs": "aggregations"}

OWN_SHAPE = ("include", "exclude", "_source", "sort", "highlight", "stored_fields", "docvalue_fields", "fields", "filter", "filters",
             "background_filter", "after", "meta")  # fmt: skip
"""Members whose text differs (a default shown or not) and whose codecs have tests of their own."""

NOT_RENDERED = ("offset",)
"""Elasticsearch leaves the offset of a composite's date histogram out when it renders one."""


def assert_subset(read: Any, rendered: Any) -> None:
    """Every member that is read is rendered by Elasticsearch, with the same value."""
    if isinstance(read, dict):
        assert isinstance(rendered, dict)
        for name, value in read.items():
            shown = ALIASES.get(name, name)
            assert shown in rendered or name in NOT_RENDERED, (shown, rendered)
            if name not in OWN_SHAPE and shown in rendered:
                assert_subset(value, rendered[shown])
    elif isinstance(read, list) or isinstance(rendered, list):
        read, rendered = ([value] if not isinstance(value, list) else value for value in (read, rendered))
        for one, other in zip(read, rendered, strict=True):
            assert_subset(one, other)
    elif isinstance(read, bool) or not isinstance(read, int | float):
        assert str(read).lower() == str(rendered).lower()
    else:
        assert read == float(rendered)


@pytest.mark.parametrize("line", REFUSED, ids=name_of)
def test_what_is_not_done_is_refused_by_name(line: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as refused:
        decode(base64.b64decode(line["bytes"]))
    assert str(refused.value) == f"{line['refused']} is not supported"


def types_of(aggregations: dict[str, Any]) -> set[str]:
    found = set()
    for definition in aggregations.values():
        found |= definition.keys() - {"aggs", "aggregations", "meta"}
        found |= types_of(definition.get("aggs", definition.get("aggregations", {})))
    return found


def test_every_declared_type_has_a_vector() -> None:
    seen = set().union(*(types_of(line["aggs"]) for line in DONE))
    assert seen | NOT_IN_THE_SERVER == set(AggregationBuilder._named) | set(PipelineAggregationBuilder._named)


@pytest.mark.parametrize(
    "aggregations",
    [
        {
            "r": {
                "multi_terms": {"terms": [{"field": "a"}, {"field": "b", "missing": 0}], "size": 3},
                "aggs": {"m": {"max": {"field": "c"}}},
            }
        },
        {"r": {"auto_date_histogram": {"field": "d", "buckets": 5, "minimum_interval": "day", "time_zone": "CET"}}},
        {"r": {"adjacency_matrix": {"separator": "|", "filters": {"a": {"match_all": {"boost": 1.0}}}}}},
        {
            "h": {
                "histogram": {"field": "a", "interval": 1.0},
                "aggs": {"d": {"derivative": {"buckets_path": "_count", "unit": "day"}}},
            }
        },
        {
            "t": {
                "terms": {"field": "a"},
                "aggs": {"s": {"bucket_sort": {"sort": [{"_key": {"order": "desc"}}], "from": 1, "size": 2}}},
            }
        },
    ],
    ids=str,
)
def test_aggregations_of_other_modules_round_trip(aggregations: dict[str, Any]) -> None:
    assert decode(encode(aggregations)) == aggregations


@pytest.mark.parametrize(
    ("aggregations", "reason"),
    [
        ({"r": {"nonesuch": {}}}, "unknown aggregation type [nonesuch]"),
        ({"r": {"avg": {"field": "a"}, "sum": {"field": "a"}}}, "wants one type"),
        ({"r": {}}, "wants one type"),
        ({"r": {"avg": {"fild": "a"}}}, "[avg] does not support [fild]"),
        ({"r": {"histogram": {"field": "a"}}}, "[histogram] requires [interval]"),
        (
            {"r": {"date_histogram": {"field": "a", "fixed_interval": "1d", "calendar_interval": "1d"}}},
            "Cannot use [fixed_interval]",
        ),
        ({"r": {"terms": {"field": "a", "order": {"_key": "up"}}}}, "Unknown order direction [up]"),
        ({"r": {"terms": {"field": "a", "order": []}}}, "Must specify at least one field for [order]"),
        (
            {"r": {"terms": {"field": "a", "include": {"partition": 0, "num_partitions": 2}, "exclude": "b"}}},
            "Cannot specify any excludes",
        ),
        ({"r": {"max_bucket": {"buckets_path": "a>b"}, "aggs": {}}}, "cannot accept sub-aggregations"),
        ({"r": {"percentiles": {"field": "a", "hdr": {}, "tdigest": {}}}}, "Only one percentiles method"),
    ],
)
def test_a_wrong_request_is_not_written(aggregations: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        encode(aggregations)


def test_two_aggregations_of_one_name_are_refused() -> None:
    one = encode({"a": {"avg": {"field": "f"}}})
    with pytest.raises(WireError, match="two aggregations"):
        decode(b"\x02" + one[1:-1] * 2 + one[-1:])


def test_nesting_is_bounded() -> None:
    with pytest.raises(WireError, match="nested deeper"):
        decode(b"\x01\x06global\x01a" * 500)


@given(line=st.sampled_from(VECTORS), at=st.integers(0, 10_000), to=st.binary(max_size=3), cut=st.booleans())
def test_mutated_bytes_raise_only_wire_errors(line: dict[str, Any], at: int, to: bytes, cut: bool) -> None:
    data = base64.b64decode(line["bytes"])
    at %= len(data)
    mutated = data[:at] + to + (b"" if cut else data[at + len(to) :])
    try:
        read = decode(mutated)
    except WireError:
        return
    json.dumps(read)


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    try:
        decode(data)
    except WireError:
        return
