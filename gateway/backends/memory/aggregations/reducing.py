"""Merging partial results of several indices (or clusters) into one, as ``InternalAggregations.reduce`` does.

With ``final`` the result is what a client sees: buckets sorted and cut to the size, gaps filled. Without it the result can be merged on,
as a remote cluster hands it to the cluster that asked.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from gateway.backends.memory.aggregations.scope import BucketLimit
from gateway.backends.memory.aggregations.summing import compensated
from gateway.backends.memory.sort_keys import compare_raw
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results import buckets, metrics, ranges, single, terms, top_hits
from protocol.sketches import hyperloglog, tdigest

A = TypeVar("A", bound=InternalAggregation)
Results = list[InternalAggregation]


@dataclass(frozen=True, slots=True)
class Reduction:
    """How to merge, and the count of the buckets made so far (which only a final merge limits)."""

    final: bool
    limit: BucketLimit
    unmapped: int = 0
    """How many more results the aggregation has that is being merged, of indices that do not have its field."""

    def count(self, buckets: int) -> None:
        if self.final:
            self.limit.add(buckets)

    def all(self, partials: Sequence[Results]) -> Results:
        """Merge results side by side: those of one name with each other, in the order of their first appearance."""
        groups: dict[str, Results] = {}
        for partial in partials:
            for aggregation in partial:
                groups.setdefault(aggregation.name, []).append(aggregation)
        return [self.one(group) for group in groups.values()]

    def one(self, group: Results) -> InternalAggregation:
        """Merge results of one aggregation."""
        mapped = [aggregation for aggregation in group if not isinstance(aggregation, _UNMAPPED)]
        if not mapped:
            return group[0]
        kind = type(mapped[0])
        if len(group) == 1 and kind.__module__ == metrics.__name__:
            # Elasticsearch leaves a lone metric alone; merging would move the centroids of a digest.
            return mapped[0]
        if any(type(aggregation) is not kind for aggregation in mapped):
            raise ElasticsearchException(
                "aggregation_execution_exception",
                f"Failed trying to merge aggregations of different types for [{mapped[0].name}]: the field in the aggregation query is "
                "of different types in different indices",
            )
        reducer = _REDUCERS.get(kind)
        if reducer is None:
            raise ElasticsearchException(
                "illegal_argument_exception", f"results of aggregation [{kind.wire_name}] cannot be merged", status=400
            )
        unmapped = len(group) - len(mapped)
        return reducer(self if unmapped == self.unmapped else replace(self, unmapped=unmapped), mapped)


_UNMAPPED = (terms.UnmappedTerms, terms.UnmappedSignificantTerms, terms.UnmappedRareTerms)

Reducer = Callable[[Reduction, Any], InternalAggregation]
_REDUCERS: dict[type[InternalAggregation], Reducer] = {}


def reduces(*kinds: type[InternalAggregation]) -> Callable[[Reducer], Reducer]:
    """Registers what merges results of these kinds."""

    def register(reducer: Reducer) -> Reducer:
        for kind in kinds:
            _REDUCERS[kind] = reducer
        return reducer

    return register


@reduces(metrics.InternalAvg)
def _avg(_: Reduction, group: list[metrics.InternalAvg]) -> InternalAggregation:
    return replace(_shown(group), sum=compensated(it.sum for it in group), count=sum(it.count for it in group))


@reduces(metrics.InternalSum)
def _sum(_: Reduction, group: list[metrics.InternalSum]) -> InternalAggregation:
    return replace(_shown(group), sum=compensated(it.sum for it in group))


@reduces(metrics.InternalMin)
def _min(_: Reduction, group: list[metrics.InternalMin]) -> InternalAggregation:
    return replace(_shown(group), min=min(it.min for it in group))


@reduces(metrics.InternalMax)
def _max(_: Reduction, group: list[metrics.InternalMax]) -> InternalAggregation:
    return replace(_shown(group), max=max(it.max for it in group))


@reduces(metrics.InternalStats, metrics.InternalExtendedStats)
def _stats(_: Reduction, group: list[metrics.InternalStats]) -> InternalAggregation:
    merged = replace(
        _shown(group),
        count=sum(it.count for it in group),
        min=min(it.min for it in group),
        max=max(it.max for it in group),
        sum=compensated(it.sum for it in group),
    )
    if isinstance(merged, metrics.InternalExtendedStats):
        squares = (it.sum_of_squares for it in cast("list[metrics.InternalExtendedStats]", group))
        merged.sum_of_squares = compensated(squares)
    return merged


@reduces(metrics.InternalValueCount)
def _value_count(_: Reduction, group: list[metrics.InternalValueCount]) -> InternalAggregation:
    return replace(group[0], value=sum(it.value for it in group))


@reduces(metrics.InternalWeightedAvg)
def _weighted_avg(_: Reduction, group: list[metrics.InternalWeightedAvg]) -> InternalAggregation:
    return replace(_shown(group), sum=compensated(it.sum for it in group), weight=compensated(it.weight for it in group))


@reduces(metrics.InternalCardinality)
def _cardinality(_: Reduction, group: list[metrics.InternalCardinality]) -> InternalAggregation:
    counts = [it.counts for it in group if it.counts is not None]
    return replace(group[0], counts=hyperloglog.merge(counts) if counts else None)


@reduces(metrics.InternalTDigestPercentiles, metrics.InternalTDigestPercentileRanks)
def _percentiles(_: Reduction, group: list[metrics.InternalTDigestPercentiles]) -> InternalAggregation:
    states = [it.state for it in group if it.state is not None]
    return replace(_shown(group), state=tdigest.merge(states) if states else None)


@reduces(metrics.InternalMedianAbsoluteDeviation)
def _deviation(_: Reduction, group: list[metrics.InternalMedianAbsoluteDeviation]) -> InternalAggregation:
    state = tdigest.merge([it.values_sketch for it in group], compress=False)
    return replace(_shown(group), values_sketch=state, median_absolute_deviation=tdigest.median_absolute_deviation(state))


def _shown(group: list[A]) -> A:
    """The result whose format counts: the first that has one of its own, since an index without the field shows numbers raw."""
    return next((it for it in group if getattr(it, "format", None) is not None and it.format.wire_name != "raw"), group[0])  # type: ignore[attr-defined]


@reduces(
    single.InternalFilter, single.InternalGlobal, single.InternalMissing, single.InternalNested, single.InternalReverseNested
)
def _single(reduction: Reduction, group: list[single.InternalSingleBucket]) -> InternalAggregation:
    return replace(
        group[0],
        doc_count=sum(it.doc_count for it in group),
        aggregations=reduction.all([it.aggregations for it in group]),
    )


@reduces(buckets.InternalFilters)
def _filters(reduction: Reduction, group: list[buckets.InternalFilters]) -> InternalAggregation:
    reduction.count(len(group[0].buckets))
    merged = [_merged(reduction, same) for same in zip(*(it.buckets for it in group), strict=True)]
    return replace(group[0], buckets=merged)


@reduces(ranges.InternalRange, ranges.InternalDateRange)
def _ranges(reduction: Reduction, group: list[ranges.InternalRange]) -> InternalAggregation:
    reduction.count(len(group[0].ranges))
    merged = [_merged(reduction, same) for same in zip(*(it.ranges for it in group), strict=True)]
    return replace(_shown(group), ranges=merged)


@reduces(ranges.InternalBinaryRange)
def _ip_ranges(reduction: Reduction, group: list[ranges.InternalBinaryRange]) -> InternalAggregation:
    reduction.count(len(group[0].buckets))
    merged = [_merged(reduction, same) for same in zip(*(it.buckets for it in group), strict=True)]
    return replace(group[0], buckets=merged)


def _merged(reduction: Reduction, same: Sequence[Any]) -> Any:
    """One bucket of several with the same key."""
    if len(same) == 1 and not same[0].aggregations:
        return same[0]
    return replace(
        same[0],
        doc_count=sum(bucket.doc_count for bucket in same),
        aggregations=reduction.all([bucket.aggregations for bucket in same]),
    )


def grouped(lists: Iterable[Sequence[Any]], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    """The buckets of several results by their key."""
    groups: dict[Any, list[Any]] = {}
    for entries in lists:
        for bucket in entries:
            groups.setdefault(key(bucket), []).append(bucket)
    return groups


@reduces(top_hits.InternalTopHits)
def _top_hits(reduction: Reduction, group: list[top_hits.InternalTopHits]) -> InternalAggregation:
    first = group[0]
    by_fields = next((it.top_docs for it in group if isinstance(it.top_docs, top_hits.TopFieldDocs)), None)
    entries: list[tuple[Any, int, int]] = []
    for number, it in enumerate(group):
        docs = it.top_docs
        of_shard: list[Any] = docs.field_docs if isinstance(docs, top_hits.TopFieldDocs) else docs.score_docs
        entries += [(doc, number, place) for place, doc in enumerate(of_shard)]
    if by_fields is None:
        entries.sort(key=lambda entry: (-entry[0].score, entry[1], entry[2]))
    else:
        entries.sort(key=_sort_fields_key(by_fields.fields))
    start = first.from_ if reduction.final else 0
    entries = entries[start : first.from_ + first.size]
    total = replace(first.top_docs.total_hits, value=sum(it.top_docs.total_hits.value for it in group))
    scores = [it.top_docs.max_score for it in group if not math.isnan(it.top_docs.max_score)]
    best = max(scores, default=math.nan)
    chosen = [doc for doc, _, _ in entries]
    top: top_hits.TopDocs | top_hits.TopFieldDocs
    if by_fields is None:
        top = top_hits.TopDocs(total_hits=total, max_score=best, score_docs=chosen)
    else:
        top = top_hits.TopFieldDocs(total_hits=total, max_score=best, fields=by_fields.fields, field_docs=chosen)
    hits = [group[number].search_hits.hits[place] for _, number, place in entries]
    return replace(first, top_docs=top, search_hits=replace(first.search_hits, total=total, max_score=best, hits=hits))


def _sort_fields_key(fields: list[Any]) -> Callable[[tuple[Any, int, int]], Any]:
    def compare(left: tuple[Any, int, int], right: tuple[Any, int, int]) -> int:
        for place, field in enumerate(fields):
            order = compare_raw(left[0].fields[place], right[0].fields[place], field)
            if order:
                return -order if field.reverse else order
        return -1 if left[1:] < right[1:] else int(left[1:] > right[1:])

    return functools.cmp_to_key(compare)
