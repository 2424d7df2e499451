"""Results of pipeline aggregations. They are computed with the final reduction: a partial answer has none."""

from __future__ import annotations

import math

from protocol.messages.aggregations.base import Format, InternalAggregation, Raw
from protocol.messages.aggregations.results.metrics import InternalExtendedStats, InternalStats
from protocol.schema import Boolean, Double, String, wire


class InternalSimpleValue(InternalAggregation, name="simple_value"):
    format: Format = wire(default_factory=Raw)
    value: Double = math.nan


class InternalDerivative(InternalSimpleValue, name="derivative"):
    normalization_factor: Double = 0.0


class InternalBucketMetricValue(InternalAggregation, name="bucket_metric_value"):
    format: Format = wire(default_factory=Raw)
    value: Double
    keys: list[String] = wire(default_factory=list)
    """The keys of the buckets that have the value."""


class InternalStatsBucket(InternalStats, name="stats_bucket"):
    pass


class InternalExtendedStatsBucket(InternalExtendedStats, name="extended_stats_bucket"):
    pass


class InternalPercentilesBucket(InternalAggregation, name="percentiles_bucket"):
    format: Format = wire(default_factory=Raw)
    percentiles: list[Double]
    percents: list[Double]
    keyed: Boolean = True
