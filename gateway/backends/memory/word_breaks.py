"""Word breaks of any text, as Lucene's StandardTokenizer finds them (Unicode's UAX #29).

Every character is mapped to its class, one letter, and a pattern over the classes finds the tokens. The classes (word_breaks.txt):

    L letter  H Hebrew letter  N digit  U underscore and the like  K katakana  I ideograph or hiragana
    C, X South-East Asian letter and mark  E mark  W zero width joiner  Z pictograph  T skin tone  R regional indicator
    M joins letters  D joins digits  S joins both  P apostrophe: joins both, and stays with a Hebrew letter before it
    Q double quote: joins Hebrew letters
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

_MARKS: Final = "[EXWT]*"
_LETTER: Final = f"[LH]{_MARKS}"
_DIGIT: Final = f"N{_MARKS}"
_JOINER: Final = f"U{_MARKS}"
_LETTERS: Final = f"(?:{_LETTER}(?:(?:[MSP]{_MARKS})?{_LETTER}|(?<=H)Q{_MARKS}(?=H))*(?:(?<=H)P)?)"
_DIGITS: Final = f"(?:{_DIGIT}(?:(?:[DSP]{_MARKS})?{_DIGIT})*)"
_GROUP: Final = f"(?:(?:{_LETTERS}|{_DIGITS})+|(?:K{_MARKS})+)"
_PICTURE: Final = "Z[ETXW]*"
_TOKEN: Final = re.compile(
    f"(?:{_JOINER})*{_GROUP}(?:(?:{_JOINER})+{_GROUP})*(?:{_JOINER})*"
    f"|I{_MARKS}|(?:[CX]{_MARKS})+|R{_MARKS}R{_MARKS}|{_PICTURE}(?:(?<=W){_PICTURE})*|T{_MARKS}"
)
_BEYOND: Final = 0x20000
"""From here on there are ideographs only."""


class _Classes(dict[int, str]):
    """The class of each code point."""

    def __missing__(self, code: int) -> str:
        return "I" if code >= _BEYOND and code & 0xFFFF <= 0xFFFD and code < 0x40000 else "-"


@cache
def _classes() -> _Classes:
    found = _Classes()
    for line in Path(__file__).with_name("word_breaks.txt").read_text("utf-8").splitlines():
        name, *ranges = line.split(" ")
        if name == "#":
            continue
        for each in ranges:
            low, _, high = each.partition("-")
            found.update(dict.fromkeys(range(int(low, 16), int(high or low, 16) + 1), name))
    return found


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the tokens of a text begin and end, in characters."""
    return [match.span() for match in _TOKEN.finditer(text.translate(_classes()))]
