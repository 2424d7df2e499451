"""Date math in index names: ``<logs-{now/d}>``, ``<logs-{now-1M/M{yyyy.MM|+02:00}}>``.

The name is the text between the angle brackets, with each ``{expression{format|time zone}}`` replaced by a date; a backslash takes the
special meaning off ``{`` and ``}``. A date before ``||`` is read in the format, too. Messages show the closing ``>``, as in Elasticsearch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC as DATETIME_UTC
from datetime import datetime, timedelta
from typing import NoReturn

from protocol.dates.date_format import DateFormat
from protocol.dates.zones import UTC, fixed, zone
from protocol.errors import ElasticsearchException

DEFAULT_FORMAT = "uuuu.MM.dd"
_EPOCH = datetime(1970, 1, 1, tzinfo=DATETIME_UTC)
_MILLISECOND = timedelta(milliseconds=1)


def resolve_date_math(expression: str, now: Callable[[], datetime]) -> str:
    """The index name of an expression; a name that is not in angle brackets is returned as it is.

    Raises ElasticsearchException: parse_exception, or illegal_argument_exception for a format and date_time_exception for a zone.
    """
    if not (len(expression) >= 2 and expression.startswith("<") and expression.endswith(">")):
        return expression
    inner = expression[1:-1]
    shown = expression[1:]
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
                    f"invalid dynamic name expression [{shown}]. invalid character at position [{position}]. `{{` and `}}` are reserved "
                    "characters and should be escaped when used as part of the index name using `\\` (e.g. `\\{text\\}`)"
                )
            else:
                name.append(char)
        elif char == "{" and not (in_format and was_escaped):
            if in_format:
                _fail(f"invalid dynamic name expression [{shown}]. invalid character in placeholder at position [{position}]")
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
        _fail(f"invalid dynamic name expression [{shown}]. date math placeholder is open ended")
    if not name:
        _fail("nothing captured")
    return "".join(name)


def _date(placeholder: str, now: Callable[[], datetime]) -> str:
    math, brace, rest = placeholder.partition("{")
    pattern, where = DEFAULT_FORMAT, UTC
    if brace:
        if placeholder.rfind("}") != len(placeholder) - 1:
            _fail(f"invalid dynamic name expression [{placeholder}]. missing closing `}}` for date math format")
        if rest == "}":
            _fail(f"invalid dynamic name expression [{placeholder}]. missing date format")
        pattern, bar, name = rest[:-1].partition("|")
        where = zone(name) if bar else UTC
        if where.fixed:
            where = fixed(where.offset_at(0))  # shown as an offset, whatever its name was
    date_format = DateFormat.of(pattern)
    nanos = date_format.parse_nanosecond(math, now_millis=lambda: (now() - _EPOCH) // _MILLISECOND, zone=where)
    return date_format.format_nanos(nanos, where)


def _fail(reason: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", reason, status=400)
