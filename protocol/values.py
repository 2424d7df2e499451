"""Elasticsearch's *generic value*: one byte that names the type, then the value (``StreamInput.readGenericValue``).

In Python such a value is what JSON would give (None, str, int, float, bool, list, dict), so that nobody has to care. Where the
wire knows more kinds than Python, a small subclass keeps the difference: what was read is written back to the same bytes.

======================= ==========================================================================================
on the wire             in Python
======================= ==========================================================================================
Integer, Long           ``int``, as wide as it must be; a Long whose value fits 32 bits is a :class:`Long`
Double, Float           ``float``, :class:`Single`
Byte, Short, BigInteger :class:`ByteNumber`, :class:`ShortNumber`, :class:`BigInteger`
String, Text            ``str``, :class:`TextValue`
List, Object[]          ``list``, ``tuple``
ordered map, hash map   ``dict``, :class:`HashMap`
ordered set, hash set   :class:`OrderedSet`, :class:`HashSet` (both tuples: the order of the bytes)
BytesRef                ``bytes``; ``byte[]`` is a :class:`ByteArray`, a BytesReference a :class:`BytesReference`
int[], long[], …        :class:`IntArray`, :class:`LongArray`, :class:`FloatArray`, :class:`DoubleArray`
Date                    :class:`Date`, milliseconds since 1970
ZonedDateTime           :class:`ZonedDateTime`
OffsetTime and others   :class:`OffsetTime`, :class:`Duration`, :class:`Period`, :class:`GeoPoint`
======================= ==========================================================================================
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from protocol.errors import WireError
from protocol.schema import Codec
from protocol.wire import Reader, Writer

_NULL = 0xFF
_SINGLE = struct.Struct(">f")
_MAX_DIGITS = 4000
"""Longest BigInteger that is read; CPython itself refuses to parse more than 4300 digits."""


class Integer(int):
    """An int that travels as an Integer also where a plain int would be a Long, as in sort values."""


class Long(int):
    """An int that travels as a Long although it fits 32 bits."""


class ByteNumber(int):
    """A signed 8-bit number."""


class ShortNumber(int):
    """A signed 16-bit number."""


class BigInteger(int):
    """An int that travels as decimal digits; plain ints beyond 64 bits do so too."""


class Single(float):
    """A 32-bit float."""


class Date(int):
    """Milliseconds since 1970, UTC."""


class TextValue(str):
    """A string that travels as Elasticsearch's ``Text``."""


class ByteArray(bytes):
    """Bytes that travel as ``byte[]``."""


class BytesReference(bytes):
    """Bytes that travel as a ``BytesReference``."""


class HashMap(dict[Any, Any]):
    """A map without an order of its own; the order is that of the bytes."""


class OrderedSet(tuple[Any, ...]):
    """A LinkedHashSet."""


class HashSet(tuple[Any, ...]):
    """A HashSet; the order is that of the bytes."""


class IntArray(tuple[int, ...]):
    """``int[]``"""


class LongArray(tuple[int, ...]):
    """``long[]``"""


class FloatArray(tuple[float, ...]):
    """``float[]``"""


class DoubleArray(tuple[float, ...]):
    """``double[]``"""


@dataclass(frozen=True, slots=True)
class ZonedDateTime:
    """A moment (seconds since 1970 and nanoseconds) in a named time zone."""

    zone: str
    seconds: int
    nanos: int = 0


@dataclass(frozen=True, slots=True)
class GeoPoint:
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class OffsetTime:
    """A time of day, in nanoseconds since midnight, at an offset such as ``+02:00``."""

    offset: str
    nanos: int


@dataclass(frozen=True, slots=True)
class Duration:
    seconds: int
    nanos: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    years: int
    months: int
    days: int


def read_generic(reader: Reader) -> Any:
    """The next generic value. Raises WireError."""
    kind = reader.byte()
    if kind == _NULL:
        return None
    read = _READERS.get(kind)
    if read is None:
        raise WireError(f"unknown type of generic value [{kind}]")
    return read(reader)


def write_generic(writer: Writer, value: Any) -> None:
    """Put a generic value at the end. Raises TypeError for a type that Elasticsearch has no generic form for."""
    if value is None:
        writer.byte(_NULL)
        return
    entry = _WRITERS.get(type(value))
    if entry is None:
        raise TypeError(f"cannot write type [{type(value).__name__}] as a generic value")
    kind, write = entry
    if kind >= 0:
        writer.byte(kind)
    write(writer, value)


def plain(value: Any) -> Any:
    """A generic value as JSON shows it: only None, bool, int, float, str, list and dict are left.

    Bytes that are not UTF-8 become base64, moments ISO 8601, as Elasticsearch renders them.
    """
    match value:
        case None | bool():
            return value
        case Date():
            return _iso(int(value) // 1000, int(value) % 1000 * 1_000_000, 3)
        case Single():
            return shortest_single(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
        case bytes():
            return _plain_bytes(value)
        case dict():
            return {_key(name): plain(entry) for name, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case ZonedDateTime():
            return _iso(value.seconds, value.nanos, 3 if value.nanos % 1_000_000 == 0 else 9)
        case GeoPoint():
            return {"lat": value.lat, "lon": value.lon}
        case _:
            raise TypeError(f"[{type(value).__name__}] has no JSON form")


def shortest_single(value: float) -> float:
    """The float with the fewest decimal digits that is the same 32-bit float, as Java prints it: 0.1 for 0.10000000149."""
    wanted = _as_single(value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if _as_single(short) == wanted:
            return short
    return float(f"{value:.9g}")


def _as_single(value: float) -> bytes:
    try:
        return _SINGLE.pack(value)
    except OverflowError:
        return b""


def _plain_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return b64encode(value).decode("ascii")


def _key(name: Any) -> str:
    shown = plain(name)
    return shown if isinstance(shown, str) else str(shown).lower() if isinstance(shown, bool) else str(shown)


def _iso(seconds: int, nanos: int, digits: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f"{nanos:09d}"[:digits]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _integer(writer: Writer, value: int) -> None:
    """The narrowest of Integer, Long and BigInteger, as Elasticsearch's JSON parser chooses."""
    if -(1 << 31) <= value < 1 << 31:
        writer.byte(1)
        writer.int32(value)
    elif -(1 << 63) <= value < 1 << 63:
        writer.byte(2)
        writer.int64(value)
    else:
        writer.byte(26)
        writer.string(str(value))


def _read_long(reader: Reader) -> int:
    value = reader.int64()
    return Long(value) if -(1 << 31) <= value < 1 << 31 else value


def read_big_integer(reader: Reader) -> int:
    """A number as decimal digits. Raises WireError."""
    digits = reader.string()
    if len(digits) > _MAX_DIGITS or not digits.isascii() or not digits.lstrip("+-").isdigit():
        raise WireError("malformed BigInteger")
    try:
        value = int(digits)
    except ValueError:
        raise WireError("malformed BigInteger") from None
    return value if abs(value) >> 63 else BigInteger(value)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _nested(read: Callable[[Reader], Any]) -> Callable[[Reader], Any]:
    def guarded(reader: Reader) -> Any:
        reader.enter()
        value = read(reader)
        reader.leave()
        return value

    return guarded


def _read_many(reader: Reader) -> list[Any]:
    return [read_generic(reader) for _ in range(reader.size())]


def _read_map(reader: Reader) -> dict[Any, Any]:
    entries = {}
    for _ in range(reader.size()):
        key = read_generic(reader)
        try:
            hash(key)
        except TypeError:
            raise WireError(f"a map's key of type [{type(key).__name__}]") from None
        entries[key] = read_generic(reader)
    return entries


def _write_many(writer: Writer, values: Any) -> None:
    writer.vint(len(values))
    for value in values:
        write_generic(writer, value)


def _write_map(writer: Writer, values: dict[Any, Any]) -> None:
    writer.map(lambda key: write_generic(writer, key), lambda value: write_generic(writer, value), values)


def _write_zoned(writer: Writer, value: ZonedDateTime) -> None:
    writer.string(value.zone)
    writer.zlong(value.seconds)
    writer.int32(value.nanos)


def _write_array(write: Callable[[Writer, int], None]) -> Callable[[Writer, Any], None]:
    def put(writer: Writer, values: Any) -> None:
        writer.vint(len(values))
        for value in values:
            write(writer, value)

    return put


def _write_geo_point(writer: Writer, value: GeoPoint) -> None:
    writer.float64(value.lat)
    writer.float64(value.lon)


def _write_offset_time(writer: Writer, value: OffsetTime) -> None:
    writer.string(value.offset)
    writer.int64(value.nanos)


def _write_duration(writer: Writer, value: Duration) -> None:
    writer.int64(value.seconds)
    writer.int64(value.nanos)


def _write_period(writer: Writer, value: Period) -> None:
    writer.int32(value.years)
    writer.int32(value.months)
    writer.int32(value.days)


_READERS: dict[int, Callable[[Reader], Any]] = {
    0: Reader.string,
    1: Reader.int32,
    2: _read_long,
    3: lambda reader: Single(reader.float32()),
    4: Reader.float64,
    5: Reader.boolean,
    6: lambda reader: ByteArray(reader.bytes_reference()),
    7: _nested(_read_many),
    8: _nested(lambda reader: tuple(_read_many(reader))),
    9: _nested(_read_map),
    10: _nested(lambda reader: HashMap(_read_map(reader))),
    11: lambda reader: ByteNumber(_signed(reader.byte(), 8)),
    12: lambda reader: Date(reader.int64()),
    13: lambda reader: ZonedDateTime(reader.string(), reader.zlong(), reader.int32()),
    14: lambda reader: BytesReference(reader.bytes_reference()),
    15: lambda reader: TextValue(reader.text()),
    16: lambda reader: ShortNumber(reader.short()),
    17: lambda reader: IntArray(reader.list(reader.int32)),
    18: lambda reader: LongArray(reader.list(reader.int64)),
    19: lambda reader: FloatArray(reader.list(reader.float32)),
    20: lambda reader: DoubleArray(reader.list(reader.float64)),
    21: Reader.bytes_reference,
    22: lambda reader: GeoPoint(reader.float64(), reader.float64()),
    23: lambda reader: ZonedDateTime(reader.string(), reader.zlong(), reader.int32()),
    24: _nested(lambda reader: OrderedSet(_read_many(reader))),
    25: _nested(lambda reader: HashSet(_read_many(reader))),
    26: read_big_integer,
    27: lambda reader: OffsetTime(reader.string(), reader.int64()),
    28: lambda reader: Duration(reader.int64(), reader.int64()),
    29: lambda reader: Period(reader.int32(), reader.int32(), reader.int32()),
}

_WRITERS: dict[type, tuple[int, Callable[[Writer, Any], None]]] = {
    str: (0, Writer.string),
    int: (-1, _integer),
    Integer: (1, Writer.int32),
    Long: (2, Writer.int64),
    Single: (3, Writer.float32),
    float: (4, Writer.float64),
    bool: (5, Writer.boolean),
    ByteArray: (6, Writer.bytes_reference),
    list: (7, _write_many),
    tuple: (8, _write_many),
    dict: (9, _write_map),
    HashMap: (10, _write_map),
    ByteNumber: (11, Writer.byte),
    Date: (12, Writer.int64),
    BytesReference: (14, Writer.bytes_reference),
    TextValue: (15, Writer.text),
    ShortNumber: (16, Writer.short),
    IntArray: (17, _write_array(Writer.int32)),
    LongArray: (18, _write_array(Writer.int64)),
    FloatArray: (19, _write_array(Writer.float32)),
    DoubleArray: (20, _write_array(Writer.float64)),
    bytes: (21, Writer.bytes_reference),
    GeoPoint: (22, _write_geo_point),
    ZonedDateTime: (23, _write_zoned),
    OrderedSet: (24, _write_many),
    HashSet: (25, _write_many),
    BigInteger: (26, lambda writer, value: writer.string(str(int(value)))),
    OffsetTime: (27, _write_offset_time),
    Duration: (28, _write_duration),
    Period: (29, _write_period),
}


def _read_string_map(reader: Reader) -> dict[str, Any] | None:
    value = read_generic(reader)
    if value is not None and not isinstance(value, dict):
        raise WireError(f"a map wanted, not a [{type(value).__name__}]")
    return value


GENERIC: Codec[Any] = Codec(read_generic, write_generic)
GenericValue = Annotated[Any, GENERIC]
"""A field of any type that Elasticsearch has a generic form for."""

GenericMap = Annotated[dict[str, Any], Codec(_read_string_map, write_generic)]
"""A map as one generic value (``readGenericMap``); None is allowed."""
