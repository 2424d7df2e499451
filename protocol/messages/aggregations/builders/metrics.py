"""Requests for metrics."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.aggregations.builders.base import (
    INCLUDE_EXCLUDE,
    AggregationBuilder,
    IncludeExclude,
    Missing,
    Script,
    TimeZone,
    ValuesSourceBuilder,
    ValueType,
    WithAlternatives,
)
from protocol.messages.queries import QUERY
from protocol.messages.rest import choice, rest_codec
from protocol.schema import Boolean, Codec, Double, Long, String, codec_of, optional, wire
from protocol.wire import Reader, Writer

DEFAULT_PERCENTS = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0]


class AvgBuilder(ValuesSourceBuilder, name="avg"):
    pass


class SumBuilder(ValuesSourceBuilder, name="sum"):
    pass


class MinBuilder(ValuesSourceBuilder, name="min"):
    pass


class MaxBuilder(ValuesSourceBuilder, name="max"):
    pass


class StatsBuilder(ValuesSourceBuilder, name="stats"):
    pass


class ExtendedStatsBuilder(ValuesSourceBuilder, name="extended_stats"):
    sigma: Double = 2.0


class ValueCountBuilder(ValuesSourceBuilder, name="value_count"):
    has_target_type = True


class CardinalityBuilder(ValuesSourceBuilder, name="cardinality"):
    has_target_type = True

    precision_threshold: Long | None = None
    execution_hint: String | None = None


ExecutionHint = Annotated[str, choice("default", "high_accuracy")]
_HINT: Codec[str | None] = codec_of(ExecutionHint | None)


def _read_method(reader: Reader) -> dict[str, Any]:
    method = reader.vint()
    if method == 0:
        tdigest = {"compression": reader.float64()}
        hint = _HINT.read(reader)
        return {"tdigest": tdigest | ({} if hint is None else {"execution_hint": hint})}
    if method == 1:
        return {"hdr": {"number_of_significant_value_digits": reader.vint()}}
    raise WireError(f"unknown percentiles method [{method}]")


def _write_method(writer: Writer, body: dict[str, Any]) -> None:
    if len(body) > 1:
        raise ValueError("Only one percentiles method should be declared.")
    ((method, parameters),) = body.items()
    if method == "tdigest":
        writer.vint(0)
        writer.float64(parameters.get("compression", 100.0))
        _HINT.write(writer, parameters.get("execution_hint"))
    else:
        writer.vint(1)
        writer.vint(parameters.get("number_of_significant_value_digits", 3))


PercentilesMethod = Annotated[dict[str, Any], Codec(_read_method, _write_method)]


class _Percentiles(ValuesSourceBuilder, alternatives={"method": ("tdigest", "hdr")}):
    pass


class PercentilesBuilder(_Percentiles, name="percentiles"):
    percents: list[Double] = wire(default_factory=lambda: list(DEFAULT_PERCENTS))
    keyed: Boolean = True
    method: PercentilesMethod | None = wire(default_factory=lambda: {"tdigest": {"compression": 100.0}})


class PercentileRanksBuilder(_Percentiles, name="percentile_ranks"):
    values: list[Double]
    keyed: Boolean = True
    method: PercentilesMethod | None = wire(default_factory=lambda: {"tdigest": {"compression": 100.0}})


class MedianAbsoluteDeviationBuilder(ValuesSourceBuilder, name="median_absolute_deviation"):
    compression: Double = 1000.0
    execution_hint: ExecutionHint | None = None


class FieldConfig(WithAlternatives, alternatives={"terms": INCLUDE_EXCLUDE}):
    """One of the fields of an aggregation over several."""

    field: String | None = None
    missing: Missing = None
    script: Script = None
    time_zone: TimeZone | None = None
    filter: Annotated[dict[str, Any] | None, optional(QUERY)] = None
    value_type: ValueType | None = None
    format: String | None = None
    terms: IncludeExclude | None = None


_FIELD: Codec[dict[str, Any]] = rest_codec(FieldConfig)

AnyFieldConfig = Annotated[dict[str, Any], _FIELD]


WEIGHTED = ("value", "weight")


def _read_fields(reader: Reader) -> dict[str, Any]:
    fields = reader.map(reader.string, lambda: _FIELD.read(reader))
    if fields.keys() - set(WEIGHTED):
        raise WireError(f"[weighted_avg] has the fields {list(WEIGHTED)}, not {list(fields)}")
    return fields


def _write_fields(writer: Writer, fields: dict[str, Any]) -> None:
    # Java's HashMap has these two names in this order.
    writer.map(
        writer.string, lambda field: _FIELD.write(writer, field), {name: fields[name] for name in sorted(fields, reverse=True)}
    )


class WeightedAvgBuilder(AggregationBuilder, name="weighted_avg", alternatives={"fields": WEIGHTED}):
    fields: Annotated[dict[str, Any], Codec(_read_fields, _write_fields)]
    value_type: ValueType | None = None
    format: String | None = None


class GeoBoundsBuilder(ValuesSourceBuilder, name="geo_bounds"):
    wrap_longitude: Boolean = True


class GeoCentroidBuilder(ValuesSourceBuilder, name="geo_centroid"):
    pass
