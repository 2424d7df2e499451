"""Name patterns as security uses them: literally, with ``*`` and ``?``, or as ``/regular expression/``.

Two dialects, as in Elasticsearch. Names in roles go through its ``StringMatcher``: a name without ``*``, ``?`` and a leading ``/`` is
literal, backslashes included; in the others a backslash takes the special meaning off the next character. Action patterns of
privileges and user names of run-as go through ``Automatons``, where a backslash always escapes. They differ in nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from gateway import globs
from gateway.lucene import regexp
from gateway.lucene.automaton import Automaton
from gateway.lucene.languages import Language, TooComplexError, Work
from protocol.errors import ElasticsearchException

MAX_COMPILED = 10_000
"""Compiled patterns to keep, as many as Elasticsearch keeps (``xpack.security.automata.cache.size``)."""

MAX_SET_WORK = 300_000
"""Steps that the regular expressions of one descriptor set may take together, once for its indices and once for its fields: half a second.
Lucene allows each of them about a third as much."""

ANY_CHAR: Final = object()
ANY_WORD: Final = object()
"""What a ``?`` and a ``*`` stand for, among the letters of a wildcard."""


class NamePatterns:
    """Whether a name matches any of some patterns, and which. Raises a security_exception when a pattern cannot be understood.

    ``words``: the patterns that only match themselves; ``others``: those that may match more; ``automata``: of those that are regular
    expressions. One by one: see ``NameIndex``
    for many names.
    """

    __slots__ = ("automata", "others", "patterns", "words")

    def __init__(self, patterns: Iterable[str], *, escapes: bool = False, work: Work | None = None) -> None:
        """``escapes``: the second dialect, in which a backslash always escapes. ``work``: what regular expressions may cost, together with
        those of others to which the same is given."""
        self.patterns = tuple(dict.fromkeys(patterns))
        special = "*?\\" if escapes else "*?"
        self.words = frozenset(p for p in self.patterns if not p.startswith("/") and not any(char in p for char in special))
        try:
            self.automata = {p: Automaton(parse_expression(p, work), work=work) for p in self.patterns if p.startswith("/")}
        except TooComplexError as error:
            raise too_complex(self.patterns, error) from error
        except ValueError as error:
            raise _set_error("is invalid", self.patterns, str(error), 400) from error
        others = tuple(p for p in self.patterns if p not in self.words)
        # Elasticsearch cuts the asterisks off both ends of a pattern that is not alone, and nothing is left of this one.
        self.others = others if len(others) == 1 else tuple(p for p in others if p != "**")

    @property
    def total(self) -> bool:
        """Whether each name matches, by a plain ``*``."""
        return "*" in self.patterns

    def find(self, name: str) -> str | None:
        """The pattern that the name matches, the literal one first; ``None`` when there is none."""
        if name in self.words:
            return name
        try:
            return next((pattern for pattern in self.others if self._matches(pattern, name)), None)
        except TooComplexError as error:
            raise too_complex(self.patterns, error) from error

    def _matches(self, pattern: str, name: str) -> bool:
        automaton = self.automata.get(pattern)
        return compile_pattern(pattern)(name) if automaton is None else automaton.matches(name)

    def __call__(self, name: str) -> bool:
        return self.find(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamePatterns) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)


@lru_cache(MAX_COMPILED)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A predicate for one pattern of ``Automatons``: ``*``, ``?``, backslash escapes, ``/expression/``; nothing matches an empty one.

    Raises ``ValueError`` for what is not understood.
    """
    if not pattern:
        return _never
    if pattern.startswith("/"):
        return Automaton(parse_expression(pattern)).matches
    letters = split_wildcard(pattern)
    if all(isinstance(letter, str) for letter in letters):
        return "".join(map(str, letters)).__eq__
    if letters == [ANY_WORD]:
        return _always
    return _wildcard(letters)


def parse_expression(pattern: str, work: Work | None = None) -> Language:
    """The language of a ``/regular expression/``. Raises ``ValueError``."""
    if len(pattern) == 1 or not pattern.endswith("/"):
        raise ValueError(
            f"invalid pattern [{pattern}]. patterns starting with '/' indicate regular expression pattern and therefore must also end "
            "with '/'. other patterns (those that do not start with '/') will be treated as simple wildcard patterns"
        )
    return regexp.parse(pattern[1:-1], work=work)


def _never(name: str) -> bool:  # noqa: ARG001
    return False


def _always(name: str) -> bool:  # noqa: ARG001
    return True


def split_wildcard(pattern: str) -> list[object]:
    """The letters of a pattern that is no regular expression, escapes taken off, with ``ANY_CHAR`` and ``ANY_WORD`` among them."""
    letters: list[object] = []
    chars = iter(pattern)
    for char in chars:
        if char == "\\":
            letters.append(next(chars, "\\"))
        elif char == "?":
            letters.append(ANY_CHAR)
        elif char != "*":
            letters.append(char)
        elif not letters or letters[-1] is not ANY_WORD:
            letters.append(ANY_WORD)
    return letters


def _wildcard(letters: list[object]) -> Callable[[str], bool]:
    if ANY_CHAR in letters:
        return _with_any_char(letters)
    parts = [""]
    for letter in letters:
        if letter is ANY_WORD:
            parts.append("")
        else:
            parts[-1] += str(letter)
    first, *middle, last = parts
    if not middle and not last:
        return lambda name: name.startswith(first)
    least = len(first) + len(last)

    def matches(name: str) -> bool:
        if len(name) < least or not (name.startswith(first) and name.endswith(last)):
            return False
        at, end = len(first), len(name) - len(last)
        # The first place where a part fits is as good as any later one.
        for part in middle:
            if (at := name.find(part, at, end)) < 0:
                return False
            at += len(part)
        return True

    return matches


def _with_any_char(letters: list[object]) -> Callable[[str], bool]:
    match: Callable[[str], object] | None = None

    def matches(name: str) -> bool:
        nonlocal match
        if match is None:  # compiling takes a while, and many patterns are never asked
            parts = [""]
            for letter in letters:
                if letter is ANY_WORD:
                    parts.append("")
                else:
                    parts[-1] += "." if letter is ANY_CHAR else re.escape(str(letter))
            match = globs.joined(parts).fullmatch
        return match(name) is not None

    return matches


def too_complex(patterns: tuple[str, ...], error: TooComplexError) -> ElasticsearchException:
    """What refuses a request when patterns take more work than is sane."""
    return _set_error("is too complex to evaluate", patterns, str(error), 500)


def _set_error(problem: str, patterns: tuple[str, ...], cause: str, status: int) -> ElasticsearchException:
    described = ",".join(patterns)
    if len(described) > 80:
        described = described[:80] + "..."
    return ElasticsearchException(
        "security_exception",
        f"The set of patterns [{described}] {problem}",
        cause=ElasticsearchException("illegal_argument_exception", cause),
        status=status,
    )
