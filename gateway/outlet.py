"""Where whole messages go out to one stream, one after the other, from any task."""

from __future__ import annotations

import trio

from gateway.limits import SEND_SECONDS
from gateway.tls_stream import TlsStream

PIECE_BYTES = 128 * 1024
"""Handed to the stream at once; each piece has the deadline SEND_SECONDS."""


class Outlet:
    """A message that the socket takes at once costs no lock, no deadline and no turn of other tasks: most do.

    All raise trio's resource errors, and trio.TooSlowError where the other side takes nothing.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.turn = trio.Lock()
        """To be held over ``put``."""
        self._stream = stream
        self._tls = stream if isinstance(stream, TlsStream) else None

    async def send(self, message: bytes, *, shield: bool = False) -> None:
        """``shield``: once it is this message's turn, it goes out whole whatever is cancelled."""
        if self._tls is not None and len(message) <= PIECE_BYTES and not self.turn.locked():
            if self._tls.send_now(message):
                return
            # The rest of it has its place in the stream: what others send comes after.
            message = b""
            self.turn.acquire_nowait()
        else:
            await self.turn.acquire()
        try:
            with trio.CancelScope(shield=shield):
                await self.put(message)
        finally:
            self.turn.release()

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
