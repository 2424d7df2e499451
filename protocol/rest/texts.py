"""Single values as Elasticsearch writes them: Java's doubles, addresses, generic values."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from base64 import b64encode
from decimal import Decimal
from typing import Any, Final

import orjson

from protocol.errors import ElasticsearchException
from protocol.values import Single, plain, shortest_single

_LONG_NUMBER: Final = re.compile(rb"\d{19}")
_MAPPED_PREFIX: Final = b"\0" * 10 + b"\xff\xff"


def java_double(value: float) -> str:
    """A double as Java's ``Double.toString`` writes it: 1.0, 1.0E10, 1.0E-5."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    magnitude = abs(value)
    if magnitude == 0 or 1e-3 <= magnitude < 1e7:
        plain = repr(value)
        return plain if "e" not in plain else format(Decimal(plain), "f")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - finite, as checked above
    text = "".join(map(str, digits))
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{exponent + len(text) - 1}"


def address_text(key: bytes) -> str:
    """The text form of an address of 16 bytes, or of 4, as Elasticsearch shows it."""
    if len(key) == 4 or key.startswith(_MAPPED_PREFIX):
        return str(ipaddress.IPv4Address(key[-4:]))
    return str(ipaddress.IPv6Address(key))


def number(value: float) -> Any:
    """A number in JSON: what is not finite is a string, as XContent writes it."""
    if isinstance(value, Single) and math.isfinite(value):
        return shortest_single(value)
    return float(value) if math.isfinite(value) else java_double(value)


def single(value: float) -> Any:
    """A number that travels as 32 bits, in its fewest digits."""
    return number(Single(value))


def shown(value: Any) -> Any:
    """A generic value or sort value as XContent writes it: bytes in base64, numbers that are not finite as strings."""
    match value:
        case None | bool() | str() | int():
            return plain(value)
        case float():
            return number(value)
        case bytes():
            return b64encode(value).decode("ascii")
        case dict():
            return {name if type(name) is str else str(plain(name)): shown(entry) for name, entry in value.items()}
        case list() | tuple():
            return [shown(entry) for entry in value]
    try:
        return plain(value)
    except TypeError as error:
        raise ElasticsearchException("illegal_argument_exception", str(error)) from None


def loads(data: bytes) -> Any:
    """JSON, whole numbers of any size kept as they are. Raises ValueError, RecursionError."""
    # orjson makes floats of whole numbers beyond 64 bits.
    return json.loads(data) if _LONG_NUMBER.search(data) else orjson.loads(data)
