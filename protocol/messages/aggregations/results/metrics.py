"""Results of metrics aggregations. ``format`` only says how ``value_as_string`` is shown; the numbers are raw."""

from __future__ import annotations

import math
from typing import Annotated

from protocol.messages.aggregations.base import Format, InternalAggregation, Raw
from protocol.messages.aggregations.results.sketches import HLL_CODEC, HdrState, HyperLogLogPlusPlus, TDigestState
from protocol.schema import Boolean, Byte, Double, Message, VLong, wire
from protocol.versions import Feature

GEO_CENTROID_SHAPES = Feature("geo_centroid_shape_weighted_sums", 9325000, (9250010, 9185023, 8841087))


class InternalAvg(InternalAggregation, name="avg"):
    """The average is ``sum / count``; a partial one is merged by adding both."""

    format: Format = wire(default_factory=Raw)
    sum: Double = 0.0
    count: VLong = 0


class InternalSum(InternalAggregation, name="sum"):
    format: Format = wire(default_factory=Raw)
    sum: Double = 0.0


class InternalMin(InternalAggregation, name="min"):
    """The least value; infinity where there was none, which shows as null."""

    format: Format = wire(default_factory=Raw)
    min: Double = math.inf


class InternalMax(InternalAggregation, name="max"):
    """The greatest value; minus infinity where there was none, which shows as null."""

    format: Format = wire(default_factory=Raw)
    max: Double = -math.inf


class InternalStats(InternalAggregation, name="stats"):
    format: Format = wire(default_factory=Raw)
    count: VLong = 0
    min: Double = math.inf
    max: Double = -math.inf
    sum: Double = 0.0


class InternalExtendedStats(InternalStats, name="extended_stats"):
    sum_of_squares: Double = 0.0
    sigma: Double = 2.0
    """How many standard deviations the shown bounds are away from the average."""


class InternalValueCount(InternalAggregation, name="value_count"):
    value: VLong = 0


class InternalWeightedAvg(InternalAggregation, name="weighted_avg"):
    """The average is ``sum / weight``."""

    format: Format = wire(default_factory=Raw)
    sum: Double = 0.0
    """The sum of value times weight."""
    weight: Double = 0.0


class InternalCardinality(InternalAggregation, name="cardinality"):
    """The number of distinct values, as the sketch that it is estimated from."""

    format: Format = wire(default_factory=Raw)
    counts: Annotated[HyperLogLogPlusPlus, HLL_CODEC] | None = None
    """None where no value was seen."""


class _TDigestPercentiles(InternalAggregation):
    format: Format = wire(default_factory=Raw)
    keys: list[Double]
    state: TDigestState | None = None
    """None where no field was mapped."""
    keyed: Boolean = True


class InternalTDigestPercentiles(_TDigestPercentiles, name="tdigest_percentiles"):
    """``keys`` are the percents wanted, 0 to 100."""


class InternalTDigestPercentileRanks(_TDigestPercentiles, name="tdigest_percentile_ranks"):
    """``keys`` are the values whose ranks are wanted."""


class _HdrPercentiles(InternalAggregation):
    format: Format = wire(default_factory=Raw)
    keys: list[Double]
    state: HdrState | None = None
    keyed: Boolean = True


class InternalHDRPercentiles(_HdrPercentiles, name="hdr_percentiles"):
    """``keys`` are the percents wanted, 0 to 100."""


class InternalHDRPercentileRanks(_HdrPercentiles, name="hdr_percentile_ranks"):
    """``keys`` are the values whose ranks are wanted."""


class InternalMedianAbsoluteDeviation(InternalAggregation, name="median_absolute_deviation"):
    format: Format = wire(default_factory=Raw)
    values_sketch: TDigestState
    median_absolute_deviation: Double
    """Computed from the sketch; NaN where it is empty. A reducer computes it again."""


class InternalGeoBounds(InternalAggregation, name="geo_bounds"):
    """Extremes of points, in degrees; infinities where there was none. Longitudes east and west of 0 are apart."""

    top: Double = -math.inf
    bottom: Double = math.inf
    pos_left: Double = math.inf
    pos_right: Double = -math.inf
    neg_left: Double = math.inf
    neg_right: Double = -math.inf
    wrap_longitude: Boolean = True


class Centroid(Message):
    """A point, in degrees."""

    lat: Double
    lon: Double


class ShapeData(Message):
    """What weighs the centroid of shapes."""

    first_weighted_sum: Double
    second_weighted_sum: Double
    total_weight: Double
    shape_type: Byte


class InternalGeoCentroid(InternalAggregation, name="geo_centroid"):
    """The mean of points; ``shape_data`` only over a field of shapes."""

    count: VLong = 0
    centroid: Centroid | None = None
    shape_data: ShapeData | None = wire(since=GEO_CENTROID_SHAPES, default=None)
