"""Single values: from JSON to what a field stores, as Elasticsearch's field mappers parse them while indexing."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.analysis import lowercase
from gateway.backends.memory.mapping import INTEGERS, FieldType
from protocol.dates.date_format import DateFormat
from protocol.rest.texts import java_double

MAX_TERM_BYTES: Final = 32766
"""Lucene's limit for one term."""

_MAPPED_PREFIX: Final = b"\0" * 10 + b"\xff\xff"
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LIMITS: Final = {"half_float": 65520.0, "float": 3.4028235677973366e38, "double": math.inf}
"""The smallest magnitude that rounds to infinity in each type."""


class MalformedValueError(ValueError):
    """A value that its field cannot take. The message is Elasticsearch's; ``type`` the REST name of the exception that it throws."""

    def __init__(self, reason: str, type_: str = "illegal_argument_exception") -> None:
        super().__init__(reason)
        self.reason = reason
        self.type = type_


def text_of(value: Any) -> str:
    """A JSON scalar as text, as the parser's textual form has it."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    return java_double(value) if isinstance(value, float) else str(value)


# Numbers


def integer_parser(field: FieldType) -> Callable[[Any], int | None]:
    """The parser of a whole-number type: an int, or None for an empty string (which counts as null)."""
    low, high = INTEGERS[field.type]
    name = {"integer": "an integer", "long": "a long"}.get(field.type, f"a {field.type}")

    def parse(value: Any) -> int | None:
        if type(value) is int and low <= value <= high:
            return value
        if isinstance(value, str) and not value and field.coerce:
            return None
        number = _whole(value, field, name)
        if not low <= number <= high:
            raise MalformedValueError(f"Value [{text_of(value)}] is out of range for {name}")
        return number

    return parse


def _whole(value: Any, field: FieldType, name: str) -> int:
    if isinstance(value, bool):
        raise MalformedValueError(
            f"Current token (VALUE_{str(value).upper()}) not numeric, can not use numeric value accessors",
            "input_coercion_exception",
        )
    if isinstance(value, str):
        if not field.coerce:
            raise MalformedValueError(
                f"{'Integer' if field.type == 'integer' else field.type.capitalize()} value passed as String"
            )
        try:
            exact = Decimal(value) if _DECIMAL.fullmatch(value) else Decimal("NaN")
        except InvalidOperation:
            exact = Decimal("NaN")
        if exact.is_nan():
            raise MalformedValueError(f'For input string: "{value}"', "number_format_exception")
        return int(exact) if exact.adjusted() < 40 else 1 << 80
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MalformedValueError(f"Value [{text_of(value)}] is out of range for {name}")
        if not field.coerce and value != math.trunc(value):
            raise MalformedValueError(f"{text_of(value)} cannot be converted to {field.type.capitalize()} without data loss")
        return math.trunc(value)
    return int(value)


def decimal_parser(field: FieldType) -> Callable[[Any], float | None]:
    """The parser of a decimal type: a double (not yet rounded to the type), or None for an empty string."""
    limit = _LIMITS.get(field.type, math.inf)
    label = "scaled_float" if field.type == "scaled_float" else field.type

    def parse(value: Any) -> float | None:
        if not isinstance(value, float):
            if isinstance(value, bool):
                raise MalformedValueError(
                    f"Current token (VALUE_{str(value).upper()}) not numeric, can not use numeric value accessors",
                    "input_coercion_exception",
                )
            if isinstance(value, str):
                if not value and field.coerce:
                    return None
                if not field.coerce:
                    raise MalformedValueError(f"{label.capitalize()} value passed as String")
                value = java_float(value)
            else:
                value = float(value)
        number: float = value
        if not math.isfinite(value) or abs(value) >= limit:
            shown = text_of(value) if label in ("double", "scaled_float") or not math.isfinite(value) else "Infinity"
            raise MalformedValueError(
                f"[{label}] supports only finite values, but got [{'-' if value < 0 and shown[0] != '-' else ''}{shown}]"
            )
        return number

    return parse


def java_float(text: str) -> float:
    """``Double.parseDouble``. Raises MalformedValueError (number_format_exception)."""
    stripped = text.strip()
    if _DECIMAL.fullmatch(stripped):
        return float(stripped)
    if stripped.lstrip("+-") in ("NaN", "Infinity"):
        return float(stripped)
    if not stripped:
        raise MalformedValueError("empty String", "number_format_exception")
    raise MalformedValueError(f'For input string: "{text}"', "number_format_exception")


def stored_decimals(field: FieldType, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Doubles as the field's doc values give them back: rounded to single or half precision, or scaled and unscaled."""
    if field.type == "float":
        return numbers.astype(np.float32).astype(np.float64)
    if field.type == "half_float":
        return numbers.astype(np.float16).astype(np.float64)
    if field.type == "scaled_float":
        return np.floor(numbers * field.scaling_factor + 0.5) * (1.0 / field.scaling_factor)
    return numbers


# Booleans, terms


def parse_boolean(value: Any) -> bool:
    """true, false and their texts; an empty text is false."""
    if value is True or value == "true":
        return True
    if value is False or (isinstance(value, str) and value in ("false", "")):
        return False
    raise MalformedValueError(f"Failed to parse value [{text_of(value)}] as only [true] or [false] are allowed.")


def normalizer(name: str | None) -> Callable[[str], str] | None:
    """A keyword's normalizer; mapping_parser.py lets only ``lowercase`` through."""
    return None if name is None else lowercase


def check_term(field: FieldType, term: str) -> None:
    """Refuses a term that Lucene could not index."""
    if len(term) * 3 > MAX_TERM_BYTES and len(term.encode("utf-8", "surrogatepass")) > MAX_TERM_BYTES:
        raise MalformedValueError(
            f'Document contains at least one immense term in field="{field.name}" (whose UTF8 encoding is longer than the max length '
            f"{MAX_TERM_BYTES}), all of which were skipped."
        )


# Addresses


def parse_address(value: Any) -> bytes:
    """An IP address in its 16-byte form (IPv4 as mapped)."""
    text = text_of(value)
    try:
        return _MAPPED_PREFIX + socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        pass
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        raise MalformedValueError(f"'{text}' is not an IP string literal.") from None


# Dates


def date_parser(field: FieldType) -> Callable[[Any], int]:
    """The parser of a date field: milliseconds since the epoch, nanoseconds for date_nanos. It raises ElasticsearchException."""
    format_ = DateFormat.of(field.date_format)
    parse_text = format_.parse_nanos if field.type == "date_nanos" else format_.parse_value

    def slow(value: Any) -> int:
        return parse_text(value if isinstance(value, str) else text_of(value))

    if field.type == "date_nanos" or not field.date_format.startswith("strict_date_optional_time"):
        return slow

    def parse(value: Any) -> int:
        # The usual log timestamp, 2024-01-01T00:00:00Z with or without milliseconds, without the general parser.
        if (
            type(value) is str
            and len(value) in (20, 24)
            and value[-1] == "Z"
            and value[10] == "T"
            and value[4] == value[7] == "-"
        ):
            try:
                since = datetime.fromisoformat(value) - _EPOCH
            except ValueError:
                return slow(value)
            return (since.days * 86400 + since.seconds) * 1000 + since.microseconds // 1000
        return slow(value)

    return parse
