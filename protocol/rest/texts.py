"""Single values as Elasticsearch writes them: Java's doubles, addresses."""

from __future__ import annotations

import ipaddress
import math
from decimal import Decimal
from typing import Final

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
    """The text form of a 16-byte address, as Elasticsearch shows it."""
    if key.startswith(_MAPPED_PREFIX):
        return str(ipaddress.IPv4Address(key[12:]))
    return str(ipaddress.IPv6Address(key))
