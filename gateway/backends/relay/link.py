"""One connection to an upstream node: many requests at once, each answer to the one who waits for it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import structlog
import trio

from gateway.limits import SEND_SECONDS
from gateway.node import RELEASE
from gateway.sockets import set_keep_alive
from protocol.client import ClientConnection, Connected, ResponseReceived
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Limits
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19, TransportVersion

log = structlog.get_logger("gateway.backends.relay")

RECEIVE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream node is reached."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``host:port`` or ``[::1]:port``. Raises ValueError."""
        host, _, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"[{text}] is not host:port")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"[{text}] is not host:port")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class _Waiting:
    action: str
    done: trio.Event = field(default_factory=trio.Event)
    answer: ResponseReceived | None = None


class Link:
    """Open after ``open``; ``run`` reads until either side ends it."""

    def __init__(self, address: Address, stream: trio.abc.Stream, machine: ClientConnection) -> None:
        self.address = address
        self.version: TransportVersion = V_8_19
        self.closed = False
        self._stream = stream
        self._machine = machine
        self._send_lock = trio.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._clients = 0
        self._unused = trio.Event()

    @property
    def clients(self) -> int:
        """Connections of clients that are bound to this link."""
        return self._clients

    def bind(self) -> None:
        self._clients += 1

    def release(self) -> None:
        self._clients -= 1
        if not self._clients:
            self._unused.set()

    async def unused(self) -> None:
        """Returns when no client is bound to the link."""
        while self._clients and not self.closed:
            self._unused = trio.Event()
            await self._unused.wait()

    @property
    def busy(self) -> int:
        """Requests whose answers have not come."""
        return len(self._waiting)

    @classmethod
    async def open(cls, address: Address, context: ssl.SSLContext | None, server_name: str | None, limits: Limits) -> Self:
        """Connects and shakes hands. Raises OSError, ssl.SSLError, trio's resource errors and WireError."""
        socket_stream = await trio.open_tcp_stream(address.host, address.port)
        set_keep_alive(socket_stream)
        stream: trio.abc.Stream = socket_stream
        try:
            if context is not None:
                tls = trio.SSLStream(socket_stream, context, server_hostname=server_name or address.host, https_compatible=True)
                await tls.do_handshake()
                stream = tls
            machine = ClientConnection(offered=V_8_19, oldest=MINIMUM_COMPATIBLE, release=RELEASE, limits=limits)
            link = cls(address, stream, machine)
            await stream.send_all(machine.handshake())
            link.version = await link._shaken()
        except BaseException:
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(stream)
            raise
        return link

    async def _shaken(self) -> TransportVersion:
        while True:
            data = await self._stream.receive_some(RECEIVE_BYTES)
            if not data:
                raise WireError("the connection was closed instead of an answer to the handshake")
            for event in self._machine.receive_data(data):
                if isinstance(event, Connected):
                    return event.version
                raise WireError("an answer before that to the handshake")

    async def run(self) -> None:
        """Gives each answer to the one who waits for it. Returns when the connection is over; all who wait then are told."""
        reason = "closed by the upstream"
        try:
            while data := await self._stream.receive_some(RECEIVE_BYTES):
                for event in self._machine.receive_data(data):
                    if isinstance(event, ResponseReceived):
                        waiting = self._waiting.pop(event.header.request_id, None)
                        if waiting is not None:  # else it was cancelled
                            waiting.answer = event
                            waiting.done.set()
        except WireError as error:
            reason = str(error)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            reason = f"connection lost: {error}"
        finally:
            await self.close()
            log.info("upstream link closed", address=str(self.address), reason=reason, requests=len(self._waiting))
            for waiting in self._waiting.values():
                waiting.done.set()
            self._waiting.clear()

    async def close(self) -> None:
        self.closed = True
        self._unused.set()
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(self._stream)

    async def send(
        self, action: str, payload: bytes, headers: Mapping[str, str], version: TransportVersion, *, compressed: bool = False
    ) -> int:
        """Send a request; ``answer`` waits for what becomes of it. Raises node_disconnected_exception."""
        async with self._send_lock:
            if self.closed:
                raise self._disconnected(action)
            try:
                request_id, frame = self._machine.request(action, payload, headers, version, compressed=compressed)
            except WireError as error:
                raise ElasticsearchException("transport_exception", str(error)) from None
            self._waiting[request_id] = _Waiting(action)
            try:
                # A client that goes away does not stop a frame halfway, which would end the link for all others.
                with trio.fail_after(SEND_SECONDS, shield=True):
                    await self._stream.send_all(frame)
            except BaseException as error:
                # Half a frame may be on its way, and nothing can follow it.
                self._waiting.pop(request_id, None)
                await self.close()
                if isinstance(error, trio.BrokenResourceError | trio.ClosedResourceError | trio.TooSlowError):
                    raise self._disconnected(action) from error
                raise
        return request_id

    async def answer(self, request_id: int) -> ResponseReceived:
        """Raises node_disconnected_exception when the link ends before the answer has come."""
        waiting = self._waiting[request_id]
        try:
            await waiting.done.wait()
        finally:
            self._waiting.pop(request_id, None)
        if waiting.answer is None:
            raise self._disconnected(waiting.action)
        return waiting.answer

    def _disconnected(self, action: str) -> ElasticsearchException:
        return ElasticsearchException("node_disconnected_exception", f"[{self.address}][{action}] disconnected")
