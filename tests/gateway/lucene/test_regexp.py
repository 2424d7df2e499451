"""Lucene's regular expressions and wildcards: what they match, what is refused, what they cost."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.dictionary import TermDictionary
from gateway.backends.memory.queries.regexp import regexp_language, term_automaton
from gateway.lucene import languages, regexp
from gateway.lucene.automaton import Automaton, is_empty, is_subset
from gateway.lucene.languages import TooComplexError
from gateway.lucene.regexp import parse_wildcard, regexp_prefix, wildcard_prefix
from gateway.lucene.terms import TermAutomaton
from protocol.errors import ElasticsearchException
from tests.gateway.backends.memory.conftest import ENGINE


def lucene() -> list[dict[str, Any]]:
    with gzip.open(ENGINE / "lucene.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def accepts(automaton: TermAutomaton, text: str) -> bool:
    codes = np.array([ord(letter) for letter in text], np.uint32)
    return bool(automaton.accepts(codes, np.zeros(1, np.int64), np.array([len(text)]))[0])


def test_regular_expressions_match_what_lucenes_match() -> None:
    cases = [case for case in lucene() if "matches" in case]
    assert len(cases) > 250
    for case in cases:
        automaton = TermAutomaton(regexp.parse(case["regexp"]))
        assert [accepts(automaton, text) for text in case["texts"]] == case["matches"], case["regexp"]


def test_what_lucene_refuses_is_refused_with_its_words() -> None:
    cases = [case for case in lucene() if "error" in case]
    assert len(cases) > 100
    for case in cases:
        with pytest.raises(ElasticsearchException) as caught:
            regexp_language(case["regexp"])
        assert (caught.value.type, caught.value.reason) == ("illegal_argument_exception", case["error"])


@pytest.mark.parametrize(
    ("expression", "matching", "others"),
    [
        ("~(([.]|ilm-history-).*)", ["logs", "", "ilm"], [".kibana", "ilm-history-7"]),
        ("@&~(\\.security.*)&~(\\.async-search.*)", ["logs", ".kibana"], [".security", ".security-7", ".async-search"]),
        ("logs-[0-9]+", ["logs-1", "logs-2024"], ["logs-", "logs-a"]),
        ("[^a-c]x", ["dx", "\nx"], ["ax", "x"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{1,}", ["a", "aaaa"], [""]),
        ("a{1,2}b", ["ab", "aab"], ["b", "aaab"]),
        ("x<1-12>", ["x1", "x12", "x012", "x0001"], ["x0", "x13", "x"]),
        ("x<01-12>", ["x01", "x12"], ["x1", "x001", "x13"]),
        ('"a*"b', ["a*b"], ["aab"]),
        ("#|a", ["a"], [""]),
        ("()", [""], ["a"]),
        ("\\d\\W", ["1-"], ["11", "a-"]),
        ("[\\d_]+", ["1_2"], ["a"]),
        ("^a$", ["^a$"], ["a"]),
        ("a.c", ["abc", "a\nc"], ["ac"]),
        ("a&a", ["a"], ["aa"]),
        ("~a*", ["", "b", "aa"], []),
        ("a\\.b", ["a.b"], ["axb"]),
    ],
)
def test_lucene_operators(expression: str, matching: list[str], others: list[str]) -> None:
    automaton = Automaton(regexp.parse(expression))
    assert [name for name in matching if not automaton.matches(name)] == []
    assert [name for name in others if automaton.matches(name)] == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(a", "expected ')' at position 2"),
        ("[a", "expected ']' at position 2"),
        ("a|", "unexpected end-of-string"),
        ("a)", "end-of-string expected at position 1"),
        ("[z-a]", "invalid range"),
        ("[a-]", "invalid range: from (97) cannot be > to (93)"),
        ("a{", "integer expected at position 2"),
        ("a{1", "expected '}' at position 3"),
        ("a{2,1}", "invalid repetition range(out of order): 2..1"),
        ("<name>", "'name' not found"),
        ("<1-x>", "interval syntax error at position 4"),
        ('"a', "expected '\"'"),
        ("\\x", "invalid character class \\120"),
        ("a{9999}", "not supported"),
        ("(" * 200 + ")" * 200, "nested deeper"),
        ("((a{1000}){1000}){9}", "repetitions written out"),
        ("a" * 10_001, "is longer than"),
    ],
)
def test_refused_expressions(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        regexp.parse(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("a" + "+" * 900, ["a", "aaa"]),
        ("a?" + "+?" * 400, ["", "aa"]),
        ("(" * 99 + "a" + ")*" * 99, ["", "aa"]),
        ("ab" * 1000, ["ab" * 1000]),
        ("(a&b)*" * 100 + "|c", ["c"]),
    ],
)
def test_long_expressions_are_cheap(expression: str, words: list[str]) -> None:
    automaton = Automaton(regexp.parse(expression))
    assert all(map(automaton.matches, words))
    assert not automaton.matches("x")


def test_without_all_its_flags_an_interval_needs_a_dash() -> None:
    with pytest.raises(ValueError, match="interval syntax error at position 2"):
        regexp.parse("<x>", frozenset({"INTERVAL"}))
    assert Automaton(regexp.parse("<x>", frozenset())).matches("<x>")


def test_an_expression_of_too_many_states_is_refused() -> None:
    with pytest.raises(TooComplexError):
        TermAutomaton(regexp.parse(".*a.{1000}"))
    assert not Automaton(regexp.parse(".*a.{1000}")).matches("a" * 255)
    with pytest.raises(TooComplexError):
        Automaton(regexp.parse("a?" * 500)).matches("a" * 255)
    assert Automaton(regexp.parse("a*b*c*" * 100)).matches("abcabc")
    many = regexp.parse(".*a.{14}")
    with pytest.raises(TooComplexError):
        is_empty(languages.intersection([many, languages.complement(languages.union([many, regexp.parse("#")]))]))


@given(st.text("ab*?\\", max_size=8), st.lists(st.text("ab*?", max_size=6), max_size=8))
def test_a_wildcard_matches_character_by_character(pattern: str, terms: list[str]) -> None:
    def matches(pattern: str, term: str) -> bool:
        if not pattern:
            return not term
        if pattern[0] == "*":
            return matches(pattern[1:], term) or (bool(term) and matches(pattern, term[1:]))
        if pattern[0] == "\\" and len(pattern) > 1:
            return bool(term) and term[0] == pattern[1] and matches(pattern[2:], term[1:])
        return bool(term) and (pattern[0] == "?" or pattern[0] == term[0]) and matches(pattern[1:], term[1:])

    terms = sorted(set(terms))
    found = TermDictionary(terms).accepted(TermAutomaton(parse_wildcard(pattern)), wildcard_prefix(pattern))
    assert [terms[number] for number in found] == [term for term in terms if matches(pattern, term)]


@given(st.text("ab-.*+?{1}[", max_size=8), st.text("ab-1", max_size=6))
def test_the_prefix_of_an_expression_begins_all_that_it_matches(pattern: str, term: str) -> None:
    try:
        automaton = TermAutomaton(regexp.parse(pattern))
    except ValueError:
        return
    if accepts(automaton, term):
        assert term.startswith(regexp_prefix(pattern))


def test_an_expression_that_would_take_too_many_states_is_refused() -> None:
    with pytest.raises(ElasticsearchException) as caught:
        term_automaton(regexp_language("(a|b)*a(a|b){14}"))
    assert caught.value.type == "too_complex_to_determinize_exception"
    with pytest.raises(ElasticsearchException) as caught:
        term_automaton(regexp_language("a?" * 500), pattern="a?" * 500)
    assert caught.value.reason == f"Determinizing {'a?' * 500} would require more than 10000 effort."


WORDS = st.text("abc", max_size=6)
EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "c", "()"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        inner.map(lambda one: f"({one})*"),
        inner.map(lambda one: f"({one})?"),
        inner.map(lambda one: f"({one}){{1,2}}"),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, WORDS)
def test_plain_expressions_are_as_pythons(expression: str, word: str) -> None:
    assert Automaton(regexp.parse(expression)).matches(word) is (re.fullmatch(expression, word, re.DOTALL) is not None)


@given(EXPRESSIONS, EXPRESSIONS, WORDS)
def test_boolean_operators(one: str, other: str, word: str) -> None:
    first, second = Automaton(regexp.parse(one)).matches(word), Automaton(regexp.parse(other)).matches(word)
    assert Automaton(regexp.parse(f"({one})&({other})")).matches(word) is (first and second)
    assert Automaton(regexp.parse(f"~({one})")).matches(word) is not first
    if is_subset(regexp.parse(one), regexp.parse(other)):
        assert second or not first


def test_no_word_has_a_character_beyond_the_last() -> None:
    # Every word but the empty one: its complement has no word that begins with a letter.
    assert is_subset(regexp.parse("a.*"), regexp.parse_wildcard("*?"))
    assert is_empty(languages.intersection([regexp.parse("a.*"), languages.complement(regexp.parse_wildcard("?*"))]))
