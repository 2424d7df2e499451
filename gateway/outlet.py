"""Where whole messages go out to one stream, one after the other, from any task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from gateway.limits import SEND_SECONDS
from gateway.tls_stream import TlsStream

PIECE_BYTES = 128 * 1024
"""Handed to the stream at once; each piece has the deadline SEND_SECONDS."""


class Outlet:
    """A message that the socket takes at once costs no lock, no deadline and no turn of other tasks: most do.

    What no task waits for is left here with ``leave`` and goes out with the next ``flush``; what a full socket does not take of it is
    sent by a task of its own, which ``start_soon`` starts, and meanwhile nothing more can be left. All other methods raise trio's resource
    errors, and trio.TooSlowError where the other side takes nothing; that task does so too.
    """

    def __init__(
        self, stream: trio.abc.Stream, start_soon: Callable[[Callable[[], Awaitable[None]]], None] | None = None
    ) -> None:
        self._stream = stream
        self._tls = stream if isinstance(stream, TlsStream) else None
        self.start_soon = start_soon
        """Of the nursery of who owns this, as soon as it is open."""
        self._turn = trio.Semaphore(1)
        self._left: list[bytes] = []
        self._left_bytes = 0
        self._failure: trio.BrokenResourceError | trio.ClosedResourceError | None = None

    @property
    def busy(self) -> bool:
        """Whether a message is on its way that the socket has not taken wholly."""
        return not self._turn.value

    def takes(self, size: int) -> bool:
        """Whether a message of that size may be left here."""
        return self._tls is not None and self.start_soon is not None and size <= PIECE_BYTES and self._turn.value > 0

    def leave(self, message: bytes) -> None:
        """For ``flush``; only what ``takes`` says."""
        if not self._left:
            _to_flush.append(self)
        self._left.append(message)
        self._left_bytes += len(message)
        if self._left_bytes > PIECE_BYTES:
            self._flush()

    async def send(self, message: bytes, *, shield: bool = False) -> None:
        """``shield``: once it is this message's turn, it goes out whole whatever is cancelled."""
        if self._tls is not None and len(message) <= PIECE_BYTES and self._turn.value:
            self._left.append(message)
            if self._push():
                return
            # The rest of it has its place in the stream: what others send comes after.
            message = b""
        else:
            await self.begin()
        try:
            with trio.CancelScope(shield=shield):
                await self.put(message)
        finally:
            self.end()

    async def begin(self) -> None:
        """Wait for a turn, over which a message is ``put`` in pieces until its ``end``."""
        self._flush()
        await self._turn.acquire()

    def end(self) -> None:
        self._turn.release()

    async def put(self, data: bytes) -> None:
        """Some bytes of a message, or what is left of it."""
        view = memoryview(data)
        for start in range(0, len(view) or 1, PIECE_BYTES):
            if start:
                await trio.lowlevel.checkpoint()
            piece = view[start : start + PIECE_BYTES]
            if self._tls is None:
                with trio.fail_after(SEND_SECONDS):
                    await self._stream.send_all(piece)
            elif not self._tls.send_now(piece):
                with trio.fail_after(SEND_SECONDS):
                    await self._tls.drain()

    def close(self) -> None:
        """Nothing can be left here any more, and nothing goes out of what was: the tasks that would see to it are at their end."""
        self.start_soon = None
        self._left.clear()

    def _push(self) -> bool:
        """Send what was left; whether all of it is gone. If not, it has its turn."""
        assert self._tls is not None  # noqa: S101 - else nothing is left here
        messages, self._left, self._left_bytes = self._left, [], 0
        done = self._tls.send_now(messages[0] if len(messages) == 1 else b"".join(messages))
        if not done:
            self._turn.acquire_nowait()
        return done

    def _flush(self) -> None:
        if not self._left or self.start_soon is None:
            return
        try:
            if self._push():
                return
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._failure = error
            self._turn.acquire_nowait()
        self.start_soon(self._finish)

    async def _finish(self) -> None:
        try:
            if self._failure is not None:
                raise self._failure
            await self.put(b"")
        finally:
            self.end()


_to_flush: list[Outlet] = []
"""Of this process, which has one thread for all of its connections."""


def flush() -> None:
    """Send what was left at any outlet since the last time, in one piece for each. To be called by who has left something, or has others do
    so, before it waits for anything."""
    while _to_flush:
        _to_flush.pop()._flush()
