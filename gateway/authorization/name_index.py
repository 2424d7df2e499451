"""Which of some groups of name patterns a name matches: for many patterns and many names.

Words, prefixes and suffixes are looked up, so that their number hardly matters. All other patterns of a group are matched at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from gateway.authorization.patterns import ANY_WORD, NamePatterns, compile_pattern, split_wildcard, too_complex
from gateway.authorization.unions import ExpressionUnion, WildcardUnion
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
        wildcards: dict[int, dict[str, list[object]]] = defaultdict(dict)
        expressions: dict[int, dict[str, Automaton]] = defaultdict(dict)
        for bits, names in groups:
            self._patterns.update(dict.fromkeys(names.patterns))
            for pattern in names.patterns:
                if pattern in names.words:
                    self._words[pattern] |= bits
                elif (automaton := names.automata.get(pattern)) is not None:
                    expressions[bits][pattern] = automaton
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
                    wildcards[bits][pattern] = letters
        self._affixed = _Prefixes(prefixes) if prefixes else None, _Prefixes(suffixes) if suffixes else None
        self._complex = tuple(
            (bits, matches)
            for bits in dict.fromkeys((*wildcards, *expressions))
            for matches in (*of_wildcards(wildcards.get(bits, {})), *_of_expressions(expressions.get(bits, {})))
        )

    @property
    def total(self) -> bool:
        """Whether every name matches, by a plain ``*``."""
        return self._always != 0

    def find(self, name: str, work: Work) -> int:
        """The groups with a pattern that the name matches. Raises a security_exception when there is no work left."""
        found = self._plain(name)
        if self._complex:
            try:
                for bits, matches in self._complex:
                    work.spend(1)
                    if found & bits != bits and matches(name, work):
                        found |= bits
            except TooComplexError as error:
                raise too_complex(tuple(self._patterns), error) from error
        return found

    def matches(self, name: str, work: Work) -> bool:
        """Whether the name matches any pattern. Raises as ``find``."""
        if self._plain(name):
            return True
        try:
            for _, matches in self._complex:
                work.spend(1)
                if matches(name, work):
                    return True
        except TooComplexError as error:
            raise too_complex(tuple(self._patterns), error) from error
        return False

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


_Matches = Callable[[str, Work], bool]


def of_wildcards(patterns: Mapping[str, Sequence[object]]) -> list[_Matches]:
    """Predicates that together tell whether a text matches any of the patterns, given with their letters; none for no patterns."""
    if not patterns:
        return []
    if len(patterns) > MAX_ONE_BY_ONE or any(len(pattern) > _MAX_SHORT for pattern in patterns):
        return [WildcardUnion(patterns.values()).matches]
    compiled = [compile_pattern(pattern) for pattern in patterns]
    return [lambda name, _work: any(matches(name) for matches in compiled)]


def _of_expressions(automata: Mapping[str, Automaton]) -> list[_Matches]:
    return [ExpressionUnion(automata.values()).matches] if automata else []


def _text(letters: Sequence[object]) -> str | None:
    return "".join(map(str, letters)) if all(isinstance(letter, str) for letter in letters) else None
