"""Merging terms, histograms and composite."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations.orders import by_key, order_value, sort_number
from gateway.backends.memory.aggregations.reducing import Reduction, _merged, _shown, grouped, reduces
from gateway.backends.memory.rounding import rounder
from protocol.messages.aggregations.base import KEY_ASC, BucketOrder, InternalAggregation, MissingOrder
from protocol.messages.aggregations.results.buckets import CompositeBucket, InternalComposite
from protocol.messages.aggregations.results.histograms import (
    DateEmptyBucketInfo,
    DateHistogramBucket,
    EmptyBucketInfo,
    HistogramBucket,
    InternalDateHistogram,
    InternalHistogram,
)
from protocol.messages.aggregations.results.terms import DoubleTerms, LongTerms, MappedTerms, StringTerms, TermsBucket


def sort_buckets(buckets: list[Any], order: BucketOrder, key: Callable[[Any], Any]) -> list[Any]:
    """Buckets in an order; stable, the last criterion is applied first."""
    for element in reversed(order):
        if element.key == "_key":
            buckets = sorted(buckets, key=key, reverse=not element.ascending)
        elif element.key == "_count":
            buckets = sorted(buckets, key=lambda bucket: bucket.doc_count, reverse=not element.ascending)
        else:
            path, ascending = element.key, element.ascending
            buckets = sorted(buckets, key=lambda bucket: sort_number(order_value(bucket.aggregations, path), ascending))
    return buckets


def _term(bucket: TermsBucket) -> Any:
    return bucket.term


def _shard_error(result: MappedTerms) -> int:
    """The most documents of a term that this result does not show; -1 where nobody can tell."""
    if not result.buckets or len(result.buckets) < result.shard_size or by_key(result.order):
        return 0
    if result.order[0] == ("_count", False):
        if result.doc_count_error is not None:
            return result.doc_count_error
        return min(bucket.doc_count for bucket in result.buckets)
    return -1


@reduces(StringTerms, LongTerms, DoubleTerms)
def _terms(reduction: Reduction, group: list[MappedTerms]) -> InternalAggregation:
    first = _shown(group)
    errors = [_shard_error(result) for result in group]
    total_error = -1 if -1 in errors else sum(errors)
    others = sum(result.other_doc_count for result in group)
    by_term: dict[Any, list[TermsBucket]] = {}
    for result, error in zip(group, errors, strict=True):
        for bucket in result.buckets:
            if result.show_term_doc_count_error:
                bucket = replace(bucket, doc_count_error=bucket.doc_count_error - error)
            by_term.setdefault(bucket.term, []).append(bucket)
    order = first.order

    def reduced(same: list[TermsBucket]) -> TermsBucket:
        bucket: TermsBucket = _merged(reduction, same)
        if not first.show_term_doc_count_error:
            return bucket
        known = total_error != -1
        return replace(bucket, doc_count_error=sum(each.doc_count_error for each in same) + total_error if known else -1)

    reduce_order = first.reduce_order if by_key(first.reduce_order) else KEY_ASC
    if by_key(order) and first.min_doc_count <= 1:
        names = sorted(by_term, reverse=not reduce_order[0].ascending)
        others += sum(bucket.doc_count for name in names[first.required_size :] for bucket in by_term[name])
        reduction.count(min(len(names), first.required_size))
        chosen = [reduced(by_term[name]) for name in names[: first.required_size]]
    elif reduction.final:
        kept = [same for same in by_term.values() if sum(each.doc_count for each in same) >= first.min_doc_count]
        chosen, dropped = _best(kept, order, first.required_size, reduced)
        others += dropped
        reduction.count(len(chosen))
    else:
        chosen = [reduced(by_term[name]) for name in sorted(by_term, reverse=not reduce_order[0].ascending)]
    return replace(
        first,
        buckets=chosen,
        reduce_order=order if reduction.final else reduce_order,
        doc_count_error=total_error if total_error == -1 or len(group) + reduction.unmapped > 1 else 0,
        other_doc_count=others,
    )


def _best(
    kept: list[list[TermsBucket]], order: BucketOrder, size: int, reduced: Callable[[list[TermsBucket]], TermsBucket]
) -> tuple[list[TermsBucket], int]:
    """The first ``size`` buckets in the order, and how many documents the others have; only what is shown is merged in full,
    where the order allows it."""
    if any(element.key not in ("_count", "_key") for element in order):
        merged = sort_buckets([reduced(same) for same in kept], order, _term)
        return merged[:size], sum(bucket.doc_count for bucket in merged[size:])
    light = [TermsBucket(term=same[0].term, doc_count=sum(each.doc_count for each in same)) for same in kept]
    light = sort_buckets(light, order, _term)
    by_term = {same[0].term: same for same in kept}
    return [reduced(by_term[bucket.term]) for bucket in light[:size]], sum(bucket.doc_count for bucket in light[size:])


def _key(bucket: Any) -> Any:
    return bucket.key


def _histogram_buckets(reduction: Reduction, group: Sequence[InternalHistogram | InternalDateHistogram]) -> list[Any]:
    if len(group) == 1:
        merged = [_merged(reduction, (bucket,)) for bucket in group[0].buckets] if _have_subs(group[0]) else group[0].buckets
    else:
        same = grouped((result.buckets for result in group), _key)
        merged = [_merged(reduction, same[key]) for key in sorted(same)]
    if reduction.final and group[0].min_doc_count > 1:
        merged = [bucket for bucket in merged if bucket.doc_count >= group[0].min_doc_count]
    reduction.count(len(merged))
    return merged


def _have_subs(result: InternalHistogram | InternalDateHistogram) -> bool:
    return bool(result.buckets and result.buckets[0].aggregations)


@reduces(InternalHistogram)
def _histogram(reduction: Reduction, group: list[InternalHistogram]) -> InternalAggregation:
    first = _shown(group)
    merged: list[HistogramBucket] = _histogram_buckets(reduction, group)
    if reduction.final:
        if first.min_doc_count == 0 and first.empty_bucket_info is not None:
            merged = _filled(reduction, merged, first.empty_bucket_info)
        merged = sort_buckets(merged, first.order, _key) if first.order[0] != ("_key", True) else merged
    return replace(first, buckets=merged)


def _filled(reduction: Reduction, merged: list[HistogramBucket], info: EmptyBucketInfo) -> list[HistogramBucket]:
    """The buckets with those of the gaps, from the lower bound to the upper one where they are given."""
    interval, offset = info.interval, info.offset

    def floor(key: float) -> float:
        return math.floor((key - offset) / interval) * interval + offset

    empty = reduction.all([info.sub_aggregations])
    out: list[HistogramBucket] = []

    def fill(key: float, until: Callable[[float], bool]) -> None:
        while until(key):
            reduction.count(1)
            out.append(HistogramBucket(key=key, doc_count=0, aggregations=empty))
            key = floor(key + interval + interval / 2)

    if not merged:
        if math.isfinite(info.min_bound) and math.isfinite(info.max_bound):
            fill(floor(info.min_bound), lambda key: key <= info.max_bound)
        return out
    if math.isfinite(info.min_bound):
        fill(floor(info.min_bound), lambda key: key < merged[0].key)
    for bucket in merged:
        if out and out[-1].key < bucket.key:
            wanted = bucket.key
            fill(floor(out[-1].key + interval + interval / 2), lambda key, wanted=wanted: key < wanted)  # type: ignore[misc]
        out.append(bucket)
    fill(floor(merged[-1].key + interval + interval / 2), lambda key: key <= info.max_bound)
    return out


@reduces(InternalDateHistogram)
def _date_histogram(reduction: Reduction, group: list[InternalDateHistogram]) -> InternalAggregation:
    first = _shown(group)
    merged: list[DateHistogramBucket] = _histogram_buckets(reduction, group)
    if reduction.final:
        if first.min_doc_count == 0 and first.empty_bucket_info is not None:
            merged = _filled_dates(reduction, merged, first.empty_bucket_info, first.offset)
        merged = sort_buckets(merged, first.order, _key) if first.order[0] != ("_key", True) else merged
    return replace(first, buckets=merged)


def _filled_dates(
    reduction: Reduction, merged: list[DateHistogramBucket], info: DateEmptyBucketInfo, offset: int
) -> list[DateHistogramBucket]:
    rounding = rounder(info.rounding)
    low = None if info.bounds is None or info.bounds.min is None else info.bounds.min + offset
    high = None if info.bounds is None or info.bounds.max is None else info.bounds.max + offset
    empty = reduction.all([info.sub_aggregations])
    out: list[DateHistogramBucket] = []

    def following(key: int) -> int:
        return rounding.next(key - offset) + offset

    def fill(key: int, end: int) -> None:
        """Empty buckets from ``key`` on, before ``end``."""
        while key < end:
            reduction.count(1)
            out.append(DateHistogramBucket(key=key, doc_count=0, aggregations=empty))
            key = following(key)

    if not merged:
        if low is not None and high is not None:
            fill(low, high + 1)
        return out
    if low is not None:
        fill(low, merged[0].key)
    keys = np.array([bucket.key for bucket in merged], np.int64)
    expected = rounding.next_many(keys[:-1] - offset) + offset
    begun = 0
    for place in np.flatnonzero(expected < keys[1:]).tolist():
        out += merged[begun : place + 1]
        begun = place + 1
        fill(int(expected[place]), merged[begun].key)
    out += merged[begun:]
    if high is not None and high > merged[-1].key:
        fill(following(merged[-1].key), high + 1)
    return out


@reduces(InternalComposite)
def _composite(reduction: Reduction, group: list[InternalComposite]) -> InternalAggregation:
    first = next((result for result in group if result.buckets), group[0])
    same = grouped((result.buckets for result in group), _key)
    compare = functools.partial(_compare_keys, first)
    keys = sorted(same, key=functools.cmp_to_key(compare))[: first.size]
    merged: list[CompositeBucket] = [_merged(reduction, same[key]) for key in keys]
    reduction.count(len(merged))
    after = merged[-1].key if merged else next((it.after_key for it in group if it.after_key is not None), None)
    return replace(
        first,
        buckets=merged,
        after_key=after,
        early_terminated=any(result.early_terminated for result in group),
    )


def _compare_keys(composite: InternalComposite, left: tuple[Any, ...], right: tuple[Any, ...]) -> int:
    for value, other, direction, missing in zip(left, right, composite.reverse_muls, composite.missing_orders, strict=True):
        if value is None or other is None:
            if value is other:
                continue
            first = 1 if missing is MissingOrder.LAST else -1
            if missing is MissingOrder.DEFAULT:
                first = -direction
            return first if value is None else -first
        if value != other:
            return direction if value > other else -direction
    return 0
