"""One connection to an upstream node, for the requests of one connection of a client: each answer to the one who waits for it.

It has no second client, so that a client that takes its answers slowly slows this connection and no other client's.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import structlog
import trio

from gateway.groups import first
from gateway.links.answers import RECEIVE_BYTES, Answer, Room
from gateway.node import RELEASE
from gateway.outlet import Outlet, flush
from gateway.sockets import set_keep_alive
from gateway.tls_stream import TlsStream
from protocol.client import ClientConnection, Connected, ResponsePart, ResponseStarted
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import PING, Header, Limits
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19, TransportVersion

log = structlog.get_logger("gateway.links")


async def connect(host: str, port: int) -> trio.SocketStream:
    """Raises OSError."""
    stream = await trio.open_tcp_stream(host, port)
    set_keep_alive(stream)
    return stream


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream node is reached."""

    host: str
    port: int
    name: str | None = None
    """What its certificate must name, when that is not the host."""

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
class Pending:
    """A request that was sent. ``tell`` is called once, when something of the answer's payload is there, or the link has ended."""

    request_id: int
    action: str
    version: TransportVersion
    tell: Callable[[], None] | None = None
    answer: Answer | None = None
    ended: bool = False
    """Whether the link has."""

    def told(self) -> None:
        if (tell := self.tell) is not None:
            self.tell = None
            tell()


class Link:
    """Open after ``open``; ``run`` reads until either side ends it."""

    def __init__(self, address: Address, stream: trio.abc.Stream, machine: ClientConnection) -> None:
        self.address = address
        self.version: TransportVersion = V_8_19
        self.closed = False
        self.opened = trio.current_time()
        self.used = self.opened
        """When the last request was sent."""
        self.heard = self.opened
        """When the last bytes came."""
        self.generation = 0
        """Of the settings that it was opened with; see Upstream."""
        self.ended = trio.Event()
        self._listening_since: float | None = None
        self._end: str | None = None
        self._room = Room()
        self._stream = stream
        self._machine = machine
        self._outlet = Outlet(stream)
        self._waiting: dict[int, Pending] = {}

    @property
    def silence(self) -> float:
        """Seconds for which nothing has come. None pass while a client does not take what has come."""
        return 0.0 if self._listening_since is None else trio.current_time() - self._listening_since

    @property
    def busy(self) -> bool:
        """Whether an answer has not come, or not wholly."""
        return bool(self._waiting)

    @classmethod
    async def open(cls, address: Address, context: ssl.SSLContext | None, server_name: str | None, limits: Limits) -> Self:
        """Connects and shakes hands. Raises OSError, ssl.SSLError, trio's resource errors and WireError."""
        socket = await connect(address.host, address.port)
        stream: trio.abc.Stream = socket
        try:
            if context is not None:
                stream = tls = TlsStream(socket, context, server_hostname=server_name or address.name or address.host)
                await tls.do_handshake()
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
        reason = "closed by the other side"
        try:
            async with trio.open_nursery() as nursery:
                self._outlet.start_soon = nursery.start_soon
                try:
                    await self._read()
                finally:
                    # Before other tasks have a turn: those that leave requests would fail at a nursery that is closing.
                    self.closed = True
                    self._outlet.close()
                nursery.cancel_scope.cancel()
        except* WireError as group:
            reason = str(first(group))
        except* (trio.BrokenResourceError, trio.ClosedResourceError) as group:
            reason = f"connection lost: {first(group)}"
        except* trio.TooSlowError:
            reason = "the other side takes no bytes"
        finally:
            await self.close()
            log.info("link closed", address=str(self.address), reason=self._end or reason, requests=len(self._waiting))
            waiting = list(self._waiting.values())
            self._waiting.clear()
            for each in waiting:
                each.ended = True
                if each.answer is not None:
                    each.answer.fail(self.disconnected(each.action))
                each.told()
            flush()
            self.ended.set()

    async def _read(self) -> None:
        while data := await self._receive():
            try:
                for event in self._machine.receive_data(data):
                    if isinstance(event, ResponsePart):
                        pending = self._waiting.get(event.request_id)
                        if pending is not None and pending.answer is not None:
                            if pending.answer.full:
                                flush()
                                self._listening_since = None
                                await pending.answer.wait_for_room()
                            self._put(pending, pending.answer, event)
                    elif isinstance(event, ResponseStarted):
                        self._begin(event.header)
            finally:
                flush()

    def _begin(self, header: Header) -> None:
        pending = self._waiting.get(header.request_id)
        if pending is None:
            return  # it was given up
        if header.version != pending.version:
            # Nobody could read it: an answer has the version of its request.
            raise WireError(f"an answer of version [{header.version}] to a request of [{pending.version}]")
        pending.answer = Answer(header, self._room)

    def _put(self, pending: Pending, answer: Answer, part: ResponsePart) -> None:
        answer.put(part.data, last=part.last)
        if part.last:
            self._waiting.pop(part.request_id, None)  # it may have been given up meanwhile
        pending.told()

    async def _receive(self) -> bytes | bytearray:
        if self._listening_since is None:
            self._listening_since = trio.current_time()
        data = await self._stream.receive_some(RECEIVE_BYTES)
        self.heard = self._listening_since = trio.current_time()
        return data

    async def close(self, reason: str | None = None) -> None:
        """``reason``: for the log."""
        self.closed = True
        self._end = self._end or reason
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(self._stream)

    async def send(
        self, action: str, payload: bytes, headers: Mapping[str, str], version: TransportVersion, *, compressed: bool = False
    ) -> Pending:
        """Send a request; ``answer`` waits for what becomes of it. Raises node_disconnected_exception."""
        pending, frame = self._prepare(action, payload, headers, version, compressed)
        try:
            # A client that goes away does not stop a frame halfway, which would end the link for all others.
            await self._outlet.send(frame, shield=True)
        except trio.Cancelled:
            # Before its turn, of which the shield keeps this out. The link may have ended meanwhile.
            self._waiting.pop(pending.request_id, None)
            self._machine.withdraw(pending.request_id)
            raise
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            # Half a frame may be on its way, and nothing can follow it.
            self._waiting.pop(pending.request_id, None)
            await self.close()
            raise self.disconnected(action) from error
        return pending

    def takes(self, size: int) -> bool:
        """Whether a request with a payload of that size need not wait to be sent."""
        return not self.closed and self._outlet.takes(size)

    def send_now(
        self,
        action: str,
        payload: bytes,
        headers: Mapping[str, str],
        version: TransportVersion,
        tell: Callable[[], None],
        *,
        compressed: bool = False,
    ) -> Pending:
        """A request that the link ``takes``; it goes out with the next ``flush``. Raises as ``send`` does."""
        pending, frame = self._prepare(action, payload, headers, version, compressed)
        pending.tell = tell
        self._outlet.leave(frame)
        return pending

    def _prepare(
        self, action: str, payload: bytes, headers: Mapping[str, str], version: TransportVersion, compressed: bool
    ) -> tuple[Pending, bytes]:
        if self.closed:
            raise self.disconnected(action)
        if version > self.version:
            # Its payload would have to be written anew, which only who understands all of it could do.
            raise ElasticsearchException(
                "illegal_state_exception",
                f"[{self.address}][{action}] a request of transport version [{version}] cannot be passed on to a node of [{self.version}]",
            )
        try:
            request_id, frame = self._machine.request(action, payload, headers, version, compressed=compressed)
        except WireError as error:
            raise ElasticsearchException("transport_exception", str(error)) from None
        pending = self._waiting[request_id] = Pending(request_id, action, version)
        self.used = trio.current_time()
        return pending, frame

    async def ping(self) -> None:
        """Ask for a sign of life, which shows in ``heard``; whoever is sending just now finds out as well."""
        if self.closed or self._outlet.busy:
            return
        try:
            await self._outlet.send(PING, shield=True)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            await self.close(f"connection lost: {error}")

    async def answer(self, pending: Pending) -> Answer:
        """Raises node_disconnected_exception when the link ends before an answer has begun."""
        if pending.answer is None and not pending.ended:
            begun = trio.Event()
            pending.tell = begun.set
            try:
                await begun.wait()
            except trio.Cancelled:
                self.forget(pending)
                raise
        if pending.answer is None:
            raise self.disconnected(pending.action)
        return pending.answer

    def forget(self, pending: Pending) -> None:
        """Nobody wants the answer any more."""
        self._waiting.pop(pending.request_id, None)
        pending.tell = None
        if pending.answer is not None:
            pending.answer.discard()

    def disconnected(self, action: str) -> ElasticsearchException:
        """What a request fails with whose answer cannot come any more."""
        return ElasticsearchException("node_disconnected_exception", f"[{self.address}][{action}] disconnected")
