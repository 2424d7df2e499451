"""Name patterns as security uses them: literally, with ``*`` and ``?``, or as ``/regular expression/``.

Two dialects, as in Elasticsearch. Names in roles go through its ``StringMatcher``: a name without ``*``, ``?`` and a leading ``/`` is
literal, backslashes included; in the others a backslash takes the special meaning off the next character. Action patterns of
privileges and user names of run-as go through ``Automatons``, where a backslash always escapes. They differ in nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

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

_ANY_CHAR = object()
_ANY_WORD = object()


class NamePatterns:
    """Whether a name matches any of some patterns, and which. Raises a security_exception when a pattern cannot be understood."""

    __slots__ = ("_exact", "_others", "patterns")

    def __init__(self, patterns: Iterable[str], *, escapes: bool = False, work: Work | None = None) -> None:
        """``escapes``: the second dialect, in which a backslash always escapes. ``work``: what regular expressions may cost, together with
        those of others to which the same is given."""
        self.patterns = tuple(dict.fromkeys(patterns))
        special = "*?\\" if escapes else "*?"
        self._exact = frozenset(p for p in self.patterns if not p.startswith("/") and not any(char in p for char in special))
        try:
            self._others = tuple((p, _predicate(p, work)) for p in self.patterns if p not in self._exact)
        except TooComplexError as error:
            raise _set_error("is too complex to evaluate", self.patterns, str(error), 500) from error
        except ValueError as error:
            raise _set_error("is invalid", self.patterns, str(error), 400) from error

    @property
    def total(self) -> bool:
        """Whether each name matches, by a plain ``*``."""
        return "*" in self.patterns

    def find(self, name: str) -> str | None:
        """The pattern that the name matches, the literal one first; ``None`` when there is none."""
        if name in self._exact:
            return name
        try:
            return next((pattern for pattern, matches in self._others if matches(name)), None)
        except TooComplexError as error:
            raise _set_error("is too complex to evaluate", self.patterns, str(error), 500) from error

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
    tokens = _tokens(pattern)
    if all(isinstance(token, str) for token in tokens):
        return "".join(str(token) for token in tokens).__eq__
    if tokens == [_ANY_WORD]:
        return _always
    if tokens[-1] is _ANY_WORD and all(isinstance(token, str) for token in tokens[:-1]):
        prefix = "".join(str(token) for token in tokens[:-1])
        return lambda name: name.startswith(prefix)
    match = _wildcard(tokens).fullmatch
    return lambda name: match(name) is not None


def parse_expression(pattern: str, work: Work | None = None) -> Language:
    """The language of a ``/regular expression/``. Raises ``ValueError``."""
    if len(pattern) == 1 or not pattern.endswith("/"):
        raise ValueError(
            f"invalid pattern [{pattern}]. patterns starting with '/' indicate regular expression pattern and therefore must also end "
            "with '/'. other patterns (those that do not start with '/') will be treated as simple wildcard patterns"
        )
    return regexp.parse(pattern[1:-1], work=work)


def _predicate(pattern: str, work: Work | None) -> Callable[[str], bool]:
    if work is None or not pattern.startswith("/"):
        return compile_pattern(pattern)
    return Automaton(parse_expression(pattern, work), work=work).matches


def _never(name: str) -> bool:  # noqa: ARG001
    return False


def _always(name: str) -> bool:  # noqa: ARG001
    return True


def _tokens(pattern: str) -> list[object]:
    tokens: list[object] = []
    chars = iter(pattern)
    for char in chars:
        if char == "\\":
            tokens.append(next(chars, "\\"))
        elif char == "?":
            tokens.append(_ANY_CHAR)
        elif char != "*":
            tokens.append(char)
        elif not tokens or tokens[-1] is not _ANY_WORD:
            tokens.append(_ANY_WORD)
    return tokens


def _wildcard(tokens: list[object]) -> re.Pattern[str]:
    parts = [""]
    for token in tokens:
        if token is _ANY_WORD:
            parts.append("")
        else:
            parts[-1] += "." if token is _ANY_CHAR else re.escape(str(token))
    return globs.joined(parts)


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
