"""Simple patterns, in which only ``*`` is special."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.globs import is_simple_pattern, simple_match


def matches(pattern: str, name: str) -> bool:
    """Character by character, with all the ways that there are."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or (bool(name) and matches(pattern, name[1:]))
    return bool(name) and pattern[0] == name[0] and matches(pattern[1:], name[1:])


@given(st.text("ab*?.[", max_size=8), st.text("ab?.[\n\U0001f600", max_size=7))
def test_a_pattern_matches_character_by_character(pattern: str, name: str) -> None:
    assert simple_match(pattern, name) is matches(pattern, name)


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "*ab" * 2000, "a*" * 2000 + "b"])
def test_a_hostile_pattern_takes_no_exponential_time(pattern: str) -> None:
    assert not simple_match(pattern, "a" * 2000)


def test_what_is_a_pattern() -> None:
    assert is_simple_pattern("a*")
    assert not is_simple_pattern("a?")
