"""Name patterns: wildcards, escapes, regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorization.field_patterns import language_of
from gateway.authorization.name_index import NameIndex
from gateway.authorization.patterns import NamePatterns, compile_pattern
from gateway.globs import simple_match
from gateway.lucene import regexp
from gateway.lucene.automaton import Automaton
from gateway.lucene.languages import Work
from protocol.errors import ElasticsearchException


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("logs", ["logs"], ["logs1", "log", ""]),
        ("*", ["", "a", "ab\nc", "\U0001f600"], []),
        ("logs*", ["logs", "logs-1"], ["alogs", "log"]),
        ("*logs", ["logs", "my-logs"], ["logs-1"]),
        ("a*b*c", ["abc", "aXbYc", "abcbc"], ["ab", "abcd"]),
        ("l?gs", ["logs", "l\U0001f600gs"], ["lgs", "loogs"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("a\\*", ["a*"], ["ab", "a\\*"]),
        ("a\\", ["a\\"], ["a"]),
        ("\\?", ["?"], ["a"]),
        ("/a|b/", ["a", "b"], ["ab", "/a|b/"]),
        ("//", [""], ["a", "/"]),
    ],
)
def test_automatons_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = compile_pattern(pattern)
    language = Automaton(language_of(pattern))
    for name in matching:
        assert matches(name)
        assert language.matches(name)
    for name in others:
        assert not matches(name)
        assert not language.matches(name)


def test_a_hostile_expression_takes_no_exponential_time() -> None:
    assert not Automaton(regexp.parse("(a|a)*(a|a)*(a|aa)*b")).matches("a" * 200)
    assert not compile_pattern("a*" * 30 + "b")("a" * 250)


def test_role_names_take_backslashes_literally_where_nothing_is_special() -> None:
    assert NamePatterns(["a\\b"])("a\\b")
    assert not NamePatterns(["a\\b"])("ab")
    assert NamePatterns(["a\\b"], escapes=True)("ab")
    assert not NamePatterns(["a\\b"], escapes=True)("a\\b")
    assert NamePatterns(["a\\*b*"])("a*bc")
    assert not NamePatterns(["a\\*b*"])("axbc")


def test_which_pattern_matched() -> None:
    patterns = NamePatterns(["x*", "xy", "/z+/"])
    assert patterns.find("xy") == "xy"
    assert patterns.find("xz") == "x*"
    assert patterns.find("zz") == "/z+/"
    assert patterns.find("a") is None


@pytest.mark.parametrize("pattern", ["/unclosed", "/", "/(/"])
def test_a_bad_pattern_refuses_the_role(pattern: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        NamePatterns(["ok", pattern])
    assert caught.value.type == "security_exception"
    assert caught.value.reason == f"The set of patterns [ok,{pattern}] is invalid"


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [("a*", "ab", True), ("a?", "ab", False), ("a?", "a?", True), ("*a*", "bab", True), ("a\\*", "a\\b", True), ("", "", True)],
)
def test_index_expressions_know_only_the_star(pattern: str, name: str, expected: bool) -> None:
    assert simple_match(pattern, name) is expected


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", max_size=8))
def test_wildcards_are_as_their_regular_expression(pattern: str, name: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), name) is not None
    assert compile_pattern(pattern)(name) is expected
    assert Automaton(language_of(pattern)).matches(name) is expected


def test_an_empty_pattern_matches_nothing() -> None:
    assert not compile_pattern("")("")
    assert not Automaton(language_of("")).matches("")


def test_two_asterisks_match_all_names_alone_and_none_beside_other_patterns() -> None:
    """Elasticsearch cuts an asterisk off both ends of each of several patterns (``Automatons`` of x-pack core 8.19)."""
    for patterns, found in ((["**"], True), (["**", "word"], True), (["**", "x*"], False), (["**", "/x.*/"], False)):
        one = NamePatterns(patterns)
        assert one("secret") is found
        assert NameIndex([(1, one)]).matches("secret", Work()) is found
