"""Name patterns: wildcards, escapes, Lucene's regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorization import languages, regexps
from gateway.authorization.field_patterns import language_of
from gateway.authorization.languages import Automaton, TooComplexError
from gateway.authorization.patterns import NamePatterns, compile_pattern, simple_match
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
    automaton = Automaton(regexps.parse(expression))
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
        ("[a-]", "a range needs its end"),
        ("a{", "integer expected at position 2"),
        ("a{1", "expected '}' at position 3"),
        ("a{2,1}", "invalid repetition range(out of order): 2..1"),
        ("<name>", "interval syntax error"),
        ('"a', "expected '\"'"),
        ("\\x", "invalid character class \\x"),
        ("a{9999}", "not supported"),
        ("(" * 200 + ")" * 200, "nested deeper"),
        ("((a{1000}){1000}){9}", "repetitions written out"),
        ("a" * 10_001, "is longer than"),
    ],
)
def test_refused_expressions(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        regexps.parse(expression)


def test_a_hostile_expression_takes_no_exponential_time() -> None:
    assert not Automaton(regexps.parse("(a|a)*(a|a)*(a|aa)*b")).matches("a" * 200)
    assert not compile_pattern("a*" * 30 + "b")("a" * 250)


def test_an_expression_of_too_many_states_is_refused() -> None:
    with pytest.raises(TooComplexError):
        Automaton(regexps.parse(".*a.{1000}")).matches("a" * 255)
    many = regexps.parse(".*a.{14}")
    with pytest.raises(TooComplexError):
        languages.is_empty(languages.intersection([many, languages.complement(languages.union([many, regexps.parse("#")]))]))


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


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_are_as_their_regular_expression(pattern: str, name: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), name) is not None
    assert compile_pattern(pattern)(name) is expected
    assert Automaton(language_of(pattern)).matches(name) is expected


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
    assert Automaton(regexps.parse(expression)).matches(word) is (re.fullmatch(expression, word, re.DOTALL) is not None)


@given(EXPRESSIONS, EXPRESSIONS, WORDS)
def test_boolean_operators(one: str, other: str, word: str) -> None:
    first, second = Automaton(regexps.parse(one)).matches(word), Automaton(regexps.parse(other)).matches(word)
    assert Automaton(regexps.parse(f"({one})&({other})")).matches(word) is (first and second)
    assert Automaton(regexps.parse(f"~({one})")).matches(word) is not first
    if languages.is_subset(regexps.parse(one), regexps.parse(other)):
        assert second or not first
