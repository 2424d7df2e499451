"""Results of range, date_range, ip_range and geo_distance.

Every range of the request has a bucket, in ascending order of its bounds.
"""

from __future__ import annotations

import math
from typing import Annotated

from protocol.messages.aggregations.base import Aggregations, Format, InternalAggregation, Ip, Raw
from protocol.schema import Boolean, Bytes, Codec, Long, Message, String, VLong, wire
from protocol.wire import Reader, Writer


def _bound(missing: float) -> Codec[float]:
    """A bound travels twice: as it is, and as an optional that decides and whose absence is no bound."""

    def read(reader: Reader) -> float:
        reader.float64()
        return reader.float64() if reader.boolean() else missing

    def write(writer: Writer, value: float) -> None:
        writer.float64(value)
        writer.boolean(True)
        writer.float64(value)

    return Codec(read, write)


class RangeBucket(Message):
    """``from`` (inclusive) to ``to`` (exclusive); dates in milliseconds since 1970, distances in the request's unit."""

    key: String | None = None
    """As the request names the range; None: the reducer makes it of the bounds."""
    from_: Annotated[float, _bound(-math.inf)] = -math.inf
    to: Annotated[float, _bound(math.inf)] = math.inf
    doc_count: VLong = 0
    aggregations: Aggregations = wire(default_factory=list)


class InternalRange(InternalAggregation, name="range"):
    format: Format = wire(default_factory=Raw)
    keyed: Boolean = False
    ranges: list[RangeBucket] = wire(default_factory=list)


class InternalDateRange(InternalRange, name="date_range"):
    pass


class InternalGeoDistance(InternalRange, name="geo_distance"):
    pass


class BinaryRangeBucket(Message):
    """Bounds are 16 bytes of IPv6, None where there is none."""

    key: String | None = None
    from_: Bytes | None = None
    to: Bytes | None = None
    doc_count: Long = 0
    aggregations: Aggregations = wire(default_factory=list)


class InternalBinaryRange(InternalAggregation, name="ip_range"):
    format: Format = wire(default_factory=Ip)
    keyed: Boolean = False
    buckets: list[BinaryRangeBucket] = wire(default_factory=list)
