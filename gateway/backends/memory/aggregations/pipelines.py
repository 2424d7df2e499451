"""Pipeline aggregations over buckets beside them: ``max_bucket`` and its kind.

They run on final results, at every level of the request, after all that they may look at. A cluster that asks for partial results
runs them itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from gateway.backends.memory.aggregations.paths import bucket_of_key, bucket_value, buckets_of, key_text, named, parse_path, steps
from gateway.backends.memory.aggregations.scope import illegal
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import Decimal, DocValueFormat, InternalAggregation, Raw
from protocol.messages.aggregations.builders.metrics import DEFAULT_PERCENTS
from protocol.messages.aggregations.results import pipeline, ranges, single

Request = Mapping[str, Any]
Results = list[InternalAggregation]
Collected = list[tuple[str, float]]
"""What was found: the keys of buckets and their values, in the buckets' order."""

PIPELINES: Final = frozenset({
    "avg_bucket", "max_bucket", "min_bucket", "sum_bucket", "stats_bucket", "extended_stats_bucket", "percentiles_bucket",
    "bucket_script", "bucket_selector", "bucket_sort", "bucket_count_ks_test", "bucket_correlation", "change_point",
    "cumulative_cardinality", "cumulative_sum", "derivative", "inference", "moving_fn", "moving_percentiles", "normalize",
    "serial_diff",
})  # fmt: skip
"""Aggregations over the final result."""

_METRICS: Final = {
    "avg": "Avg",
    "sum": "Sum",
    "min": "Min",
    "max": "Max",
    "stats": "Stats",
    "extended_stats": "ExtendedStats",
    "value_count": "ValueCount",
    "weighted_avg": "WeightedAvg",
    "cardinality": "Cardinality",
    "percentiles": "Percentiles",
    "percentile_ranks": "PercentileRanks",
    "median_absolute_deviation": "MedianAbsoluteDeviation",
    "top_hits": "TopHits",
}
SINGLE_BUCKETS: Final = {
    "filter": "filter.Filter",
    "missing": "missing.Missing",
    "global": "global.Global",
    "nested": "nested.Nested",
    "reverse_nested": "nested.ReverseNested",
}
SINGLE_VALUES: Final = _METRICS.keys() - {"stats", "extended_stats", "percentiles", "percentile_ranks", "top_hits"}
_NOT_MANY: Final = {
    **{kind: f"metrics.{name}" for kind, name in _METRICS.items()},
    **{kind: f"bucket.{name}" for kind, name in SINGLE_BUCKETS.items()},
    "composite": "bucket.composite.Composite",
}
"""The kinds that are not "with many buckets" to pipelines, and the Java class that Elasticsearch names in its refusal."""


class Pipeline(NamedTuple):
    """A pipeline aggregation of a request."""

    name: str
    kind: str
    body: Mapping[str, Any]
    meta: dict[str, Any] | None

    @property
    def paths(self) -> list[str]:
        paths = self.body.get("buckets_path", [])
        return [paths] if isinstance(paths, str) else list(paths)


def kind_of(definition: Mapping[str, Any]) -> str:
    """The type of an aggregation of a request."""
    return next(key for key in definition if key not in ("aggs", "aggregations", "meta"))


def _below(definition: Mapping[str, Any]) -> Request:
    below: Request = definition.get("aggs") or definition.get("aggregations") or {}
    return below


def _pipelines(request: Request) -> Iterator[Pipeline]:
    for name, definition in request.items():
        kind = kind_of(definition)
        if kind in PIPELINES:
            yield Pipeline(name, kind, definition[kind], definition.get("meta"))


def _ordered(request: Request) -> list[Pipeline]:
    """The pipelines of one level, each after those that it looks at. Raises ElasticsearchException for a path that leads nowhere."""
    by_name = {it.name: it for it in _pipelines(request)}
    ordered: list[Pipeline] = []
    begun: set[str] = set()

    def place(it: Pipeline) -> None:
        if it.name in begun:
            raise illegal(f"Cyclical dependency found with pipeline aggregator [{it.name}]")
        if it in ordered:
            return
        begun.add(it.name)
        for path in it.paths:
            elements = parse_path(path)
            first = elements[0].name
            if path in ("_count", "_key"):
                continue
            if first in by_name:
                place(by_name[first])
            elif first in request:
                _check_path(request[first], path, [element.name for element in elements])
            else:
                raise illegal(f"No aggregation found for path [{path}]")
        begun.discard(it.name)
        ordered.append(it)

    for it in by_name.values():
        place(it)
    return ordered


def _check_path(definition: Mapping[str, Any], path: str, names: list[str]) -> None:
    for number, name in enumerate(names[1:], 2):
        last = number == len(names)
        if last and (name.lower() == "_key" or name == "_count"):
            return
        below = _below(definition)
        if name not in below or (kind_of(below[name]) in PIPELINES and not last):
            raise illegal(f"No aggregation [{name}] found for path [{path}]")
        definition = below[name]


# Validation


def check_pipelines(request: Request) -> None:
    """Raises ElasticsearchException: ``action_request_validation_exception`` with all that is wrong with the pipeline aggregations of a
    request, or ``illegal_argument_exception`` for a kind that is not supported, by its name."""
    if not _well_formed(request):
        return  # a parser's refusal, which building the aggregators gives
    _refuse(request)
    problems: list[str] = []
    _validate(request, problems)
    if problems:
        reason = "".join(f"{number}: {problem};" for number, problem in enumerate(problems, 1))
        raise ElasticsearchException("action_request_validation_exception", f"Validation Failed: {reason}", status=400)


def _well_formed(request: Any) -> bool:
    if not isinstance(request, Mapping):
        return False
    for definition in request.values():
        if not isinstance(definition, Mapping) or not _well_formed(_below(definition)):
            return False
        kinds = [key for key in definition if key not in ("aggs", "aggregations", "meta")]
        if len(kinds) != 1 or not isinstance(definition[kinds[0]], Mapping):
            return False
    return True


def _refuse(request: Request) -> None:
    for definition in request.values():
        kind = kind_of(definition)
        if kind in PIPELINES and kind not in _KINDS:
            raise illegal(f"aggregation [{kind}] is not supported")
        _refuse(_below(definition))


def _validate(request: Request, problems: list[str]) -> None:
    try:
        for it in _ordered(request):
            problem = _problem(it, request)
            problems += [problem] if problem else _problems_of_options(it)
    except ElasticsearchException as error:
        problems.append(str(error.reason))
    for definition in request.values():
        _validate(_below(definition), problems)


def _problem(it: Pipeline, request: Request) -> str | None:
    if len(it.paths) != 1:
        return f"buckets_path must contain a single entry for aggregation [{it.name}]"
    (path,) = it.paths
    elements = parse_path(path)
    level, at = request, 0
    while True:
        definition = level.get(elements[at].name)
        if definition is None or kind_of(definition) in PIPELINES:
            where = path if at == 0 else _shown_names(steps(elements[: at + 1]))
            return f"buckets_path aggregation does not exist for aggregation [{it.name}]: {where}"
        kind = kind_of(definition)
        many, one = kind not in _NOT_MANY, kind in SINGLE_BUCKETS
        if at + 1 == len(elements) or not ((many and elements[at].names_a_bucket) or (one and _below(definition))):
            break
        level, at = _below(definition), at + 1
    if many:
        return None
    return (
        "Unable to find unqualified multi-bucket aggregation in buckets_path. Path must include a multi-bucket aggregation for "
        f"aggregation [{it.name}] found :org.elasticsearch.search.aggregations.{_NOT_MANY[kind]}AggregationBuilder for buckets path: "
        f"{path}"
    )


def _shown_names(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


def _problems_of_options(it: Pipeline) -> list[str]:
    if any(not 0 <= percent <= 100 for percent in it.body.get("percents") or ()):
        return ["percents must only contain non-null doubles from 0.0-100.0 inclusive"]
    if it.body.get("sigma", 0) < 0:
        return ["sigma must be a non-negative double"]
    return []


# Running


def run_pipelines(request: Request, results: Results) -> Results:
    """Final results with those of the request's pipeline aggregations, which passed `check_pipelines`, behind them at every level.

    Raises ElasticsearchException where a path does not lead to a number."""
    results = [_inside(_below(request[it.name]), it) for it in results]
    for it in _ordered(request):
        results.append(_KINDS[it.kind](it, _collected(it, results)))
    return results


def _inside(below: Request, result: InternalAggregation) -> InternalAggregation:
    if not _has_pipelines(below):
        return result
    if isinstance(result, single.InternalSingleBucket):
        return replace(result, aggregations=run_pipelines(below, result.aggregations))
    buckets = [replace(it, aggregations=run_pipelines(below, it.aggregations)) for it in buckets_of(result) or ()]
    if not buckets:
        return result
    changed: dict[str, Any] = {"ranges" if isinstance(result, ranges.InternalRange) else "buckets": buckets}
    return replace(result, **changed)


def _has_pipelines(request: Request) -> bool:
    return any(kind_of(definition) in PIPELINES or _has_pipelines(_below(definition)) for definition in request.values())


def _collected(it: Pipeline, results: Results) -> Collected:
    (path,) = it.paths
    elements = parse_path(path)
    current = named(results, elements[0].name)
    if current is None:
        return []
    at = 0
    while at < len(elements) - 1:
        if current is None:
            raise _invalid(
                f"bucket_path [{path}] expected aggregation with name [{elements[at].name}] but was missing in search response"
            )
        if isinstance(current, single.InternalSingleBucket):
            within: Sequence[InternalAggregation] = current.aggregations
        elif elements[at].names_a_bucket:
            if buckets_of(current) is None:
                raise _invalid(
                    f"bucket_path [{path}] indicates bucket_key [{elements[at].key}] at position [{at}] but encountered on agg "
                    f"[{current.name}] which is not a multi_bucket aggregation"
                )
            within = bucket_of_key(current, elements[at].key or "").aggregations
        else:
            break
        at += 1
        current = named(within, elements[at].name)
    buckets = buckets_of(current)
    if current is None or buckets is None:
        found = "" if current is None else f" Found [{current.name}]"
        raise _invalid(f"did not find multi-bucket aggregation for extraction.{found}")
    names = steps(elements[at:])[1:]
    policy = it.body.get("gap_policy", "skip")
    values = ((bucket, bucket_value(current, bucket, names, policy)) for bucket in buckets)
    return [(key_text(current, bucket), value) for bucket, value in values if value is not None and not math.isnan(value)]


def _invalid(reason: str) -> ElasticsearchException:
    return ElasticsearchException("invalid_path", reason, status=400)


def _format(it: Pipeline) -> DocValueFormat:
    pattern = it.body.get("format")
    return Raw() if pattern is None else Decimal(pattern=pattern)


def _simple(it: Pipeline, value: float) -> InternalAggregation:
    return pipeline.InternalSimpleValue(name=it.name, metadata=it.meta, format=_format(it), value=value)


def _added(values: Collected) -> float:
    total = 0.0
    for _, value in values:  # in the order and without the compensation that Elasticsearch has here
        total += value
    return total


def _average(it: Pipeline, values: Collected) -> InternalAggregation:
    return _simple(it, _added(values) / len(values) if values else math.nan)


def _extreme(choose: Callable[..., float], empty: float) -> Callable[[Pipeline, Collected], InternalAggregation]:
    def build(it: Pipeline, values: Collected) -> InternalAggregation:
        value = choose((value for _, value in values), default=empty)
        keys = [key for key, each in values if each == value]
        return pipeline.InternalBucketMetricValue(name=it.name, metadata=it.meta, format=_format(it), value=value, keys=keys)

    return build


def _stats_fields(it: Pipeline, values: Collected) -> dict[str, Any]:
    numbers = [value for _, value in values]
    return {
        "name": it.name,
        "metadata": it.meta,
        "format": _format(it),
        "count": len(numbers),
        "min": min(numbers, default=math.inf),
        "max": max(numbers, default=-math.inf),
        "sum": _added(values),
    }


def _stats(it: Pipeline, values: Collected) -> InternalAggregation:
    return pipeline.InternalStatsBucket(**_stats_fields(it, values))


def _extended_stats(it: Pipeline, values: Collected) -> InternalAggregation:
    return pipeline.InternalExtendedStatsBucket(
        **_stats_fields(it, values),
        sum_of_squares=_added([(key, value * value) for key, value in values]),
        sigma=float(it.body.get("sigma", 2.0)),
    )


def _percentiles(it: Pipeline, values: Collected) -> InternalAggregation:
    """The values nearest to the places wanted, not interpolated."""
    percents = [float(percent) for percent in it.body.get("percents") or DEFAULT_PERCENTS]
    ascending = sorted(value for _, value in values)
    places = [math.floor(percent / 100 * (len(ascending) - 1) + 0.5) for percent in percents]
    return pipeline.InternalPercentilesBucket(
        name=it.name,
        metadata=it.meta,
        format=_format(it),
        percentiles=[ascending[place] if ascending else math.nan for place in places],
        percents=percents,
        keyed=bool(it.body.get("keyed", True)),
    )


_KINDS: Final[Mapping[str, Callable[[Pipeline, Collected], InternalAggregation]]] = {
    "avg_bucket": _average,
    "sum_bucket": lambda it, values: _simple(it, _added(values)),
    "min_bucket": _extreme(min, math.inf),
    "max_bucket": _extreme(max, -math.inf),
    "stats_bucket": _stats,
    "extended_stats_bucket": _extended_stats,
    "percentiles_bucket": _percentiles,
}
