"""How a value of a result is shown: ``key_as_string``, ``value_as_string`` (``DocValueFormat.format``)."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from protocol.dates.date_format import DateFormat
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations import base
from protocol.rest.texts import address_text, java_double

_DIGITS = Context(prec=700)
"""Enough for any double with its decimals written out."""
_PATTERN = re.compile(r"([^#0,.]*)([#0,]*)(?:\.([0#]*))?([^#0,.E]*)")


def show(format_: base.DocValueFormat, value: Any) -> str:
    """A value as text. Raises ElasticsearchException where the format is not supported."""
    match format_:
        case base.DateTime():
            nanos = format_.resolution is base.Resolution.NANOSECONDS
            date = DateFormat.of(format_.pattern)
            return date.format_nanos(int(value), format_.time_zone) if nanos else date.format(int(value), format_.time_zone)
        case base.Bool():
            return "true" if value else "false"
        case base.Ip():
            return address_text(value)
        case base.Decimal():
            return show_decimal(format_.pattern, value)
        case base.Raw():
            if isinstance(value, bytes):
                return value.decode("utf-8", "replace")
            return java_double(value) if isinstance(value, float) else str(value)
    raise ElasticsearchException("illegal_argument_exception", f"format [{format_.wire_name}] is not supported", status=400)


_INSIGNIFICANT = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4)


def _digits(value: float) -> Decimal:
    """The digits that ``DecimalFormat`` starts from: the fewest that tell a double, but of whole numbers beyond 53 bits all that
    their binary form has, less those that it surely has not."""
    whole = abs(int(value))
    if whole != abs(value) or not 1 << 53 <= whole < 1 << 62:
        return Decimal(repr(value))
    dropped: int = 10 ** _INSIGNIFICANT[max(whole.bit_length() - 55, 0)]
    return Decimal((whole + dropped // 2) // dropped * dropped).copy_sign(Decimal(value))


def show_decimal(pattern: str, value: float) -> str:
    """A number by a ``java.text.DecimalFormat`` pattern: digits, grouping, a prefix and a suffix, percent."""
    match = _PATTERN.fullmatch(pattern.partition(";")[0])
    if match is None:
        raise ElasticsearchException("illegal_argument_exception", f"format [{pattern}] is not supported", status=400)
    prefix, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4]
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}{prefix}\u221e{suffix}".replace("'", "")
    number = _digits(float(value))
    if "%" in prefix + suffix:
        number = _DIGITS.multiply(number, Decimal(100))
    rounded = number.quantize(Decimal(1).scaleb(-len(fraction)), rounding=ROUND_HALF_EVEN, context=_DIGITS)
    digits, _, decimals = f"{abs(rounded):f}".partition(".")
    least = fraction.count("0")
    decimals = decimals.rstrip("0").ljust(least, "0") if len(decimals) > least else decimals
    digits = digits.lstrip("0").rjust(whole.count("0"), "0")
    if "," in whole:
        size = len(whole) - whole.rindex(",") - 1
        groups: list[str] = []
        while len(digits) > size > 0:
            groups.insert(0, digits[-size:])
            digits = digits[:-size]
        digits = ",".join([digits, *groups])
    sign = "-" if rounded < 0 else ""
    return f"{sign}{prefix}{digits or ('0' if not decimals else '')}{'.' + decimals if decimals else ''}{suffix}".replace("'", "")
