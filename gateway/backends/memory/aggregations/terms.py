"""The terms aggregation."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.bucketing import DENSE, once_per_row
from gateway.backends.memory.aggregations.include import accepted_codes
from gateway.backends.memory.aggregations.orders import by_key, is_metric, order_value, parse_order, sort_number
from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import Source, resolve
from gateway.backends.memory.columns import Column
from protocol.messages.aggregations.base import KEY_ASC, UNLIMITED, BucketOrder, InternalAggregation
from protocol.messages.aggregations.results.terms import (
    DoubleTerms,
    InternalTerms,
    LongTerms,
    MappedTerms,
    StringTerms,
    TermsBucket,
    UnmappedTerms,
)


@dataclass(slots=True)
class Coded:
    """The values of a scope as codes: small numbers in the order of the keys that they stand for."""

    positions: NDArray[np.int64] | None
    codes: Ints
    keys: Sequence[Any]
    """The key of each code: str, address bytes, int or float."""


_ordinals: weakref.WeakKeyDictionary[Column, tuple[NDArray[Any], Column]] = weakref.WeakKeyDictionary()
"""Per column of numbers: the distinct values, and the column with each value's place among them."""


def _by_ordinal(column: Column) -> tuple[NDArray[Any], Column]:
    found = _ordinals.get(column)
    if found is None:
        distinct, places = np.unique(column.values, return_inverse=True)
        found = _ordinals[column] = (distinct, Column(column.rows, column.docs, places.astype(np.int64)))
    return found


def coded(source: Source, scope: Scope) -> Coded:
    """The values of the scope as codes; a value that a row has twice counts once."""
    if source.kind in ("keyword", "ip"):
        positions, values = source.values(scope)
        return Coded(positions, values.astype(np.int64, copy=False), source.column.terms)
    keys: Sequence[Any]
    if source.missing is None and source.kind != "boolean":
        distinct, column = _by_ordinal(source.column)
        ordinal = Source(source.kind, source.format, column, source.field)
        positions, codes = ordinal.values(scope)
        keys = distinct.tolist()
    else:
        positions, values = source.values(scope)
        distinct, codes = np.unique(values, return_inverse=True)
        keys = distinct.tolist()
    positions, codes = once_per_row(positions, codes, source.single)
    return Coded(positions, codes, keys)


@dataclass(slots=True)
class Pairs:
    """The (bucket, code) pairs that occur: which they are (``bucket * codes + code``, ascending) and how often."""

    pairs: Ints
    counts: Ints
    of_values: Ints | None
    """The pair that each value makes, by place in ``pairs``; None where ``lookup`` tells it."""


class Terms(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.order: BucketOrder = parse_order(body.get("order"))
        size = int(body.get("size", 10))
        if size < 1:
            raise illegal(f"[size] must be greater than 0. Found [{size}] in [{name}]")
        shard_size = int(body.get("shard_size", -1))
        if shard_size <= 0:
            shard_size = size if by_key(self.order) else min(int(size * 1.5 + 10), UNLIMITED)
        self.size = size
        self.shard_size = max(shard_size, size)
        self.min_doc_count = int(body.get("min_doc_count", 1))
        self.shard_min_doc_count = min(int(body.get("shard_min_doc_count", 0)), self.min_doc_count)
        self.show_error = bool(body.get("show_term_doc_count_error", False))
        self.by_metric = [element for element in self.order if is_metric(element)]

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "terms")
        if not source.mapped:
            return [self._unmapped() for _ in range(scope.size)]
        values = coded(source, scope)
        cardinality = max(len(values.keys), 1)
        owners = scope.owners_at(values.positions)
        pair_of_value = values.codes if owners is None else owners * cardinality + values.codes
        found = self._count(pair_of_value, scope.size, cardinality)
        accepted = accepted_codes(self.name, self.body, source, values.keys)
        if self.min_doc_count == 0 and values.keys:
            found = self._with_zeros(found, scope.size, cardinality)
            if scope.shard.index.hides_documents:
                visible = self._visible_codes(source, scope, values.keys)
                accepted = visible if accepted is None else accepted & visible
        found, others = self._candidates(found, accepted, scope.size, cardinality)
        subs_of: list[Results] | None = None
        if self.by_metric:
            everything = self._sub_scope(scope, values, pair_of_value, found, np.arange(len(found.pairs)), cardinality)
            subs_of = self.collect_subs(everything)
        chosen = self._choose(found, cardinality, scope.size, subs_of)
        scope.shard.limit.add(len(chosen))
        if subs_of is not None:
            subs = [subs_of[place] for place in chosen.tolist()]
        elif self.subs:
            subs = self.collect_subs(self._sub_scope(scope, values, pair_of_value, found, chosen, cardinality))
        else:
            subs = []
        return self._results(source, values.keys, found, chosen, others, subs, scope.size, cardinality)

    def _count(self, pair_of_value: Ints, size: int, cardinality: int) -> Pairs:
        if size * cardinality <= DENSE:
            counts = np.bincount(pair_of_value, minlength=size * cardinality)
            pairs = np.flatnonzero(counts)
            return Pairs(pairs, counts[pairs], None)
        pairs, places, counts = np.unique(pair_of_value, return_inverse=True, return_counts=True)
        return Pairs(pairs, counts, places)

    def _candidates(self, found: Pairs, accepted: NDArray[np.bool_] | None, size: int, cardinality: int) -> tuple[Pairs, Ints]:
        """The pairs that may become buckets, and how many documents each owner has in all of them."""
        kept: NDArray[np.bool_] | None = None
        if accepted is not None:
            kept = accepted[found.pairs % cardinality]
        counts = found.counts if kept is None else np.where(kept, found.counts, 0)
        owners = found.pairs // cardinality
        others = np.array([counts.sum()]) if size == 1 else np.bincount(owners, counts, minlength=size).astype(np.int64)
        if self.shard_min_doc_count > 1:
            enough = found.counts >= self.shard_min_doc_count
            kept = enough if kept is None else kept & enough
        if kept is None:
            return found, others
        places = None
        if found.of_values is not None:
            moved = np.where(kept, np.cumsum(kept) - 1, -1)
            places = moved[found.of_values]
        return Pairs(found.pairs[kept], found.counts[kept], places), others

    @staticmethod
    def _visible_codes(source: Source, scope: Scope, keys: Sequence[Any]) -> NDArray[np.bool_]:
        """The terms of documents that may be seen: a term that only others have must not show, not even with a count of 0."""
        shard = scope.shard
        rows, table, level = shard.index.live, scope.table, scope.table
        chain = []
        while level.parent is not None:
            chain.append(level)
            level = level.parent
        for level in reversed(chain):
            rows = rows[level.parents]
        everything = Scope(shard, table, np.flatnonzero(rows).astype(np.int32))
        values = coded(source, everything)
        visible = {values.keys[code] for code in np.unique(values.codes).tolist()}
        return np.fromiter((key in visible for key in keys), np.bool_, len(keys))

    @staticmethod
    def _with_zeros(found: Pairs, size: int, cardinality: int) -> Pairs:
        counts = np.zeros(size * cardinality, np.int64)
        counts[found.pairs] = found.counts
        places = None if found.of_values is None else found.pairs[found.of_values]
        return Pairs(np.arange(size * cardinality), counts, places)

    def _sub_scope(self, scope: Scope, values: Coded, pair_of_value: Ints, found: Pairs, chosen: Ints, cardinality: int) -> Scope:
        """The rows of the chosen pairs, in the buckets that the order of ``chosen`` numbers."""
        if len(chosen) == scope.size * cardinality and np.array_equal(found.pairs[chosen], np.arange(len(chosen))):
            return replace(scope.within(values.positions, pair_of_value, len(chosen)), totals=found.counts[chosen])
        if found.of_values is None:
            bucket_of = np.full(scope.size * cardinality, -1, np.int64)
            bucket_of[found.pairs[chosen]] = np.arange(len(chosen))
            buckets = bucket_of[pair_of_value]
        else:
            bucket_of = np.full(len(found.pairs) + 1, -1, np.int64)
            bucket_of[chosen] = np.arange(len(chosen))
            buckets = bucket_of[found.of_values]
        if len(chosen) == len(found.pairs) and (not len(buckets) or int(buckets.min()) >= 0):
            return scope.within(values.positions, buckets, len(chosen))
        kept = np.flatnonzero(buckets >= 0)
        return scope.within(kept if values.positions is None else values.positions[kept], buckets[kept], len(chosen))

    def _choose(self, found: Pairs, cardinality: int, size: int, subs_of: list[Results] | None) -> Ints:
        """The places of the pairs that become buckets, by owner and then as a partial result is sorted (by key)."""
        counts = found.counts
        places = np.arange(len(counts))
        if size == 1 and not self.by_metric and self.order[0] == ("_count", False) and len(counts) > 4 * self.shard_size:
            # What has fewer documents than the last that can be chosen need not be sorted.
            least = np.partition(counts, len(counts) - self.shard_size)[len(counts) - self.shard_size]
            places = np.flatnonzero(counts >= least)
        pairs = found.pairs[places]
        owners, codes = pairs // cardinality, pairs % cardinality
        criteria: list[NDArray[Any]] = []
        for element in self.order:
            if element.key == "_key":
                criteria.append(codes if element.ascending else -codes)
                break
            if element.key == "_count":
                criteria.append(counts[places] if element.ascending else -counts[places])
            else:
                numbers = [sort_number(order_value(subs, element.key), element.ascending) for subs in subs_of or ()]
                criteria.append(np.array(numbers, np.float64))
        sorted_places = np.lexsort((*reversed(criteria), owners))
        sorted_owners = owners[sorted_places]
        rank = np.arange(len(sorted_places)) - np.searchsorted(sorted_owners, sorted_owners)
        best = sorted_places[rank < self.shard_size]
        if by_key(self.order) and not self.order[0].ascending:
            return places[best]
        return np.sort(places[best])

    def _unmapped(self) -> InternalTerms:
        return UnmappedTerms(
            name=self.name,
            metadata=self.metadata,
            reduce_order=self.order,
            order=self.order,
            required_size=self.size,
            min_doc_count=self.min_doc_count,
        )

    def _results(
        self,
        source: Source,
        keys: Sequence[Any],
        found: Pairs,
        chosen: Ints,
        others: Ints,
        subs: list[Results],
        size: int,
        cardinality: int,
    ) -> list[InternalAggregation]:
        kind: type[MappedTerms]
        kind = StringTerms if source.kind in ("keyword", "ip") else DoubleTerms if source.kind == "double" else LongTerms
        pairs, counts = found.pairs[chosen], found.counts[chosen]
        bounds = np.searchsorted(pairs // cardinality, np.arange(size + 1)).tolist()
        codes, numbers = (pairs % cardinality).tolist(), counts.tolist()
        if source.kind == "ip":
            keys = source.column.keys
        is_text = source.kind == "keyword"
        made: list[InternalAggregation] = []
        for owner in range(size):
            buckets = [
                TermsBucket(
                    term=keys[codes[place]].encode("utf-8", "surrogatepass") if is_text else keys[codes[place]],
                    doc_count=numbers[place],
                    doc_count_error=0,
                    aggregations=subs[place] if subs else [],
                )
                for place in range(bounds[owner], bounds[owner + 1])
            ]
            made.append(
                kind(
                    name=self.name,
                    metadata=self.metadata,
                    reduce_order=self.order if by_key(self.order) else KEY_ASC,
                    order=self.order,
                    required_size=self.size,
                    min_doc_count=self.min_doc_count,
                    doc_count_error=None,
                    format=source.format,
                    shard_size=self.shard_size,
                    show_term_doc_count_error=self.show_error,
                    other_doc_count=int(others[owner]) - sum(bucket.doc_count for bucket in buckets),
                    buckets=buckets,
                )
            )
        return made
