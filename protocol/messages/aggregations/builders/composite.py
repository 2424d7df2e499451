"""Requests for composite."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from protocol.errors import UnsupportedError, WireError
from protocol.messages.aggregations.builders.base import (
    AggregationBuilder,
    ParsedMap,
    Script,
    TimeZone,
    ValueType,
    WithAlternatives,
)
from protocol.messages.aggregations.builders.histograms import INTERVALS, DateInterval, DateOffset
from protocol.messages.rest import HIDDEN, choice
from protocol.schema import Boolean, Codec, Double, String, VInt, codec_of, optional, wire
from protocol.wire import Reader, Writer


class CompositeValuesSource(WithAlternatives):
    """Base of the sources. The name stands outside of the parameters."""

    type: ClassVar[str]

    name: Annotated[String, HIDDEN] = ""
    field: String | None = None
    script: Script = None
    value_type: ValueType | None = None
    missing_bucket: Boolean = False
    missing_order: Annotated[str, choice("default", "first", "last")] = "default"
    order: Annotated[str, choice("asc", "desc")] = "asc"
    format: String | None = None


class TermsSource(CompositeValuesSource):
    type = "terms"


class DateHistogramSource(CompositeValuesSource, alternatives={"interval": INTERVALS}):
    type = "date_histogram"

    interval: DateInterval = wire(default_factory=dict)
    time_zone: TimeZone | None = None
    offset: DateOffset = 0


class HistogramSource(CompositeValuesSource):
    type = "histogram"

    interval: Double


_SOURCES: tuple[type[CompositeValuesSource], ...] = (TermsSource, DateHistogramSource, HistogramSource)
_GEOTILE = 3


def _read_source(reader: Reader) -> dict[str, Any]:
    number = reader.byte()
    if number == _GEOTILE:
        raise UnsupportedError("composite source [geotile_grid]")
    if number > _GEOTILE:
        raise WireError(f"Invalid code {number}")
    source = _SOURCES[number].read(reader)
    return {source.name: {source.type: source.to_rest()}}


def _write_source(writer: Writer, body: Any) -> None:
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError("a composite source is an object with one member, its name")
    ((name, definition),) = body.items()
    if not isinstance(definition, dict) or len(definition) != 1:
        raise ValueError(f"composite source [{name}] wants one type")
    ((kind, parameters),) = definition.items()
    for number, declared in enumerate(_SOURCES):
        if declared.type == kind:
            source = declared.from_rest(parameters)
            source.name = name
            writer.byte(number)
            source.write(writer)
            return
    raise ValueError(f"invalid source type: {kind}")


Sources = Annotated[
    list[dict[str, Any]],
    Codec(
        lambda reader: reader.list(lambda: _read_source(reader)),
        lambda writer, sources: writer.list(lambda body: _write_source(writer, body), sources),
    ),
]
"""``{name: {type: {parameters}}}`` each."""


class CompositeBuilder(AggregationBuilder, name="composite"):
    sources: Sources
    size: VInt = 10
    after: Annotated[dict[str, Any] | None, optional(codec_of(ParsedMap))] = None
    """A bucket's key as REST shows it, after which to go on."""
