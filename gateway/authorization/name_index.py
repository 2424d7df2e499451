"""Which of some groups of name patterns a name matches: for many patterns and many names.

Words, prefixes and suffixes are looked up, so that their number hardly matters. All other patterns of a group are matched at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from gateway.authorization.patterns import ANY_WORD, NamePatterns, compile_pattern, split_wildcard, too_complex
from gateway.authorization.unions import ExpressionUnion, WildcardUnion, union_of
from gateway.lucene.automaton import Automaton
from gateway.lucene.languages import TooComplexError, Work

MAX_ONE_BY_ONE: Final = 8
"""Wildcards that are faster one after the other than all at once, unless they are long."""
_MAX_SHORT: Final = 64


class NameIndex:
    """Groups are bits of a number, and several patterns may be in one group."""

    __slots__ = ("_affixed", "_always", "_complex", "_patterns", "_words")

    def __init__(self, groups: Iterable[tuple[int, NamePatterns]]) -> None:
        self._patterns: dict[str, None] = {}
        self._always = 0
        self._words: dict[str, int] = defaultdict(int)
        prefixes: dict[str, int] = defaultdict(int)
        suffixes: dict[str, int] = defaultdict(int)
        wildcards: dict[tuple[int, str], list[object]] = {}
        expressions: dict[tuple[int, str], Automaton] = {}
        for bits, names in groups:
            self._patterns.update(dict.fromkeys(names.patterns))
            for pattern in names.words:
                self._words[pattern] |= bits
            for pattern in names.others:
                if (automaton := names.automata.get(pattern)) is not None:
                    expressions[bits, pattern] = automaton
                elif (letters := split_wildcard(pattern)) == [ANY_WORD]:
                    self._always |= bits
                elif (text := _text(letters)) is not None:
                    if text:  # nothing matches an empty pattern
                        self._words[text] |= bits
                elif letters[-1] is ANY_WORD and (text := _text(letters[:-1])) is not None:
                    prefixes[text] |= bits
                elif letters[0] is ANY_WORD and (text := _text(letters[1:])) is not None:
                    suffixes[text[::-1]] |= bits
                else:
                    wildcards[bits, pattern] = letters
        self._affixed = _Prefixes(prefixes) if prefixes else None, _Prefixes(suffixes) if suffixes else None
        self._complex: list[Find] = []
        if wildcards:
            self._complex.append(of_wildcards(wildcards))
        if expressions:
            self._complex.append(ExpressionUnion((bits, automaton) for (bits, _), automaton in expressions.items()).find)

    @property
    def total(self) -> bool:
        """Whether every name matches, by a plain ``*``."""
        return self._always != 0

    def find(self, name: str, work: Work) -> int:
        """The groups with a pattern that the name matches. Raises a security_exception when there is no work left."""
        found = self._plain(name)
        if self._complex:
            try:
                for find in self._complex:
                    found |= find(name, work)
            except TooComplexError as error:
                raise too_complex(tuple(self._patterns), error) from error
        return found

    def matches(self, name: str, work: Work) -> bool:
        """Whether the name matches any pattern. Raises as ``find``."""
        if self._plain(name):
            return True
        if not self._complex:
            return False
        try:
            return any(find(name, work) for find in self._complex)
        except TooComplexError as error:
            raise too_complex(tuple(self._patterns), error) from error

    def _plain(self, name: str) -> int:
        found = self._always | self._words.get(name, 0)
        prefixes, suffixes = self._affixed
        if prefixes is not None:
            found |= prefixes.find(name)
        if suffixes is not None:
            found |= suffixes.find(name[::-1])
        return found


class _Prefixes:
    """Texts in order. Of those that a name begins with, the longest is the last one before the name, or one that this begins with."""

    __slots__ = ("_bits", "_shorter", "_texts")

    def __init__(self, texts: Mapping[str, int]) -> None:
        self._texts = sorted(texts)
        self._bits: list[int] = []
        self._shorter: list[int] = []
        for at, text in enumerate(self._texts):
            shorter = at - 1
            while shorter >= 0 and not text.startswith(self._texts[shorter]):
                shorter = self._shorter[shorter]
            self._shorter.append(shorter)
            self._bits.append(texts[text] | (self._bits[shorter] if shorter >= 0 else 0))

    def find(self, name: str) -> int:
        at = bisect_right(self._texts, name) - 1
        while at >= 0:
            if name.startswith(self._texts[at]):
                return self._bits[at]
            at = self._shorter[at]
        return 0


Find = Callable[[str, Work], int]
"""The groups with a pattern that a text matches. Raises TooComplexError when there is no work left."""


def of_wildcards(patterns: Mapping[tuple[int, str], Sequence[object]]) -> Find:
    """Groups with their wildcards, of which the letters are given."""
    if len(patterns) > MAX_ONE_BY_ONE or any(len(pattern) > _MAX_SHORT for _, pattern in patterns):
        return WildcardUnion((bits, letters) for (bits, _), letters in patterns.items()).find
    compiled = [(bits, compile_pattern(pattern)) for bits, pattern in patterns]
    return lambda name, _work: union_of([bits for bits, matches in compiled if matches(name)])


def _text(letters: Sequence[object]) -> str | None:
    return "".join(map(str, letters)) if all(isinstance(letter, str) for letter in letters) else None
