"""What aggregation requests and results share: families of named messages, orders, value formats, roundings."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple

from protocol.errors import WireError
from protocol.schema import Boolean, Codec, Message, Named, String, VLong, ZLong, enum_codec
from protocol.values import GENERIC
from protocol.wire import Reader, Writer

UNLIMITED = (1 << 31) - 1
"""What a size of "all of them" is in memory; on the wire it is 0."""


def _write_size(writer: Writer, value: int) -> None:
    writer.vint(0 if value == UNLIMITED else value)


Size = Annotated[int, Codec(lambda reader: reader.vint() or UNLIMITED, _write_size)]
"""A number of buckets, :data:`UNLIMITED` for all."""


def _read_metadata(reader: Reader) -> dict[str, Any] | None:
    value = GENERIC.read(reader)
    if value is not None and not isinstance(value, dict):
        raise WireError("an aggregation's metadata is not a map")
    return value


Metadata = Annotated[dict[str, Any] | None, Codec(_read_metadata, GENERIC.write)]
"""The ``meta`` of an aggregation; None where it has none."""


class InternalAggregation(Message, names=True):
    """Base of all results of aggregations, partial or final."""

    shown_type: ClassVar[str] = ""
    """The type that ``typed_keys`` shows, where it is not ``wire_name``."""

    name: String
    """The name that the request gave the aggregation."""
    metadata: Metadata = None

    @property
    def typed_key(self) -> str:
        """The key of the result in a response with ``typed_keys``: ``sterms#names``."""
        return f"{self.shown_type or self.wire_name}#{self.name}"


Aggregations = list[Named[InternalAggregation]]
"""Results side by side: ``InternalAggregations``."""


class OrderElement(NamedTuple):
    """One criterion that buckets are sorted by."""

    key: str
    """``_count``, ``_key``, or the path to a metric of a sub-aggregation (``stats.avg``, ``filter>max``)."""
    ascending: bool


BucketOrder = tuple[OrderElement, ...]
"""Criteria, the first decides; never empty. Elasticsearch ends an order that is not by key with ``_key`` ascending."""

COUNT_DESC: BucketOrder = (OrderElement("_count", False),)
COUNT_ASC: BucketOrder = (OrderElement("_count", True),)
KEY_DESC: BucketOrder = (OrderElement("_key", False),)
KEY_ASC: BucketOrder = (OrderElement("_key", True),)
COUNT_DESC_KEY_ASC: BucketOrder = COUNT_DESC + KEY_ASC
"""The default order of terms."""

_BY_METRIC, _COMPOUND = 0, 0xFF
_ORDER_IDS = {1: COUNT_DESC[0], 2: COUNT_ASC[0], 3: KEY_DESC[0], 4: KEY_ASC[0]}
_ORDER_BYTES = {element: number for number, element in _ORDER_IDS.items()}


def read_order(reader: Reader) -> BucketOrder:
    """``InternalOrder.Streams.readOrder``; an order within an order is flattened, as Elasticsearch does."""
    kind = reader.byte()
    if kind in _ORDER_IDS:
        return (_ORDER_IDS[kind],)
    if kind == _BY_METRIC:
        ascending = reader.boolean()
        return (OrderElement(reader.string(), ascending),)
    if kind != _COMPOUND:
        raise WireError(f"unknown order id [{kind}]")
    reader.enter()
    elements = tuple(element for _ in range(reader.size()) for element in read_order(reader))
    reader.leave()
    if not elements:
        raise WireError("an order without criteria")
    return elements


def write_order(writer: Writer, order: BucketOrder) -> None:
    if len(order) != 1:
        writer.byte(_COMPOUND)
        writer.vint(len(order))
    for element in order:
        number = _ORDER_BYTES.get(element)
        if number is not None:
            writer.byte(number)
            continue
        writer.byte(_BY_METRIC)
        writer.boolean(element.ascending)
        writer.string(element.key)


Order = Annotated[BucketOrder, Codec(read_order, write_order)]


class MissingOrder(Enum):
    """Where a composite source puts documents without a value."""

    DEFAULT = 0
    FIRST = 1
    LAST = 2


class DocValueFormat(Message, names=True):
    """How a value is shown: the ``key_as_string`` and ``value_as_string`` of results."""


class Raw(DocValueFormat, name="raw"):
    """Strings and numbers as they are."""


class Resolution(Enum):
    """What the number of a date counts."""

    MILLISECONDS = 0
    NANOSECONDS = 1


class DateTime(DocValueFormat, name="date_time"):
    """Dates, kept as milliseconds (or nanoseconds) since 1970."""

    pattern: String = "strict_date_optional_time||epoch_millis"
    """Elasticsearch's date format, alternatives joined by ``||``; the first one prints."""
    locale: String = "en"
    """As Java prints a Locale: ``en``, ``de_DE``; empty for the root locale."""
    time_zone: String = "Z"
    """The id of the zone that dates are shown in."""
    resolution: Resolution = Resolution.MILLISECONDS
    format_sort_values: Boolean = False


class Decimal(DocValueFormat, name="decimal"):
    """Numbers by a ``java.text.DecimalFormat`` pattern such as ``#,##0.00``."""

    pattern: String


class Bool(DocValueFormat, name="bool"):
    """0 and 1 as ``false`` and ``true``."""


class Ip(DocValueFormat, name="ip"):
    """Addresses, kept as 16 bytes (IPv4 mapped into IPv6)."""


class GeoHash(DocValueFormat, name="geo_hash"):
    """Geohash cells, kept as longs."""


class GeoTile(DocValueFormat, name="geo_tile"):
    """Map tiles ``z/x/y``, kept as longs."""


class Binary(DocValueFormat, name="binary"):
    """Bytes as base64."""


class DenseVector(DocValueFormat, name="dense_vector"):
    """Vectors."""


class UnsignedLongShifted(DocValueFormat, name="unsigned_long_shifted"):
    """Unsigned longs, kept shifted by 2^63 so that they sort as signed ones."""


class TimeSeriesId(DocValueFormat, name="tsid"):
    """The id of a time series."""


class TimeSeriesRoutingHash(DocValueFormat, name="_ts_routing_hash"):
    """The routing hash of a time series."""


Format = Named[DocValueFormat]


class DateTimeUnit(Enum):
    """A calendar unit that dates are rounded to."""

    WEEK = 1
    YEAR = 2
    QUARTER = 3
    MONTH = 4
    DAY = 5
    HOUR = 6
    MINUTE = 7
    SECOND = 8
    YEARS = 9
    MONTHS = 10


class TimeUnitRounding(Message):
    """Down to the start of a calendar unit in a time zone."""

    unit: Annotated[DateTimeUnit, enum_codec(DateTimeUnit, Codec(Reader.byte, Writer.byte))]
    time_zone: String = "Z"


class TimeIntervalRounding(Message):
    """Down to a multiple of a fixed interval in a time zone."""

    interval: VLong
    """Milliseconds."""
    time_zone: String = "Z"


class OffsetRounding(Message):
    """Another rounding, moved."""

    delegate: AnyRounding
    offset: ZLong
    """Milliseconds."""


Rounding = TimeUnitRounding | TimeIntervalRounding | OffsetRounding


def _read_rounding(reader: Reader) -> Rounding:
    kind = reader.byte()
    read = _ROUNDINGS.get(kind)
    if read is None:
        raise WireError(f"unknown rounding id [{kind}]")
    return read(reader)


def _write_rounding(writer: Writer, rounding: Rounding) -> None:
    writer.byte(_ROUNDING_IDS[type(rounding)])
    rounding.write(writer)


AnyRounding = Annotated[Rounding, Codec(_read_rounding, _write_rounding)]

_ROUNDINGS: dict[int, Callable[[Reader], Rounding]] = {
    1: TimeUnitRounding.read,
    2: TimeIntervalRounding.read,
    3: OffsetRounding.read,
}
_ROUNDING_IDS: dict[type[Rounding], int] = {TimeUnitRounding: 1, TimeIntervalRounding: 2, OffsetRounding: 3}


class SignificanceHeuristic(Message, names=True):
    """What makes a term significant."""


class JLHScore(SignificanceHeuristic, name="jlh"):
    """The default: absolute change times relative change."""


class PercentageScore(SignificanceHeuristic, name="percentage"):
    """Foreground documents by background documents."""


class GND(SignificanceHeuristic, name="gnd"):
    """Google normalized distance."""

    background_is_superset: Boolean = True


class ChiSquare(SignificanceHeuristic, name="chi_square"):
    include_negatives: Boolean = False
    background_is_superset: Boolean = True


class MutualInformation(SignificanceHeuristic, name="mutual_information"):
    include_negatives: Boolean = False
    background_is_superset: Boolean = True
