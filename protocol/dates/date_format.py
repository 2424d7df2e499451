"""Dates as Elasticsearch's mappings, queries and aggregations read and write them.

    DEFAULT = DateFormat.of("strict_date_optional_time||epoch_millis")
    DEFAULT.parse_value("2024-01-01T00:00:20.970Z")            # a document's value → epoch milliseconds
    DEFAULT.parse("now-1d/d", now_millis=…, round_up=True)     # a query's value: with date math
    DEFAULT.format(1704067200000)                              # '2024-01-01T00:00:00.000Z'

A format is a list of names or Java patterns joined by ``||``: any of them parses, the first prints (``JavaDateFormatter``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from protocol.dates import calendar, patterns
from protocol.dates.date_math import apply_math
from protocol.dates.formats import Moment, Parser, Printable, compile_printer
from protocol.dates.zones import UTC, Zone, zone
from protocol.errors import ElasticsearchException

DEFAULT_PATTERN = "strict_date_optional_time||epoch_millis"
DEFAULT_NANOS_PATTERN = "strict_date_optional_time_nanos||strict_date_optional_time||epoch_millis"

_EPOCH = re.compile(r"(-?)(\d{1,19})(?:\.(\d*))?", re.ASCII)
_MAX_LONG = (1 << 63) - 1
_EPOCH_START = datetime.fromisoformat("1970-01-01T00:00:00Z")
_ISO = frozenset(("strict_date_optional_time", "strict_date_optional_time_nanos", "date_optional_time", "iso8601"))

TextParser = Callable[[str, bool], "Moment | None"]


class DateFormat:
    """One date format: get it by :meth:`of`. Instants are epoch milliseconds; a zone is a Zone or its id."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parsers: list[tuple[str, TextParser]] = []
        self._single: Parser | None = None
        self._invalid_first = False
        self._several = False
        names = pattern.split("||")
        if not all(names):
            raise ElasticsearchException(
                "illegal_argument_exception", f"Cannot have empty element in multi date format pattern: {pattern}"
            )
        for name in names:
            self._add(name)
        self._several = len(self._parsers) > 1 or self._several
        self._iso = names[0] in _ISO
        first = names[0]
        self._print: Callable[[Printable], str]
        if first in ("epoch_millis", "epoch_second"):
            self._print = _print_epoch_millis if first == "epoch_millis" else _print_epoch_second
        elif first in patterns.NAMED:
            self._print = compile_printer(patterns.compile_template(patterns.NAMED[first][0]))
        else:
            self._print = compile_printer(patterns.compile_pattern(first))
        self._prints_iso = first in ("strict_date_optional_time", "date_optional_time", "iso8601", "date_time")

    @staticmethod
    @functools.lru_cache(maxsize=1024)
    def of(pattern: str) -> DateFormat:
        """The format of a pattern. Raises ElasticsearchException (``illegal_argument_exception``) for a malformed one."""
        pattern = pattern.strip()
        if not pattern:
            raise ElasticsearchException("illegal_argument_exception", "No date pattern provided")
        return DateFormat(pattern.removeprefix("8"))

    def _add(self, name: str) -> None:
        if name in ("epoch_millis", "epoch_second"):
            self._parsers.append((name, functools.partial(_parse_epoch, 1000 if name == "epoch_millis" else 1)))
            self._several = True
            return
        try:
            if name in patterns.NAMED:
                parsers = [
                    Parser(
                        patterns.compile_template(template),
                        lenient=name == "strict_date",
                        clamps=name not in patterns.ISO_FIRST,
                        zone=UTC if name == "basic_date" else None,
                    )
                    for template in patterns.NAMED[name][1]
                ]
            else:
                parsers = [Parser(patterns.compile_pattern(name))]
        except ValueError as error:
            cause = ElasticsearchException("illegal_argument_exception", str(error))
            raise ElasticsearchException("illegal_argument_exception", f"Invalid format: [{name}]: {error}", cause) from None
        self._several |= name in patterns.SEVERAL_PARSERS
        self._single = self._single or parsers[0]
        self._invalid_first = self._invalid_first or name in patterns.ISO_FIRST
        self._parsers += [(name, parser.parse) for parser in parsers]

    def parse_value(self, text: str) -> int:
        """A document's value as epoch milliseconds. Raises ElasticsearchException (``illegal_argument_exception``)."""
        if self._iso and len(text) in (20, 24):
            millis = _iso_millis(text)
            if millis is not None:
                return millis
        moment = self._moment(text, False)
        return _absolute(moment, UTC) * 1000 + moment.nanos // 1_000_000

    def parse_nanos(self, text: str) -> int:
        """A document's value as epoch nanoseconds, for ``date_nanos`` fields."""
        moment = self._moment(text, False)
        seconds = _absolute(moment, UTC)
        nanos = seconds * 1_000_000_000 + moment.nanos
        if nanos < 0:
            shown = DateFormat.of("strict_date_optional_time_nanos").format_nanos(nanos)
            raise ElasticsearchException(
                "illegal_argument_exception",
                f"date[{shown}] is before the epoch in 1970 and cannot be stored in nanosecond resolution",
            )
        if nanos > _MAX_LONG:
            shown = DateFormat.of("strict_date_optional_time_nanos").format_nanos(nanos)
            raise ElasticsearchException(
                "illegal_argument_exception",
                f"date[{shown}] is after 2262-04-11T23:47:16.854775807 and cannot be stored in nanosecond resolution",
            )
        return nanos

    def parse(
        self, text: str, *, now_millis: int | Callable[[], int], zone: Zone | str | None = None, round_up: bool = False
    ) -> int:
        """A query's date, with date math, as epoch milliseconds.

        ``round_up``: what the text leaves out, or ``/`` rounds off, counts up to its last millisecond (for ``gt`` and ``lte``).
        Raises ElasticsearchException (``parse_exception``).
        """
        return self.parse_nanosecond(text, now_millis=now_millis, zone=zone, round_up=round_up) // 1_000_000

    def parse_nanosecond(
        self, text: str, *, now_millis: int | Callable[[], int], zone: Zone | str | None = None, round_up: bool = False
    ) -> int:
        """As :meth:`parse`, in epoch nanoseconds."""
        where = as_zone(zone)
        if text.startswith("now"):
            now = now_millis if isinstance(now_millis, int) else now_millis()
            return apply_math(text[3:], now * 1_000_000, round_up, where or UTC)
        date, separator, math = text.partition("||")
        nanos = self._query_nanos(date, where, round_up and not separator)
        return apply_math(math, nanos, round_up, where or UTC) if separator else nanos

    def _query_nanos(self, text: str, where: Zone | None, round_up: bool) -> int:
        if not text:
            raise ElasticsearchException("parse_exception", "cannot parse empty datetime")
        try:
            moment = self._moment(text, round_up)
        except ElasticsearchException as error:
            reason = f"failed to parse date field [{text}] with format [{self.pattern}]: [{error.reason}]"
            raise ElasticsearchException("parse_exception", reason, cause=error) from None
        return _absolute(moment, where or UTC) * 1_000_000_000 + moment.nanos

    def _moment(self, text: str, round_up: bool) -> Moment:
        if not text:
            raise ElasticsearchException("illegal_argument_exception", "cannot parse empty datetime")
        for _, parse in self._parsers:
            moment = parse(text, round_up)
            if moment is not None:
                return moment
        invalid = self._single.invalid_date(text) if self._single is not None else None
        if invalid is not None and self._invalid_first:
            # Elasticsearch's own parser leaves the day unchecked, and the date is refused only when it is built.
            raise ElasticsearchException("date_time_exception", invalid)
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"failed to parse date field [{text}] with format [{self.pattern}]",
            cause=ElasticsearchException("date_time_parse_exception", self._why(text)),
        )

    def _why(self, text: str) -> str:
        if self._several or self._single is None:
            return "Failed to parse with all enclosed parsers"
        invalid = self._single.invalid_date(text)
        if invalid is not None:
            return f"Text '{text}' could not be parsed: {invalid}"
        index = self._single.error_index(text)
        if index < len(text) and self._single.begins(text):
            return f"Text '{text}' could not be parsed, unparsed text found at index {index}"
        return f"Text '{text}' could not be parsed at index {index}"

    def parse_many(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """As :meth:`parse_value` for many values; ISO texts of 10, 20 or 24 characters at the speed of arrays."""
        if not self._iso or len(texts) < 32:
            return np.fromiter(map(self.parse_value, texts), np.int64, len(texts))
        return _parse_iso(texts, self.parse_value)

    def format(self, millis: int, zone: Zone | str | None = None) -> str:
        """Epoch milliseconds as the first of the formats prints them, in UTC where no zone is given."""
        seconds, rest = divmod(int(millis), 1000)
        where = as_zone(zone) or UTC
        if self._prints_iso and where is UTC:
            days, second = divmod(seconds, calendar.DAY_SECONDS)
            year, month, day = calendar.date_of(days)
            if 0 <= year <= 9999:
                return (
                    f"{year:04d}-{month:02d}-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest:03d}Z"
                )
        return self._print(Printable.at(seconds, rest * 1_000_000, where))

    def format_nanos(self, nanos: int, zone: Zone | str | None = None) -> str:
        """Epoch nanoseconds as the first of the formats prints them."""
        seconds, rest = divmod(int(nanos), 1_000_000_000)
        return self._print(Printable.at(seconds, rest, as_zone(zone) or UTC))

    def __repr__(self) -> str:
        return f"DateFormat({self.pattern!r})"


def as_zone(where: Zone | str | None) -> Zone | None:
    """A zone given by itself or by its id."""
    return zone(where) if isinstance(where, str) else where


def _iso_millis(text: str) -> int | None:
    """The milliseconds of ``2024-01-01T00:00:20Z`` or ``…20.970Z``, at the speed of Python's own parser; None for any other form."""
    if (
        text[4] != "-"
        or text[7] != "-"
        or text[10] != "T"
        or text[13] != ":"
        or text[-1] != "Z"
        or text[19] not in ".Z"
        or text[11:13] == "24"
    ):
        return None
    try:
        since = datetime.fromisoformat(text) - _EPOCH_START
    except ValueError:
        return None
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _absolute(moment: Moment, where: Zone) -> int:
    if moment.instant:
        return moment.seconds
    return (moment.zone or where).to_utc(moment.seconds)


def _parse_epoch(units: int, text: str, round_up: bool) -> Moment | None:
    """``epoch_millis`` (1000 units a second) or ``epoch_second`` (1): an integer with a fraction down to nanoseconds."""
    match = _EPOCH.fullmatch(text)
    if match is None or int(match[2]) > _MAX_LONG:
        return None
    digits = 6 if units == 1000 else 9
    fraction = match[3] or ""
    if len(fraction) > digits:
        return None
    scale = 10**digits
    nanos = int(match[2]) * scale + (int(fraction.ljust(digits, "0")) if fraction else 0)
    if match[1]:
        nanos = -nanos
    if round_up and match[3] is None:
        nanos += scale - 1
    return Moment(nanos // 1_000_000_000, nanos % 1_000_000_000, None, instant=True)


def _print_epoch_millis(at: Printable) -> str:
    return _decimal((at.days * calendar.DAY_SECONDS + at.second_of_day - at.offset) * 1_000_000_000 + at.nanos, 6)


def _print_epoch_second(at: Printable) -> str:
    return _decimal((at.days * calendar.DAY_SECONDS + at.second_of_day - at.offset) * 1_000_000_000 + at.nanos, 9)


def _decimal(nanos: int, digits: int) -> str:
    whole, fraction = divmod(abs(nanos), 10**digits)
    text = f"{'-' if nanos < 0 else ''}{whole}"
    return f"{text}.{fraction:0{digits}d}".rstrip("0") if fraction else text


_ISO_SHAPES = {10: b"dddd-dd-dd", 19: b"dddd-dd-ddTdd:dd:dd", 20: b"dddd-dd-ddTdd:dd:ddZ", 24: b"dddd-dd-ddTdd:dd:dd.dddZ"}


def _parse_iso(texts: Sequence[str], slow: Callable[[str], int]) -> NDArray[np.int64]:
    """Group the texts by length; those of a known shape are read as columns of digits, the others one by one."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    result = np.empty(len(texts), np.int64)
    for size in np.unique(lengths).tolist():
        at = np.flatnonzero(lengths == size)
        group = texts if len(at) == len(texts) else [texts[index] for index in at.tolist()]
        shape = _ISO_SHAPES.get(size)
        values, known = _read_shape(group, shape) if shape else (np.zeros(len(at), np.int64), np.zeros(len(at), bool))
        for index in np.flatnonzero(~known).tolist():
            values[index] = slow(group[index])
        result[at] = values
    return result


def _read_shape(texts: Sequence[str], shape: bytes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The milliseconds of texts that all have the shape's length, and which of them really fit it."""
    joined = "".join(texts)
    if not joined.isascii():
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    codes = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), len(shape))
    pattern = np.frombuffer(shape, np.uint8)
    is_digit = pattern == ord("d")
    digits = codes - np.uint8(48)
    fits = (codes[:, ~is_digit] == pattern[~is_digit]).all(1) & (digits[:, is_digit] <= 9).all(1)

    def number(start: int, count: int) -> NDArray[np.int64]:
        value = digits[:, start].astype(np.int64)
        for column in range(start + 1, start + count):
            value = value * 10 + digits[:, column]
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    fits &= (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64)
    fits &= day <= (months + 1).astype("datetime64[D]").astype(np.int64) - days
    millis = (days + day - 1) * 86_400_000
    if len(shape) > 10:
        hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
        fits &= (hour < 24) & (minute < 60) & (second < 60)
        millis += (hour * 3600 + minute * 60 + second) * 1000
    if len(shape) == 24:
        millis += number(20, 3)
    return millis, fits
