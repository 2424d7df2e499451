"""Columns: what a field's documents hold, as flat arrays that vectorised code reads.

A row is a document's number within its table (0, 1, 2, ... in the order of indexing). A column lists (row, value) pairs sorted by row and
then by value, as Lucene's doc values do, so arrays, nulls and missing values need no special case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.dictionary import TermDictionary

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowTest:
    """What tells a matching row from another: for all rows of the table, or for some alone, which is less work where they are few."""

    whole: Callable[[], Mask]
    at: Callable[[Rows], Mask]
    """bool, aligned with the rows that it is given."""


_FEW: Final = 8
"""Up to so many terms are looked up one by one rather than in a pass over all values."""


class Column:
    """The values of one field in one table; immutable once made.

    * ``docs``: int32, the row of each value, ascending.
    * ``values``: aligned with ``docs``. int64 for integers, booleans (0 and 1) and dates (milliseconds since the epoch, nanoseconds for
      ``date_nanos``); float64 for decimals (already rounded to what the field's type can hold); int32 ordinals into ``terms`` for
      keywords and addresses, whose repeats within a document are dropped.
    * ``starts``: int64, rows + 1 offsets: the values of row r are ``values[starts[r]:starts[r + 1]]``.
    * ``terms``: sorted (keywords by code point, which is Lucene's UTF-8 order; addresses in address order, in Elasticsearch's text form),
      so that comparing ordinals compares values. Empty for numbers.
    * ``keys``: for addresses the 16-byte form of each term; empty otherwise.
    """

    def __init__(
        self, rows: int, docs: Rows, values: NDArray[Any], *, terms: list[str] | None = None, keys: list[bytes] | None = None
    ) -> None:
        self.rows = rows
        self.docs = docs
        self.values = values
        self.terms: list[str] = terms or []
        self.keys: list[bytes] = keys or []
        self.by_ordinal = terms is not None
        """Whether ``values`` are ordinals into ``terms``."""
        counts = np.bincount(docs, minlength=rows) if len(docs) else np.zeros(rows, np.int64)
        self.starts: NDArray[np.int64] = np.zeros(rows + 1, np.int64)
        np.cumsum(counts, out=self.starts[1:])
        most = int(counts.max()) if rows else 0
        self.single = most <= 1
        """No row has more than one value."""
        self.dense = self.single and len(docs) == rows
        """Every row has exactly one value, so ``values[rows]`` are the rows' values."""

    @cached_property
    def exists(self) -> Mask:
        """bool[rows]: the rows that have a value. Not to be written to."""
        return self.starts[1:] > self.starts[:-1]

    @cached_property
    def absent(self) -> Rows:
        """The rows that have no value, ascending. Not to be written to."""
        return np.flatnonzero(~self.exists).astype(np.int32)

    @cached_property
    def doc_count(self) -> int:
        """How many rows have a value."""
        return len(self.docs) if self.single else int(np.count_nonzero(self.exists))

    def values_of(self, rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The values of ``rows``: ``(i, values)``, where ``i`` says to which position of ``rows`` each value belongs (ascending when
        ``rows`` has any order; a row's values stay sorted)."""
        if self.dense:
            return np.arange(len(rows)), self.values[rows]
        if self.single:
            held = np.flatnonzero(self.exists[rows])
            return held, self.spread[rows[held]]
        begin = self.starts[rows]
        counts = self.starts[rows + 1] - begin
        which = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return which, self.values[np.repeat(begin, counts) + within]

    def test(self, select: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> RowTest:
        """The rows that have at least one value that ``select`` chooses (bool, aligned with the values that it is given)."""

        def at(rows: Rows) -> Mask:
            if self.dense:
                return select(self.values[rows])
            which, values = self.values_of(rows)
            found = np.zeros(len(rows), np.bool_)
            found[which[select(values)]] = True
            return found

        return RowTest(lambda: self.mask_of(select(self.values)), at)

    def any_test(self, ordinals: Sequence[int] | NDArray[np.int64] | range) -> RowTest:
        """The test of `any_of`."""
        return replace(self.test(lambda values: self._chosen(ordinals, values)), whole=lambda: self.any_of(ordinals))

    def _chosen(self, ordinals: Sequence[int] | NDArray[np.int64] | range, values: NDArray[Any]) -> NDArray[np.bool_]:
        """bool, aligned with ``values``: whether each is one of the ordinals."""
        if isinstance(ordinals, range) and ordinals.step == 1:
            return (values >= ordinals.start) & (values < ordinals.stop)
        if not len(ordinals):
            return np.zeros(len(values), np.bool_)
        if len(ordinals) <= _FEW:
            found: NDArray[np.bool_] = values == ordinals[0]
            for ordinal in ordinals[1:]:
                found |= values == ordinal
            return found
        wanted = np.zeros(len(self.terms), np.bool_)
        wanted[ordinals] = True
        chosen: NDArray[np.bool_] = wanted[values]
        return chosen

    def mask_of(self, selected: Mask) -> Mask:
        """bool[rows]: the rows that have at least one value chosen by ``selected`` (bool, aligned with ``values``)."""
        if self.dense:
            return selected
        mask = np.zeros(self.rows, np.bool_)
        mask[self.docs[selected]] = True
        return mask

    @cached_property
    def _inverted(self) -> tuple[NDArray[np.int64], Rows]:
        order = np.argsort(self.values, kind="stable")
        bounds = np.searchsorted(self.values[order], np.arange(len(self.terms) + 1))
        return bounds, self.docs[order]

    def rows_of(self, ordinal: int) -> Rows:
        """The rows that hold the term with this ordinal, ascending. The inverted order is made on first use and kept."""
        bounds, docs = self._inverted
        return docs[bounds[ordinal] : bounds[ordinal + 1]]

    def any_of(self, ordinals: Sequence[int] | NDArray[np.int64] | range) -> Mask:
        """bool[rows]: the rows that hold any of some terms."""
        if not isinstance(ordinals, range) and len(ordinals) <= _FEW:
            listed = [self.rows_of(int(ordinal)) for ordinal in ordinals]
            # To write an entry of a mask takes some ten times as long as to compare a value.
            if not self.dense or 8 * sum(map(len, listed)) < len(listed) * self.rows:
                mask = np.zeros(self.rows, np.bool_)
                for rows in listed:
                    mask[rows] = True
                return mask
        return self.mask_of(self._chosen(ordinals, self.values))

    @cached_property
    def term_counts(self) -> NDArray[np.int64]:
        """How many rows hold each term (by ordinal)."""
        return np.bincount(self.values, minlength=len(self.terms))

    @cached_property
    def _ordinals(self) -> dict[str, int]:
        return {term: ordinal for ordinal, term in enumerate(self.terms)}

    def ordinal(self, term: str) -> int | None:
        """The ordinal of a term, in the text form that ``terms`` has, or None."""
        return self._ordinals.get(term)

    @cached_property
    def dictionary(self) -> TermDictionary:
        """The terms, to be searched by prefix, pattern and edit distance."""
        return TermDictionary(self.terms)

    def warm(self) -> None:
        """Makes now what would be made at the first query for a term."""
        if self.terms:
            self.ordinal(self.terms[0])
            self.rows_of(0)

    @cached_property
    def spread(self) -> NDArray[Any]:
        """The value of each row where no row has several, 0 for rows without one. Not to be written to."""
        if self.dense:
            return self.values
        spread = np.zeros(self.rows, self.values.dtype)
        spread[self.docs] = self.values
        return spread

    @cached_property
    def ascending(self) -> bool:
        """Whether ``values`` never decrease from one row to the next (as timestamps of a log), so that a range is one slice."""
        return bool(np.all(self.values[1:] >= self.values[:-1]))


def number_column(rows: int, docs: Rows, values: NDArray[Any]) -> Column:
    """A column of numbers, from pairs sorted by row whose values have any order within a row."""
    if np.any((docs[1:] == docs[:-1]) & (values[1:] < values[:-1])):
        order = np.lexsort((values, docs))
        docs, values = docs[order], values[order]
    return Column(rows, docs, values)


def term_column(
    rows: int, docs: Rows, numbers: NDArray[np.int32], terms: list[Any], text: Callable[[Any], str] | None = None
) -> Column:
    """A column of terms, from pairs sorted by row; ``numbers`` index ``terms``, which has any order. ``text`` gives the text form of a
    binary term (addresses)."""
    order = sorted(range(len(terms)), key=terms.__getitem__)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    values = rank[numbers] if len(order) else numbers
    same = docs[1:] == docs[:-1]
    if np.any(same):
        if np.any(same & (values[1:] < values[:-1])):
            by_value = np.lexsort((values, docs))
            docs, values = docs[by_value], values[by_value]
        fresh = np.ones(len(docs), np.bool_)
        fresh[1:] = (docs[1:] != docs[:-1]) | (values[1:] != values[:-1])
        if not fresh.all():
            docs, values = docs[fresh], values[fresh]
    ordered = [terms[number] for number in order]
    if text is None:
        return Column(rows, docs, values, terms=ordered)
    return Column(rows, docs, values, terms=[text(key) for key in ordered], keys=ordered)
