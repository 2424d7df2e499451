"""Adding up the sums of several results by Kahan's method, step by step as Elasticsearch's ``CompensatedSum``."""

from __future__ import annotations

import math
from collections.abc import Iterable


def compensated(values: Iterable[float]) -> float:
    """The sum, with what rounding takes off carried along; infinities and NaN go the usual way."""
    total = delta = 0.0
    for value in values:
        if not math.isfinite(value):
            total += value
        if math.isfinite(total):
            corrected = value + delta
            updated = total + corrected
            delta = corrected - (updated - total)
            total = updated
    return total
