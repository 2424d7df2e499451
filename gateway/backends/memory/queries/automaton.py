"""Regular languages over code points, and the deterministic automata that run them over many terms at once.

A language is an immutable expression; its automaton is found with Brzozowski's derivatives, which makes complement and intersection as
cheap as union. No input can make matching slow: a term costs one table look-up per character, and the number of states is limited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.errors import ElasticsearchException

MAX_CODE: Final = 0x10FFFF
MAX_STATES: Final = 10_000
"""max_determinized_states of a regexp query, by default."""

Ranges = tuple[tuple[int, int], ...]
Language = tuple[object, ...]
"""An expression: a tag and its parts. Build them with the functions below, which keep them in one canonical form."""

NOTHING: Final[Language] = ("nothing",)
EMPTY: Final[Language] = ("empty",)
ANY_STRING: Final[Language] = ("not", NOTHING)


def chars(ranges: Iterable[tuple[int, int]]) -> Language:
    """One character out of these inclusive ranges of code points."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low <= high:
            merged.append((low, high))
    return ("chars", tuple(merged)) if merged else NOTHING


ANY_CHAR: Final[Language] = chars([(0, MAX_CODE)])


def char(text: str, ignore_case: bool = False) -> Language:
    """One given character; with ``ignore_case``, an ASCII letter in either case (Elasticsearch folds no others)."""
    forms = {text, text.lower(), text.upper()} if ignore_case and text.isascii() else {text}
    return chars([(ord(form), ord(form)) for form in forms])


def literal(text: str, ignore_case: bool = False) -> Language:
    """A given text."""
    return sequence([char(letter, ignore_case) for letter in text])


def outside(ranges: Ranges) -> Language:
    """One character that is in none of the ranges."""
    gaps, next_code = [], 0
    for low, high in ranges:
        gaps.append((next_code, low - 1))
        next_code = high + 1
    return chars([*gaps, (next_code, MAX_CODE)])


def sequence(parts: Sequence[Language]) -> Language:
    """One after the other."""
    result = EMPTY
    for part in reversed(parts):
        result = _then(part, result)
    return result


def _then(first: Language, second: Language) -> Language:
    if NOTHING in (first, second):
        return NOTHING
    if first == EMPTY:
        return second
    if second == EMPTY:
        return first
    if first[0] == "then":
        return ("then", first[1], _then(first[2], second))  # type: ignore[arg-type]
    return ("then", first, second)


def either(parts: Iterable[Language]) -> Language:
    """Any of them."""
    found: set[Language] = set()
    single: list[tuple[int, int]] = []
    for part in parts:
        for item in part[1] if part[0] == "or" else (part,):  # type: ignore[attr-defined]
            if item == ANY_STRING:
                return ANY_STRING
            if item[0] == "chars":
                single.extend(item[1])
            elif item != NOTHING:
                found.add(item)
    if single:
        found.add(chars(single))
    if len(found) <= 1:
        return found.pop() if found else NOTHING
    return ("or", frozenset(found))


def both(parts: Iterable[Language]) -> Language:
    """All of them at once."""
    found: set[Language] = set()
    for part in parts:
        for item in part[1] if part[0] == "and" else (part,):  # type: ignore[attr-defined]
            if item == NOTHING:
                return NOTHING
            if item != ANY_STRING:
                found.add(item)
    if len(found) <= 1:
        return found.pop() if found else ANY_STRING
    return ("and", frozenset(found))


def complement(inner: Language) -> Language:
    """Every text that is not in the language."""
    return inner[1] if inner[0] == "not" else ("not", inner)  # type: ignore[return-value]


def repeat(inner: Language, low: int, high: int | None) -> Language:
    """``low`` to ``high`` times; without end for None. Nothing, repeated, stays nothing, as in Lucene."""
    if inner == NOTHING and high is None:
        return NOTHING
    if high is None:
        return sequence([inner] * low + [_star(inner)])
    optional = EMPTY
    for _ in range(high - low):
        optional = either([EMPTY, _then(inner, optional)])
    return sequence([inner] * low + [optional])


def _star(inner: Language) -> Language:
    if inner in (NOTHING, EMPTY):
        return EMPTY
    if inner == ANY_CHAR:
        return ANY_STRING
    return inner if inner[0] == "star" else ("star", inner)


@lru_cache(maxsize=1 << 16)
def _nullable(language: Language) -> bool:
    """Whether the empty text is in the language."""
    tag = language[0]
    if tag in ("empty", "star"):
        return True
    if tag == "then":
        return _nullable(language[1]) and _nullable(language[2])
    if tag == "or":
        return any(map(_nullable, language[1]))  # type: ignore[call-overload]
    if tag == "and":
        return all(map(_nullable, language[1]))  # type: ignore[call-overload]
    return tag == "not" and not _nullable(language[1])


@lru_cache(maxsize=1 << 16)
def _derive(language: Language, code: int) -> Language:
    """What may follow a character."""
    tag = language[0]
    if tag == "chars":
        return EMPTY if any(low <= code <= high for low, high in language[1]) else NOTHING  # type: ignore[attr-defined]
    if tag == "then":
        first, second = language[1], language[2]
        after = _then(_derive(first, code), second)  # type: ignore[arg-type]
        return either([after, _derive(second, code)]) if _nullable(first) else after
    if tag == "star":
        return _then(_derive(language[1], code), language)
    if tag == "or":
        return either([_derive(part, code) for part in language[1]])  # type: ignore[attr-defined]
    if tag == "and":
        return both([_derive(part, code) for part in language[1]])  # type: ignore[attr-defined]
    if tag == "not":
        return complement(_derive(language[1], code))
    return NOTHING


def _bounds(language: Language) -> set[int]:
    """The code points at which any set of characters in the expression begins or has ended."""
    found: set[int] = set()
    stack: list[object] = [language]
    while stack:
        part = stack.pop()
        if isinstance(part, frozenset):
            stack.extend(part)
        elif isinstance(part, tuple) and part and part[0] == "chars":
            for low, high in part[1]:
                found.update((low, high + 1))
        elif isinstance(part, tuple):
            stack.extend(part[1:])
    return found


class Automaton:
    """The deterministic automaton of a language. Raises ElasticsearchException (too_complex_to_determinize_exception) when it would have
    more than ``max_states`` states."""

    def __init__(self, language: Language, max_states: int = MAX_STATES) -> None:
        self._edges: NDArray[np.uint32] = np.array(sorted(_bounds(language) | {0}), np.uint32)
        codes = self._edges.tolist()
        numbers = {language: 0}
        states = [language]
        rows: list[list[int]] = []
        for state in states:
            row = []
            for code in codes:
                target = _derive(state, code)
                number = numbers.get(target)
                if number is None:
                    number = numbers[target] = len(states)
                    states.append(target)
                    if len(states) > max_states:
                        raise ElasticsearchException(
                            "too_complex_to_determinize_exception",
                            f"Determinizing automaton would require more than {max_states} states.",
                            status=400,
                        )
                row.append(number)
            rows.append(row)
        self._table: NDArray[np.int32] = np.array(rows, np.int32)
        self._accepting: NDArray[np.bool_] = np.array([_nullable(state) for state in states])
        self._dead = numbers.get(NOTHING, -1)

    def accepts(self, codes: NDArray[np.uint32], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool: whether each term ``codes[starts[i]:starts[i] + lengths[i]]`` is in the language."""
        state = np.zeros(len(starts), np.int32)
        alive = np.arange(len(starts))
        place = 0
        while len(alive := alive[(lengths[alive] > place) & (state[alive] != self._dead)]):
            letters = np.searchsorted(self._edges, codes[starts[alive] + place], side="right") - 1
            state[alive] = self._table[state[alive], letters]
            place += 1
        return self._accepting[state]
