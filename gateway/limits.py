"""What one gateway allows at once. Each number is a named constant with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from protocol.errors import ElasticsearchException

TLS_HANDSHAKE_SECONDS = 10.0
"""Elasticsearch gives a TLS handshake ten seconds (netty's default)."""

TCP_HANDSHAKE_SECONDS = 30.0
"""From the end of the TLS handshake to that of the TCP handshake; Elasticsearch's ``transport.connect_timeout``."""

FRAME_SECONDS = 60.0
"""From the first byte of a message to its last. An idle connection has no deadline; one that stops within a message has."""

SEND_SECONDS = 60.0
"""How long the other side may take no bytes while an answer waits for it."""

REQUESTS_PER_CONNECTION = 256
"""Requests in flight on one connection; more are left unread in the socket until one of these is answered."""

CONNECTIONS = 2000
"""Open connections of the process: about a hundred local nodes in proxy mode, 18 sockets each."""

IN_FLIGHT_BYTES = 256 * 1024 * 1024
"""Bytes of requests that are being answered, of all connections together."""


class InFlightBytes:
    """Counts the bytes of requests in flight; past the limit a request is refused as Elasticsearch's breaker does."""

    def __init__(self, limit: int = IN_FLIGHT_BYTES) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def hold(self, size: int, action: str) -> Iterator[None]:
        """Account for ``size`` bytes inside the block. Raises circuit_breaking_exception (429) where they do not fit."""
        wanted = self.used + size
        if wanted > self.limit:
            raise ElasticsearchException(
                "circuit_breaking_exception",
                f"[in_flight_requests] Data too large, data for [{action}] would be [{wanted}/{_human(wanted)}],"
                f" which is larger than the limit of [{self.limit}/{_human(self.limit)}]",
                details={"bytes_wanted": wanted, "bytes_limit": self.limit, "durability": "TRANSIENT"},
            )
        self.used = wanted
        try:
            yield
        finally:
            self.used -= size


def _human(size: int) -> str:
    """A size as Elasticsearch prints it: one decimal at most, cut and not rounded."""
    for unit, name in ((1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")):
        if size >= unit:
            tenths = size * 10 // unit
            return f"{tenths // 10}{name}" if tenths % 10 == 0 else f"{tenths / 10}{name}"
    return f"{size}b"
