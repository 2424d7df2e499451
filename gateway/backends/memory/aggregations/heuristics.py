"""What makes a term significant: scores of how often terms occur in the documents found and in the background.

A term occurs in ``subset_df`` of the ``subset_size`` documents found and in ``superset_df`` of the ``superset_size`` of the background.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gateway.backends.memory.aggregations.scope import illegal
from protocol.messages.aggregations.base import (
    GND,
    ChiSquare,
    JLHScore,
    MutualInformation,
    PercentageScore,
    SignificanceHeuristic,
)

Scores = NDArray[np.float64]
_KINDS: dict[str, type[SignificanceHeuristic]] = {
    "jlh": JLHScore,
    "percentage": PercentageScore,
    "gnd": GND,
    "chi_square": ChiSquare,
    "mutual_information": MutualInformation,
}
_CLASSES = {"jlh": "JLHScore", "percentage": "PercentageScore", "gnd": "GND", "chi_square": "ChiSquare"}
"""The names in error texts."""
_NOT_WITHIN = (
    ', does your background filter not include all documents in the bucket? If so and it is intentional, set "background_is_superset": '
    "false\n"
)


def heuristic_of(body: Mapping[str, Any]) -> SignificanceHeuristic:
    """The heuristic of a request in REST form: the last one that it names, or ``jlh``. Raises ElasticsearchException for scripts."""
    if "script_heuristic" in body:
        raise illegal("significance heuristic [script_heuristic] is not supported")
    name = next((name for name in reversed(list(body)) if name in _KINDS), "jlh")
    return _KINDS[name](**(body.get(name) or {}))


def scores(
    heuristic: SignificanceHeuristic,
    subset_df: ArrayLike,
    subset_size: ArrayLike,
    superset_df: ArrayLike,
    superset_size: ArrayLike,
) -> Scores:
    """The score of each term: float64, aligned with the arrays given. What is not above 0 is not significant.

    Raises ElasticsearchException where the background is said to hold all documents found, and does not.
    """
    found, size, background, total = np.broadcast_arrays(
        *(np.asarray(numbers, np.float64) for numbers in (subset_df, subset_size, superset_df, superset_size))
    )
    name = heuristic.wire_name
    _check(found > size, f"subsetFreq > subsetSize, in {_CLASSES.get(name, 'MutualInformation')}")
    _check(background > total, f"supersetFreq > supersetSize, in {_CLASSES.get(name, 'MutualInformation')}")
    with np.errstate(divide="ignore", invalid="ignore"):
        match heuristic:
            case JLHScore():
                return _jlh(found, size, background, total)
            case PercentageScore():
                return np.where(background == 0, 0.0, found / background)
            case GND():
                return _gnd(*_crossed(heuristic.background_is_superset, found, size, background, total))
            case ChiSquare():
                table = _crossed(heuristic.background_is_superset, found, size, background, total)
                return _positive(heuristic.include_negatives, _chi_square(*table), *table)
            case MutualInformation():
                table = _crossed(heuristic.background_is_superset, found, size, background, total)
                return _positive(heuristic.include_negatives, _mutual_information(*table), *table)
    raise illegal(f"significance heuristic [{name}] is not supported")


def _check(wrong: NDArray[np.bool_], reason: str) -> None:
    if wrong.any():
        raise illegal(reason)


def _jlh(found: Scores, size: Scores, background: Scores, total: Scores) -> Scores:
    """Absolute change by relative change; a term that the background has not is taken to be there once."""
    here, there = found / size, np.maximum(background, 1) / total
    change = here - there
    return np.where((size == 0) | (total == 0) | (change <= 0), 0.0, change * (here / there))


def _crossed(
    is_superset: bool, found: Scores, size: Scores, background: Scores, total: Scores
) -> tuple[Scores, Scores, Scores, Scores]:
    """The contingency table: without and with the term (first), outside and inside the documents found (second): 00, 01, 10, 11."""
    if is_superset:
        _check(found > background, f"subsetFreq > supersetFreq{_NOT_WITHIN}")
        _check(size > total, f"subsetSize > supersetSize{_NOT_WITHIN}")
        _check(background - found > total - size, f"supersetFreq - subsetFreq > supersetSize - subsetSize{_NOT_WITHIN}")
        return total - background - (size - found), size - found, background - found, found
    return total - background, size - found, background, found


def _gnd(n00: Scores, n01: Scores, n10: Scores, n11: Scores) -> Scores:
    """Google normalized distance, turned around."""
    with_term, inside = n10 + n11, n01 + n11
    larger, smaller = np.log(np.maximum(with_term, inside)), np.log(np.minimum(with_term, inside))
    score = np.exp(-(larger - np.log(n11)) / (np.log(n00 + n01 + n10 + n11) - smaller))
    score = np.where((with_term == inside) & (with_term == n11), 1.0, score)
    return np.where(n11 == 0, 0.0, score)


def _chi_square(n00: Scores, n01: Scores, n10: Scores, n11: Scores) -> Scores:
    divisor = (n01 + n11) * (n10 + n11) * (n00 + n01) * (n00 + n10)
    score: Scores = (n00 + n01 + n10 + n11) * (n11 * n00 - n01 * n10) ** 2 / divisor
    return score


def _mutual_information(n00: Scores, n01: Scores, n10: Scores, n11: Scores) -> Scores:
    total = n00 + n01 + n10 + n11
    score = np.zeros(total.shape)
    for cell, row, column in (
        (n00, n00 + n01, n00 + n10),
        (n01, n00 + n01, n01 + n11),
        (n10, n10 + n11, n00 + n10),
        (n11, n10 + n11, n01 + n11),
    ):
        scaled, share = np.abs(total * cell), np.abs(cell / total)
        score = score + np.where((scaled < 1e-7) & (share < 1e-7), 0.0, share * np.log(scaled / np.abs(row * column)))
    score = score / np.log(2.0)
    return np.where(np.isnan(score), -np.inf, score)


def _positive(include_negatives: bool, score: Scores, n00: Scores, n01: Scores, n10: Scores, n11: Scores) -> Scores:
    """Without negatives, terms that are rarer in the documents found than outside do not count."""
    if include_negatives:
        return score
    return np.where(n11 / (n01 + n11) < n10 / (n00 + n10), -np.inf, score)
