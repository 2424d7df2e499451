"""Whether every field that one list of wildcard patterns matches is matched by another list too."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.errors import ElasticsearchException

# Lists of a hundred patterns meet some thousand states; more is a list made to cost time.
MAX_STATES = 50_000

_States = frozenset[tuple[int, int]]


def is_subset(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether the language of ``inner`` lies in that of ``outer``. ``*`` and ``?`` are wildcards, and a backslash quotes.

    Both are run side by side as automata over the characters that occur in them, and one that stands for all others: a pair
    of states where only ``inner`` accepts is a field that only ``inner`` matches.
    """
    left, right = [_parse(pattern) for pattern in inner], [_parse(pattern) for pattern in outer]
    alphabet = [*sorted({symbol for pattern in left + right for symbol in pattern if len(symbol) == 1}), "other"]
    start = (_close({(i, 0) for i in range(len(left))}, left), _close({(i, 0) for i in range(len(right))}, right))
    seen, todo = {start}, [start]
    while todo:
        in_left, in_right = todo.pop()
        if _accepts(in_left, left) and not _accepts(in_right, right):
            return False
        for symbol in alphabet:
            following = (_step(in_left, left, symbol), _step(in_right, right, symbol))
            if following[0] and following not in seen:
                if len(seen) >= MAX_STATES:
                    raise ElasticsearchException("illegal_argument_exception", "the field patterns are too complex to compare")
                seen.add(following)
                todo.append(following)
    return True


def _parse(pattern: str) -> list[str]:
    """Literals as one character, the wildcards as ``any`` and ``many``."""
    if len(pattern) > 1 and pattern.startswith("/"):
        raise ElasticsearchException(
            "illegal_argument_exception", f"a regular expression [{pattern}] is not supported beside [except] in [field_security]"
        )
    symbols: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            symbols.append(next(characters, character))
        else:
            symbols.append({"*": "many", "?": "any"}.get(character, character))
    return symbols


def _close(states: set[tuple[int, int]], patterns: list[list[str]]) -> _States:
    """A ``*`` may match nothing, so the state after it holds as well."""
    closed = set(states)
    for index, place in states:
        pattern = patterns[index]
        while place < len(pattern) and pattern[place] == "many":
            place += 1
            closed.add((index, place))
    return frozenset(closed)


def _step(states: _States, patterns: list[list[str]], symbol: str) -> _States:
    following: set[tuple[int, int]] = set()
    for index, place in states:
        pattern = patterns[index]
        if place < len(pattern):
            if pattern[place] == "many":
                following.add((index, place))
            elif pattern[place] in ("any", symbol):
                following.add((index, place + 1))
    return _close(following, patterns)


def _accepts(states: _States, patterns: list[list[str]]) -> bool:
    return any(place == len(patterns[index]) for index, place in states)
