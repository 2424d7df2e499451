"""Compares what the gateway gave with what a real remote gave, field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

SCORE_KEYS = frozenset({"_score", "max_score", "sort"})
SCORE_TOLERANCE = 1e-4
NUMBER_TOLERANCE = 1e-9
PASSING_TIME = frozenset({"took"})
_KEY_AND_OWNER = re.compile(r"API key id \[[^]]*\] of user \[[^]]*\]")
UNORDERED = frozenset({"matched_queries"})
"""Lists in the order of a Java hash map, which says nothing."""


def normalize(value: Any, alias: str, word: str = "ALIAS") -> Any:
    """The answer with the alias of its cluster written ``ALIAS``, or as another word, and without what measures time."""
    if isinstance(value, dict):
        return {
            normalize(key, alias, word): "some time" if key in PASSING_TIME else normalize(entry, alias, word)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [normalize(entry, alias, word) for entry in value]
    return value.replace(alias, word) if isinstance(value, str) else value


def anonymous(value: Any) -> Any:
    """Without the id and the owner of a key, which are the gateway's or the real cluster's."""
    if isinstance(value, dict):
        return {key: anonymous(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [anonymous(entry) for entry in value]
    if isinstance(value, str):
        return _KEY_AND_OWNER.sub("API key id […] of user […]", value)
    return value


def differences(real: Any, ours: Any, path: str = "", tolerance: float = NUMBER_TOLERANCE) -> Iterator[str]:
    """One line for each place where they are not equal; none when they are."""
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted(real.keys() | ours.keys()):
            if key not in ours:
                yield f"{path}.{key}: missing, expected {_short(real[key])}"
            elif key not in real:
                yield f"{path}.{key}: unexpected {_short(ours[key])}"
            else:
                expected, got = (sorted(each[key]) if key in UNORDERED else each[key] for each in (real, ours))
                yield from differences(expected, got, f"{path}.{key}", SCORE_TOLERANCE if key in SCORE_KEYS else tolerance)
    elif isinstance(real, list) and isinstance(ours, list):
        if len(real) != len(ours):
            yield f"{path}: {len(ours)} entries, expected {len(real)}"
        for place, (expected, got) in enumerate(zip(real, ours, strict=False)):
            yield from differences(expected, got, f"{path}[{place}]", tolerance)
    elif _is_number(real) and _is_number(ours):
        if not math.isclose(real, ours, rel_tol=tolerance, abs_tol=0.0):
            yield f"{path}: {ours}, expected {real}"
    elif type(real) is not type(ours) or real != ours:
        yield f"{path}: {_short(ours)}, expected {_short(real)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "…"
