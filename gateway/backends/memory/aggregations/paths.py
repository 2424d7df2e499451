"""Paths through final results to their numbers: ``by_day>bytes.max``, ``by_level['ERROR']>_count`` (``AggregationPath``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.backends.memory.aggregations.scope import illegal
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import buckets, histograms, metrics, pipeline, ranges, single, terms, top_hits
from protocol.rest.figures import single_value, stats_values
from protocol.rest.texts import java_double
from protocol.rest.value_formats import show
from protocol.sketches import tdigest

_NUMBER: Final = "buckets_path must reference either a number value or a single value numeric metric aggregation"
_MULTI_VALUE: Final = (
    metrics.InternalStats,
    metrics.InternalTDigestPercentiles,
    metrics.InternalTDigestPercentileRanks,
    pipeline.InternalPercentilesBucket,
)


class Element(NamedTuple):
    """A part of a path, between two ``>``."""

    name: str
    key: str | None = None
    """What stands in brackets: a bucket's key in quotes, or a metric."""
    metric: str | None = None

    @property
    def names_a_bucket(self) -> bool:
        return self.key is not None and self.key.startswith("'") and self.key.endswith("'")


def parse_path(path: str) -> list[Element]:
    """Raises ElasticsearchException (``illegal_argument_exception``) where the path is malformed."""
    parts = [part for part in path.split(">") if part]
    if not parts:
        raise illegal("Invalid path []")
    return [_element(part, path, last=number == len(parts)) for number, part in enumerate(parts, 1)]


def _element(part: str, path: str, *, last: bool) -> Element:
    key, end, metric = part.rfind("["), part.rfind("]"), part.rfind(".") if last else -1
    if key >= 0:
        ends = end > key if metric >= 0 else end == len(part) - 1
        if key == 0 or key > len(part) - 3 or not ends:
            raise illegal(f"Invalid path element [{part}] in path [{path}]")
        return Element(part[:key], part[key + 1 : end], None if metric < end else part[metric + 1 :])
    if metric < 0:
        return Element(part)
    if metric == 0 or metric > len(part) - 2:
        raise illegal(f"Invalid path element [{part}] in path [{path}]")
    return Element(part[:metric], None, part[metric + 1 :])


def steps(elements: Sequence[Element]) -> list[str]:
    """The names to follow one by one."""
    return [step for element in elements for step in element if step is not None]


def buckets_of(aggregation: InternalAggregation | None) -> list[Any] | None:
    """The buckets of a result that may have many; None for other kinds."""
    if isinstance(aggregation, (terms.UnmappedTerms, terms.UnmappedSignificantTerms, terms.UnmappedRareTerms)):
        return []
    if isinstance(aggregation, ranges.InternalRange):
        return list(aggregation.ranges)
    found = getattr(aggregation, "buckets", None)
    return found if isinstance(found, list) else None


def key_text(aggregation: InternalAggregation, bucket: Any) -> str:
    """A bucket's key as text (``getKeyAsString``)."""
    match aggregation:
        case terms.MappedTerms() | terms.MappedSignificantTerms() | terms.StringRareTerms() | terms.LongRareTerms():
            return show(aggregation.format, bucket.term)
        case histograms.InternalHistogram() | histograms.InternalDateHistogram():
            return show(aggregation.format, bucket.key)
        case ranges.InternalRange() | ranges.InternalBinaryRange() if bucket.key is None:
            bounds = [None if isinstance(it, float) and math.isinf(it) else it for it in (bucket.from_, bucket.to)]
            return "-".join("*" if bound is None else show(aggregation.format, bound) for bound in bounds)
        case buckets.InternalFilters() if bucket.key is None:
            return str(next(place for place, it in enumerate(aggregation.buckets) if it is bucket))
    return str(bucket.key)


def named(aggregations: Sequence[InternalAggregation], name: str) -> InternalAggregation | None:
    return next((aggregation for aggregation in aggregations if aggregation.name == name), None)


def bucket_of_key(aggregation: InternalAggregation, key: str) -> Any:
    """The bucket that a key in quotes names. Raises ElasticsearchException where there is none.

    The key is read as a path again, so that one with a dot is never found."""
    return _property_of_result(aggregation, steps(parse_path(key)))


def bucket_value(aggregation: InternalAggregation, bucket: Any, path: Sequence[str], gap_policy: str) -> float | None:
    """The number that a path names within a bucket; None where it leads nowhere, NaN where the policy skips the bucket.

    Raises ElasticsearchException (``illegal_argument_exception``) where the path ends at something that is no number."""
    try:
        found = _property_of_bucket(aggregation, bucket, path)
    except ElasticsearchException as error:
        if error.type == "invalid_aggregation_path_exception":
            return None
        raise
    value = _number(aggregation, found, path)
    if list(path) == ["_count"]:
        return value
    return _without_gap(value, bucket.doc_count, gap_policy)


def _number(aggregation: InternalAggregation, found: Any, path: Sequence[str]) -> float:
    if found is None:
        raise illegal(_NUMBER)
    if isinstance(found, (int, float)) and not isinstance(found, (bool, _Dated)):
        return float(found)
    at = path[0] if path else aggregation.name
    if isinstance(found, _MULTI_VALUE):
        try:
            return _one_of_many(found, path[-1])
        except ElasticsearchException as error:
            if error.type != "number_format_exception":
                raise
            raise illegal(f"{_NUMBER}, but [{at}] contains multiple values. Please specify which to use.") from None
    value = single_value(found) if isinstance(found, InternalAggregation) else None
    if value is None:
        raise illegal(f"{_NUMBER}, got: [{_java_name(found)}] at aggregation [{at}]")
    return value


def _java_name(found: Any) -> str:
    if isinstance(found, _Dated):
        return "ZonedDateTime"
    if isinstance(found, str):
        return "String"
    if isinstance(found, list):
        return "Object[]"
    if isinstance(found, InternalAggregation):
        return type(found).__name__
    return "InternalBucket" if isinstance(found, (buckets.FiltersBucket, buckets.CompositeBucket)) else "Bucket"


def _without_gap(value: float, doc_count: int, gap_policy: str) -> float:
    infinite = math.isinf(value)
    if gap_policy == "insert_zeros":
        return 0.0 if infinite or math.isnan(value) or not doc_count else value
    if gap_policy == "keep_values":
        return math.nan if infinite else value
    return math.nan if infinite or not doc_count else value


class _Dated(int):
    """The key of a bucket of dates, which is no number to Elasticsearch."""


def _property_of_bucket(aggregation: InternalAggregation, bucket: Any, path: Sequence[str]) -> Any:
    if not path:
        return bucket
    name = path[0]
    if name in ("_count", "_key"):
        if len(path) > 1:
            raise _invalid(f"{name} must be the last element in the path")
        return bucket.doc_count if name == "_count" else _key(aggregation, bucket)
    found = named(bucket.aggregations, name)
    if found is None:
        raise _invalid(f"Cannot find an aggregation named [{name}] in [{aggregation.name}]")
    return _property_of_result(found, path[1:])


def _key(aggregation: InternalAggregation, bucket: Any) -> Any:
    if isinstance(aggregation, histograms.InternalDateHistogram):
        return _Dated(bucket.key)
    key = bucket.term if hasattr(bucket, "term") else getattr(bucket, "key", None)
    return key if isinstance(key, (int, float)) else key_text(aggregation, bucket)


def _property_of_result(result: InternalAggregation, path: Sequence[str]) -> Any:
    if not path:
        return result
    many = buckets_of(result)
    if many is not None:
        return _property_of_many(result, many, path)
    if isinstance(result, single.InternalSingleBucket):
        return _property_of_one(result, path)
    if isinstance(result, top_hits.InternalTopHits):
        return _property_of_top_hits(result, path)
    if len(path) == 1 and isinstance(result, _MULTI_VALUE):
        return _one_of_many(result, path[0])
    if list(path) == ["value"] and not isinstance(result, _MULTI_VALUE):
        return single_value(result)
    if list(path) == ["keys"] and isinstance(result, pipeline.InternalBucketMetricValue):
        return list(result.keys)
    raise _unsupported(result, path)


def _property_of_many(result: InternalAggregation, many: list[Any], path: Sequence[str]) -> Any:
    name = path[0]
    if name == "_bucket_count":
        return len(many)
    if name.startswith("'") and name.endswith("'"):
        for bucket in many:
            if key_text(result, bucket) == name[1:-1]:
                return _property_of_bucket(result, bucket, path[1:])
        raise _invalid(f"Cannot find an key [{name}] in [{result.name}]")
    return [_property_of_bucket(result, bucket, path) for bucket in many]


def _property_of_one(result: single.InternalSingleBucket, path: Sequence[str]) -> Any:
    if path[0] == "_count":
        if len(path) > 1:
            raise illegal("_count must be the last element in the path")
        return result.doc_count
    found = named(result.aggregations, path[0])
    if found is None:
        raise illegal(f"Cannot find an aggregation named [{path[0]}] in [{result.name}]")
    return _property_of_result(found, path[1:])


def _property_of_top_hits(result: top_hits.InternalTopHits, path: Sequence[str]) -> Any:
    if len(path) != 1:
        raise illegal(
            f"property paths for top_hits [{result.name}] can only contain a single field in _source, score or sort values, "
            f"got {_shown(path)}"
        )
    hits = result.search_hits.hits
    if len(hits) > 1:
        raise illegal(f"property paths for top_hits [{result.name}] require configuring it with size to 1")
    if not hits:
        raise ElasticsearchException("array_index_out_of_bounds_exception", "Index 0 out of bounds for length 0")
    if path[0].lower() == "_score":
        return hits[0].score
    if path[0].lower() == "_sort":
        values = hits[0].sort.formatted
        if len(values) != 1:
            # The name is missing in Elasticsearch's own text.
            raise illegal(f'property path for top_hits [" + getName() + "] requires a single sort value, got {len(values)}')
        return values[0]
    raise _unsupported(result, path)


def _one_of_many(result: InternalAggregation, name: str) -> float:
    """A number of a result that has several. Raises ElasticsearchException where the name is none of them."""
    if isinstance(result, metrics.InternalStats):
        values = stats_values(result)
        if name not in values:
            raise illegal(f"No enum constant org.elasticsearch.search.aggregations.metrics.InternalStats.Metrics.{name}")
        return values[name]
    if isinstance(result, pipeline.InternalPercentilesBucket):
        given = dict(zip(result.percents, result.percentiles, strict=True))
        percent = next(iter(given)) if len(given) == 1 and name == result.name else _parsed(name)
        if percent not in given:
            raise illegal(
                f"Percent requested [{java_double(percent)}] was not one of the computed percentiles.  Available keys are: "
                f"{_shown([java_double(each) for each in result.percents])}"
            )
        return given[percent]
    assert isinstance(result, (metrics.InternalTDigestPercentiles, metrics.InternalTDigestPercentileRanks))  # noqa: S101
    number = result.keys[0] if len(result.keys) == 1 and name == result.name else _parsed(name)
    if result.state is None or not result.state.size:
        return math.nan
    if isinstance(result, metrics.InternalTDigestPercentileRanks):
        return tdigest.cdf(result.state, number) * 100
    return tdigest.quantile(result.state, number / 100)


def _parsed(name: str) -> float:
    try:
        if "_" not in name:
            return float(name)
    except ValueError:
        pass
    reason = f'For input string: "{name}"' if name.strip() else "empty String"
    raise ElasticsearchException("number_format_exception", reason, status=400)


def _shown(path: Sequence[str]) -> str:
    return f"[{', '.join(path)}]"


def _unsupported(result: InternalAggregation, path: Sequence[str]) -> ElasticsearchException:
    return illegal(f"path not supported for [{result.name}]: {_shown(path)}")


def _invalid(reason: str) -> ElasticsearchException:
    return ElasticsearchException("invalid_aggregation_path_exception", reason)
