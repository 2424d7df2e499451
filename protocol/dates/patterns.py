"""Java's date pattern letters, and the named formats of Elasticsearch written in them.

A pattern becomes a tuple of elements, which :mod:`formats` turns into a parser and a printer. Besides the letters of
``java.time.format.DateTimeFormatterBuilder.appendPattern`` the templates of the named formats use words in braces for what
letters cannot say, such as ``{m}`` for one or two digits; braces are reserved in Java's patterns, so a user cannot write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """Digits of one field. ``sign``: "never", "normal" (a minus), "exceeds" (a minus, or a plus beyond the minimum)."""

    field: str
    minimum: int
    maximum: int
    sign: str = "never"


@dataclass(frozen=True, slots=True)
class Reduced:
    """The last two digits of a year from 2000 on."""

    field: str


@dataclass(frozen=True, slots=True)
class Fraction:
    """The fraction of the second, after a decimal point where ``point``."""

    minimum: int
    maximum: int
    point: bool


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A field as an English word: month, weekday, ampm or era; ``style`` is short, full or narrow."""

    field: str
    style: str


@dataclass(frozen=True, slots=True)
class Offset:
    """An offset from UTC; ``form`` as in appendOffset, ``zero`` the text for no offset."""

    form: str
    zero: str


@dataclass(frozen=True, slots=True)
class ZoneId:
    """A zone's id or offset; "name" prints its abbreviation, "any" also reads an offset without a colon."""

    kind: str


@dataclass(frozen=True, slots=True)
class Optional:
    elements: tuple[Element, ...]


Element: TypeAlias = "Number | Reduced | Fraction | Literal | Name | Offset | ZoneId | Optional"

_WORDS: dict[str, Element] = {
    "Y": Number("year", 4, 4, "exceeds"),
    "Y+": Number("year", 4, 9, "exceeds"),
    "Y10": Number("year", 4, 10, "normal"),
    "Y4-10": Number("year", 4, 10, "exceeds"),
    "y": Number("year", 1, 9, "normal"),
    "y4": Number("year", 1, 4, "normal"),
    "M": Number("month", 1, 2),
    "d": Number("day", 1, 2),
    "D": Number("day_of_year", 1, 3),
    "DDD": Number("day_of_year", 3, 3),
    "H": Number("hour", 1, 2),
    "m": Number("minute", 1, 2),
    "s": Number("second", 1, 2),
    "f": Fraction(1, 9, True),
    "f3": Fraction(1, 3, True),
    ",f": Fraction(1, 9, False),
    ".3": Fraction(3, 3, True),
    ".9": Fraction(3, 9, True),
    "z": ZoneId("any"),
    "G": Number("week_year", 4, 10, "exceeds"),
    "G1": Number("week_year", 1, 19, "normal"),
    "G4": Number("week_year", 4, 4),
    "w": Number("week", 1, 2),
    "e": Number("weekday", 1, 1),
}

_NUMBERS = {
    "M": "month", "L": "month", "d": "day", "D": "day_of_year", "H": "hour", "k": "clock_hour", "K": "hour_of_ampm",
    "h": "clock_hour_of_ampm", "m": "minute", "s": "second", "n": "nano", "A": "milli_of_day", "N": "nano_of_day", "Q": "quarter",
    "q": "quarter", "w": "week", "e": "weekday", "c": "weekday",
}  # fmt: skip
_AT_MOST = {"d": 2, "H": 2, "h": 2, "K": 2, "k": 2, "m": 2, "s": 2, "D": 3, "e": 2, "c": 2, "w": 2}
_NAMES = {"M": "month", "L": "month", "E": "weekday", "e": "weekday", "c": "weekday", "a": "ampm", "G": "era"}
_STYLES = {3: "short", 4: "full", 5: "narrow"}
_OFFSETS = {1: "+HHmm", 2: "+HHMM", 3: "+HH:MM", 4: "+HHMMss", 5: "+HH:MM:ss"}


def compile_pattern(pattern: str) -> tuple[Element, ...]:
    """The elements of a pattern or template. Raises ValueError with Java's words for a malformed one."""
    elements, end = _sequence(pattern, 0, depth=0)
    if end != len(pattern):
        raise ValueError("Pattern invalid as it contains ] without previous [")
    return elements


def _sequence(pattern: str, position: int, depth: int) -> tuple[tuple[Element, ...], int]:
    elements: list[Element] = []
    while position < len(pattern):
        character = pattern[position]
        if character == "]":
            if depth == 0:
                return tuple(elements), position
            return tuple(elements), position + 1
        if character == "[":
            inner, position = _sequence(pattern, position + 1, depth + 1)
            elements.append(Optional(inner))
        elif character == "'":
            text, position = _quoted(pattern, position)
            elements.append(Literal(text))
        elif character.isascii() and character.isalpha():
            end = position
            while end < len(pattern) and pattern[end] == character:
                end += 1
            elements.append(_letters(character, end - position))
            position = end
        elif character in "{}#":
            raise ValueError(f"Pattern includes reserved character: '{character}'")
        else:
            elements.append(Literal(character))
            position += 1
    return tuple(elements), position


def _quoted(pattern: str, position: int) -> tuple[str, int]:
    start = position
    position += 1
    text = ""
    while position < len(pattern):
        if pattern[position] != "'":
            text += pattern[position]
            position += 1
        elif pattern[position + 1 : position + 2] == "'":
            text += "'"
            position += 2
        else:
            return text or "'", position + 1
    raise ValueError(f"Pattern ends with an incomplete string literal: {pattern[start:]}")


def _letters(letter: str, count: int) -> Element:
    if letter in "uyY":
        field = "week_year" if letter == "Y" else "year" if letter == "u" else "year_of_era"
        if count == 2:
            return Reduced(field)
        return Number(field, count, 19, "normal" if count < 4 else "exceeds")
    if letter in "Ea" or (letter in "MLGec" and (count > 2 or letter == "G")):
        if count > 5 or (letter == "a" and count > 1):
            raise ValueError(f"Too many pattern letters: {letter}")
        return Name(_NAMES[letter], "short" if letter in "Ea" and count < 4 else _STYLES[max(count, 3)])
    if letter in "Qq" and count > 2:
        if count > 5:
            raise ValueError(f"Too many pattern letters: {letter}")
        return Name("quarter", "narrow" if letter == "q" or count == 5 else "short")
    if letter == "S":
        return Fraction(count, count, False)
    if letter in "Xx":
        if count > 5:
            raise ValueError(f"Too many pattern letters: {letter}")
        zero = "+00" if count == 1 else "+00:00" if count in (3, 5) else "+0000"
        return Offset(_OFFSETS[count], "Z" if letter == "X" else zero)
    if letter == "Z":
        if count > 5 or count == 4:
            raise ValueError(f"Too many pattern letters: {letter}" if count > 5 else "localized offsets (ZZZZ) are not supported")
        return Offset("+HH:MM:ss", "Z") if count == 5 else Offset("+HHMM", "+0000")
    if letter == "V":
        if count != 2:
            raise ValueError(f"Pattern letter count must be 2: {letter}")
        return ZoneId("id")
    if letter == "z":
        return ZoneId("name")
    if letter in _NUMBERS:
        if count > _AT_MOST.get(letter, 19):
            raise ValueError(f"Too many pattern letters: {letter}")
        maximum = 3 if letter == "D" and count == 2 else count
        return Number(_NUMBERS[letter], 1, 19, "normal") if count == 1 else Number(_NUMBERS[letter], count, maximum)
    if letter in "OvBpgWF":
        raise ValueError(f"pattern letter [{letter}] is not supported")
    raise ValueError(f"Unknown pattern letter: {letter}")


def compile_template(template: str) -> tuple[Element, ...]:
    """The elements of a named format's template: a pattern with words in braces and brackets for what is optional."""
    elements: list[list[Element]] = [[]]
    position = 0
    while position < len(template):
        character = template[position]
        if character == "{":
            end = template.index("}", position)
            elements[-1].append(_WORDS[template[position + 1 : end]])
            position = end + 1
        elif character == "[":
            elements.append([])
            position += 1
        elif character == "]":
            inner = elements.pop()
            elements[-1].append(Optional(tuple(inner)))
            position += 1
        else:
            end = position
            quoted = False
            while end < len(template) and (quoted or template[end] not in "{[]"):
                quoted ^= template[end] == "'"
                end += 1
            elements[-1].extend(compile_pattern(template[position:end]))
            position = end
    return tuple(elements[0])


_DATE = "{Y}[-MM[-dd]]"
_DATE_OUT = "{Y+}-MM-dd"
_LENIENT_DATE = "{y}[-{M}[-{d}]]"
_TIME = "HH:mm:ss"
_LENIENT_TIME = "{H}:{m}:{s}"
_OPTIONAL_TIME_OUT = _DATE_OUT + "'T'HH:mm:ss{.3}XXX"
_BASIC_DATE = "{y4}MMdd"
_BASIC_DATE_OUT = "{Y10}MMdd"
_WEEK_DATE = "{G}-'W'ww-{e}"
_LENIENT_WEEK_DATE = "{G}-'W'{w}-{e}"
_BASIC_WEEK_DATE = "{G1}'W'{w}{e}"
_STRICT_BASIC_WEEK_DATE = "{G4}'W'{w}{e}"
_BASIC_WEEK_DATE_OUT = "{G}'W'ww{e}"

NAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "iso8601": (_OPTIONAL_TIME_OUT, (_DATE + "['T'[HH[:mm[:ss[{f}][,{,f}]]]][{z}]]",)),
    "strict_date_optional_time": (_OPTIONAL_TIME_OUT, (_DATE + "['T'[HH[:mm[:ss[{f}][,{,f}]]]][{z}]]",)),
    "strict_date_optional_time_nanos": (_DATE_OUT + "'T'HH:mm:ss{.9}XXX", (_DATE + "['T'HH:mm:ss[{f}][,{,f}][{z}]]",)),
    "date_optional_time": (_OPTIONAL_TIME_OUT, (_LENIENT_DATE + "['T'[{H}[:{m}[:{s}][{f}][,{,f}][{z}]]]]",)),
    "basic_date": (_BASIC_DATE_OUT, ("{y4}{M}{d}",)),
    "basic_date_time": (_BASIC_DATE_OUT + "'T'HHmmss{.3}XXX", (_BASIC_DATE + "'T'HHmmss{f}{z}",)),
    "basic_date_time_no_millis": (_BASIC_DATE_OUT + "'T'HHmmssXXX", (_BASIC_DATE + "'T'HHmmss{z}",)),
    "basic_ordinal_date": ("uuuuDDD", ("uuuuDDD",)),
    "basic_ordinal_date_time": ("yyyyDDD'T'HHmmss{.3}XXX", ("yyyyDDD'T'HHmmss{f}{z}",)),
    "basic_ordinal_date_time_no_millis": ("uuuuDDD'T'HHmmssXXX", ("uuuuDDD'T'HHmmss{z}",)),
    "basic_time": ("HHmmss{.3}XXX", ("HHmmss{f}{z}",)),
    "basic_time_no_millis": ("HHmmssXXX", ("HHmmss{z}",)),
    "basic_t_time": ("'T'HHmmss{.3}XXX", ("'T'HHmmss{f}{z}",)),
    "basic_t_time_no_millis": ("'T'HHmmssXXX", ("'T'HHmmss{z}",)),
    "basic_week_date": (_BASIC_WEEK_DATE_OUT, (_BASIC_WEEK_DATE,)),
    "basic_week_date_time": (_BASIC_WEEK_DATE_OUT + "'T'HHmmss.SSSX", (_BASIC_WEEK_DATE + "'T'HHmmss{f}{z}",)),
    "basic_week_date_time_no_millis": (_BASIC_WEEK_DATE_OUT + "'T'HHmmssX", (_BASIC_WEEK_DATE + "'T'HHmmss{z}",)),
    "date": (_DATE_OUT, (_LENIENT_DATE,)),
    "date_hour": ("uuuu-MM-dd'T'HH", (_LENIENT_DATE + "'T'{H}",)),
    "date_hour_minute": ("uuuu-MM-dd'T'HH:mm", (_LENIENT_DATE + "'T'{H}:{m}",)),
    "date_hour_minute_second": ("uuuu-MM-dd'T'HH:mm:ss", (_LENIENT_DATE + "'T'" + _LENIENT_TIME,)),
    "date_hour_minute_second_fraction": ("{Y}-MM-dd'T'HH:mm:ss{.3}", (_LENIENT_DATE + "'T'" + _LENIENT_TIME + "{f}",)),
    "date_hour_minute_second_millis": ("{Y}-MM-dd'T'HH:mm:ss{.3}", (_LENIENT_DATE + "'T'" + _LENIENT_TIME + "{f3}",)),
    "date_time": (_OPTIONAL_TIME_OUT, (_LENIENT_DATE + "'T'{H}:{m}[:{s}{f}]XXX", _LENIENT_DATE + "'T'{H}:{m}[:{s}{f}]XX")),
    "date_time_no_millis": (_DATE_OUT + "'T'HH:mm:ssVV", (_LENIENT_DATE + "'T'{H}:{m}[:{s}][{z}]",)),
    "hour": ("HH", ("{H}",)),
    "hour_minute": ("HH:mm", ("{H}:{m}",)),
    "hour_minute_second": (_TIME, (_LENIENT_TIME,)),
    "hour_minute_second_fraction": (_TIME + "{.3}", (_LENIENT_TIME + "{f}",)),
    "hour_minute_second_millis": (_TIME + "{.3}", (_LENIENT_TIME + "{f3}",)),
    "ordinal_date": ("{Y4-10}-{DDD}", ("{Y4-10}-{D}",)),
    "ordinal_date_time": ("{Y}-{DDD}'T'HH:mm:ss{.9}XXX", ("{Y4-10}-{D}'T'{H}:{m}[:{s}{f}]{z}",)),
    "ordinal_date_time_no_millis": ("{Y}-{DDD}'T'HH:mm:ssXXX", ("{Y4-10}-{D}'T'" + _LENIENT_TIME + "{z}",)),
    "time": (_TIME + "{.3}XXX", (_LENIENT_TIME + "{f}{z}",)),
    "time_no_millis": (_TIME + "XXX", (_LENIENT_TIME + "{z}",)),
    "t_time": ("'T'" + _TIME + "{.3}XXX", ("'T'" + _LENIENT_TIME + "{f}{z}",)),
    "t_time_no_millis": ("'T'" + _TIME + "XXX", ("'T'" + _LENIENT_TIME + "{z}",)),
    "week_date": (_WEEK_DATE, (_LENIENT_WEEK_DATE,)),
    "week_date_time": (_WEEK_DATE + "'T'HH:mm:ss{.3}XXX", (_LENIENT_WEEK_DATE + "'T'" + _LENIENT_TIME + "{f}{z}",)),
    "week_date_time_no_millis": (_WEEK_DATE + "'T'HH:mm:ssXXX", (_LENIENT_WEEK_DATE + "'T'" + _LENIENT_TIME + "{z}",)),
    "weekyear": ("{G1}", ("{G1}",)),
    "weekyear_week": ("{G}-'W'ww", ("{G1}-'W'{w}",)),
    "weekyear_week_day": ("{G}-'W'ww-{e}", ("{G1}-'W'{w}-{e}",)),
    "year": ("{y}", ("{y}",)),
    "year_month": ("{Y+}-MM", ("{y}-M",)),
    "year_month_day": ("{Y}-MM-dd", ("{y}-{M}-{d}",)),
    "strict_basic_week_date": (_BASIC_WEEK_DATE_OUT, (_STRICT_BASIC_WEEK_DATE,)),
    "strict_basic_week_date_time": (_BASIC_WEEK_DATE_OUT + "'T'HHmmss.SSSX", (_STRICT_BASIC_WEEK_DATE + "'T'HHmmss{f}{z}",)),
    "strict_basic_week_date_time_no_millis": (_BASIC_WEEK_DATE_OUT + "'T'HHmmssXXX", (_BASIC_WEEK_DATE_OUT + "'T'HHmmss{z}",)),
    "strict_date": (_DATE_OUT, ("{Y4-10}-MM-dd",)),
    "strict_date_hour": ("uuuu-MM-dd'T'HH", ("uuuu-MM-dd'T'HH",)),
    "strict_date_hour_minute": ("uuuu-MM-dd'T'HH:mm", ("uuuu-MM-dd'T'HH:mm",)),
    "strict_date_hour_minute_second": ("uuuu-MM-dd'T'HH:mm:ss", ("uuuu-MM-dd'T'HH:mm:ss",)),
    "strict_date_hour_minute_second_fraction": ("{Y}-MM-dd'T'HH:mm:ss{.3}", (_DATE + "'T'" + _TIME + "{f}",)),
    "strict_date_hour_minute_second_millis": ("{Y}-MM-dd'T'HH:mm:ss{.3}", (_DATE + "'T'" + _TIME + "{f}",)),
    "strict_date_time": ("{Y}-MM-dd'T'HH:mm:ss{.9}XXX", (_DATE + "'T'" + _TIME + "[{f}]{z}",)),
    "strict_date_time_no_millis": ("{Y}-MM-dd'T'HH:mm:ssXXX", (_DATE + "'T'" + _TIME + "{z}",)),
    "strict_hour": ("HH", ("HH",)),
    "strict_hour_minute": ("HH:mm", ("HH:mm",)),
    "strict_hour_minute_second": (_TIME, (_TIME,)),
    "strict_hour_minute_second_fraction": (_TIME + "{.3}", (_TIME + "{f}",)),
    "strict_hour_minute_second_millis": (_TIME + "{.3}", (_TIME + "{f}",)),
    "strict_ordinal_date": ("{Y}-{DDD}", ("{Y}-{DDD}",)),
    "strict_ordinal_date_time": ("{Y}-{DDD}'T'HH:mm:ss{.9}XXX", ("{Y}-{DDD}'T'HH:mm[:ss{f}]{z}",)),
    "strict_ordinal_date_time_no_millis": ("{Y}-{DDD}'T'HH:mm:ssXXX", ("{Y}-{DDD}'T'HH:mm:ss{z}",)),
    "strict_time": (_TIME + "{.3}XXX", (_TIME + "{f}{z}",)),
    "strict_time_no_millis": (_TIME + "XXX", (_TIME + "{z}",)),
    "strict_t_time": ("'T'" + _TIME + "{.3}XXX", ("'T'" + _TIME + "{f}{z}",)),
    "strict_t_time_no_millis": ("'T'" + _TIME + "XXX", ("'T'" + _TIME + "{z}",)),
    "strict_week_date": (_WEEK_DATE, (_WEEK_DATE,)),
    "strict_week_date_time": (_WEEK_DATE + "'T'HH:mm:ss{.3}XXX", (_WEEK_DATE + "'T'" + _TIME + "{f}{z}",)),
    "strict_week_date_time_no_millis": (_WEEK_DATE + "'T'HH:mm:ssXXX", (_WEEK_DATE + "'T'" + _TIME + "{z}",)),
    "strict_weekyear": ("{G}", ("{G}",)),
    "strict_weekyear_week": ("{G}-'W'ww", ("{G}-'W'ww",)),
    "strict_weekyear_week_day": ("{G}-'W'ww-{e}", ("{G}-'W'ww-{e}",)),
    "strict_year": ("{Y}", ("{Y}",)),
    "strict_year_month": ("{Y}-MM", ("{Y}-MM",)),
    "strict_year_month_day": ("{Y}-MM-dd", (_DATE,)),
}
"""Per name: the template that prints, and those that parse in order (``DateFormatters``). The two epoch formats stand apart."""

ISO_FIRST = {
    "iso8601",
    "strict_date_optional_time",
    "strict_date_optional_time_nanos",
    "strict_year",
    "strict_year_month",
    "strict_date_time",
    "strict_date_time_no_millis",
    "strict_date_hour_minute_second",
    "strict_date_hour_minute_second_fraction",
    "strict_date_hour_minute_second_millis",
}
"""Names that Elasticsearch's own ISO parser serves first."""

SEVERAL_PARSERS = (
    ISO_FIRST | {"date_time"} | {name for name, (_, parsers) in NAMED.items() if parsers[0].endswith(("{z}", "[{z}]"))}
)
"""Names for which Elasticsearch tries several parsers; its error then has other words."""
