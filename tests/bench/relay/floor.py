"""A bare relay: TLS in, TLS out, frames passed on by their length and with their ids, in trio. No security of any kind.

It is what a relay in this language and on this library costs before it does anything. ``python -m tests.bench.relay.floor CERTIFICATE
KEY CA UPSTREAM_PORT`` prints its port.
"""

from __future__ import annotations

import ssl
import struct
import sys
from functools import partial

import trio

RECEIVE_BYTES = 64 * 1024
PREFIX = struct.Struct(">2si")


class Frames:
    """Walks over a stream of frames by their lengths."""

    def __init__(self) -> None:
        self._left = 0
        self._start = b""

    def check(self, data: bytes | bytearray) -> None:
        """Raises ValueError where no frame begins."""
        position = 0
        while True:
            step = min(self._left, len(data) - position)
            self._left -= step
            position += step
            if position == len(data):
                return
            missing = PREFIX.size - len(self._start)
            self._start += data[position : position + missing]
            position += missing
            if len(self._start) < PREFIX.size:
                return
            marker, length = PREFIX.unpack(self._start)
            if marker != b"ES" or length < -1:
                raise ValueError("no frame")
            self._left, self._start = max(length, 0), b""


async def pump(source: trio.abc.Stream, sink: trio.abc.Stream, scope: trio.CancelScope) -> None:
    frames = Frames()
    try:
        while data := await source.receive_some(RECEIVE_BYTES):
            frames.check(data)
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError, ValueError):
        pass  # the other direction ends as well
    scope.cancel()


async def serve(accepting: ssl.SSLContext, connecting: ssl.SSLContext, port: int, stream: trio.SocketStream) -> None:
    stream.setsockopt(6, 1, 1)  # TCP_NODELAY
    client = trio.SSLStream(stream, accepting, server_side=True, https_compatible=True)
    try:
        socket = await trio.open_tcp_stream("127.0.0.1", port)
        upstream = trio.SSLStream(socket, connecting, server_hostname="localhost", https_compatible=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, client, upstream, nursery.cancel_scope)
            nursery.start_soon(pump, upstream, client, nursery.cancel_scope)
        await trio.aclose_forcefully(upstream)
    except (OSError, trio.BrokenResourceError):
        pass  # one connection less
    finally:
        await trio.aclose_forcefully(client)


async def main() -> None:
    certificate, key, authority, port = sys.argv[1:]
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(certificate, key)
    accepting.num_tickets = 0
    connecting = ssl.create_default_context(cafile=authority)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    print(listener.socket.getsockname()[1], flush=True)
    await trio.serve_listeners(partial(serve, accepting, connecting, int(port)), [listener])


if __name__ == "__main__":
    trio.run(main)
