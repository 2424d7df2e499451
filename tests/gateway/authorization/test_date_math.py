"""Date math in index names."""

from datetime import UTC, datetime

import pytest

from gateway.authorization.date_math import resolve_date_math
from protocol.errors import ElasticsearchException


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
        ("<logs-{now/w{xxxx.ww}}>", "logs-2024.13"),
        ("<logs-{now/w}>", "logs-2024.03.25"),
        ("<logs-{now-36h/H{yyyyMMddHH}}>", "logs-2024033010"),
        ("<logs-{now/m{HHmmss}}>", "logs-223000"),
        ("<logs-{now{HH:mm:ss.SSS}}>", "logs-22:30:59.123"),
        ("<logs-{now{d.M.yy}}>", "logs-31.3.24"),
        ("<logs-{now{'day' D}}>", "logs-day 91"),
        ("<{2024-02-01||/M}>", "2024.02.01"),
        ("<{2024-02-01||-1d{MM-dd}}>", "01-31"),
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
        ("<a{now>", "invalid dynamic name expression [a{now]. date math placeholder is open ended"),
        ("<a}>", "invalid dynamic name expression [a}]. invalid character at position [2]."),
        ("<{now{yyyy{}}>", "invalid dynamic name expression [{now{yyyy{}}]. invalid character in placeholder at position [10]"),
        ("<{now{}}>", "invalid dynamic name expression [now{}]. missing date format"),
        ("<{now/q}>", "operator not supported for date math [/q]"),
        ("<{yesterday}>", "failed to parse date field [yesterday]"),
        ("<{now{yyyy|Mars/North}}>", "Invalid ID for region-based ZoneId, invalid format: Mars/North"),
        ("<{now{yyyy|../../etc/passwd}}>", "Invalid ID for region-based ZoneId"),
        ("<{now{QQQ}}>", "Invalid format: [QQQ]"),
        ("<{now{'x}}>", "Invalid format: ['x]"),
        ("<{now-999999999y}>", "failed to parse date math [now-999999999y]"),
        ("<{2024-13-01}>", "failed to parse date math [2024-13-01]"),
        ("<>", "nothing captured"),
    ],
)
def test_refused(expression: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        resolve_date_math(expression, clock)
    assert caught.value.type == "parse_exception"
    assert caught.value.reason is not None
    assert caught.value.reason.startswith(reason)
