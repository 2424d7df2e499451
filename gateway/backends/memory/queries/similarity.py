"""Lucene's BM25 in its float32 arithmetic, so that scores equal Elasticsearch's.

k1 is 1.2 and b 0.75, Elasticsearch's defaults. Its similarity keeps the factor k1 + 1 that newer Lucene dropped, as the ``boost`` 2.2 of
an explanation shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column
from gateway.backends.memory.postings import LENGTHS, Postings

_ONE: Final = np.float32(1)
_K1: Final = np.float32(1.2)
_B: Final = np.float32(0.75)
_LENGTHS: Final = LENGTHS.astype(np.float32)


def idf(doc_freq: int, doc_count: int) -> np.float32:
    """The inverse document frequency of a term."""
    return np.float32(math.log(1 + (doc_count - doc_freq + 0.5) / (doc_freq + 0.5)))


def weight(boost: np.float32, idfs: Iterable[np.float32]) -> np.float32:
    """The weight of a term, or of a phrase (whose idfs are summed)."""
    total = np.float32(math.fsum(float(value) for value in idfs))
    return np.float32(np.float32(boost * (_ONE + _K1)) * total)


def inverse_norms(average_length: np.float32) -> NDArray[np.float32]:
    """float32[256]: by norm byte, what a term's frequency is multiplied by."""
    result: NDArray[Any] = _ONE / (_K1 * ((_ONE - _B) + _B * _LENGTHS / average_length))
    return result.astype(np.float32)


def text_norms(postings: Postings, norms: bool) -> NDArray[np.float32]:
    """The inverse norms of a text field; without norms every length counts as 1."""
    found = postings.norm_tables.get(norms)
    if found is None:
        stats = postings.stats
        table = inverse_norms(np.float32(stats.sum_total_term_freq / max(1, stats.doc_count)))
        found = postings.norm_tables[norms] = table if norms else np.full(256, table[1], np.float32)
    return found


def score(weight_: np.float32, denominators: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores, given ``1 + freq x inverse norm`` of each match."""
    result: NDArray[Any] = weight_ - weight_ / denominators
    return result


def keyword_score(column: Column, doc_freq: int, boost: np.float32) -> np.float32:
    """The score that a term of a keyword or boolean column has in every row that holds it (no norms, no frequencies)."""
    doc_count = column.doc_count
    average = np.float32(len(column.docs) / max(1, doc_count))
    inverse = _ONE / (_K1 * ((_ONE - _B) + _B * _ONE / average))
    factor = weight(boost, (idf(doc_freq, doc_count),))
    return np.float32(factor - factor / np.float32(_ONE + np.float32(inverse)))
