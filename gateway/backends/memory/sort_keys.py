"""The keys of a sort: what a field's documents are ordered by, as arrays to compare and as values for the wire.

Every key is an int64 whose ascending order is the wanted order, whatever the type: doubles by their bits (so that -0.0 comes before 0.0,
as in Java), terms by twice their ordinal (so that a value that no document has can stand between two), descending ones inverted.
"""

from __future__ import annotations

import bisect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column, Rows
from protocol.messages.hits import SortField, SortFieldType, StringMissing
from protocol.values import Integer, Long, Single

Keys = NDArray[np.int64]

LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1


def single(value: float) -> float:
    """A number rounded to single precision, infinite beyond it."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def sortable(values: NDArray[Any]) -> Keys:
    """Numbers as int64 that compare as Java compares the numbers."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    return bits ^ ((bits >> 63) & HIGHEST)


class SortKey(ABC):
    """One criterion of a sort over one index."""

    field: SortField
    """Its form on the wire."""

    @abstractmethod
    def keys(self, rows: Rows, scores: NDArray[np.float32] | None) -> Keys:
        """int64, aligned with ``rows``; ``scores`` are the rows' scores, given where a key needs them."""

    @abstractmethod
    def raw(self, rows: Rows, scores: NDArray[np.float32] | None) -> list[Any]:
        """What the coordinating node merges by, one per row."""

    @abstractmethod
    def formatted(self, raw: Any) -> Any:
        """What REST shows for a raw value."""

    @abstractmethod
    def key_of(self, value: Any) -> int:
        """The key of a ``search_after`` value. Raises ElasticsearchException."""

    def compare(self, left: Any, right: Any) -> int:
        """-1, 0 or 1: the order of two raw values, in the direction of the sort."""
        order = compare_raw(left, right, self.field)
        return -order if self.field.reverse else order


def compare_raw(left: Any, right: Any, field: SortField) -> int:
    """The ascending order of two raw values of one type."""
    if left is None or right is None:
        if left is None and right is None:
            return 0
        return 1 if (left is None) == (field.missing is StringMissing.LAST) else -1
    if isinstance(left, float) and isinstance(right, float):
        pair = sortable(np.array([left, right], np.float64)).tolist()
        left, right = pair[0], pair[1]
    return int(left > right) - int(left < right)


class ScoreKey(SortKey):
    """``_score``; the best first unless it is reversed."""

    def __init__(self, reverse: bool) -> None:
        self.field = SortField(type=SortFieldType.SCORE, reverse=reverse)

    def keys(self, rows: Rows, scores: NDArray[np.float32] | None) -> Keys:  # noqa: ARG002 - the rows do not matter
        assert scores is not None  # noqa: S101 - the caller scores where a key is of scores
        ascending = sortable(scores.astype(np.float64))
        return ascending if self.field.reverse else ~ascending

    def raw(self, rows: Rows, scores: NDArray[np.float32] | None) -> list[Any]:  # noqa: ARG002 - the rows do not matter
        assert scores is not None  # noqa: S101 - as above
        return [Single(score) for score in scores.tolist()]

    def formatted(self, raw: Any) -> Any:
        return raw

    def key_of(self, value: Any) -> int:
        ascending = int(sortable(np.array([single(float(value))], np.float64))[0])
        return ascending if self.field.reverse else ~ascending

    def compare(self, left: Any, right: Any) -> int:
        order = compare_raw(left, right, self.field)
        return order if self.field.reverse else -order


class ConstantKey(SortKey):
    """A value that all documents of the index share: ``_index``, ``_version``."""

    def __init__(self, field: SortField, value: Any, parse: Callable[[Any], Any], show: Callable[[Any], Any]) -> None:
        self.field, self._value, self._parse, self._show = field, value, parse, show

    def keys(self, rows: Rows, scores: NDArray[np.float32] | None) -> Keys:  # noqa: ARG002 - all the same
        return np.zeros(len(rows), np.int64)

    def raw(self, rows: Rows, scores: NDArray[np.float32] | None) -> list[Any]:  # noqa: ARG002 - all the same
        return [self._value] * len(rows)

    def formatted(self, raw: Any) -> Any:
        return self._show(raw)

    def key_of(self, value: Any) -> int:
        return self.compare(self._parse(value), self._value)


@dataclass(frozen=True, slots=True)
class NumberKind:
    """How one of Lucene's numeric sort types holds its values."""

    type: SortFieldType
    wrap: Callable[[Any], Any]
    dtype: Any
    lowest: Any
    highest: Any


INT: Final = NumberKind(SortFieldType.INT, Integer, np.int64, -(1 << 31), (1 << 31) - 1)
LONG: Final = NumberKind(SortFieldType.LONG, int, np.int64, LOWEST, HIGHEST)
FLOAT: Final = NumberKind(SortFieldType.FLOAT, Single, np.float64, -np.inf, np.inf)
DOUBLE: Final = NumberKind(SortFieldType.DOUBLE, float, np.float64, -np.inf, np.inf)


class NumberKey(SortKey):
    """Numbers, dates and booleans; a document without one has ``missing``, a number like the others.

    ``pick`` gives the value of each row and which rows have one.
    """

    def __init__(
        self,
        name: str,
        kind: NumberKind,
        reverse: bool,
        missing: Any,
        pick: Callable[[Rows], tuple[NDArray[Any], NDArray[np.bool_] | None]],
        parse: Callable[[Any], Any],
        show: Callable[[Any], Any] | None,
        *,
        custom: bool,
    ) -> None:
        """``custom``: sorted by a comparator of Elasticsearch's own, which does not tell the missing value over the wire."""
        told = None if custom else Long(missing) if kind is LONG else kind.wrap(missing)
        self.field = SortField(field=name, type=kind.type, missing=told, reverse=reverse)
        self._kind, self._missing, self._pick, self._parse, self._show = kind, missing, pick, parse, show

    def _values(self, rows: Rows) -> NDArray[Any]:
        values, held = self._pick(rows)
        if held is None:
            return values.astype(self._kind.dtype)
        return np.where(held, values.astype(self._kind.dtype), np.array(self._missing, self._kind.dtype))

    def keys(self, rows: Rows, scores: NDArray[np.float32] | None) -> Keys:  # noqa: ARG002 - no scores
        ascending = sortable(self._values(rows))
        return ~ascending if self.field.reverse else ascending

    def raw(self, rows: Rows, scores: NDArray[np.float32] | None) -> list[Any]:  # noqa: ARG002 - no scores
        return [self._kind.wrap(value) for value in self._values(rows).tolist()]

    def formatted(self, raw: Any) -> Any:
        return raw if self._show is None else self._show(raw)

    def key_of(self, value: Any) -> int:
        ascending = int(sortable(np.array([self._parse(value)], self._kind.dtype))[0])
        return ~ascending if self.field.reverse else ascending


class TermKey(SortKey):
    """Keywords and addresses, by ordinal; a document without one comes first or last, or as if it had ``filler``.

    ``ordinals`` gives each row's ordinal, -1 for none; ``sorted_terms`` are the raw terms by ordinal.
    """

    def __init__(
        self,
        name: str,
        reverse: bool,
        missing: StringMissing | None,
        filler: bytes | None,
        ordinals: Callable[[Rows], NDArray[Any]],
        sorted_terms: list[bytes],
        parse: Callable[[Any], bytes],
        show: Callable[[bytes], Any],
    ) -> None:
        self.field = SortField(field=name, type=SortFieldType.STRING, missing=missing, reverse=reverse)
        self._ordinals, self._terms, self._parse, self._show, self._filler = ordinals, sorted_terms, parse, show, filler
        if filler is not None:
            self._missing_key = self._place(filler)
        else:
            # In Lucene's ascending order: a reversed sort turns it around.
            self._missing_key = HIGHEST if missing is StringMissing.LAST else LOWEST

    def _place(self, term: bytes) -> int:
        at = bisect.bisect_left(self._terms, term)
        return 2 * at if at < len(self._terms) and self._terms[at] == term else 2 * at - 1

    def keys(self, rows: Rows, scores: NDArray[np.float32] | None) -> Keys:  # noqa: ARG002 - no scores
        ordinals = self._ordinals(rows).astype(np.int64)
        ascending = np.where(ordinals < 0, self._missing_key, 2 * ordinals)
        return ~ascending if self.field.reverse else ascending

    def raw(self, rows: Rows, scores: NDArray[np.float32] | None) -> list[Any]:  # noqa: ARG002 - no scores
        return [self._filler if ordinal < 0 else self._terms[ordinal] for ordinal in self._ordinals(rows).tolist()]

    def formatted(self, raw: Any) -> Any:
        return None if raw is None else self._show(raw)

    def key_of(self, value: Any) -> int:
        ascending = self._missing_key if value is None else self._place(self._parse(value))
        return ~ascending if self.field.reverse else ascending


def picked(column: Column, mode: str, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[Rows], Any]:
    """The value of each row that ``mode`` (min, max, sum, avg, median) picks, and which rows have one (None: all)."""

    def pick(rows: Rows) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        if column.dense:
            return convert(column.values[rows]), None
        if column.single:
            return convert(column.spread[rows]), column.exists[rows]
        starts, ends = column.starts[rows], column.starts[rows + 1]
        held = ends > starts
        if mode in ("min", "max"):
            at = np.minimum(starts, len(column.values) - 1) if mode != "max" else np.maximum(ends - 1, 0)
            return convert(column.values[at]), held
        which, values = column.values_of(rows)
        return reduced(which, convert(values), len(rows), mode), held

    return pick


def reduced(which: NDArray[np.int64], values: NDArray[Any], size: int, mode: str) -> NDArray[Any]:
    """One value for each of ``size`` groups; ``which`` (ascending) says to which each value belongs. Groups without one give 0."""
    result = np.zeros(size, values.dtype)
    if not len(values):
        return result
    first = np.ones(len(which), np.bool_)
    first[1:] = which[1:] != which[:-1]
    begins = np.flatnonzero(first)
    counts = np.diff(np.append(begins, len(which)))
    whole = values.dtype.kind != "f"
    if mode in ("min", "max"):
        order = np.lexsort((values, which))
        ends = begins if mode == "min" else begins + counts - 1
        result[which[begins]] = values[order][ends]
    elif mode == "median":
        ordered = values[np.lexsort((values, which))]
        low, high = ordered[begins + (counts - 1) // 2], ordered[begins + counts // 2]
        middle = (low.astype(np.float64) + high) / 2
        result[which[begins]] = np.where(counts % 2 == 1, low, np.floor(middle + 0.5).astype(np.int64)) if whole else middle
    else:
        total = np.add.reduceat(values, begins)
        if mode == "avg":
            mean = total / counts
            total = np.where(counts > 1, np.floor(mean + 0.5).astype(np.int64), total) if whole else mean
        result[which[begins]] = total
    return result


def ordinals_of(column: Column, mode: str) -> Callable[[Rows], NDArray[Any]]:
    """The least or greatest ordinal of each row, -1 for none."""

    def ordinals(rows: Rows) -> NDArray[Any]:
        if column.dense:
            return column.values[rows]
        starts, ends = column.starts[rows], column.starts[rows + 1]
        if not len(column.values):
            return np.full(len(rows), -1)
        at = np.minimum(starts, len(column.values) - 1) if mode == "min" else np.maximum(ends - 1, 0)
        return np.where(ends > starts, column.values[at], -1)

    return ordinals


def select(rows: Rows, scores: NDArray[np.float32] | None, keys: list[SortKey], count: int) -> NDArray[np.int64]:
    """The positions in ``rows`` of the first ``count`` in the order of the keys; equal ones in the order of the rows.

    Only what can be among the first is sorted: each key narrows down to the rows that tie with the last place."""
    chosen: list[NDArray[np.int64]] = []
    undecided = np.arange(len(rows))
    left = count
    for key in keys:
        if len(undecided) <= left:
            break
        values = key.keys(rows[undecided], None if scores is None else scores[undecided])
        last = np.partition(values, left - 1)[left - 1]
        before = values < last
        chosen.append(undecided[before])
        left -= int(np.count_nonzero(before))
        undecided = undecided[values == last]
    places = np.concatenate([*chosen, undecided[:left]])
    kept, kept_scores = rows[places], None if scores is None else scores[places]
    columns = [kept, *(key.keys(kept, kept_scores) for key in reversed(keys))]
    return places[np.lexsort(columns)]


def after(rows: Rows, scores: NDArray[np.float32] | None, keys: list[SortKey], values: list[Any]) -> NDArray[np.bool_]:
    """bool, aligned with ``rows``: those that come after the ``search_after`` values."""
    result = np.zeros(len(rows), np.bool_)
    equal = np.ones(len(rows), np.bool_)
    for key, value in zip(keys, values, strict=True):
        bound = key.key_of(value)
        own = key.keys(rows, scores)
        result |= equal & (own > bound)
        equal &= own == bound
    return result
