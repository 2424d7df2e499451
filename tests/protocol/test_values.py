"""Generic values against those that Elasticsearch wrote."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import values
from protocol.errors import WireError
from protocol.values import GENERIC, plain, shortest_single
from protocol.versions import V_8_19
from protocol.wire import MAX_DEPTH, Reader, Writer
from tests.protocol.messages.samples import samples

SAMPLES = samples("value")

EXPECTED: dict[str, Any] = {
    "null": None,
    "string": "größe 😀",
    "integer": -7,
    "long": values.Long(7),
    "big long": -(1 << 63),
    "float": values.Single(0.10000000149011612),
    "double": 0.1,
    "boolean": True,
    "byte array": values.ByteArray(b"\x01\x02"),
    "list": [1, None, "a", []],
    "array": (1, "a"),
    "ordered map": {"k": 1},
    "hash map": values.HashMap({"k": values.HashMap()}),
    "byte": values.ByteNumber(-3),
    "date": values.Date(1795507301415),
    "bytes reference": values.BytesReference(b"ref"),
    "text": values.TextValue("text"),
    "short": values.ShortNumber(-300),
    "int array": values.IntArray((1, -1)),
    "long array": values.LongArray((1, -1)),
    "float array": values.FloatArray((0.5,)),
    "double array": values.DoubleArray((0.1,)),
    "bytes ref": b"ref",
    "geo point": values.GeoPoint(1.5, -2.5),
    "zoned date": values.ZonedDateTime("Europe/Berlin", 1795507301, 5),
    "ordered set": values.OrderedSet(("b", "a")),
    "set": values.HashSet(("a",)),
    "big integer": -123456789012345678901234567890,
    "small big integer": values.BigInteger(1),
    "offset time": values.OffsetTime("+02:00", 3723000000004),
    "duration": values.Duration(3, 5),
    "period": values.Period(1, 2, 3),
}


def read(data: bytes) -> Any:
    reader = Reader(data, V_8_19)
    value = GENERIC.read(reader)
    reader.expect_end("value")
    return value


def written(value: Any) -> bytes:
    writer = Writer(V_8_19)
    GENERIC.write(writer, value)
    return writer.getvalue()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_kind_is_told_apart_and_written_back(name: str) -> None:
    data = base64.b64decode(SAMPLES[name]["bytes"])
    value = read(data)
    assert value == EXPECTED[name]
    assert type(value) is type(EXPECTED[name])
    assert written(value) == data


def test_every_sample_is_expected() -> None:
    assert SAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (values.Long(7), 7),
        (values.Single(0.10000000149011612), 0.1),
        (values.Date(1795507301415), "2026-11-24T08:01:41.415Z"),
        (values.Date(-1), "1969-12-31T23:59:59.999Z"),
        (values.ZonedDateTime("UTC", 0, 1_000_000), "1970-01-01T00:00:00.001Z"),
        (b"ref", "ref"),
        (b"\xff", "/w=="),
        ({1: (values.HashSet(("a",)),), "k": values.HashMap({False: 1})}, {"1": [["a"]], "k": {"false": 1}}),
        (values.GeoPoint(1.0, 2.0), {"lat": 1.0, "lon": 2.0}),
        (values.TextValue("t"), "t"),
        ([None, False, 1.5], [None, False, 1.5]),
    ],
)
def test_values_have_a_json_form(value: Any, shown: Any) -> None:
    assert plain(value) == shown


def test_what_has_no_generic_form_is_not_written() -> None:
    with pytest.raises(TypeError, match="complex"):
        written(1j)


@given(st.floats(width=32, allow_nan=False))
def test_the_shortest_decimal_is_the_same_single(value: float) -> None:
    short = shortest_single(value)
    first, second = Writer(V_8_19), Writer(V_8_19)
    first.float32(value)
    second.float32(short)
    assert first.getvalue() == second.getvalue()
    assert len(repr(short)) <= len(repr(value))


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f",
        b"\x09\x01\x07\x00\x00\x01\x61",  # a list as a map's key
        b"\x1a\x01x",
        b"\x1a\x031_0",
        b"\x07\x7f",
        b"\x1e\x00",
        b"\x07\x01" * (MAX_DEPTH + 1) + b"\xff",
    ],
)
def test_malformed_values_raise_wire_errors(data: bytes) -> None:
    with pytest.raises(WireError):
        read(data)


@given(st.binary(max_size=60))
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    with contextlib.suppress(WireError):
        GENERIC.read(Reader(data, V_8_19))


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(json)
def test_what_json_can_say_comes_back(value: Any) -> None:
    assert read(written(value)) == value
