"""Answers of a link while they come, and how much of them waits for its client."""

from __future__ import annotations

from collections import deque
from typing import Self

import trio

from gateway.limits import STREAMED_BYTES
from protocol.errors import ElasticsearchException
from protocol.frames import Header

RECEIVE_BYTES = 64 * 1024
MAX_PARTS = STREAMED_BYTES // RECEIVE_BYTES
"""Parts of one answer, of RECEIVE_BYTES at most, that wait for a client to take them."""
MAX_HELD = 2 * MAX_PARTS * RECEIVE_BYTES
"""Bytes of all answers of a link that wait; above it each answer may have one part. A client may make a thousand requests at once."""


class Room:
    """How much of a link's answers waits for its client."""

    def __init__(self) -> None:
        self.held = 0
        self._taken: trio.Event | None = None

    def take(self, size: int) -> None:
        self.held -= size
        if self._taken is not None:
            self._taken.set()

    async def wait(self) -> None:
        """Until something is taken. Only who reads from the link may wait."""
        self._taken = trio.Event()
        await self._taken.wait()


class Answer:
    """An answer whose header has come. It gives the parts of its payload while they come; whoever does not take all must ``discard`` it."""

    __slots__ = ("_failure", "_news", "_parts", "_room", "_unwanted", "complete", "header")

    def __init__(self, header: Header, room: Room) -> None:
        self.header = header
        self.complete = False
        """Whether its last part has come."""
        self._room = room
        self._parts: deque[bytes] = deque()
        self._unwanted = False
        self._news: trio.Event | None = None
        self._failure: ElasticsearchException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Raises node_disconnected_exception where the link ends before the answer does."""
        # No generator: one that is left before its end is closed by trio, which takes longer than all else about a small answer.
        while not self._parts:
            if self.complete:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            self._news = trio.Event()
            await self._news.wait()
            self._news = None
        return self._take()

    async def whole(self) -> bytes:
        """Raises node_disconnected_exception."""
        return b"".join([part async for part in self])

    def whole_now(self) -> bytes | None:
        """The payload, where it has come in one part, which stays here until it is taken or ``discard``ed."""
        return self._parts[0] if self.complete and len(self._parts) == 1 else None

    def discard(self) -> None:
        """What still comes is thrown away."""
        self._unwanted = True
        self._room.take(sum(map(len, self._parts)))
        self._parts.clear()

    @property
    def full(self) -> bool:
        """Whether the next part has to wait: that is how a slow client slows the upstream, and nothing is heaped up between."""
        # The last answer may always have a part: its client may be in the middle of it, and take no other before its end.
        return bool(self._parts) and (len(self._parts) >= MAX_PARTS or self._room.held >= MAX_HELD)

    async def wait_for_room(self) -> None:
        while self.full:
            await self._room.wait()

    def put(self, part: bytes, *, last: bool) -> None:
        """Only where it is not ``full``."""
        if not self._unwanted:
            self._parts.append(part)
            self._room.held += len(part)
        self.complete = last
        self._tell()

    def fail(self, error: ElasticsearchException) -> None:
        if not self.complete:
            self._failure = error
            self._tell()

    def _take(self) -> bytes:
        part = self._parts.popleft()
        self._room.take(len(part))
        return part

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
