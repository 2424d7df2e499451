"""How alike two words are. The answers of a real node in the vectors of suggesters judge the figures; here are the laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lucene.string_distances import DISTANCES, damerau_levenshtein, jaro_winkler, levenshtein, ngram

WORDS = st.text(st.sampled_from("abcdé\U0001f600"), min_size=1, max_size=8)
EACH = pytest.mark.parametrize("name", list(DISTANCES))


@EACH
@given(WORDS, WORDS)
def test_the_same_either_way_and_one_for_the_same_word_only(name: str, first: str, second: str) -> None:
    distance = DISTANCES[name]
    assert distance(first, first) == 1
    assert distance(first, second) <= 1
    assert (distance(first, second) == 1) == (first == second)
    if name != "jaro_winkler":  # which of several equal letters are taken depends on which word is the longer one
        assert distance(first, second) == pytest.approx(distance(second, first), abs=1e-6)


@pytest.mark.parametrize(
    ("distance", "first", "second", "expected"),
    [
        (damerau_levenshtein, "serach", "search", 1 - 1 / 6),
        (damerau_levenshtein, "ab", "abcdef", 1 - 4 / 2),
        (damerau_levenshtein, "", "", 0),
        (damerau_levenshtein, "", "abc", 3),
        (levenshtein, "serach", "search", 1 - 2 / 6),
        (levenshtein, "\U0001f600", "\U0001f601", 0.5),
        (levenshtein, "", "", 1),
        (levenshtein, "a", "", 0),
        (jaro_winkler, "martha", "marhta", 0.9611111),
        (jaro_winkler, "dixon", "dicksonx", 0.8133333),
        (jaro_winkler, "abc", "xyz", 0),
        (ngram, "a", "ab", 0.5),
        (ngram, "sreach", "serach", 0.6666666),
        (ngram, "", "", 1),
        (ngram, "abcd", "", 0),
    ],
)
def test_figures(distance: object, first: str, second: str, expected: float) -> None:
    assert callable(distance)
    assert distance(first, second) == pytest.approx(expected, abs=1e-6)
