"""Aggregation results: what a real remote answered, and what is made here."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.messages.aggregations import AGGREGATION_RESULTS
from protocol.messages.aggregations.base import (
    COUNT_DESC,
    COUNT_DESC_KEY_ASC,
    KEY_ASC,
    Bool,
    DateTime,
    DateTimeUnit,
    InternalAggregation,
    OffsetRounding,
    OrderElement,
    TimeIntervalRounding,
    TimeUnitRounding,
    read_order,
    write_order,
)
from protocol.messages.aggregations.results.metrics import Centroid, InternalGeoCentroid
from protocol.messages.aggregations.results.sketches import HyperLogLogPlusPlus
from protocol.schema import Message
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

VECTORS = read_lines("aggregations_results.jsonl.gz")

NOT_IN_THE_SERVER = {"adjacency_matrix", "auto_date_histogram", "multi_terms", "derivative", "children", "parent"}
"""Declared from the sources of modules whose classes the recorded nodes had not."""


def decode(data: bytes) -> list[Any]:
    reader = Reader(data, V_8_19)
    results = AGGREGATION_RESULTS.read(reader)
    reader.expect_end("results")
    return results


def encode(results: list[InternalAggregation]) -> bytes:
    writer = Writer(V_8_19)
    AGGREGATION_RESULTS.write(writer, results)
    return writer.getvalue()


def every(value: Any) -> list[Any]:
    """All results within a result, itself included."""
    if isinstance(value, list):
        return [found for entry in value for found in every(entry)]
    if not isinstance(value, Message):
        return []
    own = [value] if isinstance(value, InternalAggregation) else []
    return own + [found for entry in vars(value).values() for found in every(entry)]


@pytest.mark.parametrize("number", range(len(VECTORS)))
def test_a_result_is_read_and_written_back(number: int) -> None:
    data = base64.b64decode(VECTORS[number]["bytes"])
    results = decode(data)
    assert encode(results) == data
    assert sorted(result.typed_key for result in results) == sorted(VECTORS[number]["rest"])


def test_every_declared_type_has_a_vector() -> None:
    seen = {found.wire_name for line in VECTORS for found in every(decode(base64.b64decode(line["bytes"])))}
    assert seen | NOT_IN_THE_SERVER >= set(InternalAggregation._named) - {"geo_distance", "geohash_grid", "geotile_grid"}


def shown(value: float) -> float | None:
    return value if math.isfinite(value) else None


def check_numbers(result: Any, rest: dict[str, Any]) -> bool:
    """Compare what Elasticsearch renders with the fields; whether the kind is one of those that can be compared so."""
    match result.wire_name:
        case "avg":
            assert rest["value"] == (result.sum / result.count if result.count else None)
        case "sum" | "min" | "max":
            assert rest["value"] == shown(getattr(result, result.wire_name))
        case "value_count":
            assert rest["value"] == result.value
        case "stats" | "extended_stats":
            assert rest["count"] == result.count
            assert (rest["min"], rest["max"]) == (shown(result.min), shown(result.max))
            assert rest["sum"] == result.sum
            if result.wire_name == "extended_stats" and result.count:
                assert rest["sum_of_squares"] == result.sum_of_squares
        case "weighted_avg":
            assert rest["value"] == (result.sum / result.weight if result.weight else None)
        case "cardinality":
            assert (result.counts is None) <= (rest["value"] == 0)
            if result.counts is not None and result.counts.registers is None:
                assert rest["value"] == len(result.counts.hashes)
        case "sterms" | "lterms" | "dterms":
            assert rest["sum_other_doc_count"] == result.other_doc_count
            assert rest["doc_count_error_upper_bound"] == (-1 if result.doc_count_error is None else result.doc_count_error)
            assert [bucket["doc_count"] for bucket in rest["buckets"]] == [bucket.doc_count for bucket in result.buckets]
            for bucket, found in zip(rest["buckets"], result.buckets, strict=True):
                if isinstance(found.term, bytes) and result.format.wire_name == "raw":
                    assert bucket["key"] == found.term.decode()
                elif not isinstance(found.term, bytes) and result.format.wire_name in ("raw", "bool", "date_time", "decimal"):
                    assert bucket["key"] == found.term
        case "histogram" | "date_histogram":
            buckets = list(rest["buckets"].values()) if result.keyed else rest["buckets"]
            assert [(bucket["key"], bucket["doc_count"]) for bucket in buckets] == [
                (it.key, it.doc_count) for it in result.buckets
            ]
        case "range" | "date_range":
            buckets = list(rest["buckets"].values()) if result.keyed else rest["buckets"]
            ends = [(bucket.get("from", -math.inf), bucket.get("to", math.inf), bucket["doc_count"]) for bucket in buckets]
            assert ends == [(it.from_, it.to, it.doc_count) for it in result.ranges]
        case "filter" | "global" | "missing" | "nested" | "reverse_nested" | "mapped_sampler":
            assert rest["doc_count"] == result.doc_count
        case "composite":
            assert [bucket["doc_count"] for bucket in rest["buckets"]] == [bucket.doc_count for bucket in result.buckets]
            assert ("after_key" in rest) == (result.after_key is not None)
            assert all(list(bucket["key"]) == [source.name for source in result.sources] for bucket in rest["buckets"])
        case "filters":
            named = result.keyed and result.keyed_bucket
            counts = [(key, bucket["doc_count"]) for key, bucket in rest["buckets"].items()] if named else None
            if counts is not None:
                assert counts == [(bucket.key, bucket.doc_count) for bucket in result.buckets]
        case "top_hits":
            total = result.search_hits.total
            assert rest["hits"]["total"]["value"] == total.value == result.top_docs.total_hits.value
            assert [hit.get("_id") for hit in rest["hits"]["hits"]] == [hit.id for hit in result.search_hits.hits]
        case _:
            return False
    return True


def test_the_fields_are_what_elasticsearch_renders() -> None:
    compared = 0
    for line in VECTORS:
        for result in decode(base64.b64decode(line["bytes"])):
            compared += check_numbers(result, line["rest"][result.typed_key])
    assert compared > 150


def test_both_forms_of_cardinality_are_among_the_vectors() -> None:
    counts = [
        found.counts
        for line in VECTORS
        for found in every(decode(base64.b64decode(line["bytes"])))
        if found.wire_name == "cardinality"
    ]
    assert any(count is None for count in counts)
    assert any(count is not None and count.registers is None and count.hashes for count in counts)
    assert any(count is not None and count.registers is not None for count in counts)


@pytest.mark.parametrize(
    "order",
    [
        COUNT_DESC,
        KEY_ASC,
        COUNT_DESC_KEY_ASC,
        (OrderElement("a>b.c", False), OrderElement("_count", True), OrderElement("_key", False)),
    ],
    ids=str,
)
def test_an_order_round_trips(order: Any) -> None:
    writer = Writer(V_8_19)
    write_order(writer, order)
    assert read_order(Reader(writer.getvalue(), V_8_19)) == order


def test_orders_within_orders_are_flat() -> None:
    assert read_order(Reader(b"\xff\x02\xff\x02\x01\x02\x04", V_8_19)) == (
        OrderElement("_count", False),
        OrderElement("_count", True),
        OrderElement("_key", True),
    )


@pytest.mark.parametrize(
    ("rounding", "encoded"),
    [
        (TimeUnitRounding(unit=DateTimeUnit.MONTH), "0401" + "5a"),
        (TimeIntervalRounding(interval=300, time_zone="CET"), "ac02" + "03" + "434554"),
        (OffsetRounding(delegate=TimeUnitRounding(unit=DateTimeUnit.DAY), offset=-1), "01" + "0501" + "5a" + "01"),
    ],
    ids=str,
)
def test_a_rounding_round_trips(rounding: Any, encoded: str) -> None:
    assert rounding.encode(V_8_19).hex() == encoded
    assert type(rounding).decode(bytes.fromhex(encoded), V_8_19) == rounding


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x01\x04none", "unknown InternalAggregation [none]"),
        (b"\x01\x03sum\x01a\x05\x00", "metadata is not a map"),
        (b"\x01\x0bcardinality\x01a\xff\x03raw\x01\x20\x00\x00", "a precision of [32]"),
        (b"\x01\x0bcardinality\x01a\xff\x03raw\x01\x0e\x00\x05", "[5] hashes in 0 bytes"),
        (b"\x01\x0bcardinality\x01a\xff\x03raw\x01\x0e\x01\x05", "16384 bytes wanted"),
        (b"\x01\x05range\x01a\xff\x03rew\x00\x00", "unknown DocValueFormat [rew]"),
        (b"\x01\x07umterms\x01a\xff\x09", "unknown order id [9]"),
        (b"\x01\x07umterms\x01a\xff\xff\x00", "an order without criteria"),
    ],
)
def test_malformed_results_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(WireError) as refused:
        decode(data)
    assert why in str(refused.value)


def test_the_weights_of_shapes_are_only_for_those_who_know_them() -> None:
    centroid = InternalGeoCentroid(name="a", count=1, centroid=Centroid(lat=1.0, lon=2.0))
    old, new = centroid.encode(MINIMUM_COMPATIBLE), centroid.encode(V_8_19)
    assert new == old + b"\x00"
    assert InternalGeoCentroid.decode(old, MINIMUM_COMPATIBLE) == InternalGeoCentroid.decode(new, V_8_19) == centroid


def test_nesting_is_bounded() -> None:
    level = b"\x01\x06filter\x01a\xff\x01"
    with pytest.raises(WireError, match="nested deeper"):
        decode(level * 500 + b"\x00")


def test_formats_compare_by_value() -> None:
    assert DateTime() == DateTime()
    assert DateTime(pattern="yyyy") != DateTime()
    assert Bool() == Bool()


def test_hashes_are_signed() -> None:
    sketch = HyperLogLogPlusPlus(14, [-1, 1 << 30])
    writer = Writer(V_8_19)
    sketch.write(writer)
    assert writer.getvalue().hex() == "0e0002ffffffff40000000"
    assert HyperLogLogPlusPlus.read(Reader(writer.getvalue(), V_8_19)) == sketch


@settings(max_examples=300)
@given(line=st.sampled_from(VECTORS), at=st.integers(0, 100_000), to=st.binary(max_size=3), cut=st.booleans())
def test_mutated_bytes_raise_only_wire_errors(line: dict[str, Any], at: int, to: bytes, cut: bool) -> None:
    data = base64.b64decode(line["bytes"])
    at %= len(data)
    try:
        decode(data[:at] + to + (b"" if cut else data[at + len(to) :]))
    except WireError:
        return


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    try:
        decode(b"\x01" + data)
    except WireError:
        return
