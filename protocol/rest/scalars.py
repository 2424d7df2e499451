"""Scalars of bodies and of URLs, converted as Elasticsearch's parsers do it. All raise ElasticsearchException."""

from __future__ import annotations

import math
import re
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.messages.common import TimeUnit, TimeValue
from protocol.rest.places import Place, illegal, not_a_number, token_of
from protocol.rest.texts import java_double

_INT, _LONG = (-(1 << 31), (1 << 31) - 1), (-(1 << 63), (1 << 63) - 1)
_NUMBER = re.compile(r"\s*[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)[dDfF]?\s*", re.ASCII)
_SUFFIXES = {
    "nanos": TimeUnit.NANOSECONDS,
    "micros": TimeUnit.MICROSECONDS,
    "ms": TimeUnit.MILLISECONDS,
    "s": TimeUnit.SECONDS,
    "m": TimeUnit.MINUTES,
    "h": TimeUnit.HOURS,
    "d": TimeUnit.DAYS,
}


def text(value: Any, place: Place) -> str:
    """Any scalar as text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return java_double(value)
    line, column = place.position()
    raise ElasticsearchException("illegal_state_exception", f"Can't get text on a {token_of(value)} at {line}:{column}")


def boolean(value: Any, place: Place) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return parse_boolean(value)
    raise place.jackson(f"Current token ({_jackson(value)}) not of boolean type")


def parse_boolean(value: str) -> bool:
    """``true`` or ``false``, nothing else."""
    if value not in ("true", "false"):
        raise illegal(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")
    return value == "true"


def whole(value: Any, place: Place, *, long: bool = False) -> int:
    """A number without its decimals; text is converted."""
    low, high = _LONG if long else _INT
    kind = "a long" if long else "an integer"
    match value:
        case bool() | None | list() | dict():
            raise _no_number(value, place)
        case str():
            number = _parsed(value)
            if math.isnan(number):
                return 0
            if not low <= number <= high:
                raise illegal(f"Value [{value}] is out of range for {kind}")
            return int(value) if value.lstrip("+-").isdigit() else int(number)
    if not low <= value <= high:
        name = "long" if long else "int"
        reason = f"Numeric value ({text(value, place)}) out of range of {name} ({low} - {high})"
        raise place.jackson(reason, "input_coercion_exception")
    return int(value)


def decimal(value: Any, place: Place) -> float:
    """A number; text is converted."""
    match value:
        case bool() | None | list() | dict():
            raise _no_number(value, place)
        case str():
            return _parsed(value)
    return float(value)


def time(value: str, setting: str) -> str:
    """A duration as the declared messages have it: ``30s``, ``-1`` and ``0`` without a unit."""
    duration = parse_time(value, setting)
    if duration.duration in (-1, 0) and duration.unit is TimeUnit.MILLISECONDS and value.strip().lstrip("-0") in ("", "1"):
        return str(duration.duration)
    suffix = next(suffix for suffix, unit in _SUFFIXES.items() if unit is duration.unit)
    return f"{duration.duration}{suffix}"


def parse_time(value: str, setting: str) -> TimeValue:
    normalized = value.lower().strip()
    for suffix, unit in _SUFFIXES.items():
        # A month would be M, so minutes alone are told by their case.
        if (value if suffix == "m" else normalized).endswith(suffix):
            return TimeValue(_duration(value, normalized.removesuffix(suffix).strip(), setting), unit)
    if re.fullmatch(r"-0*1", normalized):
        return TimeValue(-1, TimeUnit.MILLISECONDS)
    if re.fullmatch(r"0+", normalized):
        return TimeValue(0, TimeUnit.MILLISECONDS)
    raise illegal(_no_time(value, setting, ": unit is missing or unrecognized"))


def _duration(value: str, digits: str, setting: str) -> int:
    if re.fullmatch(r"[+-]?\d+", digits, re.ASCII) and _LONG[0] <= int(digits) <= _LONG[1]:
        if int(digits) < -1:
            raise illegal(_no_time(value, setting, ": negative durations are not supported"))
        return int(digits)
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+)", digits, re.ASCII):
        cause = not_a_number(digits)
        raise illegal(f"failed to parse [{value}], fractional time values are not supported", cause)
    raise illegal(_no_time(value, setting, ""), not_a_number(digits))


def _no_time(value: str, setting: str, why: str) -> str:
    return f"failed to parse setting [{setting}] with value [{value}] as a time value{why}"


def _parsed(value: str) -> float:
    """``Double.parseDouble``."""
    if not _NUMBER.fullmatch(value):
        raise not_a_number(value.strip())
    return float(value.strip().rstrip("dDfF"))


def _no_number(value: Any, place: Place) -> ElasticsearchException:
    return place.jackson(f"Current token ({_jackson(value)}) not numeric, can not use numeric value accessors")


def _jackson(value: Any) -> str:
    """The parser's own name of a token."""
    match value:
        case bool():
            return f"VALUE_{str(value).upper()}"
        case int():
            return "VALUE_NUMBER_INT"
        case float():
            return "VALUE_NUMBER_FLOAT"
    return token_of(value)
