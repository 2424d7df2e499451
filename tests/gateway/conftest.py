"""What every test of the gateway leaves as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from gateway import logs


@pytest.fixture(autouse=True)
def unconfigured_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs configures the logs of the whole process, for a stream that is closed after that test."""
    monkeypatch.setattr(logs, "_write_event", logs._unconfigured_event)
    yield
    structlog.reset_defaults()
