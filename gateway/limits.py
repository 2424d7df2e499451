"""What one gateway allows at once, beyond what ``limits.*`` sets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from protocol.errors import ElasticsearchException

FRAME_SECONDS = 60.0
"""From the first byte of a message to its last. An idle connection has no deadline; one that stops within a message has."""

SEND_SECONDS = 60.0
"""How long the other side may take no bytes while an answer waits for it."""

STREAMED_BYTES = 512 * 1024
"""Of an answer that is passed on while it comes, so much waits for the client at most."""
SMALL_BYTES = 64 * 1024
"""An answer up to this size is not counted among what is in flight."""


class InFlightBytes:
    """Counts the bytes of requests in flight; past the limit a request is refused as Elasticsearch's breaker does."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def hold(self, size: int, action: str) -> AbstractContextManager[None]:
        """Account for ``size`` bytes inside the block. Raises as ``take`` does."""
        self.check(size, action)
        return _Held(self, size)

    def take(self, size: int, action: str) -> None:
        """Account for ``size`` bytes until their ``release``. Raises circuit_breaking_exception (429) where they do not fit."""
        self.check(size, action)
        self.used += size

    def release(self, size: int) -> None:
        self.used -= size

    def check(self, size: int, action: str) -> None:
        """Raises as ``take`` does."""
        wanted = self.used + size
        if wanted > self.limit:
            raise ElasticsearchException(
                "circuit_breaking_exception",
                f"[in_flight_requests] Data too large, data for [{action}] would be [{wanted}/{_human(wanted)}],"
                f" which is larger than the limit of [{self.limit}/{_human(self.limit)}]",
                details={"bytes_wanted": wanted, "bytes_limit": self.limit, "durability": "TRANSIENT"},
            )


class _Held:
    __slots__ = ("_account", "_size")

    def __init__(self, account: InFlightBytes, size: int) -> None:
        self._account, self._size = account, size

    def __enter__(self) -> None:
        self._account.used += self._size

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._account.used -= self._size


def _human(size: int) -> str:
    """A size as Elasticsearch prints it: one decimal at most, cut and not rounded."""
    for unit, name in ((1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")):
        if size >= unit:
            tenths = size * 10 // unit
            return f"{tenths // 10}{name}" if tenths % 10 == 0 else f"{tenths / 10}{name}"
    return f"{size}b"
