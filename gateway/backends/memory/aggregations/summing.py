"""Adding up few numbers as exactly as Elasticsearch's compensated sum does."""

from __future__ import annotations

import math
from collections.abc import Iterable


def compensated(values: Iterable[float]) -> float:
    """The sum, rounded once; infinities and NaN go the usual way."""
    numbers = list(values)
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)
