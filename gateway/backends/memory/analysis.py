"""Analyzers: from text to terms with offsets.

``standard`` breaks words as Unicode's UAX #29 does, in the way of Lucene's StandardTokenizer, and lowercases; ``simple`` takes runs of
letters, lowercased; ``whitespace`` splits at white space; ``keyword`` takes the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_TOKEN_LENGTH: Final = 255
"""Longer tokens are cut into pieces of this length (the default of the standard and whitespace tokenizers)."""

# One token of the standard tokenizer. Ideographs and hiragana stand alone; katakana keep together; all else is letters and digits,
# joined over an apostrophe, full stop, colon or middle dot between letters, and over a comma, full stop, semicolon or apostrophe
# between digits. Underscores join, but make no token without a letter or digit. Marks belong to what they follow.
_ALONE = (
    "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
_KATAKANA = "\u3031-\u3035\u309b\u309c\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u32d0-\u32fe\u3300-\u3357\uff66-\uff9d"
_EXTEND = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0"
    "\ufe00-\ufe0f\ufe20-\ufe2f\u00ad"
)
_WORD = rf"(?:[^\W_{_ALONE}{_KATAKANA}][{_EXTEND}]*)"
_LETTER = rf"[^\W\d_{_ALONE}{_KATAKANA}]"
_BETWEEN_LETTERS = r"['.:\u00b7\u2018\u2019\u2024\ufe52\uff07\uff0e]"
_BETWEEN_DIGITS = r"[.,;'\u2018\u2019\u2024\u066c\uff0c\uff0e]"
_JOIN = rf"(?:(?<={_LETTER}){_BETWEEN_LETTERS}(?={_LETTER})|(?<=\d){_BETWEEN_DIGITS}(?=\d))"
_PICTURE = r"[\u2600-\u27bf\U0001f300-\U0001f6ff\U0001f900-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*)"
_STANDARD = re.compile(
    rf"_*(?:{_WORD}(?:_*{_WORD}|{_JOIN}{_WORD})*_*)"
    rf"|[{_KATAKANA}][{_KATAKANA}{_EXTEND}_]*"
    rf"|[{_ALONE}][{_EXTEND}]*"
    rf"|{_EMOJI}"
)
# The same for text of ASCII only, where it is much faster. A colon joins letters only.
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
            Token(text[start:end].lower() if self._lowercase else text[start:end], start, end, position)
            for position, (start, end) in enumerate(self._spans(text))
        ]

    def normalize(self, text: str) -> str:
        """The text as one term, filtered but not broken (for prefixes and patterns)."""
        return text.lower() if self._lowercase else text


def _analyzer(name: str, pattern_for: Callable[[str], re.Pattern[str]], lowercase: bool, max_length: int) -> Analyzer:
    def spans(text: str) -> list[tuple[int, int]]:
        found = [match.span() for match in pattern_for(text).finditer(text)]
        if any(end - start > max_length for start, end in found):
            return [(at, min(at + max_length, end)) for start, end in found for at in range(start, end, max_length)]
        return found

    def tokens(text: str) -> list[str]:
        terms: list[str] = pattern_for(text).findall(text.lower() if lowercase else text)
        if len(text) > max_length and any(len(term) > max_length for term in terms):
            return [term[at : at + max_length] for term in terms for at in range(0, len(term), max_length)]
        return terms

    return Analyzer(name, tokens, spans, lowercase)


def _standard_pattern(text: str) -> re.Pattern[str]:
    return _STANDARD_ASCII if text.isascii() else _STANDARD


_ANALYZERS: Final = {
    "standard": _analyzer("standard", _standard_pattern, True, MAX_TOKEN_LENGTH),
    "simple": _analyzer("simple", lambda _: _LETTERS, True, MAX_TOKEN_LENGTH),
    "whitespace": _analyzer("whitespace", lambda _: _BLANKS, False, MAX_TOKEN_LENGTH),
    "keyword": Analyzer("keyword", lambda text: [text], lambda text: [(0, len(text))], False),
}
NAMES: Final = tuple(_ANALYZERS)
"""The analyzers that there are."""


def analyzer(name: str) -> Analyzer:
    """The analyzer with this name. KeyError when there is none."""
    return _ANALYZERS[name]
