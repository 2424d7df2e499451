"""What several queries have in common."""

from __future__ import annotations

import math
from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.rest import choice
from protocol.schema import Codec
from protocol.values import read_generic, shortest_single, write_generic
from protocol.wire import Reader, Writer

Operator = Annotated[str, choice("or", "and")]
"""Whether one term must match or all."""

ZeroTerms = Annotated[str, choice("none", "all", "null")]
"""What a text without terms matches."""

MultiMatchType = Annotated[str, choice("best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix")]

MAX_DETERMINIZED_STATES = 10_000
"""Lucene's default limit for the automaton of a regular expression."""

_LOW, _HIGH = 3, 6


def _read_fuzziness(reader: Reader) -> str:
    text = reader.string()
    if not reader.boolean():
        return text
    return f"{text}:{reader.vint()},{reader.vint()}"


def _write_fuzziness(writer: Writer, value: str | int) -> None:
    text, _, bounds = str(value).upper().partition(":")
    writer.string(text)
    if not bounds:
        writer.boolean(False)
        return
    low, high = map(int, bounds.split(","))
    custom = (low, high) != (_LOW, _HIGH)
    writer.boolean(custom)
    if custom:
        writer.vint(low)
        writer.vint(high)


Fuzziness = Annotated[str, Codec(_read_fuzziness, _write_fuzziness)]
"""``0``, ``1``, ``2``, ``AUTO`` or ``AUTO:low,high``."""


def _weight(weight: float) -> str:
    """As Java prints a float."""
    if 1e-3 <= abs(weight) < 1e7 or weight == 0:
        return repr(weight)
    mantissa, exponent = f"{weight:e}".split("e")
    mantissa = repr(float(repr(weight).split("e")[0])) if "e" in repr(weight) else repr(float(mantissa))
    return f"{mantissa}E{int(exponent)}"


def read_field(reader: Reader) -> str:
    """A field and its weight: ``title^2.0``."""
    name, weight = reader.string(), shortest_single(reader.float32())
    if weight < 0:
        raise WireError(f"negative [boost] are not allowed in [{weight}], use a value between 0 and 1 to deboost")
    if not math.isfinite(weight):
        # A real node finds out later, and Lucene says so.
        raise WireError(f"boost must be a positive float, got {'NaN' if math.isnan(weight) else 'Infinity'}")
    return f"{name}^{_weight(weight)}"


def write_field(writer: Writer, text: str) -> None:
    name, caret, weight = text.rpartition("^")
    writer.string(name if caret else text)
    writer.float32(float(weight) if caret else 1.0)


Fields = Annotated[
    list[str],
    Codec(
        lambda reader: [read_field(reader) for _ in range(reader.size())],
        lambda writer, fields: writer.list(lambda field: write_field(writer, field), fields),
    ),
]
"""Fields with their weights."""


def to_term(value: Any) -> Any:
    """What REST shows of a term: strings travel as BytesRef."""
    if type(value) is bytes:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return value


def from_term(value: Any) -> Any:
    if type(value) is str:
        return value.encode("utf-8", "surrogatepass")
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return str(value).encode("ascii")
    return value


Term = Annotated[
    Any,
    Codec(
        lambda reader: to_term(read_generic(reader)),
        lambda writer, value: write_generic(writer, from_term(value)),
    ),
]
"""A value to compare with: a string (bytes where it is not UTF-8), number, boolean or other generic value."""
