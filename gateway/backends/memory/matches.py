"""What a query finds: rows with scores, in the form that the next step reads fastest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Mask, Rows, RowTest

Scores = NDArray[np.float32]
_SPARSE: Final = 4
"""Where rows are fewer than the table's by this factor, they are looked at rather than masks of the whole table."""
_NOTHING: Final = np.empty(0, np.int32)
_NO_NAMES: Final[Mapping[str, Matches]] = {}


class Matches:
    """The rows of one table that a query matches. Its arrays are shared: they are not to be written to.

    It holds rows (int32, ascending), a mask (bool, one per row of the table) or a test, and makes what it is asked for. Scores are an
    array aligned with the rows, or one number for all of them. ``named`` has the matches of every named query within (by
    ``_name``), which need not lie within these rows.
    """

    __slots__ = ("_constant", "_mask", "_rows", "_scores", "_sorted", "_test", "named", "size")

    def __init__(
        self,
        size: int,
        *,
        rows: Rows | None = None,
        mask: Mask | None = None,
        test: RowTest | None = None,
        scores: Scores | None = None,
        constant: float = 1.0,
        named: Mapping[str, Matches] = _NO_NAMES,
        in_order: bool = True,
    ) -> None:
        """``size`` is the number of rows of the table. ``scores`` need ``rows``; without them each row has the score ``constant``. Rows
        with scores may be given in any order (not ``in_order``): they are sorted when somebody wants them sorted.

        With ``rows`` or ``mask`` a ``test`` may be given as well, and must say the same."""
        self.size = size
        """How many rows the table has."""
        self._rows = rows
        self._mask = mask
        self._test = test
        self._scores = scores
        self._sorted = in_order
        self._constant = float(np.float32(constant)) if scores is None else None
        self.named = named

    @staticmethod
    def none(size: int) -> Matches:
        """No rows."""
        return Matches(size, rows=_NOTHING)

    @property
    def rows(self) -> Rows:
        """int32, ascending: the rows."""
        if self._rows is None:
            self._rows = np.flatnonzero(self.mask).astype(np.int32)
        elif not self._sorted:
            order = np.argsort(self._rows, kind="stable")
            self._rows = self._rows[order]
            if self._scores is not None:
                self._scores = self._scores[order]
            self._sorted = True
        return self._rows

    def in_any_order(self) -> tuple[Rows, Scores]:
        """The rows and their scores, aligned."""
        if self._sorted or self._rows is None or self._scores is None:
            return self.rows, self.scores
        return self._rows, self._scores

    @property
    def mask(self) -> Mask:
        """bool[size]: whether each row matches."""
        if self._mask is None:
            if self._rows is None and self._test is not None:
                self._mask = self._test.whole()
                return self._mask
            self._mask = np.zeros(self.size, np.bool_)
            span = self.span
            self._mask[self._rows if span is None else span] = True
        return self._mask

    @property
    def span(self) -> slice | None:
        """The rows as a slice of the table, where they are there already and stand side by side."""
        rows = self._rows
        if rows is None or not self._sorted or not len(rows):
            return None
        first, last = int(rows[0]), int(rows[-1])
        return slice(first, last + 1) if last - first + 1 == len(rows) else None

    def at(self, rows: Rows) -> Mask:
        """bool, aligned with ``rows`` (ascending): which of them match."""
        if self._mask is not None:
            known: Mask = self._mask[rows]
            return known
        span = self.span
        if span is not None:
            inside: Mask = (rows >= span.start) & (rows < span.stop)
            return inside
        if self._test is not None:
            return self._test.at(rows)
        held = self.rows
        if not len(held):
            return np.zeros(len(rows), np.bool_)
        # A look-up takes some ten times as long as an entry of a mask.
        if 8 * len(rows) < len(held) + self.size // 64:
            places = np.searchsorted(held, rows)
            places[places == len(held)] = 0
            found: Mask = held[places] == rows
            return found
        return self.mask[rows]

    @property
    def has_rows(self) -> bool:
        """Whether the rows are there already (so that reading them costs nothing)."""
        return self._rows is not None

    @property
    def scores(self) -> Scores:
        """float32, aligned with `rows`."""
        if not self._sorted:
            _ = self.rows
        if self._scores is None:
            self._scores = np.full(len(self.rows), self._constant, np.float32)
        return self._scores

    @property
    def constant(self) -> float | None:
        """The score that all rows have, or None when each has its own."""
        return self._constant

    def __len__(self) -> int:
        """How many rows match."""
        return int(np.count_nonzero(self.mask)) if self._rows is None else len(self._rows)

    def has(self, row: int) -> bool:
        """Whether a row matches."""
        if self._mask is not None:
            return bool(self._mask[row])
        at = int(np.searchsorted(self.rows, np.int32(row)))
        return at < len(self.rows) and int(self.rows[at]) == row

    def names_of(self, row: int) -> list[str]:
        """The names of the named queries that a row matches (``matched_queries``)."""
        return [name for name, found in self.named.items() if found.has(row)]

    def within(self, mask: Mask) -> Matches:
        """These matches where ``mask`` (bool[size]) is set as well."""
        if self._constant is None:
            kept = mask[self.rows]
            return Matches(self.size, rows=self.rows[kept], scores=self.scores[kept], named=self.named)
        if self._rows is None:
            return Matches(self.size, mask=self.mask & mask, constant=self._constant, named=self.named)
        return Matches(self.size, rows=self._rows[mask[self._rows]], constant=self._constant, named=self.named)

    def where(self, other: Matches) -> Matches:
        """These matches as far as ``other`` matches as well."""
        if self._rows is None or len(self._rows) * _SPARSE > self.size:
            return self.within(other.mask)
        kept = other.at(self.rows)
        scores = None if self._constant is not None else self.scores[kept]
        return Matches(self.size, rows=self.rows[kept], scores=scores, constant=self._constant or 0.0, named=self.named)

    def constantly(self, score: float) -> Matches:
        """The same rows, all with one score."""
        rows = self._rows if self._sorted else self.rows
        return Matches(self.size, rows=rows, mask=self._mask, test=self._test, constant=score, named=self.named)

    def with_names(self, named: Mapping[str, Matches]) -> Matches:
        """The same matches with other named queries."""
        return Matches(
            self.size,
            rows=self._rows,
            mask=self._mask,
            test=self._test,
            scores=self._scores,
            constant=self._constant or 0.0,
            named=named,
            in_order=self._sorted,
        )

    def dense(self) -> NDArray[Any]:
        """float64[size]: the score of each row, 0 where it does not match."""
        if self._constant is not None:
            return np.where(self.mask, self._constant, 0.0)
        spread = np.zeros(self.size, np.float64)
        spread[self.rows] = self.scores
        return spread

    def scores_at(self, rows: Rows) -> Scores:
        """float32: the scores of ``rows`` (ascending), which must all match."""
        if self._constant is not None:
            return np.full(len(rows), self._constant, np.float32)
        if len(rows) == len(self.rows):
            return self.scores
        if 8 * len(rows) > len(self.rows) + self.size // 64:
            spread = np.empty(self.size, np.float32)
            spread[self.rows] = self.scores
            return spread[rows]
        return self.scores[np.searchsorted(self.rows, rows)]
