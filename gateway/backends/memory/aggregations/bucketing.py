"""Putting values into buckets: every value has a code, and every (owner, code) pair that occurs is a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import Ints, Scope

DENSE = 1 << 22
"""Up to so many pairs are counted in one array; beyond, only the pairs that occur are."""


@dataclass(slots=True)
class Buckets:
    """Buckets in the order of their owner and then of their code."""

    codes: list[int]
    counts: list[int]
    bounds: list[int]
    """The buckets of owner ``i`` are those from ``bounds[i]`` to ``bounds[i + 1]``."""
    scope: Scope
    """The rows in their buckets, for the sub-aggregations."""


def compact(index: Ints, spread: int = 1 << 16) -> tuple[Ints, Ints]:
    """Codes from 0 for whole numbers, and what each code stands for, ascending: by distance where they lie near each other."""
    if not len(index):
        return index, index
    low, high = int(index.min()), int(index.max())
    if high - low < max(spread, 2 * len(index)):
        return index - low, np.arange(low, high + 1)
    distinct, codes = np.unique(index, return_inverse=True)
    return codes, distinct


def once_per_row(positions: NDArray[Any] | None, codes: Ints, single: bool) -> tuple[NDArray[Any] | None, Ints]:
    """A row counts once in a bucket, however many of its values fall there; a row's codes must stand together and be sorted."""
    if positions is None or single or not len(codes):
        return positions, codes
    fresh = np.ones(len(codes), np.bool_)
    fresh[1:] = (positions[1:] != positions[:-1]) | (codes[1:] != codes[:-1])
    return (positions, codes) if fresh.all() else (positions[fresh], codes[fresh])


def bucketize(scope: Scope, positions: NDArray[Any] | None, codes: Ints, cardinality: int, need_rows: bool) -> Buckets:
    """The buckets of the values with these codes. The rows in them are only worked out where ``need_rows``."""
    owners = scope.owners_at(positions)
    cardinality = max(cardinality, 1)
    pairs = codes if owners is None else owners * cardinality + codes
    places: Ints | None = None
    if scope.size * cardinality <= DENSE:
        tally = np.bincount(pairs, minlength=scope.size * cardinality)
        kept = np.flatnonzero(tally)
        counts = tally[kept]
        if need_rows:
            bucket_of = np.empty(len(tally), np.int64)
            bucket_of[kept] = np.arange(len(kept))
            places = bucket_of[pairs]
    else:
        kept, places, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    owner_of = kept // cardinality
    bounds = [0, len(kept)] if scope.size == 1 else np.searchsorted(owner_of, np.arange(scope.size + 1)).tolist()
    scope.shard.limit.add(len(kept))
    inner = scope.within(positions, places, len(kept)) if need_rows else scope
    return Buckets((kept % cardinality).tolist(), counts.tolist(), bounds, inner)
