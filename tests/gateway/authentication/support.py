"""What the tests of API keys share."""

from typing import Any

import pytest

from gateway.authorization.access import parse_access
from protocol.errors import ElasticsearchException

NOW = 1_790_000_000_000
LOGS = parse_access({"search": [{"names": ["logs*"]}]})
METRICS = parse_access({"search": [{"names": ["metrics*"]}]})


class Clock:
    """Milliseconds since the epoch and seconds of the monotonic clock, moved together by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wall(self) -> int:
        return NOW + round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


def refusal(call: Any, *arguments: Any, **named: Any) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as raised:
        call(*arguments, **named)
    return raised.value
