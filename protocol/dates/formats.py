"""Parsers and printers of date patterns: a parser is a regular expression, a printer a list of closures."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from protocol.dates import calendar
from protocol.dates.patterns import Element, Fraction, Literal, Name, Number, Offset, Optional, Reduced, ZoneId
from protocol.dates.zones import UTC, Zone, find_zone, fixed, offset_id, parse_offset
from protocol.errors import ElasticsearchException

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ERAS = {"short": ("BC", "AD"), "full": ("Before Christ", "Anno Domini"), "narrow": ("B", "A")}

_QUARTERS = {"short": ("Q1", "Q2", "Q3", "Q4"), "narrow": ("1", "2", "3", "4")}

_FROM_ONE = frozenset(("month", "weekday", "quarter"))

_LIMITS = {
    "month": (1, 12), "day": (1, 31), "day_of_year": (1, 366), "quarter": (1, 4), "week": (1, 53), "weekday": (1, 7),
    "hour": (0, 23), "clock_hour": (1, 24), "hour_of_ampm": (0, 11), "clock_hour_of_ampm": (1, 12), "minute": (0, 59),
    "second": (0, 59), "nano": (0, 999_999_999), "milli_of_day": (0, 86_399_999), "nano_of_day": (0, 86_399_999_999_999),
    "year": (-999_999_999, 999_999_999), "year_of_era": (1, 1_000_000_000), "week_year": (-999_999_999, 999_999_999),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """A parsed date: local seconds since 1970-01-01T00:00 and nanoseconds, and the zone that the text itself names."""

    seconds: int
    nanos: int
    zone: Zone | None
    instant: bool = False
    """The seconds are those of the epoch (``epoch_millis`` and the like), whatever zone is asked for."""


Setter = Callable[[dict[str, int], str], bool]


class Parser:
    """One pattern's parser. ``parse`` gives None where the text does not fit."""

    def __init__(
        self, elements: tuple[Element, ...], *, lenient: bool = False, clamps: bool = True, zone: Zone | None = None
    ) -> None:
        """``lenient``: months and days beyond their range carry over. ``clamps``: rounding up takes the last day of a shorter month.
        ``zone``: the zone that the format itself has."""
        self._elements = elements
        self._lenient = lenient
        self._clamps = clamps
        self._zone = zone
        self._kinds: list[Element] = []
        self._regex = re.compile(self._expression(elements, self._kinds), re.ASCII)
        self._prefixes: dict[int, re.Pattern[str]] = {}
        fields = {getattr(kind, "field", None) for kind in self._kinds}
        self._of_year = "day_of_year" in fields
        self._of_week = "week_year" in fields
        self._of_ampm = "clock_hour_of_ampm" in fields or "hour_of_ampm" in fields

    def _expression(self, elements: tuple[Element, ...], kinds: list[Element]) -> str:
        # As in Java nothing is tried twice: what fits is taken, and a pattern from outside cannot make this slow.
        parts = []
        for place, element in enumerate(elements):
            if isinstance(element, Literal):
                parts.append(re.escape(element.text))
            elif isinstance(element, Optional):
                parts.append(f"(?:{self._expression(element.elements, kinds)})?+")
            else:
                kinds.append(element)
                parts.append(f"((?>{_group(element, _reserved(elements[place + 1 :]))}))")
        return "".join(parts)

    def parse(self, text: str, round_up: bool = False) -> Moment | None:
        found = self._fields(text)
        if found is None:
            return None
        fields, zone = found
        if round_up:
            self._fill_up(fields)
        days = _resolve_date(fields, self._lenient and not round_up, clamp=round_up and self._clamps)
        return None if days is None else _resolve(fields, days, zone)

    def invalid_date(self, text: str) -> str | None:
        """Java's words for a date that no month has, where that is what is wrong with the text."""
        found = self._fields(text)
        if found is None or {"month", "day"} - found[0].keys():
            return None
        year, month, day = found[0].get("year", found[0].get("year_of_era", 1970)), found[0]["month"], found[0]["day"]
        if not 1 <= month <= 12 or day <= calendar.month_length(year, month):
            return None
        if day == 29:
            return f"Invalid date 'February 29' as '{year}' is not a leap year"
        return f"Invalid date '{_MONTHS[month - 1].upper()} {day}'"

    def _fields(self, text: str) -> tuple[dict[str, int], Zone | None] | None:
        match = self._regex.fullmatch(text)
        if match is None:
            return None
        fields: dict[str, int] = {}
        zone = self._zone
        for kind, value in zip(self._kinds, match.groups(), strict=True):
            if value is None:
                continue
            if isinstance(kind, Offset | ZoneId):
                found = _read_zone(kind, value)
                if found is None:
                    return None
                zone = found
            elif not _read_field(kind, value, fields, self._lenient):
                return None
        return fields, zone

    def _fill_up(self, fields: dict[str, int]) -> None:
        """What is not said counts as its last value, except month and day, which count as the first (``JavaDateFormatter``)."""
        if self._of_year:
            fields.setdefault("day_of_year", 1)
        elif not self._of_week:
            fields.setdefault("month", 1)
            fields.setdefault("day", 1)
        if self._of_ampm:
            fields.setdefault("clock_hour_of_ampm" if "hour_of_ampm" not in fields else "hour_of_ampm", 11)
            fields.setdefault("ampm", 1)
        elif not {"hour", "clock_hour", "milli_of_day", "nano_of_day"} & fields.keys():
            fields["hour"] = 23
        fields.setdefault("minute", 59)
        fields.setdefault("second", 59)
        fields.setdefault("nano", 999_999_999)

    def error_index(self, text: str) -> int:
        """Where in the text parsing fails, for the words of the error."""
        # If so many elements fit, fewer do as well.
        fitting = bisect_left(range(1, len(self._elements) + 1), True, key=lambda size: self._prefix(size).match(text) is None)
        match = self._prefix(fitting).match(text)
        return match.end() if match is not None else 0

    def _prefix(self, size: int) -> re.Pattern[str]:
        """The expression of the first elements."""
        if size not in self._prefixes:
            self._prefixes[size] = re.compile(self._expression(self._elements[:size], []), re.ASCII)
        return self._prefixes[size]

    def begins(self, text: str) -> bool:
        """Whether a proper beginning of the text fits."""
        return self._regex.match(text) is not None


def _reserved(following: tuple[Element, ...]) -> int:
    """How many digits the numbers of fixed width take that follow at once."""
    total = 0
    for element in following:
        if isinstance(element, Reduced):
            total += 2
        elif isinstance(element, Number) and element.minimum == element.maximum:
            total += element.maximum
        else:
            break
    return total


def _group(element: Element, reserved: int) -> str:
    """The expression of one element. A number takes all digits that it can, except those ``reserved`` for the numbers that follow."""
    if isinstance(element, Number):
        rest = rf"(?=\d{{{reserved}}})" if reserved and element.minimum != element.maximum else ""
        digits = rf"\d{{{element.minimum},{element.maximum}}}{rest}"
        if element.sign == "normal":
            return "-?" + digits
        if element.sign == "exceeds":
            wide = rf"\+\d{{{element.minimum + 1},{element.maximum}}}{rest}" if element.maximum > element.minimum else r"\+(?!)"
            alone = "" if reserved or element.maximum == element.minimum else r"(?!\d)"
            return rf"\d{{{element.minimum}}}{alone}|{wide}|-{digits}"
        return digits
    if isinstance(element, Reduced):
        return r"\d{2}"
    if isinstance(element, Fraction):
        return (r"\." if element.point else "") + rf"\d{{{element.minimum},{element.maximum}}}"
    if isinstance(element, Name):
        return "|".join(map(re.escape, sorted(_names(element), key=len, reverse=True)))
    if isinstance(element, Offset):
        return _offset_expression(element)
    return r"Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?|[A-Za-z][A-Za-z0-9~/._+:-]+"


def _offset_expression(element: Offset) -> str:
    bodies = {
        "+HHmm": r"[+-]\d\d(?:\d\d)?",
        "+HHMM": r"[+-]\d{4}",
        "+HH:MM": r"[+-]\d\d:\d\d",
        "+HHMMss": r"[+-]\d{4}(?:\d\d)?",
        "+HH:MM:ss": r"[+-]\d\d:\d\d(?::\d\d)?",
    }
    return f"{re.escape(element.zero)}|{bodies[element.form]}"


def _names(element: Name) -> tuple[str, ...]:
    if element.field == "ampm":
        return ("AM", "PM")
    if element.field == "era":
        return _ERAS[element.style]
    if element.field == "quarter":
        return _QUARTERS[element.style]
    full = _MONTHS if element.field == "month" else _WEEKDAYS
    return full if element.style == "full" else tuple(name[: 3 if element.style == "short" else 1] for name in full)


def _read_zone(kind: Element, value: str) -> Zone | None:
    seconds = parse_offset(value)
    if seconds is not None:
        return UTC if seconds == 0 else fixed(seconds)
    return find_zone(value) if isinstance(kind, ZoneId) else None


def _read_field(kind: Element, value: str, fields: dict[str, int], lenient: bool) -> bool:
    """Note the field's value; False where it is out of bounds or contradicts one noted before."""
    if isinstance(kind, Fraction):
        name, number = "nano", int(value.lstrip(".").ljust(9, "0"))
    elif isinstance(kind, Reduced):
        name, number = kind.field, 2000 + int(value)
    elif isinstance(kind, Name):
        name = kind.field
        number = _names(kind).index(value) + (name in _FROM_ONE)
    elif isinstance(kind, Number):
        name, number = kind.field, int(value)
    else:
        raise TypeError(f"{kind} holds no field")
    low, high = _LIMITS.get(name, (0, 1))
    return (lenient or low <= number <= high) and fields.setdefault(name, number) == number


def _resolve(fields: dict[str, int], days: int, zone: Zone | None) -> Moment | None:
    nanos = fields.get("nano", 0)
    if "milli_of_day" in fields:
        seconds, millis = divmod(fields["milli_of_day"], 1000)
        nanos = millis * 1_000_000
    elif "nano_of_day" in fields:
        seconds, nanos = divmod(fields["nano_of_day"], 1_000_000_000)
    else:
        hour = fields.get("hour", fields.get("clock_hour", 0) % 24)
        if "ampm" in fields:
            half = fields.get("hour_of_ampm", fields.get("clock_hour_of_ampm", 0) % 12)
            hour = half + 12 * fields["ampm"] if "hour" not in fields else hour
        elif "clock_hour_of_ampm" in fields or "hour_of_ampm" in fields:
            return None
        seconds = hour * 3600 + fields.get("minute", 0) * 60 + fields.get("second", 0)
    return Moment(days * calendar.DAY_SECONDS + seconds, nanos, zone)


def _resolve_date(fields: dict[str, int], lenient: bool, clamp: bool) -> int | None:
    year = fields.get("year", fields.get("year_of_era"))
    if year is not None and fields.get("era") == 0:
        year = 1 - year
    if "week_year" in fields and year is None:
        week = fields.get("week", 1)
        if week > calendar.weeks_in(fields["week_year"]) and not clamp:
            return None
        return calendar.days_of_week(fields["week_year"], week, fields.get("weekday", 1))
    if year is None:
        year = 1970
    if "day_of_year" in fields:
        if fields["day_of_year"] == 366 and not calendar.is_leap(year):
            return None
        return calendar.days_of(year, 1, 1) + fields["day_of_year"] - 1
    month, day = fields.get("month", 1), fields.get("day", 1)
    if lenient:
        return calendar.days_of(year + (month - 1) // 12, (month - 1) % 12 + 1, 1) + day - 1
    if not 1 <= month <= 12:
        return None
    if clamp:
        day = min(day, calendar.month_length(year, month))
    if day > calendar.month_length(year, month):
        return None
    days = calendar.days_of(year, month, day)
    if "weekday" in fields and "day" in fields and calendar.weekday(days) != fields["weekday"]:
        return None
    return days


@dataclass(frozen=True, slots=True)
class Printable:
    """What a printer may print: the local date and time, nanoseconds, and the zone and offset they are in."""

    year: int
    month: int
    day: int
    days: int
    second_of_day: int
    nanos: int
    zone: Zone
    offset: int

    @classmethod
    def at(cls, seconds: int, nanos: int, zone: Zone) -> Printable:
        offset = zone.offset_at(seconds)
        days, second_of_day = divmod(seconds + offset, calendar.DAY_SECONDS)
        return cls(*calendar.date_of(days), days, second_of_day, nanos, zone, offset)


_VALUES: dict[str, Callable[[Printable], int]] = {
    "year": lambda at: at.year,
    "year_of_era": lambda at: at.year if at.year > 0 else 1 - at.year,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "day_of_year": lambda at: calendar.day_of_year(at.year, at.month, at.day),
    "quarter": lambda at: (at.month + 2) // 3,
    "week_year": lambda at: calendar.week_of(at.days)[0],
    "week": lambda at: calendar.week_of(at.days)[1],
    "weekday": lambda at: calendar.weekday(at.days),
    "hour": lambda at: at.second_of_day // 3600,
    "clock_hour": lambda at: at.second_of_day // 3600 or 24,
    "hour_of_ampm": lambda at: at.second_of_day // 3600 % 12,
    "clock_hour_of_ampm": lambda at: at.second_of_day // 3600 % 12 or 12,
    "minute": lambda at: at.second_of_day // 60 % 60,
    "second": lambda at: at.second_of_day % 60,
    "nano": lambda at: at.nanos,
    "milli_of_day": lambda at: at.second_of_day * 1000 + at.nanos // 1_000_000,
    "nano_of_day": lambda at: at.second_of_day * 1_000_000_000 + at.nanos,
    "ampm": lambda at: at.second_of_day // 43200,
    "era": lambda at: int(at.year > 0),
}


_JAVA_NAMES = {"year": "Year", "year_of_era": "YearOfEra", "week_year": "WeekBasedYear"}


def compile_printer(elements: tuple[Element, ...]) -> Callable[[Printable], str]:
    """What prints these elements. All fields are there when a date is printed, so optional parts always are."""
    parts = [_printer(element) for element in elements]
    return lambda at: "".join([part(at) for part in parts])


def _printer(element: Element) -> Callable[[Printable], str]:
    if isinstance(element, Literal):
        text = element.text
        return lambda _: text
    if isinstance(element, Optional):
        return compile_printer(element.elements)
    if isinstance(element, Fraction):
        return lambda at: _print_fraction(element, at.nanos)
    if isinstance(element, Name):
        names, value = _names(element), _VALUES[element.field]
        first = 1 if element.field in _FROM_ONE else 0
        return lambda at: names[value(at) - first]
    if isinstance(element, Offset):
        return lambda at: _print_offset(element, at.offset)
    if isinstance(element, ZoneId):
        return _print_zone_name if element.kind == "name" else lambda at: at.zone.id
    if isinstance(element, Reduced):
        value = _VALUES[element.field]
        return lambda at: f"{abs(value(at)) % 100:02d}"
    return _print_number(element)


def _print_number(element: Number) -> Callable[[Printable], str]:
    value, width = _VALUES[element.field], element.minimum

    def show(at: Printable) -> str:
        number = value(at)
        digits = f"{abs(number):0{width}d}"
        if len(digits) > element.maximum:
            raise ElasticsearchException(
                "date_time_exception",
                f"Field {_JAVA_NAMES.get(element.field, element.field)} cannot be printed as the value {number} exceeds the maximum "
                f"print width of {element.maximum}",
            )
        if number < 0:
            return "-" + digits
        return "+" + digits if element.sign == "exceeds" and len(digits) > width else digits

    return show


def _print_fraction(element: Fraction, nanos: int) -> str:
    digits = f"{nanos:09d}"[: element.maximum]
    if element.maximum > element.minimum:
        digits = digits.rstrip("0").ljust(element.minimum, "0")
    return "." + digits if element.point and digits else digits


def _print_offset(element: Offset, offset: int) -> str:
    if offset == 0:
        return element.zero
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    colon = ":" if ":" in element.form else ""
    text = f"{'-' if offset < 0 else '+'}{hours:02d}"
    if minutes or "MM" in element.form:
        text += f"{colon}{minutes:02d}"
    if seconds and element.form.endswith("ss"):
        text += f"{colon}{seconds:02d}"
    return text


def _print_zone_name(at: Printable) -> str:
    if at.zone.fixed:
        return at.zone.id
    moment = at.days * calendar.DAY_SECONDS + at.second_of_day - at.offset
    try:
        return datetime.fromtimestamp(moment, at.zone.rules).tzname() or offset_id(at.offset)
    except (ValueError, OverflowError, OSError):  # years beyond those that Python's datetime knows
        return offset_id(at.offset)
