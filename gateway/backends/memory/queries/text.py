"""Scored leaves of the query tree: terms of text and keyword fields, phrases, and blended terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.queries import similarity
from gateway.backends.memory.queries.nodes import Names, Node
from gateway.backends.memory.queries.sloppy import sloppy_frequency

_SHIFT: Final = 32
_BIAS: Final = 1 << 20
"""Added to a position less its place in the phrase, so that it stays positive."""


@dataclass(slots=True)
class TextTerm(Node):
    """One term of a text field."""

    postings: Postings
    term: str
    norms: bool = True
    doc_freq: int | None = None
    """The document frequency to score with, where it is not the term's own (blended and fuzzy terms)."""

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - names nothing
        number = self.postings.number(self.term)
        if number is None:
            return Matches.none(self.postings.rows)
        rows, _ = self.postings.postings(number)
        if not scoring:
            return Matches(self.postings.rows, rows=rows)
        doc_freq = self.postings.doc_freq(number) if self.doc_freq is None else self.doc_freq
        weight = similarity.weight(boost, (similarity.idf(doc_freq, self.postings.stats.doc_count),))
        table = similarity.text_norms(self.postings, self.norms)
        return Matches(self.postings.rows, rows=rows, scores=similarity.score(weight, self.postings.denominators(number, table)))


@dataclass(slots=True)
class KeywordTerm(Node):
    """One value of a keyword or boolean field; all matches score the same."""

    column: Column
    value: str | int
    doc_freq: int | None = None

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - names nothing
        if isinstance(self.value, str):
            ordinal = self.column.ordinal(self.value)
            if ordinal is None:
                return Matches.none(self.column.rows)
            test = self.column.any_test([ordinal])
            rows = self.column.rows_of(ordinal)
        else:
            test = self.column.test(lambda values: values == self.value)
            rows = np.flatnonzero(self.column.mask_of(self.column.values == self.value)).astype(np.int32)
        if not scoring or not len(rows):
            return Matches(self.column.rows, rows=rows, test=test)
        score = similarity.keyword_score(self.column, len(rows) if self.doc_freq is None else self.doc_freq, boost)
        return Matches(self.column.rows, rows=rows, test=test, constant=float(score))


@dataclass(slots=True)
class Phrase(Node):
    """Terms in order. ``slots`` has for each place (position, terms); several terms at a place are alternatives."""

    postings: Postings
    slots: Sequence[tuple[int, Sequence[str]]]
    slop: int = 0
    norms: bool = True

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - names nothing
        postings = self.postings
        numbered = [
            (place, [number for number in map(postings.number, terms) if number is not None]) for place, terms in self.slots
        ]
        if any(not numbers for _, numbers in numbered):
            return Matches.none(postings.rows)
        keys = [self._keys(place, numbers) for place, numbers in numbered]
        rows, freqs = self._exact(keys) if self.slop == 0 else self._sloppy(keys, numbered)
        if not scoring:
            return Matches(postings.rows, rows=rows)
        count = postings.stats.doc_count
        weight = similarity.weight(
            boost, [similarity.idf(postings.doc_freq(number), count) for _, numbers in numbered for number in numbers]
        )
        denominators = freqs * similarity.text_norms(postings, self.norms)[postings.norms[rows]] + np.float32(1)
        return Matches(postings.rows, rows=rows, scores=similarity.score(weight, denominators))

    def _keys(self, place: int, numbers: Sequence[int]) -> NDArray[np.int64]:
        """int64, ascending: row and position less the place in the phrase, of each occurrence."""
        parts = []
        for number in numbers:
            rows, positions = self.postings.positions(number)
            parts.append((rows.astype(np.int64) << _SHIFT) + (positions.astype(np.int64) + (_BIAS - place)))
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))

    @staticmethod
    def _exact(keys: list[NDArray[np.int64]]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        keys = sorted(keys, key=len)
        common = keys[0]
        for other in keys[1:]:
            at = np.searchsorted(other, common)
            at[at == len(other)] = 0
            common = common[other[at] == common]
        rows, counts = np.unique(common >> _SHIFT, return_counts=True)
        return rows.astype(np.int32), counts.astype(np.float32)

    def _sloppy(
        self, keys: list[NDArray[np.int64]], numbered: Sequence[tuple[int, Sequence[int]]]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        # Only occurrences with one of every other term within the slop can be part of a match.
        near = keys[0]
        for other in keys[1:]:
            low = np.searchsorted(other, near - self.slop)
            high = np.searchsorted(other, near + self.slop, side="right")
            near = near[high > low]
        rows = np.unique(near >> _SHIFT)
        if len(keys) > 2 or not set(numbered[0][1]).isdisjoint(numbered[1][1]):
            return self._one_by_one(rows, keys, numbered)
        wanted = np.zeros(self.postings.rows, np.bool_)
        wanted[rows] = True
        left, right = (part[wanted[part >> _SHIFT]] for part in keys)
        # Where the two stand exactly as in the phrase, the order of Lucene's queue matters: only these rows are read one by one.
        exact = np.unique(np.intersect1d(left, right) >> _SHIFT)
        wanted[exact] = False
        easy = _pair_frequencies(left[wanted[left >> _SHIFT]], right[wanted[right >> _SHIFT]], self.slop)
        hard = self._one_by_one(exact, [left, right], numbered)
        found = np.concatenate([easy[0], hard[0]])
        order = np.argsort(found)
        return found[order], np.concatenate([easy[1], hard[1]])[order]

    def _one_by_one(
        self, rows: NDArray[np.int64], keys: list[NDArray[np.int64]], numbered: Sequence[tuple[int, Sequence[int]]]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        bounds = [(np.searchsorted(part, rows << _SHIFT), np.searchsorted(part, (rows + 1) << _SHIFT)) for part in keys]
        low_bits = (1 << _SHIFT) - 1
        spots = [(part & low_bits) - _BIAS for part in keys]
        places = [place for place, _ in numbered]
        terms = [tuple(numbers) for _, numbers in numbered]
        freqs = np.array(
            [
                sloppy_frequency(
                    [spot[begin[at] : end[at]].tolist() for spot, (begin, end) in zip(spots, bounds, strict=True)],
                    places,
                    terms,
                    self.slop,
                )
                for at in range(len(rows))
            ],
            np.float32,
        )
        kept = freqs > 0
        return rows[kept].astype(np.int32), freqs[kept]


def _pair_frequencies(
    left: NDArray[np.int64], right: NDArray[np.int64], slop: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """`sloppy_frequency` of two different terms in all rows at once, where they never stand exactly as in the phrase: each change from
    one term to the other, in the order of positions, is a match."""
    merged = np.concatenate([left, right])
    order = np.argsort(merged, kind="stable")
    merged, of_right = merged[order], (order >= len(left))
    distance = merged[1:] - merged[:-1]
    found = (of_right[1:] != of_right[:-1]) & (distance <= slop)
    found &= merged[1:] >> _SHIFT == merged[:-1] >> _SHIFT
    rows, inverse = np.unique(merged[1:][found] >> _SHIFT, return_inverse=True)
    freqs = np.bincount(inverse, weights=np.float32(1) / (distance[found] + 1).astype(np.float32), minlength=len(rows))
    return rows.astype(np.int32), freqs.astype(np.float32)
