"""Values as codes, and the (bucket, code) pairs that occur: what the aggregations make buckets of that have one for each term."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.bucketing import DENSE, once_per_row
from gateway.backends.memory.aggregations.scope import MAX_BUCKETS, Ints, Scope, too_many_buckets
from gateway.backends.memory.aggregations.sources import Source
from gateway.backends.memory.columns import Column

MOST_PAIRS: Final = 1 << 24
"""So many pairs may be counted that do not occur."""


@dataclass(slots=True)
class Coded:
    """The values of a scope as codes: small numbers in the order of the keys that they stand for."""

    positions: NDArray[np.int64] | None
    codes: Ints
    keys: Sequence[Any]
    """The key of each code: str, address bytes, int or float."""


_ordinals: weakref.WeakKeyDictionary[Column, tuple[NDArray[Any], Column]] = weakref.WeakKeyDictionary()
"""What `by_ordinal` has made."""


def by_ordinal(column: Column) -> tuple[NDArray[Any], Column]:
    """The distinct values of a column of numbers, ascending, and the column with their places in place of them."""
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
        distinct, column = by_ordinal(source.column)
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
    """The pair that each value makes, by place in ``pairs``; None where counting by ``pairs`` alone tells it."""

    def where(self, kept: NDArray[np.bool_]) -> Pairs:
        """Those that are marked, by place."""
        places = None
        if self.of_values is not None:
            moved = np.where(kept, np.cumsum(kept) - 1, -1)
            places = moved[self.of_values]
        return Pairs(self.pairs[kept], self.counts[kept], places)


def count_pairs(pair_of_value: Ints, size: int, cardinality: int) -> Pairs:
    """The pairs of ``size`` owners and ``cardinality`` codes that the values make."""
    if size * cardinality <= DENSE:
        counts = np.bincount(pair_of_value, minlength=size * cardinality)
        pairs = np.flatnonzero(counts)
        return Pairs(pairs, counts[pairs], None)
    pairs, places, counts = np.unique(pair_of_value, return_inverse=True, return_counts=True)
    return Pairs(pairs, counts, places)


def candidates(found: Pairs, accepted: NDArray[np.bool_] | None, least: int, size: int, cardinality: int) -> tuple[Pairs, Ints]:
    """The pairs of accepted codes with ``least`` documents and more, and how many documents each owner has in all accepted ones."""
    kept: NDArray[np.bool_] | None = None
    if accepted is not None:
        kept = accepted[found.pairs % cardinality]
    counts = found.counts if kept is None else np.where(kept, found.counts, 0)
    owners = found.pairs // cardinality
    others = np.array([counts.sum()]) if size == 1 else np.bincount(owners, counts, minlength=size).astype(np.int64)
    if least > 1:
        enough = found.counts >= least
        kept = enough if kept is None else kept & enough
    return (found if kept is None else found.where(kept)), others


def with_zeros(found: Pairs, size: int, cardinality: int) -> Pairs:
    """All pairs, those that do not occur with a count of 0. Raises ElasticsearchException where they are too many to be held."""
    if size * cardinality > MOST_PAIRS:
        raise too_many_buckets(
            f"A [min_doc_count] of 0 would bring each of [{cardinality}] terms to each of [{size}] buckets", MAX_BUCKETS
        )
    counts = np.zeros(size * cardinality, np.int64)
    counts[found.pairs] = found.counts
    places = None if found.of_values is None else found.pairs[found.of_values]
    return Pairs(np.arange(size * cardinality), counts, places)


def visible_codes(source: Source, scope: Scope, keys: Sequence[Any]) -> NDArray[np.bool_]:
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


def sub_scope(scope: Scope, values: Coded, pair_of_value: Ints, found: Pairs, chosen: Ints, cardinality: int) -> Scope:
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
