"""Requests for pipeline aggregations. Whoever reduces finally runs them, a remote cluster therefore only when it answers alone."""

from __future__ import annotations

from typing import Annotated

from protocol.errors import WireError
from protocol.messages.aggregations.builders.base import ParsedMap, PipelineAggregationBuilder
from protocol.messages.aggregations.builders.metrics import DEFAULT_PERCENTS
from protocol.messages.rest import HIDDEN
from protocol.schema import Boolean, Codec, Double, String, VInt, wire
from protocol.wire import Reader, Writer


def _read_paths(reader: Reader) -> str | list[str]:
    paths = reader.list(reader.string)
    return paths[0] if len(paths) == 1 else paths


BucketsPath = Annotated[
    str | list[str],
    Codec(_read_paths, lambda writer, paths: writer.list(writer.string, [paths] if isinstance(paths, str) else paths)),
]

_GAP_POLICIES = ("insert_zeros", "skip", "keep_values")


def _read_gap_policy(reader: Reader) -> str:
    number = reader.byte()
    if number >= len(_GAP_POLICIES):
        raise WireError(f"Unknown GapPolicy with id [{number}]")
    return _GAP_POLICIES[number]


def _write_gap_policy(writer: Writer, name: str) -> None:
    if name not in _GAP_POLICIES:
        raise ValueError(f"Invalid gap policy: [{name}], accepted values: {list(_GAP_POLICIES)}")
    writer.byte(_GAP_POLICIES.index(name))


GapPolicy = Annotated[str, Codec(_read_gap_policy, _write_gap_policy)]


class _Pipeline(PipelineAggregationBuilder):
    buckets_path: BucketsPath
    metadata: Annotated[ParsedMap, HIDDEN] = None


class _BucketMetrics(_Pipeline):
    format: String | None = None
    gap_policy: GapPolicy = "skip"


class MaxBucketBuilder(_BucketMetrics, name="max_bucket"):
    pass


class MinBucketBuilder(_BucketMetrics, name="min_bucket"):
    pass


class AvgBucketBuilder(_BucketMetrics, name="avg_bucket"):
    pass


class SumBucketBuilder(_BucketMetrics, name="sum_bucket"):
    pass


class StatsBucketBuilder(_BucketMetrics, name="stats_bucket"):
    pass


class ExtendedStatsBucketBuilder(_BucketMetrics, name="extended_stats_bucket"):
    sigma: Double = 2.0


class PercentilesBucketBuilder(_BucketMetrics, name="percentiles_bucket"):
    percents: list[Double] = wire(default_factory=lambda: list(DEFAULT_PERCENTS))
    keyed: Boolean = True


class CumulativeSumBuilder(_Pipeline, name="cumulative_sum"):
    format: String | None = None


class SerialDiffBuilder(_Pipeline, name="serial_diff"):
    format: String | None = None
    gap_policy: GapPolicy = "skip"
    lag: VInt = 1
