"""Rounding dates down to calendar units and fixed intervals in a time zone, as ``org.elasticsearch.common.Rounding`` does.

A Rounder is made of the rounding's message (:mod:`protocol.messages.aggregations.base`), which also travels in a result. All
instants are epoch milliseconds. Arrays are rounded at once; only the few values near a change of the offset go one by one.
"""

from __future__ import annotations

import bisect
import functools
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from protocol.dates import calendar
from protocol.dates.zones import Zone, zone
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import DateTimeUnit, OffsetRounding, Rounding, TimeIntervalRounding

Int64 = NDArray[np.int64]

_SECOND, _DAY = 1000, 86_400_000
_MILLIS = {
    DateTimeUnit.SECOND: _SECOND,
    DateTimeUnit.MINUTE: 60 * _SECOND,
    DateTimeUnit.HOUR: 3600 * _SECOND,
    DateTimeUnit.DAY: _DAY,
    DateTimeUnit.WEEK: 7 * _DAY,
}
_MONTHS = {DateTimeUnit.MONTH: 1, DateTimeUnit.QUARTER: 3, DateTimeUnit.YEAR: 12}
_MONDAY = 3 * _DAY
"""1970-01-01 was a Thursday, three days after a Monday."""


class Rounder(ABC):
    """Rounds instants down, and finds the next bucket after one."""

    @abstractmethod
    def round(self, millis: int) -> int: ...

    @abstractmethod
    def next(self, millis: int) -> int:
        """The start of the bucket after the one that holds the instant."""

    @abstractmethod
    def round_many(self, millis: Int64) -> Int64: ...

    @abstractmethod
    def next_many(self, millis: Int64) -> Int64:
        """The `next` of each instant."""

    @abstractmethod
    def index_many(self, millis: Int64) -> Int64 | None:
        """The number of each instant's bucket, counted from some bucket, where buckets can be counted without a look at each."""

    @abstractmethod
    def starts_of(self, index: Int64) -> Int64:
        """The starts of the buckets with these numbers, which index_many gave."""

    @abstractmethod
    def monotone(self, low: int, high: int) -> bool:
        """Whether, between the two instants, a later instant is never rounded to an earlier bucket."""


def rounder(rounding: Rounding) -> Rounder:
    """The Rounder of a rounding. Raises ElasticsearchException for a zone or unit that is not known."""
    if isinstance(rounding, OffsetRounding):
        return _Shifted(rounder(rounding.delegate), rounding.offset)
    if isinstance(rounding, TimeIntervalRounding):
        return _interval(rounding.interval, rounding.time_zone)
    return _unit(rounding.unit, rounding.time_zone)


@functools.lru_cache(maxsize=256)
def _interval(interval: int, zone_id: str) -> _Interval:
    return _Interval(interval, zone(zone_id))


@functools.lru_cache(maxsize=256)
def _unit(unit: DateTimeUnit, zone_id: str) -> Rounder:
    if unit in _MONTHS:
        return _Midnight(unit, zone(zone_id))
    if unit not in _MILLIS:
        raise ElasticsearchException("illegal_argument_exception", f"unsupported date time unit [{unit.name}]")
    return _Midnight(unit, zone(zone_id)) if _MILLIS[unit] >= _DAY else _WithinDay(unit, zone(zone_id))


class _Shifted(Rounder):
    def __init__(self, delegate: Rounder, offset: int) -> None:
        self._delegate = delegate
        self._offset = offset

    def round(self, millis: int) -> int:
        return self._delegate.round(millis - self._offset) + self._offset

    def next(self, millis: int) -> int:
        return self._delegate.next(millis - self._offset) + self._offset

    def round_many(self, millis: Int64) -> Int64:
        return self._delegate.round_many(millis - self._offset) + self._offset

    def next_many(self, millis: Int64) -> Int64:
        return self._delegate.next_many(millis - self._offset) + self._offset

    def index_many(self, millis: Int64) -> Int64 | None:
        return self._delegate.index_many(millis - self._offset)

    def starts_of(self, index: Int64) -> Int64:
        return self._delegate.starts_of(index) + self._offset

    def monotone(self, low: int, high: int) -> bool:
        return self._delegate.monotone(low - self._offset, high - self._offset)


class _Zoned(Rounder):
    """What the three kinds share: the floor of local time, and a period's offset to turn it back into an instant."""

    _before_both = False
    """Whether a local time that exists twice means its first occurrence."""

    def __init__(self, where: Zone) -> None:
        self._zone = where
        self._starts: list[int] = [max(start * _SECOND, -(1 << 62)) for start in where.starts.tolist()]
        self._offsets: list[int] = [offset * _SECOND for offset in where.offsets.tolist()]
        self._start_array = np.array(self._starts, dtype=np.int64)
        self._offset_array = np.array(self._offsets, dtype=np.int64)
        before = np.concatenate((self._offset_array[:1], self._offset_array[:-1]))
        later = np.maximum(before, self._offset_array) if self._before_both else self._offset_array
        self._sure_from: Int64 = self._start_array + later
        """Per period: floors of local time from here on belong to the period itself without doubt."""

    @abstractmethod
    def _floor(self, local: int) -> int: ...

    @abstractmethod
    def _floor_many(self, local: Int64) -> Int64: ...

    @abstractmethod
    def _index(self, local: Int64) -> Int64:
        """The number of the unit that each local time lies in."""

    @abstractmethod
    def _local_starts(self, index: Int64) -> Int64:
        """The local times at which the units of these numbers start."""

    def index_many(self, millis: Int64) -> Int64 | None:
        if not self._zone.fixed:
            return None
        return self._index(millis + self._offsets[0] if self._offsets[0] else millis)

    def starts_of(self, index: Int64) -> Int64:
        return self._local_starts(index) - self._offsets[0]

    def monotone(self, low: int, high: int) -> bool:
        # Only where the clock goes back to the day before does a day end and come again.
        return all(
            (self._starts[period] - 1 + self._offsets[period - 1]) // _DAY
            <= (self._starts[period] + self._offsets[period]) // _DAY
            for period in range(self._period(low) + 1, self._period(high) + 1)
        )

    def next_many(self, millis: Int64) -> Int64:
        if self._zone.fixed:
            shifted = millis + self._offsets[0] if self._offsets[0] else millis
            return self.starts_of(self._index(shifted) + 1)
        return np.fromiter(map(self.next, millis.tolist()), np.int64, len(millis))

    @abstractmethod
    def _to_utc(self, local: int, period: int) -> int:
        """The instant that a floor of local time means, of an instant in the period."""

    def _period(self, millis: int) -> int:
        return bisect.bisect_right(self._starts, millis) - 1

    def round(self, millis: int) -> int:
        period = self._period(millis)
        return self._to_utc(self._floor(millis + self._offsets[period]), period)

    def round_many(self, millis: Int64) -> Int64:
        if self._zone.fixed:
            offset = self._offsets[0]
            return self._floor_many(millis + offset) - offset if offset else self._floor_many(millis)
        low, high = (int(millis.min()), int(millis.max())) if len(millis) else (0, 0)
        first, last = self._period(low), self._period(high)
        if first == last:
            local = self._floor_many(millis + self._offsets[first])
            rounded = local - self._offsets[first]
            doubtful = np.flatnonzero(local < self._sure_from[first])
        else:
            periods = np.searchsorted(self._start_array, millis, side="right") - 1
            offsets = self._offset_array[periods]
            local = self._floor_many(millis + offsets)
            rounded = local - offsets
            doubtful = np.flatnonzero(local < self._sure_from[periods])
        if len(doubtful):
            values, inverse = np.unique(millis[doubtful], return_inverse=True)
            rounded[doubtful] = np.fromiter(map(self.round, values.tolist()), np.int64, len(values))[inverse]
        return rounded


class _Midnight(_Zoned):
    """Days and longer: the first instant of the local day that the unit begins with."""

    _before_both = True

    def __init__(self, unit: DateTimeUnit, where: Zone) -> None:
        super().__init__(where)
        self._unit = unit
        self._months = _MONTHS.get(unit)

    def _floor(self, local: int) -> int:
        if self._months is None:
            shift = _MONDAY if self._unit is DateTimeUnit.WEEK else 0
            size = _MILLIS[self._unit]
            return (local + shift) // size * size - shift
        year, month, _ = calendar.date_of(local // _DAY)
        months = year * 12 + month - 1
        return self._month_start(months - months % self._months)

    def _index(self, local: Int64) -> Int64:
        if self._months is None:
            shift = _MONDAY if self._unit is DateTimeUnit.WEEK else 0
            return (local + shift) // _MILLIS[self._unit] if shift else local // _MILLIS[self._unit]
        months = local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        return months // self._months if self._months > 1 else months

    def _local_starts(self, index: Int64) -> Int64:
        if self._months is None:
            return index * _MILLIS[self._unit] - (_MONDAY if self._unit is DateTimeUnit.WEEK else 0)
        return (index * self._months).astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)

    @staticmethod
    def _month_start(months: int) -> int:
        return calendar.days_of(months // 12, months % 12 + 1, 1) * _DAY

    def _floor_many(self, local: Int64) -> Int64:
        if self._months is None:
            shift = _MONDAY if self._unit is DateTimeUnit.WEEK else 0
            size = _MILLIS[self._unit]
            return (local + shift) // size * size - shift if shift else local // size * size
        months = local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        if self._months > 1:
            months = months // self._months * self._months
        return months.astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)

    def _to_utc(self, local: int, period: int) -> int:
        while period > 0 and local < self._sure_from[period]:
            if local >= self._starts[period] + self._offsets[period - 1] and self._offsets[period] > self._offsets[period - 1]:
                return self._starts[period]
            period -= 1
        return local - self._offsets[period]

    def next(self, millis: int) -> int:
        local = self._floor(millis + self._offsets[self._period(millis)])
        if self._months is None:
            following = local + _MILLIS[self._unit]
        else:
            year, month, _ = calendar.date_of(local // _DAY)
            following = self._month_start(year * 12 + month - 1 + self._months)
        period = bisect.bisect_right(self._starts, following + _DAY) - 1
        return self._to_utc(following, period)

    def next_many(self, millis: Int64) -> Int64:
        if self._zone.fixed:
            return super().next_many(millis)
        local = millis + self._offset_array[np.searchsorted(self._start_array, millis, side="right") - 1]
        following = self._local_starts(self._index(local) + 1)
        periods = np.searchsorted(self._start_array, following + _DAY, side="right") - 1
        found: Int64 = following - self._offset_array[periods]
        for doubtful in np.flatnonzero(following < self._sure_from[periods]).tolist():
            found[doubtful] = self._to_utc(int(following[doubtful]), int(periods[doubtful]))
        return found


class _Multiples(_Zoned):
    """Multiples of a fixed size in milliseconds, counted in local time."""

    def __init__(self, size: int, where: Zone) -> None:
        super().__init__(where)
        self._size = size

    def _floor(self, local: int) -> int:
        return local // self._size * self._size

    def _floor_many(self, local: Int64) -> Int64:
        return local // self._size * self._size

    def _index(self, local: Int64) -> Int64:
        return local // self._size

    def _local_starts(self, index: Int64) -> Int64:
        return index * self._size


class _WithinDay(_Multiples):
    """Hours, minutes and seconds: of times that exist twice, the later one."""

    def __init__(self, unit: DateTimeUnit, where: Zone) -> None:
        super().__init__(_MILLIS[unit], where)

    def _to_utc(self, local: int, period: int) -> int:
        while period > 0:
            start, before, after = self._starts[period], self._offsets[period - 1], self._offsets[period]
            if local >= start + after:
                break
            if after > before:
                # The unit's start is missing, or lies before what is missing: round from just before the gap.
                local = self._floor(start + before - 1)
            elif before - after >= self._size:
                break
            period -= 1
        return local - self._offsets[period]

    def next(self, millis: int) -> int:
        following = self.round(millis + self._size)
        return following if millis < following else self.round(millis + 2 * self._size)

    def next_many(self, millis: Int64) -> Int64:
        following = self.round_many(millis + self._size)
        late = np.flatnonzero(millis >= following)
        if len(late):
            following[late] = self.round_many(millis[late] + 2 * self._size)
        return following


class _Interval(_Multiples):
    """A fixed interval: of times that exist twice, the one that the interval before leads to."""

    def _to_utc(self, local: int, period: int) -> int:
        while period > 0:
            start, before, after = self._starts[period], self._offsets[period - 1], self._offsets[period]
            if local >= start + after:
                break
            if after > before:
                if local >= start + before:
                    return start
            else:
                local = self._floor(start + before - 1)
            period -= 1
        return local - self._offsets[period]

    def next_many(self, millis: Int64) -> Int64:
        if self._zone.fixed:
            return super().next_many(millis)
        current = self.round_many(millis)
        found = self.round_many(current + self._size)
        hard = np.flatnonzero((found <= current) | (self.round_many(found - 1) > current))
        for place in hard.tolist():
            found[place] = self.next(int(millis[place]))
        return found

    def next(self, millis: int) -> int:
        if self._zone.fixed:
            return self.round(millis) + self._size
        current = self.round(millis)
        step, probe = self._size, current
        for _ in range(100):
            probe += step
            rounded = self.round(probe)
            if rounded <= current:
                step = -step // 2 if step < 0 else step
            elif self.round(rounded - 1) > current:
                step = -(step // 2) if step > 0 else step
            else:
                return rounded
        return self.round(probe)
