"""One connection to an upstream node, for the requests of one connection of a client: each answer to the one who waits for it.

It has no second client, so that a client that takes its answers slowly slows this connection and no other client's.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import structlog
import trio

from gateway.limits import STREAMED_BYTES
from gateway.node import RELEASE
from gateway.outlet import Outlet
from gateway.sockets import set_keep_alive
from gateway.tls_stream import TlsStream
from protocol.client import ClientConnection, ClientEvent, Connected, ResponsePart, ResponseStarted
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import PING, Header, Limits
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19, TransportVersion

log = structlog.get_logger("gateway.links")

RECEIVE_BYTES = 64 * 1024
MAX_PARTS = STREAMED_BYTES // RECEIVE_BYTES
"""Parts of one answer, of RECEIVE_BYTES at most, that wait for a client to take them."""
MAX_HELD = 2 * MAX_PARTS * RECEIVE_BYTES
"""Bytes of all answers of a link that wait; above it each answer may have one part. A client may make a thousand requests at once."""


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


class Room:
    """How much of a link's answers waits for its client."""

    def __init__(self) -> None:
        self.held = 0
        self._taken = trio.Event()

    def take(self, size: int) -> None:
        self.held -= size
        self._taken.set()

    async def wait(self) -> None:
        """Until something is taken. Only who reads from the link may wait."""
        self._taken = trio.Event()
        await self._taken.wait()


class Answer:
    """An answer whose header has come. It gives the parts of its payload while they come; whoever does not take all must ``discard`` it."""

    def __init__(self, header: Header, room: Room) -> None:
        self.header = header
        self._room = room
        self._parts: deque[bytes] = deque()
        self._complete = False
        self._unwanted = False
        self._news: trio.Event | None = None
        self._failure: ElasticsearchException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Raises node_disconnected_exception where the link ends before the answer does."""
        # No generator: one that is left before its end is closed by trio, which takes longer than all else about a small answer.
        while not self._parts:
            if self._complete:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            self._news = trio.Event()
            await self._news.wait()
            self._news = None
        part = self._parts.popleft()
        self._room.take(len(part))
        return part

    async def whole(self) -> bytes:
        """Raises node_disconnected_exception."""
        return b"".join([part async for part in self])

    def discard(self) -> None:
        """What still comes is thrown away."""
        self._unwanted = True
        self._room.take(sum(map(len, self._parts)))
        self._parts.clear()

    async def put(self, part: bytes, *, last: bool) -> None:
        """Waits while MAX_PARTS have not been taken: that is how a slow client slows the upstream, and nothing is heaped up between."""
        # The last answer may always have a part: its client may be in the middle of it, and take no other before its end.
        while self._parts and (len(self._parts) >= MAX_PARTS or self._room.held >= MAX_HELD):
            await self._room.wait()
        if not self._unwanted:
            self._parts.append(part)
            self._room.held += len(part)
        self._complete = last
        self._tell()

    def fail(self, error: ElasticsearchException) -> None:
        if not self._complete:
            self._failure = error
            self._tell()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()


@dataclass(slots=True)
class Pending:
    """A request that was sent."""

    request_id: int
    action: str
    version: TransportVersion
    begun: trio.Event = field(default_factory=trio.Event)
    answer: Answer | None = None


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
            while data := await self._receive():
                for event in self._machine.receive_data(data):
                    await self._on_event(event)
        except WireError as error:
            reason = str(error)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            reason = f"connection lost: {error}"
        finally:
            await self.close()
            log.info("link closed", address=str(self.address), reason=self._end or reason, requests=len(self._waiting))
            for waiting in self._waiting.values():
                waiting.begun.set()
                if waiting.answer is not None:
                    waiting.answer.fail(self._disconnected(waiting.action))
            self._waiting.clear()
            self.ended.set()

    async def _receive(self) -> bytes | bytearray:
        self._listening_since = trio.current_time()
        data = await self._stream.receive_some(RECEIVE_BYTES)
        self._listening_since = None
        self.heard = trio.current_time()
        return data

    async def _on_event(self, event: ClientEvent) -> None:
        match event:
            case ResponseStarted(header):
                waiting = self._waiting.get(header.request_id)
                if waiting is not None:  # else it was given up
                    if header.version != waiting.version:
                        # Nobody could read it: an answer has the version of its request.
                        raise WireError(f"an answer of version [{header.version}] to a request of [{waiting.version}]")
                    waiting.answer = Answer(header, self._room)
                    waiting.begun.set()
            case ResponsePart(request_id, data, last):
                waiting = self._waiting.get(request_id)
                if waiting is not None and waiting.answer is not None:
                    await waiting.answer.put(data, last=last)
                    if last:
                        self._waiting.pop(request_id, None)  # it may have been given up meanwhile

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
        if self.closed:
            raise self._disconnected(action)
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
        try:
            # A client that goes away does not stop a frame halfway, which would end the link for all others.
            await self._outlet.send(frame, shield=True)
        except trio.Cancelled:
            # Before its turn, of which the shield keeps this out. The link may have ended meanwhile.
            self._waiting.pop(request_id, None)
            self._machine.withdraw(request_id)
            raise
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            # Half a frame may be on its way, and nothing can follow it.
            self._waiting.pop(request_id, None)
            await self.close()
            raise self._disconnected(action) from error
        return pending

    async def ping(self) -> None:
        """Ask for a sign of life, which shows in ``heard``; whoever is sending just now finds out as well."""
        if self.closed or self._outlet.turn.locked():
            return
        try:
            await self._outlet.send(PING, shield=True)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            await self.close(f"connection lost: {error}")

    async def answer(self, pending: Pending) -> Answer:
        """Raises node_disconnected_exception when the link ends before an answer has begun."""
        try:
            await pending.begun.wait()
        except trio.Cancelled:
            self.forget(pending)
            raise
        if pending.answer is None:
            raise self._disconnected(pending.action)
        return pending.answer

    def forget(self, pending: Pending) -> None:
        """Nobody wants the answer any more."""
        self._waiting.pop(pending.request_id, None)
        if pending.answer is not None:
            pending.answer.discard()

    def _disconnected(self, action: str) -> ElasticsearchException:
        return ElasticsearchException("node_disconnected_exception", f"[{self.address}][{action}] disconnected")
