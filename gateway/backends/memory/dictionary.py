"""A sorted term dictionary, searched by prefix, by automaton and by edit distance; all terms at once rather than one by one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gateway.lucene.terms import TermAutomaton

_LAST: Final = chr(0x10FFFF)


class TermDictionary:
    """``terms`` are sorted by code point; terms are named by their place in it."""

    def __init__(self, terms: list[str]) -> None:
        self.terms = terms

    @cached_property
    def _codes(self) -> NDArray[np.uint32]:
        return np.frombuffer("".join(self.terms).encode("utf-32-le", "surrogatepass"), np.uint32)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.fromiter(map(len, self.terms), np.int64, len(self.terms))

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum(self._lengths) - self._lengths

    def prefixed(self, prefix: str) -> range:
        """The terms that begin with a prefix."""
        low = bisect_left(self.terms, prefix)
        return range(low, bisect_right(self.terms, prefix + _LAST * 4, lo=low))

    def between(self, low: str | None, high: str | None, include_low: bool, include_high: bool) -> range:
        """The terms from ``low`` to ``high``, either of which may be open (None)."""
        begin = 0 if low is None else (bisect_left if include_low else bisect_right)(self.terms, low)
        end = len(self.terms) if high is None else (bisect_right if include_high else bisect_left)(self.terms, high)
        return range(begin, max(begin, end))

    def accepted(self, automaton: TermAutomaton, prefix: str = "") -> NDArray[np.int64]:
        """The terms, among those with a prefix, that an automaton accepts."""
        span = self.prefixed(prefix) if prefix else range(len(self.terms))
        found = automaton.accepts(self._codes, self._starts[span.start : span.stop], self._lengths[span.start : span.stop])
        return np.flatnonzero(found) + span.start

    def near(self, term: str, edits: int, prefix_length: int, transpositions: bool) -> list[tuple[int, int]]:
        """``(term, distance)`` of the terms within ``edits`` of ``term`` that share its first ``prefix_length`` characters."""
        fixed = term[:prefix_length]
        span = self.prefixed(fixed) if fixed else range(len(self.terms))
        lengths = self._lengths[span.start : span.stop]
        found: list[tuple[int, int]] = []
        goal = np.array([ord(letter) for letter in term], np.uint32)
        for length in range(max(0, len(term) - edits), len(term) + edits + 1):
            numbers = np.flatnonzero(lengths == length) + span.start
            if len(numbers):
                letters = self._codes[self._starts[numbers][:, None] + np.arange(length)]
                distances = _distances(goal, letters, transpositions)
                close = np.flatnonzero(distances <= edits)
                found.extend(zip(numbers[close].tolist(), distances[close].tolist(), strict=True))
        return found


def _distances(goal: NDArray[np.uint32], letters: NDArray[np.uint32], transpositions: bool) -> NDArray[np.int16]:
    """The edit distance of ``goal`` to each row of ``letters`` (terms x length); a swap of neighbours counts once where
    ``transpositions`` (each character is edited once at most, as in Lucene's automata)."""
    count, length = letters.shape
    before: NDArray[np.int16] | None = None
    previous = np.repeat(np.arange(length + 1, dtype=np.int16)[:, None], count, axis=1)
    for row, letter in enumerate(goal, 1):
        current = np.empty_like(previous)
        current[0] = row
        for column in range(1, length + 1):
            same = letters[:, column - 1] == letter
            best = np.minimum(previous[column], current[column - 1]) + np.int16(1)
            np.minimum(best, previous[column - 1] + (~same).astype(np.int16), out=best)
            if transpositions and before is not None and column > 1:
                swapped = _swapped(letters, goal, row, column)
                np.minimum(best, np.where(swapped, before[column - 2] + np.int16(1), best), out=best)
            current[column] = best
        before, previous = previous, current
    return previous[length]


def _swapped(letters: NDArray[np.uint32], goal: NDArray[np.uint32], row: int, column: int) -> NDArray[np.bool_]:
    """Whether the last two letters up to (row, column) are the same two in the other order."""
    result: NDArray[np.bool_] = (letters[:, column - 1] == goal[row - 2]) & (letters[:, column - 2] == goal[row - 1])
    return result
