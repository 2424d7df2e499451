"""Sloppy phrases: the arrays count what the walk over one document counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.queries.sloppy import sloppy_frequency
from gateway.backends.memory.queries.text import _BIAS, _SHIFT, _pair_frequencies

POSITIONS = st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True).map(sorted)


@given(st.lists(st.tuples(POSITIONS, POSITIONS), min_size=1, max_size=5), st.integers(1, 8))
def test_pairs_are_counted_as_one_by_one(documents: list[tuple[list[int], list[int]]], slop: int) -> None:
    documents = [(left, [spot for spot in right if spot not in left]) for left, right in documents]
    documents = [(left, right) for left, right in documents if right]
    keys = [
        np.array([(row << _SHIFT) + _BIAS + spot for row, pair in enumerate(documents) for spot in pair[side]], np.int64)
        for side in (0, 1)
    ]
    rows, freqs = _pair_frequencies(keys[0], keys[1], slop)
    expected = {
        row: float(frequency)
        for row, pair in enumerate(documents)
        if (frequency := sloppy_frequency(pair, [0, 1], [(1,), (2,)], slop)) > 0
    }
    assert rows.tolist() == list(expected)
    assert np.allclose(freqs, list(expected.values()), rtol=1e-6)


def test_the_distance_of_two_terms_lowers_the_frequency() -> None:
    assert sloppy_frequency([[3], [5]], [0, 1], [(1,), (2,)], 2) == np.float32(1) / np.float32(3)
    assert sloppy_frequency([[3], [6]], [0, 1], [(1,), (2,)], 2) == 0
    assert sloppy_frequency([[3], [3]], [0, 1], [(1,), (2,)], 0) == 1


def test_equal_terms_of_a_phrase_need_a_position_each() -> None:
    """``fox fox`` does not match a document with one fox."""
    assert sloppy_frequency([[4], [3]], [0, 1], [(1,), (1,)], 2) == 0
    assert sloppy_frequency([[4, 5], [3, 4]], [0, 1], [(1,), (1,)], 2) > 0
