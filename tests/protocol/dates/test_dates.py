"""Dates against what Elasticsearch's own formatters, date math and roundings give (vectors/engine)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.backends.memory.rounding import rounder
from protocol.dates.date_format import DEFAULT_PATTERN, DateFormat
from protocol.dates.zones import zone
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import DateTimeUnit, OffsetRounding, Rounding, TimeIntervalRounding, TimeUnitRounding
from tests.vectors import read_lines

# Java bends these dates rather than refuse them, or names another place in its error: a week 53 in a year of 52, an hour 24 alone.
BENT = {
    ("strict_hour", "24"),
    *((f"{strict}{name}", "2024-W53-1") for strict in ("", "strict_") for name in ("week_date", "weekyear_week_day")),
}
OTHER_WORDS = {
    *(("strict_date", text) for text in ("1704067220970", "1704067220.5", "12345.678")),
    *(("yyyy-MM-dd||epoch_second", text) for text in ("2024-02-30", "2023-02-29")),
}


def _or_none(call: Any) -> Any:
    try:
        return call()
    except ElasticsearchException:
        return None


def _words(call: Any) -> Any:
    try:
        return call()
    except ElasticsearchException as error:
        inner = error.cause.cause if error.cause is not None else None
        return f"{error.reason}|{inner.reason if inner is not None else ''}"


def test_formats_print_as_elasticsearch() -> None:
    wrong = []
    for line in read_lines("engine/dates.jsonl.gz"):
        format_ = DateFormat.of(line["format"])
        for millis, zone_id, text in line["prints"]:
            shown = _or_none(lambda format_=format_, millis=millis, zone_id=zone_id: format_.format(millis, zone_id))
            if shown != text:
                wrong.append((line["format"], millis, zone_id, text, shown))
    assert not wrong


def test_formats_parse_as_elasticsearch() -> None:
    wrong = []
    for line in read_lines("engine/dates.jsonl.gz"):
        name, format_ = line["format"], DateFormat.of(line["format"])
        for text, plain, rounded_up, in_new_york in line["parses"]:
            if (name, text) in BENT:
                continue
            found = (
                _or_none(lambda format_=format_, text=text: format_.parse_value(text)),
                _or_none(lambda format_=format_, text=text: format_.parse(text, now_millis=0, round_up=True)),
                _words(lambda format_=format_, text=text: format_.parse(text, now_millis=0, zone="America/New_York")),
            )
            if in_new_york == "" or (name, text) in OTHER_WORDS:
                found = (*found[:2], in_new_york)
            if found != (plain, rounded_up, in_new_york):
                wrong.append((name, text, (plain, rounded_up, in_new_york), found))
    assert not wrong


def test_date_math_as_elasticsearch() -> None:
    format_ = DateFormat.of(DEFAULT_PATTERN)
    wrong = []
    lines: list[Any] = read_lines("engine/date_math.jsonl.gz")
    for text, now, zone_id, round_up, expected in lines:
        try:
            found: Any = format_.parse(text, now_millis=now, zone=zone_id, round_up=round_up)
        except ElasticsearchException as error:
            found = error.reason
        if found != expected:
            wrong.append((text, now, zone_id, round_up, expected, found))
    assert not wrong


def _rounding(line: dict[str, Any]) -> Rounding:
    plain: Rounding
    if "unit" in line:
        plain = TimeUnitRounding(unit=DateTimeUnit(line["unit"]), time_zone=line["zone"])
    else:
        plain = TimeIntervalRounding(interval=line["interval"], time_zone=line["zone"])
    return OffsetRounding(delegate=plain, offset=line["offset"]) if line["offset"] else plain


def test_roundings_as_elasticsearch_across_clock_changes() -> None:
    wrong = []
    for line in read_lines("engine/rounding.jsonl.gz"):
        rounding = rounder(_rounding(line))
        together = rounding.round_many(np.array([value for value, _, _ in line["values"]], np.int64)).tolist()
        nexts = rounding.next_many(np.array([rounded for _, rounded, _ in line["values"]], np.int64)).tolist()
        for (value, rounded, following), at_once, next_at_once in zip(line["values"], together, nexts, strict=True):
            found = (rounding.round(value), at_once, rounding.next(rounded), next_at_once)
            if found != (rounded, rounded, following, following):
                wrong.append((line["zone"], value, rounded, following, found))
    assert not wrong


def test_bulk_parsing_agrees_with_single() -> None:
    format_ = DateFormat.of(DEFAULT_PATTERN)
    texts = [
        *(format_.format(1704067220970 + 37_000_123 * step) for step in range(200)),
        *(
            "2024-02-29",
            "2024-02-29T23:59:59Z",
            "2024-02-29T23:59:59",
            "1704067220970",
            "2024-02-29T10",
            "2024-02-29T10:00+01:00",
        ),
    ]
    assert format_.parse_many(texts).tolist() == [format_.parse_value(text) for text in texts]
    with pytest.raises(ElasticsearchException, match="Invalid date 'FEBRUARY 30'"):
        format_.parse_many([*texts, "2024-02-30T00:00:00.000Z"])


def test_nanoseconds_are_kept() -> None:
    format_ = DateFormat.of("strict_date_optional_time_nanos")
    nanos = format_.parse_nanos("2024-01-01T00:00:00.123456789Z")
    assert nanos == 1704067200_123456789
    assert format_.format_nanos(nanos) == "2024-01-01T00:00:00.123456789Z"
    with pytest.raises(ElasticsearchException, match="before the epoch in 1970"):
        format_.parse_nanos("1969-12-31T23:59:59Z")


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd'T", "bogus_format", "{y}", "yyyy||", ""])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        DateFormat.of(pattern)
    assert caught.value.type == "illegal_argument_exception"


@pytest.mark.parametrize(
    ("zone_id", "reason"),
    [
        ("Europe/Nowhere", "Unknown time-zone ID: Europe/Nowhere"),
        ("../etc/passwd", "Invalid ID for region-based ZoneId, invalid format: ../etc/passwd"),
        ("+25:00", "Zone offset hours not in valid range: value 25 is not in the range -18 to 18"),
        ("Z1", "Unknown time-zone ID: Z1"),
        ("UTC+99", "Invalid ID for offset-based ZoneId: UTC+99"),
        ("", "Invalid ID for ZoneOffset, invalid format: "),
    ],
)
def test_unknown_zones_are_refused(zone_id: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        zone(zone_id)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("pattern", "text"), [("dMM" * 30, "1" * 119 + "x"), ("[d]" * 40, "1" * 81 + "x"), ("d-" * 900, "1-" * 899)]
)
def test_a_hostile_pattern_takes_no_exponential_time(pattern: str, text: str) -> None:
    with pytest.raises(ElasticsearchException, match="failed to parse date field"):
        DateFormat.of(pattern).parse_value(text)


@pytest.mark.parametrize(
    "text",
    ["2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z", "2024-01-01T1:00:00.00Z", "2024-W01-1T00:00:00Z"],
)
def test_almost_iso_is_refused(text: str) -> None:
    with pytest.raises(ElasticsearchException):
        DateFormat.of(DEFAULT_PATTERN).parse_value(text)
