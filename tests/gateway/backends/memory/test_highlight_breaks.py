"""Sentence and word boundaries, against Java 17's BreakIterator on random texts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest

from gateway.backends.memory.highlight_breaks import Boundaries, sentences, words

BREAKS = Path(__file__).parents[3] / "vectors" / "engine" / "breaks.jsonl.gz"


@pytest.mark.parametrize(("find", "column", "tolerated"), [(sentences, 1, 22), (words, 2, 2)])
def test_boundaries(find: Callable[[str], Boundaries], column: int, tolerated: int) -> None:
    """A few texts of punctuation alone, which end in the middle of a look-ahead of Java's tables, are cut differently."""
    with gzip.open(BREAKS) as lines:
        cases = [json.loads(line) for line in lines]
    wrong = 0
    for case in cases:
        text = case[0].encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        utf16 = [0, *accumulate(2 if ord(character) > 0xFFFF else 1 for character in text)]
        wrong += [utf16[offset] for offset in find(text).offsets] != case[column]
    assert len(cases) == 1500
    assert wrong <= tolerated


def test_looks_up_neighbours() -> None:
    found = sentences("One. Two. Three")
    assert found.offsets == [0, 5, 10, 15]
    assert (found.preceding(5), found.preceding(6), found.preceding(0)) == (0, 5, -1)
    assert (found.following(4), found.following(5), found.following(15)) == (5, 10, -1)
