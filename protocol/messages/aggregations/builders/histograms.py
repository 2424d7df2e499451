"""Requests for histograms."""

from __future__ import annotations

import re
from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.aggregations.builders.base import BY_KEY, RestOrder, ValuesSourceBuilder
from protocol.messages.aggregations.results.histograms import DoubleBounds, LongBounds
from protocol.schema import Boolean, Codec, Double, String, VInt, VLong, codec_of, wire
from protocol.wire import Reader, Writer


def _bounds(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or body.keys() - {"min", "max"}:
        raise ValueError(f"bounds have [min] and [max], not [{body}]")
    return body


def _read_bounds(reader: Reader) -> dict[str, Any]:
    bounds = DoubleBounds.read(reader)
    return {name: value for name, value in (("min", bounds.min), ("max", bounds.max)) if value is not None}


def _read_date_bounds(reader: Reader) -> dict[str, Any]:
    bounds = LongBounds.read(reader)
    low = bounds.min_as_str if bounds.min is None else bounds.min
    high = bounds.max_as_str if bounds.max is None else bounds.max
    return {name: value for name, value in (("min", low), ("max", high)) if value is not None}


def _write_date_bounds(writer: Writer, body: Any) -> None:
    bounds = LongBounds()
    for name, value in _bounds(body).items():
        setattr(bounds, f"{name}_as_str" if isinstance(value, str) else name, value)
    bounds.write(writer)


Bounds = Annotated[dict[str, Any], Codec(_read_bounds, lambda writer, body: DoubleBounds(**_bounds(body)).write(writer))]
"""``{"min": number, "max": number}``"""

DateBounds = Annotated[dict[str, Any], Codec(_read_date_bounds, _write_date_bounds)]
"""``min`` and ``max`` are milliseconds since 1970, or a date, with date math."""


class HistogramBuilder(ValuesSourceBuilder, name="histogram"):
    order: RestOrder = wire(default_factory=lambda: dict(BY_KEY))
    keyed: Boolean = False
    min_doc_count: VLong = 0
    interval: Double
    offset: Double = 0.0
    extended_bounds: Bounds | None = None
    hard_bounds: Bounds | None = None


INTERVALS = ("calendar_interval", "fixed_interval")
_NONE, _FIXED, _CALENDAR = range(3)
_EXPRESSION: Codec[str | None] = codec_of(String | None)


def _read_interval(reader: Reader) -> dict[str, str]:
    expression, kind = _EXPRESSION.read(reader), reader.vint()
    if expression is None or kind == _NONE:
        return {}
    if kind not in (_FIXED, _CALENDAR):
        raise WireError(f"unknown type of interval [{kind}]")
    return {"fixed_interval" if kind == _FIXED else "calendar_interval": expression}


def _write_interval(writer: Writer, body: dict[str, str]) -> None:
    if len(body) > 1:
        raise ValueError("Cannot use [fixed_interval] with [calendar_interval] configuration option.")
    if not body:
        _EXPRESSION.write(writer, None)
        writer.vint(_NONE)
        return
    ((name, expression),) = body.items()
    _EXPRESSION.write(writer, expression)
    writer.vint(_FIXED if name == "fixed_interval" else _CALENDAR)


DateInterval = Annotated[dict[str, str], Codec(_read_interval, _write_interval)]
"""``calendar_interval`` (``month``, ``1M``) or ``fixed_interval`` (``12h``)."""

_OFFSET = re.compile(r"([+-]?)(\d+)(ms|s|m|h|d)")
_MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _write_offset(writer: Writer, offset: int | str) -> None:
    if isinstance(offset, str):
        parts = _OFFSET.fullmatch(offset.lower())
        if parts is None:
            raise ValueError(f"failed to parse [{offset}] as an offset")
        millis = int(parts.group(2)) * _MILLIS[parts.group(3)]
        offset = -millis if parts.group(1) == "-" else millis
    writer.int64(offset)


DateOffset = Annotated[int, Codec(Reader.int64, _write_offset)]
"""Milliseconds; a request may say ``+6h``."""


class DateHistogramBuilder(ValuesSourceBuilder, name="date_histogram", alternatives={"interval": INTERVALS}):
    order: RestOrder = wire(default_factory=lambda: dict(BY_KEY))
    keyed: Boolean = False
    min_doc_count: VLong = 0
    interval: DateInterval = wire(default_factory=dict)
    """Elasticsearch refuses one without when it executes the aggregation."""
    offset: DateOffset = 0
    extended_bounds: DateBounds | None = None
    hard_bounds: DateBounds | None = None


class AutoDateHistogramBuilder(ValuesSourceBuilder, name="auto_date_histogram"):
    buckets: VInt = 10
    minimum_interval: String | None = None


class VariableWidthHistogramBuilder(ValuesSourceBuilder, name="variable_width_histogram"):
    """Elasticsearch does not send its ``shard_size`` and ``initial_buffer`` on."""

    buckets: VInt = 10

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        return super().arguments({name: value for name, value in body.items() if name not in ("shard_size", "initial_buffer")})
