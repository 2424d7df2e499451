"""Ranges of each field type: what a bound means, and which rows lie between two."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column
from gateway.backends.memory.mapping import INTEGERS, FieldType
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries.compiler import Context, illegal
from gateway.backends.memory.queries.nodes import Node
from gateway.backends.memory.queries.query_values import boolean, query_number
from gateway.backends.memory.values import normalizer, parse_address, text_of
from protocol.dates.date_format import DateFormat

_MIN: Final = -(1 << 63)
_MAX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range as a query gives it; None leaves an end open."""

    low: Any
    high: Any
    include_low: bool
    include_high: bool
    format: str | None = None
    time_zone: str | None = None


def range_node(context: Context, field: FieldType, bounds: Bounds) -> Node:
    """Rows with a value between the bounds. Raises ElasticsearchException, MalformedValueError."""
    if field.type == "constant_keyword":
        raise illegal(f"Field [{field.name}] of type [{field.type}] does not support range queries")
    if field.is_text or field.is_keyword:
        return _terms_between(context, field, bounds)
    if field.type == "ip":
        return _addresses_between(context, field, bounds)
    if field.is_date:
        low, high = date_bounds(context, field, bounds)
    elif field.type == "boolean":
        low, high = _boolean_bounds(bounds)
    elif field.type in INTEGERS:
        low, high = _integer_bounds(bounds)
    else:
        return _decimals_between(context, field, bounds)
    if low > high or not context.here(field):
        return context.nothing()
    column = context.column(field)
    return context.filter(lambda: Matches(context.size, **_between(column, low, high)))


def _between(column: Column, low: int, high: int) -> dict[str, Any]:
    values = column.values
    if column.ascending:
        # The rows of an ascending column follow one another.
        begin = int(np.searchsorted(values, low, side="left")) if low > _MIN else 0
        end = int(np.searchsorted(values, high, side="right")) if high < _MAX else len(values)
        rows = column.docs[begin:end]
        return {"rows": rows if column.single else np.unique(rows)}
    if low <= _MIN:
        return {"test": column.test(lambda some: some <= high)}
    if high >= _MAX:
        return {"test": column.test(lambda some: some >= low)}
    return {"test": column.test(lambda some: (some >= low) & (some <= high))}


def _terms_between(context: Context, field: FieldType, bounds: Bounds) -> Node:
    normalize = normalizer(field.normalizer) or str
    low = None if bounds.low is None else normalize(text_of(bounds.low))
    high = None if bounds.high is None else normalize(text_of(bounds.high))
    if not context.here(field):
        return context.nothing()
    source = context.postings(field) if field.is_text else context.column(field)
    return context.any_of(source, lambda: source.dictionary.between(low, high, bounds.include_low, bounds.include_high))


def _addresses_between(context: Context, field: FieldType, bounds: Bounds) -> Node:
    low, high = (
        bound if bound is None or isinstance(bound, bytes) else parse_address(bound) for bound in (bounds.low, bounds.high)
    )
    if not context.here(field):
        return context.nothing()
    column = context.column(field)

    def find() -> Matches:
        begin = 0 if low is None else (bisect_left if bounds.include_low else bisect_right)(column.keys, low)
        end = len(column.keys) if high is None else (bisect_right if bounds.include_high else bisect_left)(column.keys, high)
        return Matches(context.size, test=column.any_test(range(begin, max(begin, end))))

    return context.filter(find)


def date_bounds(context: Context, field: FieldType, bounds: Bounds) -> tuple[int, int]:
    """The first and the last instant, inclusive, in the field's unit. ``gt`` and ``lte`` round up, ``gte`` and ``lt`` down."""
    numeric = any(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in (bounds.low, bounds.high))
    pattern = bounds.format or ("epoch_millis" if numeric else field.date_format)
    format_ = DateFormat.of(pattern)
    parse = format_.parse_nanosecond if field.type == "date_nanos" else format_.parse
    low, high = _MIN, _MAX
    if bounds.low is not None:
        up = not bounds.include_low
        low = parse(text_of(bounds.low), now_millis=context.now_millis, zone=bounds.time_zone, round_up=up) + up
    if bounds.high is not None:
        up = bounds.include_high
        high = parse(text_of(bounds.high), now_millis=context.now_millis, zone=bounds.time_zone, round_up=up) - (not up)
    return low, high


def _boolean_bounds(bounds: Bounds) -> tuple[int, int]:
    low = 0 if bounds.low is None else boolean(bounds.low) + (not bounds.include_low)
    high = 1 if bounds.high is None else boolean(bounds.high) - (not bounds.include_high)
    return low, high


def _integer_bounds(bounds: Bounds) -> tuple[int, int]:
    """Whole numbers: a fraction moves inwards, so that ``gt: 1.5`` is 2 and on."""
    low, high = _MIN, _MAX
    if bounds.low is not None:
        given = query_number(bounds.low)
        low = _ceil(given)
        if low == given and not bounds.include_low:
            low += 1
    if bounds.high is not None:
        given = query_number(bounds.high)
        high = -_ceil(-given)
        if high == given and not bounds.include_high:
            high -= 1
    # Beyond what a long can be there is nothing; a bound outside on the other side is an open end.
    if low > _MAX or high < _MIN:
        return 1, 0
    return max(low, _MIN), min(high, _MAX)


def _ceil(given: int | float) -> int:
    if isinstance(given, float) and not math.isfinite(given):
        return 1 << 70 if given > 0 else -(1 << 70)
    return math.ceil(Decimal(given)) if isinstance(given, float) else given


def _decimals_between(context: Context, field: FieldType, bounds: Bounds) -> Node:
    low = -math.inf if bounds.low is None else float(query_number(bounds.low))
    high = math.inf if bounds.high is None else float(query_number(bounds.high))
    include_low = bounds.include_low or bounds.low is None
    include_high = bounds.include_high or bounds.high is None
    if not context.here(field):
        return context.nothing()
    column = context.column(field)
    if field.type == "scaled_float":
        # ScaledFloatFieldMapper compares on the scale, where an excluded bound is the next double.
        low = (low if include_low else math.nextafter(low, math.inf)) * field.scaling_factor
        high = (high if include_high else math.nextafter(high, -math.inf)) * field.scaling_factor
        include_low = include_high = True
    elif field.type != "double":
        with np.errstate(over="ignore"):
            low, high = (float(np.float32(end) if field.type == "float" else np.float16(end)) for end in (low, high))

    def chosen(values: NDArray[Any]) -> NDArray[np.bool_]:
        if field.type == "scaled_float":
            values = np.rint(values * field.scaling_factor)
        above = values >= low if include_low else values > low
        below = values <= high if include_high else values < high
        found: NDArray[np.bool_] = above & below
        return found

    return context.filter(lambda: Matches(context.size, test=column.test(chosen)))
