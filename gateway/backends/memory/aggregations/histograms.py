"""histogram and date_histogram."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.bucketing import Buckets, bucketize, compact, once_per_row
from gateway.backends.memory.aggregations.orders import parse_order
from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import NUMERIC, Source, parse_value, resolve
from gateway.backends.memory.rounding import Rounder, rounder
from protocol.dates.zones import zone
from protocol.messages.aggregations.base import (
    KEY_ASC,
    DateTime,
    DateTimeUnit,
    OffsetRounding,
    Rounding,
    TimeIntervalRounding,
    TimeUnitRounding,
)
from protocol.messages.aggregations.results.histograms import (
    DateEmptyBucketInfo,
    DateHistogramBucket,
    EmptyBucketInfo,
    HistogramBucket,
    InternalDateHistogram,
    InternalHistogram,
    LongBounds,
)

_CALENDAR = {
    "second": DateTimeUnit.SECOND, "1s": DateTimeUnit.SECOND, "minute": DateTimeUnit.MINUTE, "1m": DateTimeUnit.MINUTE,
    "hour": DateTimeUnit.HOUR, "1h": DateTimeUnit.HOUR, "day": DateTimeUnit.DAY, "1d": DateTimeUnit.DAY,
    "week": DateTimeUnit.WEEK, "1w": DateTimeUnit.WEEK, "month": DateTimeUnit.MONTH, "1M": DateTimeUnit.MONTH,
    "quarter": DateTimeUnit.QUARTER, "1q": DateTimeUnit.QUARTER, "year": DateTimeUnit.YEAR, "1y": DateTimeUnit.YEAR,
}  # fmt: skip
_DURATION = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(nanos|micros|ms|s|m|h|H|d)", re.ASCII)
_DURATION_MILLIS = {
    "nanos": 1e-6,
    "micros": 1e-3,
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "H": 3_600_000,
    "d": 86_400_000,
}
_MOST_POINTS = 4096
"""Up to so many buckets of a zone with changing offsets are found by the list of their starts."""


def duration_millis(text: Any, what: str) -> int:
    """Milliseconds of a duration such as ``90m`` or ``-6h``; a plain number is milliseconds already."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise illegal(f"failed to parse setting [{what}] with value [{text}] as a time value: unit is missing or unrecognized")
    millis = int(float(match[2]) * _DURATION_MILLIS[match[3]])
    return -millis if match[1] == "-" else millis


def make_rounding(body: dict[str, Any], name: str) -> Rounding:
    """The rounding of a request's ``calendar_interval`` or ``fixed_interval``, ``time_zone`` and ``offset``."""
    zone_id = "Z" if body.get("time_zone") is None else zone(str(body["time_zone"])).id
    rounding: Rounding
    if body.get("calendar_interval") is not None:
        text = str(body["calendar_interval"])
        unit = _CALENDAR.get(text)
        if unit is None:
            raise illegal(f"The supplied interval [{text}] could not be parsed as a calendar interval.")
        rounding = TimeUnitRounding(unit=unit, time_zone=zone_id)
    elif body.get("fixed_interval") is not None:
        interval = duration_millis(body["fixed_interval"], "fixed_interval")
        if interval < 1:
            raise illegal("Zero or negative time interval not supported")
        rounding = TimeIntervalRounding(interval=interval, time_zone=zone_id)
    else:
        raise illegal(f"Invalid interval specified, must be non-null and non-empty [{name}]")
    offset = duration_millis(body.get("offset", 0), "offset")
    return OffsetRounding(delegate=rounding, offset=offset) if offset else rounding


def rounded_codes(rounding: Rounder, values: Ints) -> tuple[Ints, Ints]:
    """The bucket of each instant as a code, and the start of each code's bucket, ascending."""
    if not len(values):
        return values.astype(np.int64), values.astype(np.int64)
    index = rounding.index_many(values)
    if index is not None:
        codes, distinct = compact(index)
        return codes, rounding.starts_of(distinct)
    starts = _starts_between(rounding, int(values.min()), int(values.max()))
    if starts is not None:
        return np.searchsorted(starts, values, side="right") - 1, starts
    distinct, codes = np.unique(rounding.round_many(values), return_inverse=True)
    return codes, distinct


def _starts_between(rounding: Rounder, low: int, high: int) -> Ints | None:
    """The starts, ascending, of the buckets from the one of ``low`` to the one of ``high``; None where they are too many, or do not
    follow one another."""
    ends = rounding.index_many(np.array([low, high], np.int64))
    if ends is not None:
        first, last = ends.tolist()
        return rounding.starts_of(np.arange(first, last + 1)) if last - first < _MOST_POINTS else None
    if not rounding.monotone(low, high):
        return None
    points = [rounding.round(low)]
    while len(points) <= _MOST_POINTS:
        following = rounding.next(points[-1])
        if following > high or following <= points[-1]:
            return np.array(points, np.int64)
        points.append(following)
    return None


def _count_ascending(rounding: Rounder, values: Ints, scope: Scope) -> tuple[Buckets, Ints] | None:
    """The buckets of values that never decrease, and their starts: each is a slice, whose ends are looked up. None where it is better to
    look at every value."""
    starts = _starts_between(rounding, int(values[0]), int(values[-1])) if len(values) else None
    if starts is None:
        return None
    counts = np.diff(np.append(np.searchsorted(values, starts), len(values)))
    held = np.flatnonzero(counts)
    scope.shard.limit.add(len(held))
    return Buckets(held.tolist(), counts[held].tolist(), [0, len(held)], scope), starts


class DateHistogram(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.order = parse_order(body.get("order"), KEY_ASC)
        self.min_doc_count = int(body.get("min_doc_count", 0))
        self.rounding = make_rounding(body, name)
        self.rounder = rounder(self.rounding)
        plain = isinstance(self.rounding, OffsetRounding)
        self.offset = self.rounding.offset if isinstance(self.rounding, OffsetRounding) else 0
        self.plain_rounding = self.rounding.delegate if plain and isinstance(self.rounding, OffsetRounding) else self.rounding

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "date_histogram", NUMERIC)
        extended = self._bounds(source, "extended_bounds", scope)
        hard = self._bounds(source, "hard_bounds", scope)
        self._check_bounds(extended, hard)
        positions, values = source.values(scope)
        values = values.astype(np.int64, copy=False)
        if isinstance(source.format, DateTime) and source.format.resolution.value == 1:
            values = values // 1_000_000
        counted = None
        if source.ascends(scope) and source.single and scope.owners is None and hard is None and not self.subs:
            counted = _count_ascending(self.rounder, values, scope)
        buckets, starts = counted or self._bucketize(source, scope, positions, values, hard)
        subs = self.collect_subs(buckets.scope) if self.subs else []
        keys = starts[np.array(buckets.codes, np.int64)].tolist() if buckets.codes else []
        empty: DateEmptyBucketInfo | None = None
        if self.min_doc_count == 0:
            empty = DateEmptyBucketInfo(rounding=self.plain_rounding, sub_aggregations=self.empty_subs(scope), bounds=extended)
        made = [
            DateHistogramBucket(key=key, doc_count=count, aggregations=below)
            for key, count, below in zip(keys, buckets.counts, subs or [[] for _ in keys], strict=True)
        ]
        return [
            InternalDateHistogram(
                name=self.name,
                metadata=self.metadata,
                order=self.order,
                min_doc_count=self.min_doc_count,
                empty_bucket_info=empty,
                offset=self.offset,
                format=source.format,
                keyed=bool(self.body.get("keyed", False)),
                buckets=made[buckets.bounds[owner] : buckets.bounds[owner + 1]],
            )
            for owner in range(scope.size)
        ]

    def _bucketize(
        self, source: Source, scope: Scope, positions: NDArray[np.int64] | None, values: Ints, hard: LongBounds | None
    ) -> tuple[Buckets, Ints]:
        """The buckets within the hard bounds, and the start of each code's."""
        codes, starts = rounded_codes(self.rounder, values)
        positions, codes = once_per_row(positions, codes, source.single)
        if hard is not None and len(codes):
            kept = np.ones(len(starts), np.bool_)
            if hard.min is not None:
                kept &= starts >= hard.min
            if hard.max is not None:
                kept &= starts < hard.max
            chosen = np.flatnonzero(kept[codes])
            positions = chosen if positions is None else positions[chosen]
            codes = codes[chosen]
        return bucketize(scope, positions, codes, len(starts), bool(self.subs)), starts

    def _bounds(self, source: Source, what: str, scope: Scope) -> LongBounds | None:
        given = self.body.get(what)
        if given is None:
            return None
        found: dict[str, int | None] = {}
        for side in ("min", "max"):
            value = given.get(side)
            found[side] = None if value is None else int(parse_value(source, value, scope.shard.now_millis))
        low, high = found["min"], found["max"]
        if low is not None and high is not None and low > high:
            raise illegal(
                f"[{what}.min][{low}] cannot be greater than [{what}.max][{high}] for histogram aggregation [{self.name}]"
            )
        plain = rounder(self.plain_rounding)
        return LongBounds(min=None if low is None else plain.round(low), max=None if high is None else plain.round(high))

    def _check_bounds(self, extended: LongBounds | None, hard: LongBounds | None) -> None:
        if extended is None or hard is None:
            return
        too_high = extended.max is not None and hard.max is not None and extended.max > hard.max
        too_low = extended.min is not None and hard.min is not None and extended.min < hard.min
        if too_high or too_low:
            raise illegal(
                f"Extended bounds have to be inside hard bounds, hard bounds: [{self.body['hard_bounds']}], extended bounds: "
                f"[{self.body['extended_bounds']}]"
            )


class Histogram(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.order = parse_order(body.get("order"), KEY_ASC)
        self.min_doc_count = int(body.get("min_doc_count", 0))
        self.interval = float(body.get("interval", 0.0))
        if self.interval <= 0:
            raise illegal("[interval] must be >0 for histogram aggregation")
        self.offset = float(body.get("offset", 0.0)) % self.interval
        self.extended = body.get("extended_bounds") or {}
        self.hard = body.get("hard_bounds") or {}

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "histogram", NUMERIC)
        positions, values = source.values(scope)
        numbers = np.floor((values - self.offset) / self.interval) if self.offset else np.floor(values / self.interval)
        if len(numbers) and (not np.isfinite(numbers).all() or float(np.abs(numbers).max()) > 2.0**62):
            raise illegal(f"values of histogram [{self.name}] are too far apart for the interval [{self.interval}]")
        codes, keys = compact(numbers.astype(np.int64))
        positions, codes = once_per_row(positions, codes, source.single)
        if self.hard and len(codes):
            bare = keys * self.interval
            kept = np.ones(len(keys), np.bool_)
            if self.hard.get("min") is not None:
                kept &= bare >= float(self.hard["min"])
            if self.hard.get("max") is not None:
                kept &= bare <= float(self.hard["max"])
            chosen = np.flatnonzero(kept[codes])
            positions = chosen if positions is None else positions[chosen]
            codes = codes[chosen]
        buckets = bucketize(scope, positions, codes, len(keys), bool(self.subs))
        subs = self.collect_subs(buckets.scope) if self.subs else []
        lows = (keys[np.array(buckets.codes, np.int64)] * self.interval + self.offset).tolist() if buckets.codes else []
        empty: EmptyBucketInfo | None = None
        if self.min_doc_count == 0:
            low, high = self.extended.get("min"), self.extended.get("max")
            empty = EmptyBucketInfo(
                interval=self.interval,
                offset=self.offset,
                min_bound=math.inf if low is None else float(low),
                max_bound=-math.inf if high is None else float(high),
                sub_aggregations=self.empty_subs(scope),
            )
        return [
            InternalHistogram(
                name=self.name,
                metadata=self.metadata,
                order=self.order,
                min_doc_count=self.min_doc_count,
                empty_bucket_info=empty,
                format=source.format,
                keyed=bool(self.body.get("keyed", False)),
                buckets=[
                    HistogramBucket(key=lows[place], doc_count=buckets.counts[place], aggregations=subs[place] if subs else [])
                    for place in range(buckets.bounds[owner], buckets.bounds[owner + 1])
                ],
            )
            for owner in range(scope.size)
        ]
