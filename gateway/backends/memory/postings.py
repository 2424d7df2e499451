"""Text postings: where each term stands. The seam behind which a faster text index could be put."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Mask, Rows
from gateway.backends.memory.dictionary import TermDictionary

# Lucene keeps a field's length in one byte: exact up to 39, then four significant bits (SmallFloat.intToByte4).
_EXACT = 24


def _byte4_to_int(code: int) -> int:
    if code < _EXACT:
        return code
    mantissa, shift = (code - _EXACT) & 7, ((code - _EXACT) >> 3) - 1
    return _EXACT + (mantissa if shift < 0 else (mantissa | 8) << shift)


LENGTHS: NDArray[np.int64] = np.array([_byte4_to_int(code) for code in range(256)], dtype=np.int64)
"""The length that each norm byte stands for."""


@dataclass(frozen=True, slots=True)
class FieldStatistics:
    """What BM25 needs to know of a field: documents that have it, the sum of their lengths, and the sum of document frequencies."""

    doc_count: int
    sum_total_term_freq: int
    sum_doc_freq: int


class Postings:
    """The inverted index of one text field in one table; immutable once made.

    Everything lies in flat arrays: term t has the entries ``bounds[t]:bounds[t + 1]`` of ``docs`` and ``freqs``; entry e has the
    positions ``position_bounds[e]:position_bounds[e + 1]``.
    """

    def __init__(
        self, rows: int, terms: list[str], tokens: NDArray[np.int32], docs: Rows, positions: NDArray[np.int32], holders: Rows
    ) -> None:
        """``tokens`` number into ``terms`` (any order); the three arrays are sorted by row, then position. ``holders`` are the rows that
        have the field, if only as an empty text."""
        self.rows = rows
        order = sorted(range(len(terms)), key=terms.__getitem__)
        rank = np.empty(len(order), np.uint16 if len(order) < 1 << 16 else np.int32)
        rank[order] = np.arange(len(order))
        self._terms = [terms[number] for number in order]
        ranked = rank[tokens]
        by_term = np.argsort(ranked, kind="stable")
        ranked, spread = ranked[by_term], docs[by_term]
        self._positions: NDArray[np.int32] = positions[by_term]
        first = np.ones(len(ranked), np.bool_)
        first[1:] = (ranked[1:] != ranked[:-1]) | (spread[1:] != spread[:-1])
        starts = np.flatnonzero(first)
        self._docs: Rows = spread[starts]
        self._position_bounds = np.append(starts, len(ranked))
        self._freqs = np.diff(self._position_bounds).astype(np.int32)
        self._bounds = np.searchsorted(ranked[starts], np.arange(len(order) + 1))
        self._denominators: NDArray[np.float32] | None = None
        self.norm_tables: dict[bool, NDArray[np.float32]] = {}
        """What `similarity.text_norms` computed, with norms and without."""
        self.lengths: NDArray[np.int32] = np.bincount(docs, minlength=rows).astype(np.int32)
        """int32[rows]: how many tokens each row has."""
        self.exists: Mask = np.zeros(rows, np.bool_)
        """bool[rows]: the rows that have the field."""
        self.exists[holders] = True

    @property
    def terms(self) -> list[str]:
        """All terms, sorted by code point; a term's number is its place here."""
        return self._terms

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {term: number for number, term in enumerate(self._terms)}

    @cached_property
    def dictionary(self) -> TermDictionary:
        """The terms, to be searched by prefix, pattern and edit distance."""
        return TermDictionary(self._terms)

    def number(self, term: str) -> int | None:
        """The number of a term, or None when no document has it."""
        return self._numbers.get(term)

    def postings(self, number: int) -> tuple[Rows, NDArray[np.int32]]:
        """``(docs, freqs)`` of a term: the rows that have it, ascending, and how often."""
        span = slice(self._bounds[number], self._bounds[number + 1])
        return self._docs[span], self._freqs[span]

    def any_of(self, numbers: Iterable[int]) -> Mask:
        """bool[rows]: the rows that have any of some terms; a range of terms is read as one slice."""
        mask = np.zeros(self.rows, np.bool_)
        if isinstance(numbers, range) and numbers.step == 1:
            mask[self._docs[self._bounds[numbers.start] : self._bounds[numbers.stop]]] = True
            return mask
        for number in numbers:
            mask[self._docs[self._bounds[number] : self._bounds[number + 1]]] = True
        return mask

    def doc_freq(self, number: int) -> int:
        """How many rows have the term."""
        return int(self._bounds[number + 1] - self._bounds[number])

    def positions(self, number: int) -> tuple[Rows, NDArray[np.int32]]:
        """``(docs, positions)``: one pair per occurrence of the term, ascending by row, then position."""
        begin, end = self._bounds[number], self._bounds[number + 1]
        places = self._positions[self._position_bounds[begin] : self._position_bounds[end]]
        return np.repeat(self._docs[begin:end], self._freqs[begin:end]), places

    @cached_property
    def norms(self) -> NDArray[np.uint8]:
        """uint8[rows]: each row's length as Lucene's norm byte (an index into `LENGTHS`)."""
        return (np.searchsorted(LENGTHS, self.lengths, side="right") - 1).astype(np.uint8)

    @cached_property
    def stats(self) -> FieldStatistics:
        """The field's statistics."""
        return FieldStatistics(int(np.count_nonzero(self.lengths)), int(self.lengths.sum(dtype=np.int64)), len(self._docs))

    def denominators(self, number: int, inverse_norms: NDArray[np.float32]) -> NDArray[np.float32]:
        """``1 + freq x inverse norm`` of each posting of the term, in float32: what BM25 divides by. ``inverse_norms`` is by norm byte
        and always the same for one field, so all of them are computed once and kept."""
        if self._denominators is None:
            product: NDArray[Any] = self._freqs.astype(np.float32)
            product *= inverse_norms[self.norms[self._docs]]
            product += np.float32(1)
            self._denominators = product
        return self._denominators[self._bounds[number] : self._bounds[number + 1]]
