"""What a query finds: rows with scores, in the form that the next step reads fastest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Mask, Rows

Scores = NDArray[np.float32]
_NOTHING: Final = np.empty(0, np.int32)
_NO_NAMES: Final[Mapping[str, Matches]] = {}


class Matches:
    """The rows of one table that a query matches. Its arrays are shared: they are not to be written to.

    It holds rows (int32, ascending) or a mask (bool, one per row of the table), and makes the other when asked for it. Scores are
    an array aligned with the rows, or one number for all of them. ``named`` has the matches of every named query within (by
    ``_name``), which need not lie within these rows.
    """

    __slots__ = ("_constant", "_mask", "_rows", "_scores", "named", "size")

    def __init__(
        self,
        size: int,
        *,
        rows: Rows | None = None,
        mask: Mask | None = None,
        scores: Scores | None = None,
        constant: float = 1.0,
        named: Mapping[str, Matches] = _NO_NAMES,
    ) -> None:
        """``size`` is the number of rows of the table. ``scores`` need ``rows``; without them each row has the score ``constant``."""
        self.size = size
        """How many rows the table has."""
        self._rows = rows
        self._mask = mask
        self._scores = scores
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
        return self._rows

    @property
    def mask(self) -> Mask:
        """bool[size]: whether each row matches."""
        if self._mask is None:
            self._mask = np.zeros(self.size, np.bool_)
            self._mask[self._rows] = True
        return self._mask

    @property
    def has_rows(self) -> bool:
        """Whether the rows are there already (so that reading them costs nothing)."""
        return self._rows is not None

    @property
    def scores(self) -> Scores:
        """float32, aligned with `rows`."""
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

    def constantly(self, score: float) -> Matches:
        """The same rows, all with one score."""
        return Matches(self.size, rows=self._rows, mask=self._mask, constant=score, named=self.named)

    def with_names(self, named: Mapping[str, Matches]) -> Matches:
        """The same matches with other named queries."""
        return Matches(
            self.size, rows=self._rows, mask=self._mask, scores=self._scores, constant=self._constant or 0.0, named=named
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
        return self.scores[np.searchsorted(self.rows, rows)]
