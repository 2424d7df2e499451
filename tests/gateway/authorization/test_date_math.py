"""Date math in index names."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorization.date_math import resolve_date_math
from protocol.errors import ElasticsearchException
from tests.vectors import read_lines


def clock() -> datetime:
    return datetime(2024, 3, 31, 22, 30, 59, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("logs", "logs"),
        ("<logs", "<logs"),
        ("<logs>", "logs"),
        ("<logs-{now}>", "logs-2024.03.31"),
        ("<logs-{now/d}>", "logs-2024.03.31"),
        ("<logs-{now/d{yyyy.MM.dd|+12:00}}>", "logs-2024.04.01"),
        ("<logs-{now/d{yyyy.MM.dd|Europe/Berlin}}>", "logs-2024.04.01"),
        ("<logs-{now/M{yyyy.MM}}>", "logs-2024.03"),
        ("<logs-{now-1M{uuuu-MM-dd}}>", "logs-2024-02-29"),
        ("<logs-{now+1y/y{yyyy}}>", "logs-2025"),
        ("<logs-{now/w{YYYY.ww}}>", "logs-2024.13"),
        ("<logs-{now/w{xxxx.ww}}>", "logs-+0000.13"),
        ("<logs-{now/w}>", "logs-2024.03.25"),
        ("<logs-{now-36h/H{yyyyMMddHH}}>", "logs-2024033010"),
        ("<logs-{now/m{HHmmss}}>", "logs-223000"),
        ("<logs-{now{HH:mm:ss.SSS}}>", "logs-22:30:59.123"),
        ("<logs-{now{d.M.yy}}>", "logs-31.3.24"),
        ("<logs-{now{'day' D}}>", "logs-day 91"),
        ("<{2024.02.01||/M}>", "2024.02.01"),
        ("<{now{QQQ}}>", "Q1"),
        ("<{now-999999999y}>", "-999997975.03.31"),
        ("<{2024-02-01||-1d{uuuu-MM-dd}}>", "2024-01-31"),
        ("<a\\{b\\}-{now}>", "a{b}-2024.03.31"),
        ("<{now}-{now+1d}>", "2024.03.31-2024.04.01"),
        ("<{now-2d/d{MMM}}>", "Mar"),
        ("<x\\\\y>", "x\\y"),
    ],
)
def test_names(expression: str, name: str) -> None:
    assert resolve_date_math(expression, clock) == name


def test_hours_across_a_change_of_the_clocks() -> None:
    def before() -> datetime:
        return datetime(2024, 3, 31, 0, 30, tzinfo=UTC)

    assert resolve_date_math("<{now+1h{HH|Europe/Berlin}}>", before) == "03"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("<a{now>", "invalid dynamic name expression [a{now>]. date math placeholder is open ended"),
        ("<a}>", "invalid dynamic name expression [a}>]. invalid character at position [2]."),
        ("<{now{yyyy{}}>", "invalid dynamic name expression [{now{yyyy{}}>]. invalid character in placeholder at position [10]"),
        ("<{now{}}>", "invalid dynamic name expression [now{}]. missing date format"),
        ("<{now/q}>", "unit [q] not supported for date math [/q]"),
        ("<{yesterday}>", "failed to parse date field [yesterday]"),
        ("<{now{yyyy|Mars/North}}>", "Unknown time-zone ID: Mars/North"),
        ("<{now{yyyy|../../etc/passwd}}>", "Invalid ID for region-based ZoneId"),
        ("<{now{ii}}>", "Invalid format: [ii]: Unknown pattern letter: i"),
        ("<{now{'x}}>", "Invalid format: ['x]"),
        ("<{now-9999999999y}>", 'For input string: "9999999999"'),
        ("<{now-2147483647y}>", "Invalid value for Year (valid values -999999999 - 999999999): -2147481623"),
        ("<{2024-02-01||/M}>", "failed to parse date field [2024-02-01] with format [uuuu.MM.dd]"),
        ("<{2024-13-01}>", "failed to parse date field [2024-13-01] with format [uuuu.MM.dd]"),
        ("<>", "nothing captured"),
    ],
)
def test_refused(expression: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        resolve_date_math(expression, clock)
    assert caught.value.reason is not None
    assert caught.value.reason.startswith(reason)


def test_names_as_elasticsearch_resolves_them() -> None:
    now = datetime(2024, 3, 31, 22, 30, 59, 123000, tzinfo=UTC)
    lines = list(read_lines("engine/index_names.jsonl.gz"))
    assert len(lines) > 2000
    for expression, name, kind, reason in lines:
        try:
            found: tuple[str | None, ...] = (resolve_date_math(expression, lambda: now), None, None)
        except ElasticsearchException as error:
            found = (None, error.type, error.reason)
        assert found == (name, kind, reason), expression


@given(st.text("<>{}|\\now+-/dM'[] yx1.:Z\u00e9", max_size=30))
def test_whatever_is_asked_for_raises_nothing_else(inner: str) -> None:
    for expression in (f"<{inner}>", f"<{{now{{{inner}}}}}>", f"<{{{inner}}}>"):
        try:
            resolve_date_math(expression, clock)
        except ElasticsearchException:
            continue
