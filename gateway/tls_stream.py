"""TLS over a socket, for connections that carry many small messages.

``trio.SSLStream`` works over any stream, waits at every step so that other tasks have their turn, and gives out one record of 16 kB at a
time. This one owns its socket, and does what can be done at once at once: ``send_now`` encrypts and sends without waiting, and
``receive_some`` gives out all records that have come. What a full socket did not take is kept, and goes out before anything else; a
cancelled ``drain`` therefore leaves the stream whole. An end without a closing alert is an end, as for ``https_compatible`` there.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final, cast

import trio

SCRATCH_BYTES: Final = 256 * 1024
"""Received in one piece at most, encrypted and plain. One buffer of each for the whole process: between two waits one task has both."""

_encrypted: Final = memoryview(bytearray(SCRATCH_BYTES))
_plain: Final = memoryview(bytearray(SCRATCH_BYTES))


class TlsStream(trio.abc.Stream):
    """Takes over the stream's socket. ``do_handshake`` comes first.

    One task at a time may receive. Any may call ``send_now``; of those for whom it was not enough, one at a time may ``drain``.
    """

    def __init__(
        self, stream: trio.SocketStream, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> None:
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._unsent = b""
        self._ended = False
        self._emptied = False
        """Whether the last receive took all that the socket had: then there is nothing before it has been waited for."""

    def getpeercert(self, *, binary_form: bool) -> Any:
        """See ``ssl.SSLSocket.getpeercert``."""
        return self._tls.getpeercert(binary_form)

    def selected_alpn_protocol(self) -> str | None:
        """See ``ssl.SSLSocket.selected_alpn_protocol``."""
        return self._tls.selected_alpn_protocol()

    async def do_handshake(self) -> None:
        """Raises trio.BrokenResourceError, from the ssl.SSLError where it is the other side's certificate or protocol that is wrong."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.drain()
                await self._receive()
            except (ssl.SSLError, ssl.CertificateError) as error:
                self._push()  # the alert that says why; whether it arrives or not
                raise trio.BrokenResourceError("TLS handshake failed") from error
            else:
                await self.drain()
                return

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """At most SCRATCH_BYTES."""
        most = SCRATCH_BYTES if max_bytes is None else min(max_bytes, SCRATCH_BYTES)
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            if self._incoming.pending or self._incoming.eof or self._tls.pending():
                data = self._decrypted(most)
                if data or self._ended:
                    if not waited:
                        await trio.lowlevel.cancel_shielded_checkpoint()
                    return data
            waited = await self._receive() or waited

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if not self.send_now(data):
            await self.drain()

    def send_now(self, data: bytes | bytearray | memoryview) -> bool:
        """Send as much as can be sent without waiting, and keep the rest; whether there is none. Raises trio.BrokenResourceError and
        trio.ClosedResourceError."""
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("the stream is closed")
        if data:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(f"TLS: {error}") from error
        return self._push()

    async def drain(self) -> None:
        """Send what ``send_now`` kept."""
        while not self._push():
            await trio.lowlevel.wait_writable(self._socket)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        await self.drain()
        await trio.lowlevel.wait_writable(self._socket)

    async def aclose(self) -> None:
        """At once, without a closing alert: both sides know from their own protocol where a message ends."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()

    def _push(self) -> bool:
        data = self._unsent + self._outgoing.read() if self._unsent else self._outgoing.read()
        if not data:
            return True
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise _broken(self._socket, error) from error
        self._unsent = data[sent:]
        return not self._unsent

    async def _receive(self) -> bool:
        """Some bytes from the socket to the TLS machine; whether it had to be waited for them."""
        waited = self._emptied
        if waited and self._socket.fileno() >= 0:
            await trio.lowlevel.wait_readable(self._socket)
        while True:
            try:
                size = self._socket.recv_into(_encrypted)
                break
            except BlockingIOError:
                waited = True
                await trio.lowlevel.wait_readable(self._socket)
            except OSError as error:
                raise _broken(self._socket, error) from error
        self._emptied = 0 < size < SCRATCH_BYTES
        if size:
            self._incoming.write(_encrypted[:size])
        else:
            self._incoming.write_eof()
        return waited

    def _decrypted(self, most: int) -> bytes:
        """Plain bytes that are there, empty for none."""
        tls, size = self._tls, 0
        try:
            while size < most:
                read = cast(int, tls.read(most - size, cast(bytearray, _plain[size:most])))
                if not read:
                    self._ended = True
                    break
                size += read
                if not self._incoming.pending and not tls.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._ended = True
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(f"TLS: {error}") from error
        if self._outgoing.pending:
            self._push()  # an answer of TLS itself, to a change of keys
        return bytes(_plain[:size])


def _broken(own: socket.socket, error: OSError) -> trio.BrokenResourceError | trio.ClosedResourceError:
    if own.fileno() < 0:
        return trio.ClosedResourceError("the stream is closed")
    return trio.BrokenResourceError(f"socket connection broken: {error}")
