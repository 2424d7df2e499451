"""An upstream node over TLS in a thread of the test, for gateways that are processes of their own.

What it does with a request stands in the request's payload, after the parent task: ``echo …``, ``wait`` (no answer), ``after SECONDS``,
``bytes COUNT``.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import HandshakeReceived, PingReceived, RequestReceived
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.security import CREDENTIALS_HEADER
from protocol.versions import V_8_19
from tests.gateway.backends.relay.played import node

START_SECONDS = 20.0
PIECE = 256 * 1024


@dataclass(eq=False)
class Connection:
    """One link, as the upstream sees it."""

    stream: trio.SSLStream[trio.SocketStream]
    serial: int | None = None
    """Of the client's certificate."""
    handshake_key: str | None = None
    requests: list[bytes] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    open: bool = True
    lock: trio.Lock = field(default_factory=trio.Lock)


@dataclass
class Served:
    """``context`` is for the connections after. ``refused`` is a key that is not taken any more."""

    context: ssl.SSLContext
    port: int = 0
    refused: str | None = None
    connections: list[Connection] = field(default_factory=list)
    _started: threading.Event = field(default_factory=threading.Event)
    _token: trio.lowlevel.TrioToken | None = None
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def open(self) -> list[Connection]:
        return [each for each in self.connections if each.open]

    def requests(self) -> list[bytes]:
        return [request for each in list(self.connections) for request in each.requests]

    def run(self) -> None:
        trio.run(self._run)

    def stop(self) -> None:
        assert self._token is not None
        trio.from_thread.run_sync(self._scope.cancel, trio_token=self._token)

    def wait(self) -> None:
        assert self._started.wait(START_SECONDS)

    async def _run(self) -> None:
        with self._scope:
            async with trio.open_nursery() as nursery:
                listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
                self.port = listeners[0].socket.getsockname()[1]
                self._token = trio.lowlevel.current_trio_token()
                nursery.start_soon(partial(trio.serve_listeners, self._serve, listeners))
                self._started.set()

    async def _serve(self, plain: trio.SocketStream) -> None:
        stream = trio.SSLStream(plain, self.context, server_side=True, https_compatible=True)
        connection = Connection(stream)
        machine = ServerConnection(offered=V_8_19, release="8.19.21")
        try:
            await stream.do_handshake()
            shown = stream.getpeercert()
            connection.serial = int(str(shown["serialNumber"]), 16) if shown else None
            self.connections.append(connection)
            async with trio.open_nursery() as nursery:
                while data := await stream.receive_some(65536):
                    for event in machine.receive_data(data):
                        if isinstance(event, HandshakeReceived | PingReceived):
                            await self._send(connection, event.reply)
                        elif isinstance(event, RequestReceived):
                            nursery.start_soon(self._answer, connection, machine, event)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError):
            pass
        finally:
            connection.open = False
            await trio.aclose_forcefully(stream)

    async def _answer(self, connection: Connection, machine: ServerConnection, request: RequestReceived) -> None:
        header = request.header
        key = header.request_headers.get(CREDENTIALS_HEADER)
        if self.refused is not None and key == f"ApiKey {self.refused}":
            error = ElasticsearchException("security_exception", "the key has been invalidated", status=401)
            await self._send(connection, machine.error_response(header, error))
            return
        if header.action in (REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE):
            connection.handshake_key = key
            reply = HandshakeResponse(version=8192199, build_hash="h", node=node("127.0.0.1", self.port), cluster_name="up")
            await self._send(connection, machine.response(header, reply.encode(V_8_19)))
            return
        asked = request.payload[1:]
        connection.requests.append(asked)
        connection.keys.append(key)
        verb, _, rest = asked.partition(b" ")
        if verb == b"wait":
            return
        if verb == b"after":
            await trio.sleep(float(rest))
        answer = bytes(int(rest)) if verb == b"bytes" else asked
        await self._send(connection, machine.response(header, answer))

    async def _send(self, connection: Connection, frame: bytes) -> None:
        async with connection.lock:
            for start in range(0, len(frame), PIECE):
                await connection.stream.send_all(frame[start : start + PIECE])


def server_context(folder: Path, name: str = "server", authority: str | None = None) -> ssl.SSLContext:
    """``authority``: whose clients are let in, in the certificate model."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    if authority is not None:
        context.load_verify_locations(folder / f"{authority}.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def served(context: ssl.SSLContext) -> Iterator[Served]:
    upstream = Served(context)
    thread = threading.Thread(target=upstream.run, daemon=True)
    thread.start()
    upstream.wait()
    try:
        yield upstream
    finally:
        upstream.stop()
        thread.join(START_SECONDS)
