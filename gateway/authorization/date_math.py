"""Date math in index names: ``<logs-{now/d}>``, ``<logs-{now-1M/M{yyyy.MM|+02:00}}>``.

The name is the text between the angle brackets, with each ``{expression{format|time zone}}`` replaced by a date; a backslash takes the
special meaning off ``{`` and ``}``. Formats are Java's patterns as far as dates in index names use them; others are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocol.errors import ElasticsearchException

DEFAULT_FORMAT = "uuuu.MM.dd"
_STEP = re.compile(r"([+-])(\d{0,9})([yMwdhHms])|/([yMwdhHms])")
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")
_ABSOLUTE = re.compile(r"(\d{4})(?:[-.](\d{2})(?:[-.](\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2}))?)?Z?)?)?)?")


def resolve_date_math(expression: str, now: Callable[[], datetime]) -> str:
    """The index name of an expression; a name that is not in angle brackets is returned as it is. Raises a parse_exception."""
    if not (len(expression) >= 2 and expression.startswith("<") and expression.endswith(">")):
        return expression
    inner = expression[1:-1]
    name: list[str] = []
    placeholder: list[str] | None = None
    in_format = escaped = False
    for position, char in enumerate(inner, start=1):
        if char == "\\" and not escaped:
            escaped = True
            continue
        was_escaped, escaped = escaped, False
        if char == "\\":
            name.append(char)
        elif placeholder is None:
            if char == "{" and not was_escaped:
                placeholder = []
            elif char == "}" and not was_escaped:
                _fail(
                    f"invalid dynamic name expression [{inner}]. invalid character at position [{position}]. `{{` and `}}` are reserved "
                    "characters and should be escaped when used as part of the index name using `\\` (e.g. `\\{text\\}`)"
                )
            else:
                name.append(char)
        elif char == "{" and not (in_format and was_escaped):
            if in_format:
                _fail(f"invalid dynamic name expression [{inner}]. invalid character in placeholder at position [{position}]")
            in_format = True
            placeholder.append(char)
        elif char == "}" and not (in_format and was_escaped):
            if in_format:
                in_format = False
                placeholder.append(char)
            else:
                name.append(_date("".join(placeholder), now))
                placeholder = None
        else:
            placeholder.append(char)
    if placeholder is not None:
        _fail(f"invalid dynamic name expression [{inner}]. date math placeholder is open ended")
    if not name:
        _fail("nothing captured")
    return "".join(name)


def _date(placeholder: str, now: Callable[[], datetime]) -> str:
    math, brace, rest = placeholder.partition("{")
    if not brace:
        return _format(DEFAULT_FORMAT, _calculate(math, now, UTC))
    if placeholder.rfind("}") != len(placeholder) - 1:
        _fail(f"invalid dynamic name expression [{placeholder}]. missing closing `}}` for date math format")
    if rest == "}":
        _fail(f"invalid dynamic name expression [{placeholder}]. missing date format")
    pattern, bar, zone = rest[:-1].partition("|")
    return _format(pattern, _calculate(math, now, _zone(zone) if bar else UTC))


def _zone(name: str) -> tzinfo:
    if name in ("Z", "UTC", "GMT", "UT"):
        return UTC
    if (match := _OFFSET.fullmatch(name)) is not None:
        sign, hours, minutes, seconds = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        if offset <= timedelta(hours=18):
            return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _fail(f"Invalid ID for region-based ZoneId, invalid format: {name}")


def _calculate(math: str, now: Callable[[], datetime], zone: tzinfo) -> datetime:
    try:
        if math.startswith("now"):
            moment, steps = now().astimezone(zone), math[3:]
        else:
            date, _, steps = math.partition("||")
            moment = _absolute(date, zone)
        at = 0
        while at < len(steps):
            match = _STEP.match(steps, at)
            if match is None:
                _fail(f"operator not supported for date math [{steps}]")
            sign, count, unit, rounding = match.groups()
            moment = _round(moment, rounding) if rounding else _add(moment, int(count or 1) * (-1 if sign == "-" else 1), unit)
            at = match.end()
    except (OverflowError, ValueError) as error:
        _fail(f"failed to parse date math [{math}]: {error}")
    return moment


def _absolute(date: str, zone: tzinfo) -> datetime:
    match = _ABSOLUTE.fullmatch(date)
    if match is None:
        _fail(f"failed to parse date field [{date}]")
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
    return datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone)


def _add(moment: datetime, count: int, unit: str) -> datetime:
    match unit:
        case "y" | "M":
            months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
            year, month = divmod(months, 12)
            for day in range(moment.day, 27, -1):
                try:
                    return moment.replace(year=year, month=month + 1, day=day)
                except ValueError:
                    continue
            return moment.replace(year=year, month=month + 1)
        case "w":
            return moment + timedelta(weeks=count)
        case "d":
            return moment + timedelta(days=count)
    # Hours and shorter are lengths of time, not of the calendar: across a change of the clocks they must be counted in UTC.
    step = {"h": timedelta(hours=1), "H": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}[unit]
    return (moment.astimezone(UTC) + count * step).astimezone(moment.tzinfo)


def _round(moment: datetime, unit: str) -> datetime:
    """Down to the start of the unit; weeks start on Monday."""
    moment = moment.replace(microsecond=0)
    if unit == "s":
        return moment
    moment = moment.replace(second=0)
    if unit == "m":
        return moment
    moment = moment.replace(minute=0)
    if unit in "hH":
        return moment
    moment = moment.replace(hour=0)
    match unit:
        case "d":
            return moment
        case "w":
            return moment - timedelta(days=moment.weekday())
        case "M":
            return moment.replace(day=1)
        case _:
            return moment.replace(month=1, day=1)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _format(pattern: str, moment: datetime) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            end = pattern.find("'", at + 1)
            if end < 0:
                _fail(f"Invalid format: [{pattern}]: Pattern ends with an incomplete string literal: {pattern}")
            out.append(pattern[at + 1 : end] or "'")
            at = end + 1
        elif char.isascii() and char.isalpha():
            width = 1
            while at + width < len(pattern) and pattern[at + width] == char:
                width += 1
            out.append(_letter(pattern, char, width, moment))
            at += width
        elif char in "{}#[]":
            _fail(f"Invalid format: [{pattern}]: Pattern includes reserved character: '{char}'")
        else:
            out.append(char)
            at += 1
    return "".join(out)


def _letter(pattern: str, letter: str, width: int, moment: datetime) -> str:
    week_year, week, weekday = moment.isocalendar()
    numbers = {
        "u": moment.year,
        "y": moment.year,
        "Y": week_year,
        "x": week_year,
        "M": moment.month,
        "L": moment.month,
        "w": week,
        "D": moment.timetuple().tm_yday,
        "d": moment.day,
        "e": weekday,
        "H": moment.hour,
        "m": moment.minute,
        "s": moment.second,
    }
    # Of Java's many letters these have one meaning in every locale. "Y", "e" and "w" are the ISO week's in Elasticsearch.
    number = numbers.get(letter)
    longest = {"u": 4, "y": 4, "Y": 4, "x": 4, "M": 3, "L": 2, "D": 3, "e": 2}.get(letter, 2)
    if letter == "S" and width <= 9:
        return f"{moment.microsecond * 1000:09d}"[:width]
    if number is None or width > longest:
        _fail(
            f"Invalid format: [{pattern}]: the pattern letters [{letter * width}] are not supported in index names by this gateway"
        )
    if letter == "M" and width == 3:
        return _MONTHS[moment.month - 1]
    if letter in "uyYx" and width == 2:
        number %= 100
    return f"{number:0{width}d}"


def _fail(reason: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", reason, status=400)
