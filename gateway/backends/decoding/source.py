"""The contract of who has the documents. docs/socket-backend.md says what the JSON is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.configuration.model import Settings
from protocol.errors import ElasticsearchException

Json = Mapping[str, Any]
Described = Callable[[Any], None]
"""Takes what a source describes of itself. Raises ValueError, whose text says what is wrong with it; then nothing has changed."""


class Source(Protocol):
    """Asked by the gateway, and never trusted beyond what it was asked for. ``search`` and ``get`` raise ElasticsearchException."""

    name: str
    """For errors and the log."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be asked now, where that is so."""

    async def run(self, described: Described) -> None:
        """Runs for as long as it is to be asked, and tells what its indices are whenever that may have changed."""

    def renew(self, settings: Settings) -> None:
        """See ``gateway.backends.Backend``."""

    async def search(self, request: Json) -> Any:
        """``{"targets": [{"index": …, "filter": …}], "body": …, "now_millis": …}``, to what REST's search API answers."""

    async def get(self, request: Json) -> Any:
        """``{"target": {"index": …, "filter": …}, "id": …}``, to what REST's get API answers."""


def wrong_answer(source: Source, what: str) -> ElasticsearchException:
    """The source has answered what it may not."""
    return ElasticsearchException("status_exception", f"the backend {source.name} gave a wrong answer: {what}", status=502)


def not_ready(source: Source) -> ElasticsearchException:
    """The source has not yet described its indices."""
    why = source.problem or "not connected yet"
    return ElasticsearchException(
        "status_exception", f"the backend {source.name} has not described its indices yet: {why}", status=503
    )
