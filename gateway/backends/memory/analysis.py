"""Analyzers: from text to terms with offsets.

``standard`` breaks words as Unicode's UAX #29 does, in the way of Lucene's StandardTokenizer, and lowercases; ``simple`` takes runs of
letters, lowercased; ``whitespace`` splits at white space; ``keyword`` takes the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.backends.memory.word_breaks import word_spans

MAX_TOKEN_LENGTH: Final = 255
"""Longer tokens are cut into pieces of this length (the default of the standard and whitespace tokenizers)."""

# The standard tokenizer for text of ASCII only, where it is much faster than word_breaks.py. A colon joins letters only.
_STANDARD_ASCII = re.compile(r"_*[A-Za-z0-9](?:[A-Za-z0-9_]|(?<=[A-Za-z])['.:](?=[A-Za-z])|(?<=[0-9])[.,;'](?=[0-9]))*", re.ASCII)
_LETTERS = re.compile(r"[^\W\d_]+")
_BLANKS = re.compile(r"\S+")


class Token(NamedTuple):
    """One token: the term as indexed, where it stands in the text (character offsets), and its place in the order of tokens."""

    term: str
    start: int
    end: int
    position: int


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A named analyzer. ``tokens(text)`` gives the terms in order (positions 0, 1, 2, …)."""

    name: str
    tokens: Callable[[str], list[str]]
    _spans: Callable[[str], list[tuple[int, int]]]
    _lowercase: bool

    def analyze(self, text: str) -> list[Token]:
        """The tokens with offsets, as highlighting needs them."""
        return [
            Token(self.normalize(text[start:end]), start, end, position)
            for position, (start, end) in enumerate(self._spans(text))
        ]

    def normalize(self, text: str) -> str:
        """The text as one term, filtered but not broken (for prefixes and patterns)."""
        return lowercase(text) if self._lowercase else text


def lowercase(text: str) -> str:
    """Lucene's LowerCaseFilter: character by character, so that a dotted capital I becomes a plain i and a final sigma is like others."""
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def _analyzer(name: str, spans_of: Callable[[str], list[tuple[int, int]]], ascii_: re.Pattern[str], lower: bool) -> Analyzer:
    """``spans_of`` finds the tokens of any text, ``ascii_`` those of a text of ASCII only."""

    def spans(text: str) -> list[tuple[int, int]]:
        found = [match.span() for match in ascii_.finditer(text)] if text.isascii() else spans_of(text)
        if len(text) > MAX_TOKEN_LENGTH and any(end - start > MAX_TOKEN_LENGTH for start, end in found):
            return [(at, min(at + MAX_TOKEN_LENGTH, end)) for start, end in found for at in range(start, end, MAX_TOKEN_LENGTH)]
        return found

    def tokens(text: str) -> list[str]:
        folded = lowercase(text) if lower else text
        if text.isascii():
            found: list[str] = ascii_.findall(folded)
            if len(text) <= MAX_TOKEN_LENGTH or max(map(len, found), default=0) <= MAX_TOKEN_LENGTH:
                return found
        return [folded[start:end] for start, end in spans(text)]

    return Analyzer(name, tokens, spans, lower)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], list[tuple[int, int]]]:
    return lambda text: [match.span() for match in pattern.finditer(text)]


_ANALYZERS: Final = {
    "standard": _analyzer("standard", word_spans, _STANDARD_ASCII, True),
    "simple": _analyzer("simple", _matches(_LETTERS), _LETTERS, True),
    "whitespace": _analyzer("whitespace", _matches(_BLANKS), _BLANKS, False),
    "keyword": Analyzer("keyword", lambda text: [text], lambda text: [(0, len(text))], False),
}
NAMES: Final = tuple(_ANALYZERS)
"""The analyzers that there are."""


def analyzer(name: str) -> Analyzer:
    """The analyzer with this name. KeyError when there is none."""
    return _ANALYZERS[name]
