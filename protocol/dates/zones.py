"""Time zones by id or offset.

The ids are those that ``java.time.ZoneId.of`` takes and Elasticsearch lets through (``DateUtils.of``): region ids of the tz
database, ``Z``, offsets such as ``+01:00``, and ``UTC``, ``GMT`` or ``UT`` alone or before an offset. The rules come from the
tzdata package, so every machine has the same ones.
"""

from __future__ import annotations

import bisect
import functools
import importlib.resources
import io
import re
import struct
import zoneinfo
from datetime import datetime, timedelta, timezone, tzinfo

import numpy as np
from numpy.typing import NDArray

from protocol.errors import ElasticsearchException

Int64 = NDArray[np.int64]

_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?", re.ASCII)
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9~/._+-]+", re.ASCII)
_DEPRECATED_SHORT = {"EST": "-05:00", "HST": "-10:00", "MST": "-07:00", "ROC": "Asia/Taipei", "Eire": "Europe/London"}
"""Elasticsearch gives these ids its own meaning (``DateUtils.DEPRECATED_SHORT_TIMEZONES``)."""

_RULES_UNTIL = 4102444800
"""2100-01-01 in epoch seconds: transitions that only follow from a zone's yearly rule are laid out up to here."""
_BEFORE_ALL = -(1 << 62)
_MAX_OFFSET = 18 * 3600


class Zone:
    """A time zone: an id and the offsets from UTC, in seconds, that hold from given instants on."""

    __slots__ = ("_local_starts", "_offset_list", "_start_list", "id", "offsets", "rules", "starts")

    def __init__(self, zone_id: str, starts: list[int], offsets: list[int], rules: tzinfo) -> None:
        """``offsets[i]`` holds from ``starts[i]`` (epoch seconds) to ``starts[i + 1]``; the first start lies before all time."""
        self.id = zone_id
        self._start_list = starts
        self._offset_list = offsets
        self.starts: Int64 = np.array(starts, dtype=np.int64)
        self.offsets: Int64 = np.array(offsets, dtype=np.int64)
        # A local time belongs to the earlier offset until the later one's local clock has surely begun: in an overlap both sides
        # exist and Java takes the earlier offset, in a gap it counts on with the offset before.
        self._local_starts = [_BEFORE_ALL] + [
            start + max(before, after) for start, before, after in zip(starts[1:], offsets, offsets[1:], strict=False)
        ]
        self.rules = rules

    @property
    def fixed(self) -> bool:
        """Whether one offset holds at all times."""
        return len(self._start_list) == 1

    def offset_at(self, seconds: int) -> int:
        """The offset at an instant, both in seconds."""
        if len(self._start_list) == 1:
            return self._offset_list[0]
        return self._offset_list[bisect.bisect_right(self._start_list, seconds) - 1]

    def to_utc(self, local: int) -> int:
        """The instant of a local time, both as seconds; as ``ZonedDateTime.ofLocal`` in gaps and overlaps (the offset before)."""
        if len(self._start_list) == 1:
            return local - self._offset_list[0]
        return local - self._offset_list[bisect.bisect_right(self._local_starts, local) - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Zone({self.id!r})"


def offset_id(seconds: int) -> str:
    """An offset as Java names it: ``Z``, ``+01:00``, ``-05:30:15``."""
    if seconds == 0:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{sign}{hours:02d}:{rest // 60:02d}"
    return text + f":{rest % 60:02d}" if rest % 60 else text


def fixed(seconds: int, zone_id: str | None = None) -> Zone:
    """The zone of one offset."""
    return Zone(zone_id or offset_id(seconds), [_BEFORE_ALL], [seconds], timezone(timedelta(seconds=seconds)))


UTC = fixed(0)


def parse_offset(text: str) -> int | None:
    """The seconds of ``Z``, ``+1``, ``+01``, ``+0130``, ``+01:30`` or ``+01:30:15``; None for anything else."""
    if text == "Z":
        return 0
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[2]), int(match[3] or 0), int(match[4] or 0)
    if minutes > 59 or seconds > 59:
        return None
    total = hours * 3600 + minutes * 60 + seconds
    return None if total > _MAX_OFFSET else (-total if match[1] == "-" else total)


@functools.lru_cache(maxsize=512)
def zone(zone_id: str) -> Zone:
    """The zone of an id. Raises ElasticsearchException (``date_time_exception``; ``zone_rules_exception`` for an unknown region)."""
    found = find_zone(_DEPRECATED_SHORT.get(zone_id, zone_id))
    if found is None:
        raise _refusal(zone_id)
    return found


def _refusal(zone_id: str) -> ElasticsearchException:
    """What ``ZoneId.of`` says of an id that it does not take."""
    if len(zone_id) <= 1 or zone_id[0] in "+-":
        match = _OFFSET.fullmatch(zone_id)
        if match is None or len(match[2]) == 1:
            return ElasticsearchException("date_time_exception", f"Invalid ID for ZoneOffset, invalid format: {zone_id}")
        sign = -1 if match[1] == "-" else 1
        for part, text, low, high in (
            ("hours", match[2], -18, 18),
            ("minutes", match[3], -59, 59),
            ("seconds", match[4], -59, 59),
        ):
            if int(text or 0) > high:
                return ElasticsearchException(
                    "date_time_exception",
                    f"Zone offset {part} not in valid range: value {sign * int(text)} is not in the range {low} to {high}",
                )
        return ElasticsearchException("date_time_exception", "Zone offset not in valid range: -18:00 to +18:00")
    if re.match("(?:UTC|GMT|UT)[+-]", zone_id):
        return ElasticsearchException("date_time_exception", f"Invalid ID for offset-based ZoneId: {zone_id}")
    if _REGION.fullmatch(zone_id) is None:
        return ElasticsearchException("date_time_exception", f"Invalid ID for region-based ZoneId, invalid format: {zone_id}")
    return ElasticsearchException("zone_rules_exception", f"Unknown time-zone ID: {zone_id}")


@functools.lru_cache(maxsize=512)
def find_zone(zone_id: str) -> Zone | None:
    """The zone that ``ZoneId.of`` gives for the id, or None."""
    seconds = parse_offset(zone_id)
    if seconds is not None:
        return UTC if seconds == 0 else fixed(seconds)
    for prefix in ("UTC", "GMT", "UT"):
        if zone_id == prefix:
            return fixed(0, prefix)
        if zone_id.startswith(prefix) and zone_id[len(prefix) :][:1] in ("+", "-"):
            seconds = parse_offset(zone_id[len(prefix) :])
            return None if seconds is None else fixed(seconds, prefix + ("" if seconds == 0 else offset_id(seconds)))
    return _load(zone_id) if zone_id in _region_ids() else None


@functools.cache
def _region_ids() -> frozenset[str]:
    listing = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(listing.split())


def _load(zone_id: str) -> Zone:
    data = importlib.resources.files("tzdata.zoneinfo").joinpath(*zone_id.split("/")).read_bytes()
    rules = zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=zone_id)
    times, offsets = _explicit_transitions(data)

    def offset_of(instant: int) -> int:
        shift = datetime.fromtimestamp(instant, rules).utcoffset()
        return 0 if shift is None else int(shift.total_seconds())

    instant = times[-1]
    while instant < _RULES_UNTIL:
        before, after = instant, min(instant + 28 * 86400, _RULES_UNTIL)
        instant = after
        if offset_of(after) != offsets[-1]:
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset_of(middle) == offsets[-1] else (before, middle)
            times.append(after)
            offsets.append(offset_of(after))
    return Zone(zone_id, [_BEFORE_ALL, *times[1:]], offsets, rules)


def _explicit_transitions(data: bytes) -> tuple[list[int], list[int]]:
    """The transitions that a TZif file (RFC 8536, version 2 or later) lists, if they change the offset, after a first entry."""
    header = struct.Struct(">4s c 15x 6l")
    _, _, isut, isstd, leap, count, kinds, chars = header.unpack_from(data)
    start = header.size + count * 5 + kinds * 6 + chars + leap * 8 + isstd + isut
    _, _, _, _, leap, count, kinds, chars = header.unpack_from(data, start)
    start += header.size
    instants = struct.unpack_from(f">{count}q", data, start)
    indices = data[start + count * 8 : start + count * 9]
    kind_start = start + count * 9
    shifts = [struct.unpack_from(">l", data, kind_start + 6 * kind)[0] for kind in range(kinds)]
    times, offsets = [0], [shifts[0]]
    for instant, index in zip(instants, indices, strict=True):
        if shifts[index] != offsets[-1]:
            times.append(instant)
            offsets.append(shifts[index])
    if len(times) == 1:
        times[0] = _RULES_UNTIL if data.rstrip(b"\n").rpartition(b"\n")[2].count(b",") == 0 else 0
    return times, offsets
