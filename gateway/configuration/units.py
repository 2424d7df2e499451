"""Sizes and times as Elasticsearch writes them (``64kb``, ``30s``), and the other scalar forms of a settings file.

Every function takes the text that stands in the file and returns the value, or raises ``ValueError`` saying what is allowed.
"""

from __future__ import annotations

import re

_SIZE_UNITS = {
    "b": 1,
    "k": 1 << 10,
    "kb": 1 << 10,
    "m": 1 << 20,
    "mb": 1 << 20,
    "g": 1 << 30,
    "gb": 1 << 30,
    "t": 1 << 40,
    "tb": 1 << 40,
    "p": 1 << 50,
    "pb": 1 << 50,
}
_TIME_UNITS = {
    "nanos": 1,
    "micros": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_AMOUNT = re.compile(r"\s*([0-9]+)\s*([a-zA-Z]*)\s*", re.ASCII)
# Java's long: Elasticsearch refuses an amount that does not fit it, and so nothing can overflow on the way.
_LONGEST = 2**63 - 1


def parse_size(text: str) -> int:
    """``64kb`` in bytes. A unit is required, except for zero; units are powers of 1024 and ignore case."""
    match = _AMOUNT.fullmatch(text)
    unit = match[2].lower() if match else ""
    if match and not unit and int(match[1]) == 0:
        return 0
    if match and unit in _SIZE_UNITS and (size := int(match[1]) * _SIZE_UNITS[unit]) <= _LONGEST:
        return size
    raise ValueError(f"[{text}] is not a size; allowed is a whole number and a unit (b, kb, mb, gb, tb, pb), such as 64kb")


def parse_duration(text: str) -> int:
    """``30s`` in nanoseconds. A unit is required, except for zero; units ignore case, save ``m`` (``M`` are months)."""
    match = _AMOUNT.fullmatch(text)
    unit = match[2] if match else ""
    if match and not unit and int(match[1]) == 0:
        return 0
    unit = unit if unit == "M" else unit.lower()
    if match and unit in _TIME_UNITS and (duration := int(match[1]) * _TIME_UNITS[unit]) <= _LONGEST:
        return duration
    raise ValueError(f"[{text}] is not a time; allowed is a whole number and a unit (nanos, micros, ms, s, m, h, d), such as 30s")


def parse_boolean(text: str) -> bool:
    """Only ``true`` and ``false`` in lower case, as Elasticsearch has it; ``yes`` and ``1`` are refused."""
    if text not in ("true", "false"):
        raise ValueError(f"[{text}] is not a boolean; allowed are [true, false]")
    return text == "true"


def parse_integer(text: str, lowest: int, highest: int) -> int:
    """A whole number between the two bounds, both included."""
    # More digits than a long has cannot be in bounds; int() of a very long text would be slow and may be refused by Python.
    if re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) and lowest <= (number := int(text)) <= highest:
        return number
    raise ValueError(f"[{text}] is not allowed; allowed is a whole number from {lowest} to {highest}")
