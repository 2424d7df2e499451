"""Values of queries, as the field types read them: what a term stands for in a column."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

import numpy as np

from gateway.backends.memory.mapping import INTEGERS, FieldType
from gateway.backends.memory.queries.compiler import illegal
from gateway.backends.memory.values import java_float, text_of

_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)


def query_number(value: Any) -> int | float:
    """A number of a query as exactly as it was given. Raises MalformedValueError (number_format_exception)."""
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    text = text_of(value)
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    found = java_float(text)
    if math.isfinite(found):
        exact = Decimal(text.strip())
        if exact == exact.to_integral_value() and abs(exact) < 1 << 70:
            return int(exact)
    return found


def stored_number(field: FieldType, value: Any) -> int | float | None:
    """A term as the field's column would have it; None where no document can have it (a fraction, out of range)."""
    given = query_number(value)
    if field.type in INTEGERS:
        low, high = INTEGERS[field.type]
        if isinstance(given, float) and (not math.isfinite(given) or given != math.trunc(given)):
            return None
        return int(given) if low <= given <= high else None
    given = float(given)
    if field.type == "scaled_float":
        # ScaledFloatFieldMapper: a term that does not fall on the scale matches nothing else than its rounded neighbour.
        return float(math.floor(given * field.scaling_factor + 0.5)) * (1.0 / field.scaling_factor)
    with np.errstate(over="ignore"):
        kind: Any = {"float": np.float32, "half_float": np.float16}.get(field.type, np.float64)
        rounded = float(kind(given))
    return rounded if math.isfinite(rounded) else None


def boolean(value: Any) -> int:
    """A boolean term: 0 or 1."""
    text = text_of(value)
    if text not in ("true", "false"):
        raise illegal(f"Can't parse boolean value [{text}], expected [true] or [false]")
    return int(text == "true")
