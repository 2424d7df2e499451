"""Hits in parts, as fast as the client takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import trio

from gateway.limits import SEND_SECONDS
from protocol.errors import ElasticsearchException
from protocol.native.values import pack, pack_array

PART_BYTES: Final = 64 * 1024
"""A part ends with the hit that makes it as large as this."""


class Parts:
    """The credit of one stream: bytes of parts that the client will take."""

    def __init__(self, credit: int) -> None:
        self._credit = credit
        self._size = min(credit, PART_BYTES)
        self._changed = trio.Event()
        self._cancelled: str | None = None

    def add_credit(self, size: int) -> None:
        self._credit += size
        self._changed.set()

    def cancel(self, reason: str) -> None:
        self._cancelled = reason
        self._changed.set()

    async def of(self, hits: Iterable[dict[str, Any]]) -> AsyncIterator[tuple[bytes, bool]]:
        """The bodies of parts, and whether each is the last. Raises task_cancelled_exception, and timeout_exception where no credit comes
        for SEND_SECONDS."""
        packed: list[bytes] = []
        size = 0
        for hit in hits:
            if size >= self._size:
                yield await self._taken(packed), False
                packed, size = [], 0
            packed.append(pack(hit))
            size += len(packed[-1])
        yield await self._taken(packed), True

    async def _taken(self, packed: list[bytes]) -> bytes:
        await trio.lowlevel.checkpoint()
        while self._credit <= 0 and self._cancelled is None:
            self._changed = trio.Event()
            with trio.move_on_after(SEND_SECONDS) as scope:
                await self._changed.wait()
            if scope.cancelled_caught:
                raise ElasticsearchException("timeout_exception", f"no credit for [{SEND_SECONDS:.0f}s]")
        if self._cancelled is not None:
            raise ElasticsearchException("task_cancelled_exception", f"task cancelled [{self._cancelled}]")
        body = pack_array(packed)
        self._credit -= len(body)
        return body
