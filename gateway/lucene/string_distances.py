"""How alike two words are, from 0 (or below) to 1: the string distances of Lucene's spell checker, in single precision.

All but Damerau-Levenshtein look at UTF-16 units, as Java's characters are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

_ONE: Final = np.float32(1)
_BOOST_FROM: Final = np.float32(0.7)
"""From here on, words that begin alike are more alike (Jaro-Winkler)."""
_BOOST_MOST: Final = np.float32(0.1)


def _units(text: str) -> bytes | memoryview:
    return text.encode("latin-1") if text.isascii() else memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")


def damerau_levenshtein(first: str, second: str) -> float:
    """Insertions, deletions, replacements, and swaps of neighbours, against the length of the shorter word; in code points."""
    if not first or not second:
        return 0.0 if not first and not second else float(max(len(first), len(second)))
    edits = _edits([ord(letter) for letter in first], [ord(letter) for letter in second], swaps=True)
    return float(_ONE - np.float32(edits) / np.float32(min(len(first), len(second))))


def levenshtein(first: str, second: str) -> float:
    """Insertions, deletions and replacements, against the length of the longer word."""
    left, right = _units(first), _units(second)
    if not len(left) or not len(right):
        return 1.0 if len(left) == len(right) else 0.0
    edits = _edits(left, right, swaps=False)
    return float(_ONE - np.float32(edits) / np.float32(max(len(left), len(right))))


def _edits(first: Sequence[int], second: Sequence[int], *, swaps: bool) -> int:
    before: list[int] = []
    previous = list(range(len(second) + 1))
    for row, letter in enumerate(first, 1):
        current = [row]
        for column, other in enumerate(second, 1):
            best = min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (letter != other))
            if swaps and row > 1 and column > 1 and letter == second[column - 2] and first[row - 2] == other:
                best = min(best, before[column - 2] + (letter != other))
            current.append(best)
        before, previous = previous, current
    return previous[-1]


def jaro_winkler(first: str, second: str) -> float:
    """Letters that are in both at about the same place, more for words that begin alike."""
    left, right = _units(first), _units(second)
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    reach = max(len(longer) // 2 - 1, 0)
    taken = [False] * len(longer)
    found: list[int] = []
    for at, unit in enumerate(shorter):
        for place in range(max(at - reach, 0), min(at + reach + 1, len(longer))):
            if not taken[place] and longer[place] == unit:
                taken[place] = True
                found.append(unit)
                break
    if not found:
        return 0.0
    others = [unit for unit, is_taken in zip(longer, taken, strict=True) if is_taken]
    swapped = sum(one != other for one, other in zip(found, others, strict=True)) // 2
    same = next((at for at, unit in enumerate(shorter) if unit != longer[at]), len(shorter))
    matches = np.float32(len(found))
    jaro = (
        matches / np.float32(len(left)) + matches / np.float32(len(right)) + (matches - np.float32(swapped)) / matches
    ) / np.float32(3)
    if jaro < _BOOST_FROM:
        return float(jaro)
    return float(jaro + min(_BOOST_MOST, _ONE / np.float32(len(longer))) * np.float32(same) * (_ONE - jaro))


def ngram(first: str, second: str) -> float:
    """Edits of pairs of neighbouring letters, a pair that is half the same counting half (Kondrak's n-gram distance)."""
    left, right = _units(first), _units(second)
    if not len(left) or not len(right):
        return 1.0 if len(left) == len(right) else 0.0
    longest = np.float32(max(len(left), len(right)))
    if len(left) < 2 or len(right) < 2:
        return float(np.float32(sum(one == other for one, other in zip(left, right, strict=False))) / longest)
    # Each word is taken to begin with a zero, which is the same in both and so does not count.
    padded, goal = [0, *left], [0, *right]
    previous = [float(at) for at in range(len(left) + 1)]
    for row in range(1, len(right) + 1):
        pair = goal[row - 1 : row + 1]
        current = [float(row)]
        for column in range(1, len(left) + 1):
            cost, counted = 0, 2
            for unit, wanted in zip(padded[column - 1 : column + 1], pair, strict=True):
                if unit != wanted:
                    cost += 1
                elif unit == 0:
                    counted -= 1
            best = min(current[column - 1] + 1, previous[column] + 1, previous[column - 1] + cost / counted)
            current.append(best)
        previous = current
    return float(_ONE - np.float32(previous[-1]) / longest)


StringDistance = Callable[[str, str], float]
DISTANCES: Final[dict[str, StringDistance]] = {
    "damerau_levenshtein": damerau_levenshtein,
    "levenshtein": levenshtein,
    "jaro_winkler": jaro_winkler,
    "ngram": ngram,
}
"""By the names that Elasticsearch has for them; ``internal`` is what finding a term by edits tells anyway."""
