"""Sentence and word boundaries, where Java's ``BreakIterator`` (locale ROOT) puts them; highlighting cuts its fragments there.

Each character is mapped to a class, one letter, and a regular expression over the letters finds where the next piece ends. Combining marks
(sentences) and format characters (both) are transparent, as in Java.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import lru_cache

# Classes of sentence rules: U letter but not lower case, l lower case, s space, q quotation mark (starts and ends), o opening, e closing,
# d digit, t terminator, p full stop, c comma, P paragraph separator, D danda, x anything else; nothing: transparent.
_SENTENCE_FIXED = dict.fromkeys("\t\r\f\n\u2028", "s") | dict.fromkeys("\"'", "q") | dict.fromkeys("!?\u3002\uff01\uff1f", "t")
_SENTENCE_FIXED |= {".": "p", "\uff0e": "p", ",": "c", "\u2029": "P", "\u0964": "D", "\u0965": "D"}
_SENTENCE_CATEGORY = {"Ll": "l", "Zs": "s", "Ps": "o", "Pi": "o", "Pe": "e", "Pf": "e", "Mn": "", "Me": "", "Cf": ""}
_SENTENCE_CATEGORY |= dict.fromkeys(("Lu", "Lt", "Lm", "Lo"), "U") | dict.fromkeys(("Nd", "Nl", "No"), "d")

# A sentence ends after a paragraph separator, a danda or a terminator with what trails it; after a full stop only where a letter that is
# not lower case follows a space, or something that can open a sentence and then a letter. (That any letter does after two spaces is a
# quirk of Java's generated tables.)
_STOP = r"p[peq]*(?:s+(?=U)|ss+(?=l)|s*(?=[oqxD]+[lU]))"
# Another quirk: where a text ends in a full stop and openers without a letter, there are breaks on both sides of the full stop.
_TAIL = re.compile(r"p[peq]*s*[oqxD]+$")
_SENTENCE = re.compile(rf"(?:[^PDtp]|(?!{_STOP})p)*(?:P|Ds*|t[tpeq]*s*P?|{_STOP}|$)")

# Classes of word rules: l letter, e combining mark, d digit, k kanji, K katakana, H hiragana, j kana mark, D danda, p full stop,
# q quotation mark or apostrophe, m other mark within words, n within numbers, r before numbers, o after numbers, s blank, R and L
# line ends, c control.
_WORD_FIXED = {"\u0964": "D", "\u0965": "D", ".": "p", '"': "q", "'": "q", "\u2027": "m", ",": "n", "\u066b": "n", "#": "r"}
_WORD_FIXED |= (
    {"\u00ad": "m"}
    | dict.fromkeys("%&\u00a2\u066a\u2030\u2031", "o")
    | dict.fromkeys("\n\f\u2028\u2029", "L")
    | {"\r": "R", "\t": "s"}
)
_WORD_CATEGORY = {
    "Mn": "e",
    "Me": "e",
    "Cf": "",
    "Pd": "m",
    "Pc": "m",
    "Sc": "r",
    "Zs": "s",
    "Mc": "l",
    "Cc": "c",
    "Zl": "c",
    "Zp": "c",
}
_WORD_CATEGORY |= dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo"), "l") | dict.fromkeys(("Nd", "Nl", "No"), "d")
_LET, _DIGIT = "(?:le*)", "(?:de*)"
_NUMBER = f"(?:{_DIGIT}+(?:[qnp]{_DIGIT}+)*)"
_LETTERS = f"(?:{_LET}+(?:[mqp]{_LET}+)*D?)"
_WORDS = tuple(
    re.compile(rule)
    for rule in (
        f"(?:{_LETTERS})?(?:{_NUMBER}{_LETTERS})*(?:{_NUMBER}o?)?",
        f"[rp](?:{_NUMBER}{_LETTERS})*(?:{_NUMBER}o?)?",
        "(?:se*)*R?L?",
        "[Kj]*",
        "[Hj]*",
        "k*",
        "[^ecRL]e+",
    )
)


@lru_cache(maxsize=4096)
def _sentence_class(character: str) -> str:
    return _SENTENCE_FIXED.get(character) or _SENTENCE_CATEGORY.get(unicodedata.category(character), "x")


@lru_cache(maxsize=4096)
def _word_class(character: str) -> str:
    fixed = _WORD_FIXED.get(character)
    if fixed:
        return fixed
    if "\u3041" <= character <= "\u3094" or character in "\u309d\u309e":
        return "H"
    if "\u30a1" <= character <= "\u30fa" or character in "\u30fd\u30fe":
        return "K"
    if character in "\u3099\u309a\u309b\u309c\u30fb\u30fc":
        return "j"
    if character == "\u3005" or "\u4e00" <= character <= "\u9fa5" or "\uf900" <= character <= "\ufa2d":
        return "k"
    return _WORD_CATEGORY.get(unicodedata.category(character), "x")


class Boundaries:
    """The boundaries of a text, 0 and its length included, with the look-ups that a BreakIterator has."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets

    def preceding(self, offset: int) -> int:
        """The last boundary before ``offset``, or -1."""
        place = bisect_left(self.offsets, offset)
        return self.offsets[place - 1] if place else -1

    def following(self, offset: int) -> int:
        """The first boundary after ``offset``, or -1."""
        place = bisect_right(self.offsets, offset)
        return self.offsets[place] if place < len(self.offsets) else -1


def _classes(text: str, classify: dict[str, str]) -> tuple[str, list[int]]:
    """The letters of the characters that count, and the offset of each, with the text's length at the end."""
    letters = [classify[character] for character in text]
    offsets = [offset for offset, letter in enumerate(letters) if letter]
    offsets.append(len(text))
    return "".join(letters), offsets


def sentences(text: str) -> Boundaries:
    """Where sentences begin and end."""
    letters, offsets = _classes(text, {character: _sentence_class(character) for character in set(text)})
    found = [0]
    place = 0
    tail = _TAIL.search(letters)
    stop = tail.start() if tail else -1
    while place < len(letters):
        match = _SENTENCE.match(letters, place)
        end = match.end() if match and match.end() > place else len(letters)
        if place <= stop < end:
            end = stop if place < stop else stop + 1
        found.append(offsets[end])
        place = end
    if found[-1] != len(text):
        found.append(len(text))
    return Boundaries(found)


def words(text: str) -> Boundaries:
    """Where words, and what lies between them, begin and end."""
    letters, offsets = _classes(text, {character: _word_class(character) for character in set(text)})
    found = [0]
    place = 0
    while place < len(letters):
        place = max(place + 1, *(match.end() for rule in _WORDS if (match := rule.match(letters, place))))
        found.append(offsets[place])
    if found[-1] != len(text):
        found.append(len(text))
    return Boundaries(found)
