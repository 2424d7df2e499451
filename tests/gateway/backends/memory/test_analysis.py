"""Analysis finds the terms that Lucene finds."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.analysis import analyzer, lowercase
from gateway.backends.memory.dictionary import TermDictionary
from tests.gateway.backends.memory.conftest import ENGINE

STANDARD = analyzer("standard")


def lucene() -> list[dict[str, Any]]:
    with gzip.open(ENGINE / "lucene.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def test_the_standard_analyzer_breaks_words_as_lucene_does() -> None:
    cases = [case for case in lucene() if "text" in case]
    assert len(cases) > 400
    for case in cases:
        text = case["text"]
        assert STANDARD.tokens(text) == [token[0] for token in case["tokens"]], text
        found = [
            [token.term, *(len(text[:at].encode("utf-16-le")) // 2 for at in (token.start, token.end))]
            for token in STANDARD.analyze(text)
        ]
        assert found == case["tokens"]


@given(st.text())
def test_tokens_and_offsets_agree(text: str) -> None:
    tokens = STANDARD.analyze(text)
    assert [token.term for token in tokens] == STANDARD.tokens(text)
    assert all(token.term == lowercase(text[token.start : token.end]) for token in tokens)
    assert all(before.end <= after.start for before, after in pairwise(tokens))


@given(st.text("ab_1.,:' ", max_size=12))
def test_ascii_text_is_broken_as_any_text_is(text: str) -> None:
    # With an ideograph, which is always a token of its own, the general rules apply to the rest.
    assert STANDARD.tokens(text + " \u4e00")[:-1] == STANDARD.tokens(text)


def test_long_tokens_are_cut() -> None:
    assert [len(token) for token in STANDARD.tokens("x" * 600 + " y")] == [255, 255, 90, 1]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("simple", ["it", "s", "ab", "c"]), ("whitespace", ["It's", "AB1-c"]), ("keyword", ["It's AB1-c"])],
)
def test_the_other_analyzers(name: str, tokens: list[str]) -> None:
    assert analyzer(name).tokens("It's AB1-c") == tokens


def edit_distance(left: str, right: str, transpositions: bool) -> int:
    if not left or not right:
        return len(left) + len(right)
    steps = [
        edit_distance(left[1:], right, transpositions) + 1,
        edit_distance(left, right[1:], transpositions) + 1,
        edit_distance(left[1:], right[1:], transpositions) + (left[0] != right[0]),
    ]
    if transpositions and len(left) > 1 and len(right) > 1 and left[0] == right[1] and left[1] == right[0]:
        steps.append(edit_distance(left[2:], right[2:], transpositions) + 1)
    return min(steps)


@given(st.text("abc", max_size=5), st.sets(st.text("abc", max_size=5), max_size=8), st.integers(0, 2), st.booleans())
def test_near_terms_are_those_within_the_edits(term: str, terms: set[str], edits: int, transpositions: bool) -> None:
    ordered = sorted(terms)
    found = TermDictionary(ordered).near(term, edits, 0, transpositions)
    expected = {
        number: distance
        for number, other in enumerate(ordered)
        if (distance := edit_distance(term, other, transpositions)) <= edits
    }
    assert dict(found) == expected
