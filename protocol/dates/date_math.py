"""Date math: what follows ``now`` or ``||`` in a date, such as ``-1d/d`` (``JavaDateMathParser``)."""

from __future__ import annotations

import re

from protocol.dates import calendar
from protocol.dates.zones import Zone
from protocol.errors import ElasticsearchException

_SECOND = 1_000_000_000
_MILLI = 1_000_000
_UNITS = {"w": 7 * calendar.DAY_SECONDS, "d": calendar.DAY_SECONDS, "h": 3600, "H": 3600, "m": 60, "s": 1}
_MAX_INT = (1 << 31) - 1
_MAX_YEAR = 999_999_999
_NUMBER = re.compile(r"\d+", re.ASCII)


def apply_math(math: str, nanos: int, round_up: bool, zone: Zone) -> int:
    """Apply the operations one after the other to an instant in epoch nanoseconds; days and more are those of the zone.

    With ``round_up`` a rounding gives the last millisecond of the unit. Raises ElasticsearchException: ``parse_exception``,
    ``number_format_exception`` or ``date_time_exception`` where a number or a year is too large.
    """
    position = 0
    while position < len(math):
        operator = math[position]
        position += 1
        if operator not in "/+-":
            raise _failure(f"operator not supported for date math [{math}]")
        if position >= len(math):
            raise _failure(f"truncated date math [{math}]")
        number = _NUMBER.match(math, position)
        count = _count(number[0]) if number else 1
        position = number.end() if number else position
        if position >= len(math):
            raise _failure(f"truncated date math [{math}]")
        if operator == "/" and count != 1:
            raise _failure(f"rounding `/` can only be used on single unit types [{math}]")
        unit = math[position]
        position += 1
        if unit not in "yMwdhHms":
            raise _failure(f"unit [{unit}] not supported for date math [{math}]")
        if operator == "/":
            nanos = _round(nanos, unit, zone)
            if round_up:
                nanos = _plus(nanos, 1, unit, zone) - _MILLI
        else:
            nanos = _plus(nanos, -count if operator == "-" else count, unit, zone)
    return nanos


def _count(digits: str) -> int:
    if len(digits.lstrip("0")) > 10 or int(digits) > _MAX_INT:
        raise ElasticsearchException("number_format_exception", f'For input string: "{digits}"')
    return int(digits)


def _failure(reason: str) -> ElasticsearchException:
    return ElasticsearchException("parse_exception", reason)


def _local(nanos: int, zone: Zone) -> tuple[int, int, int, int]:
    """The offset, the day since 1970-01-01, the second of the day and the nanoseconds in the zone."""
    seconds, fraction = divmod(nanos, _SECOND)
    offset = zone.offset_at(seconds)
    return offset, *divmod(seconds + offset, calendar.DAY_SECONDS), fraction


def _from_local(day: int, second: int, fraction: int, zone: Zone, offset: int) -> int:
    """Back to an instant; in an overlap the offset that was there before is kept, as ``ZonedDateTime`` does."""
    local = day * calendar.DAY_SECONDS + second
    instant = local - offset
    if zone.offset_at(instant) != offset:
        instant = zone.to_utc(local)
    return instant * _SECOND + fraction


def _plus(nanos: int, count: int, unit: str, zone: Zone) -> int:
    if unit in "hHms":
        return nanos + count * _UNITS[unit] * _SECOND
    offset, day, second, fraction = _local(nanos, zone)
    if unit in "dw":
        return _from_local(day + count * (7 if unit == "w" else 1), second, fraction, zone, offset)
    year, month, day_of_month = calendar.date_of(day)
    months = year * 12 + month - 1 + count * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    if abs(year) > _MAX_YEAR:
        raise ElasticsearchException(
            "date_time_exception", f"Invalid value for Year (valid values -{_MAX_YEAR} - {_MAX_YEAR}): {year}"
        )
    day = calendar.days_of(year, month, min(day_of_month, calendar.month_length(year, month)))
    return _from_local(day, second, fraction, zone, offset)


def _round(nanos: int, unit: str, zone: Zone) -> int:
    offset, day, second, _ = _local(nanos, zone)
    if unit in "hHms":
        return _from_local(day, second - second % _UNITS[unit], 0, zone, offset)
    if unit == "w":
        day -= calendar.weekday(day) - 1
    elif unit != "d":
        year, month, _ = calendar.date_of(day)
        day = calendar.days_of(year, 1 if unit == "y" else month, 1)
    return _from_local(day, 0, 0, zone, offset)
