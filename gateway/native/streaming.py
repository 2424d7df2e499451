"""Hits in parts, as fast as the client takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import trio

from gateway.limits import SEND_SECONDS
from protocol.errors import ElasticsearchException
from protocol.native.values import pack, pack_array

PART_BYTES: Final = 64 * 1024
"""A part ends with the hit that makes it as large as this."""


class Credit:
    """Of one stream: the bytes of parts that the client will take. ``part_bytes`` is how large its parts become."""

    def __init__(self, credit: int) -> None:
        self.part_bytes = min(credit, PART_BYTES)
        self._left = credit
        self._changed = trio.Event()
        self._cancelled: str | None = None

    def add(self, size: int) -> None:
        self._left += size
        self._changed.set()

    def cancel(self, reason: str) -> None:
        self._cancelled = reason
        self._changed.set()

    async def take(self, size: int) -> None:
        """Waits until there is some, and takes the size off. Raises task_cancelled_exception, and timeout_exception where none comes for
        SEND_SECONDS."""
        await trio.lowlevel.checkpoint()
        while self._left <= 0 and self._cancelled is None:
            self._changed = trio.Event()
            with trio.move_on_after(SEND_SECONDS) as scope:
                await self._changed.wait()
            if scope.cancelled_caught:
                raise ElasticsearchException("timeout_exception", f"no credit for [{SEND_SECONDS:.0f}s]")
        if self._cancelled is not None:
            raise ElasticsearchException("task_cancelled_exception", f"task cancelled [{self._cancelled}]")
        self._left -= size


def in_parts(hits: Iterable[dict[str, Any]], part_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """The bodies of parts, and whether each is the last; at least one."""
    packed: list[bytes] = []
    size = 0
    for hit in hits:
        if size >= part_bytes:
            yield pack_array(packed), False
            packed, size = [], 0
        packed.append(pack(hit))
        size += len(packed[-1])
    yield pack_array(packed), True
