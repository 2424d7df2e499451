"""Requests for pipeline aggregations. Whoever reduces finally runs them, a remote cluster therefore only when it answers alone."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.aggregations.builders.base import ParsedMap, PipelineAggregationBuilder
from protocol.messages.aggregations.builders.metrics import DEFAULT_PERCENTS
from protocol.messages.rest import HIDDEN, Shown
from protocol.messages.sorts import FieldSort
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


class DerivativeBuilder(_Pipeline, name="derivative"):
    format: String | None = None
    gap_policy: GapPolicy | None = "skip"
    unit: String | None = None


_FIELD_SORT: Codec[dict[str, Any]] = Codec(
    lambda reader: _sort_to_rest(FieldSort.read(reader)), lambda writer, body: _field_sort(body).write(writer)
)


def _sort_to_rest(sort: FieldSort) -> dict[str, Any]:
    return {sort.field: sort.to_rest()}


def _field_sort(body: Any) -> FieldSort:
    """A sort of buckets by ``_key``, ``_count`` or a path. Raises ValueError."""
    if isinstance(body, str):
        body = {body: {}}
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError("a sort is an object with one member, the path")
    ((path, parameters),) = body.items()
    return FieldSort(field=path, **FieldSort.arguments({"order": parameters} if isinstance(parameters, str) else parameters))


class BucketSortBuilder(PipelineAggregationBuilder, name="bucket_sort"):
    paths: Annotated[list[String], HIDDEN] = wire(default_factory=list)
    """What the sorts name; the REST form does not repeat it."""
    metadata: Annotated[ParsedMap, HIDDEN] = None
    sort: list[Annotated[dict[str, Any], _FIELD_SORT]] = wire(default_factory=list)
    from_: Annotated[VInt, Shown("from")] = 0
    size: VInt | None = None
    gap_policy: GapPolicy = "skip"

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        given = super().arguments(body)
        sorts = given.get("sort", [])
        given["sort"] = sorts if isinstance(sorts, list) else [sorts]
        given["paths"] = [_field_sort(sort).field for sort in given["sort"]]
        return given


class SerialDiffBuilder(_Pipeline, name="serial_diff"):
    format: String | None = None
    gap_policy: GapPolicy = "skip"
    lag: VInt = 1
