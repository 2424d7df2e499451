"""The numbers that the results of metrics stand for."""

from __future__ import annotations

import math

from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import metrics, pipeline
from protocol.sketches import hyperloglog


def single_value(aggregation: InternalAggregation) -> float | None:
    """The number of a result that has one, None for other kinds."""
    match aggregation:
        case metrics.InternalAvg():
            return _divide(aggregation.sum, aggregation.count)
        case metrics.InternalSum():
            return aggregation.sum
        case metrics.InternalMin():
            return aggregation.min
        case metrics.InternalMax():
            return aggregation.max
        case metrics.InternalValueCount():
            return float(aggregation.value)
        case metrics.InternalWeightedAvg():
            return _divide(aggregation.sum, aggregation.weight)
        case metrics.InternalCardinality():
            return 0.0 if aggregation.counts is None else float(hyperloglog.estimate(aggregation.counts))
        case metrics.InternalMedianAbsoluteDeviation():
            return aggregation.median_absolute_deviation
        case pipeline.InternalSimpleValue() | pipeline.InternalBucketMetricValue():
            return aggregation.value
    return None


def stats_values(stats: metrics.InternalStats) -> dict[str | None, float]:
    """All numbers of stats or extended_stats by name."""
    average = _divide(stats.sum, stats.count)
    values: dict[str | None, float] = {
        "count": float(stats.count),
        "min": stats.min,
        "max": stats.max,
        "avg": average,
        "sum": stats.sum,
    }
    if isinstance(stats, metrics.InternalExtendedStats):
        count, total = stats.count, stats.sum
        spread = stats.sum_of_squares - (total * total / count if count else math.nan)
        population = max(_divide(spread, count), 0.0) if count else math.nan
        sampling = max(_divide(spread, count - 1), 0.0) if count > 1 else math.nan
        deviation, sampled = math.sqrt(population), math.sqrt(sampling)
        values |= {
            "sum_of_squares": stats.sum_of_squares,
            "variance": population,
            "variance_population": population,
            "variance_sampling": sampling,
            "std_deviation": deviation,
            "std_deviation_population": deviation,
            "std_deviation_sampling": sampled,
            "std_upper": average + deviation * stats.sigma,
            "std_lower": average - deviation * stats.sigma,
            "std_upper_population": average + deviation * stats.sigma,
            "std_lower_population": average - deviation * stats.sigma,
            "std_upper_sampling": average + sampled * stats.sigma,
            "std_lower_sampling": average - sampled * stats.sigma,
        }
    return values


def _divide(total: float, count: float) -> float:
    if count:
        return total / count
    return math.nan if total == 0 or math.isnan(total) else math.copysign(math.inf, total)
