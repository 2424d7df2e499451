"""The pump of one connection: bytes from the socket into the protocol's machine, requests to the handler, answers back.

One task reads. A request that the handler can ``start`` at once needs no other: who has the answer brings it, and it waits in the outlet
for what else is ready at the same moment. Each other request is a task of its own; so are answers that the socket does not take at once.
Answers go out in any order, frames whole and one after the other. A request's failure answers that request; a violation of the protocol
closes this connection; neither touches another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

import structlog
import trio

from gateway.backends import Forwarded
from gateway.configuration.model import LimitSettings
from gateway.groups import first
from gateway.limits import FRAME_SECONDS
from gateway.outlet import Outlet, flush
from gateway.passing import Answer, Caller
from gateway.peer import Peer
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException, WireError
from protocol.events import Event, HandshakeReceived, PingReceived, RequestReceived, RequestStarted
from protocol.frames import Header, HttpRequestOnTransport

log = structlog.get_logger("gateway.connection")

RECEIVE_BYTES = 64 * 1024


class RequestHandler(Protocol):
    """What the pump needs of the rooms behind it."""

    def check_header(self, header: Header, peer: Peer) -> None:
        """Refuse a request by its header alone: raises ElasticsearchException. The connection is closed after the answer: this
        exception, or where the payload is there already that of ``handle``, which must refuse it too."""

    def start(self, request: RequestReceived, peer: Peer, caller: Caller) -> bool:
        """Begin a request for which nobody needs to wait: then the caller gets the answer, at once or later, and this is true. Else
        nothing has been done."""

    async def handle(self, request: RequestReceived, peer: Peer) -> bytes | Forwarded:
        """The answer's payload, or what another cluster answered; raises ElasticsearchException for the error that is the answer."""


@dataclass(slots=True)
class Pump:
    """Serves one stream until either side closes it."""

    stream: trio.abc.Stream
    machine: ServerConnection
    handler: RequestHandler
    peer: Peer
    limits: LimitSettings
    _outlet: Outlet = field(init=False)
    _nursery: trio.Nursery | None = None
    """While the connection lives."""
    _places: trio.Semaphore = field(init=False)
    _running: int = 0
    _refused: tuple[Header, ElasticsearchException] | None = None
    _greeted: bool = False
    """Whether a whole message has come."""
    _draining: bool = False
    _drained: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._outlet = Outlet(self.stream)
        self._places = trio.Semaphore(self.limits.max_requests_per_connection)

    async def run(self) -> None:
        """Returns when the connection is over; the stream is closed then. Raises nothing but trio.Cancelled."""
        about = self._about()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._outlet.start_soon = nursery.start_soon
                try:
                    await self._read(nursery)
                finally:
                    # Before other tasks have a turn: those that bring answers would fail at a nursery that is closing.
                    self._nursery = None
                    self._outlet.close()
                nursery.cancel_scope.cancel()
        except* WireError as group:
            error = first(group)
            log.warning("closing connection", reason=str(error), **about)
            if isinstance(error, HttpRequestOnTransport):
                await self._send_last(str(error).encode())
        except* (trio.BrokenResourceError, trio.ClosedResourceError) as group:
            log.info("connection lost", reason=str(first(group)), **about)
        except* trio.TooSlowError:
            log.warning("closing connection", reason="the other side takes no bytes", **about)
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(self.stream)

    def drain(self) -> trio.Event:
        """Take no further requests. The event is set when those that run have been answered."""
        self._draining = True
        if not self._running:
            self._drained.set()
        return self._drained

    async def _read(self, nursery: trio.Nursery) -> None:
        frame_deadline = inf
        while True:
            if frame_deadline == inf:
                data = await self.stream.receive_some(RECEIVE_BYTES)
            else:
                with trio.CancelScope(deadline=frame_deadline) as scope:
                    data = await self.stream.receive_some(RECEIVE_BYTES)
                if scope.cancelled_caught:
                    raise WireError(f"the {'message' if self._greeted else 'handshake'} was not complete in time")
            if not data:
                if self.machine.mid_message:
                    raise WireError("the connection ended within a message")
                log.debug("connection closed", **self._about())
                return
            try:
                for event in self.machine.receive_data(data):
                    if isinstance(event, RequestStarted):
                        self._check(event.header)
                        continue
                    self._greeted, frame_deadline = True, inf
                    if not (isinstance(event, RequestReceived) and self._start(event)) and not await self._on_event(
                        event, nursery
                    ):
                        return
            finally:
                flush()
            if self._refused is not None:
                await self._outlet.send(self.machine.error_response(*self._refused))
                return
            if self.machine.mid_message and frame_deadline == inf:
                allowed = FRAME_SECONDS if self._greeted else self.limits.handshake_timeout / 1e9
                frame_deadline = trio.current_time() + allowed

    def _check(self, header: Header) -> None:
        try:
            self.handler.check_header(header, self.peer)
        except ElasticsearchException as error:
            log.warning("closing connection", reason=error.reason, action=header.action, **self._about())
            self._refused = header, error

    def _start(self, request: RequestReceived) -> bool:
        """Whether that is all there is to do about the request now."""
        if self._refused is not None or self._draining or not self._places.value:
            return False
        # Before the answer, which may come at once.
        self._places.acquire_nowait()
        self._running += 1
        if self.handler.start(request, self.peer, self):
            return True
        self._ended()
        return False

    async def _on_event(self, event: Event, nursery: trio.Nursery) -> bool:
        """Whether reading goes on."""
        flush()
        match event:
            case PingReceived(reply):
                await self._outlet.send(reply)
            case HandshakeReceived(version, release, reply):
                self.peer.version, self.peer.release = str(version), release
                await self._outlet.send(reply)
                log.info("connected", version=self.peer.version, release=release, **self._about())
            case RequestReceived():
                if self._refused is not None:
                    await self._answer_refused(event, self._refused[1])
                    return False
                try:
                    self._places.acquire_nowait()
                except trio.WouldBlock:
                    await self._places.acquire()
                self._running += 1
                nursery.start_soon(self._answer, event)
        return True

    async def _answer(self, request: RequestReceived) -> None:
        answer: Answer
        try:
            if self._draining:
                raise ElasticsearchException("node_closed_exception", "the gateway is shutting down")
            answer = await self.handler.handle(request, self.peer)
        except ElasticsearchException as error:
            answer = error
        except BaseException:
            self._ended()
            raise
        await self._give(request, answer)

    def answered(self, request: RequestReceived, answer: Answer | None) -> None:
        """See Caller."""
        if self._nursery is None or answer is None:
            if isinstance(answer, Forwarded):
                answer.discard()
            self._ended()
            return
        try:
            frame = self._frame(request, answer)
            if frame is not None and self._outlet.takes(len(frame)):
                self._outlet.leave(frame)
                self._ended()
                return
        except Exception as error:  # noqa: BLE001 - it ends this connection
            # What brings the answers goes on for others.
            self._nursery.start_soon(self._fail, error)
            return
        self._nursery.start_soon(self._give, request, answer)

    def start_soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """See Caller."""
        if self._nursery is not None:
            self._nursery.start_soon(work)

    async def _give(self, request: RequestReceived, answer: Answer) -> None:
        try:
            if isinstance(answer, Forwarded) and answer.payload is None:
                try:
                    await self._forward(request.header, answer)
                    return
                except ElasticsearchException as error:
                    answer = error
            if (frame := self._frame(request, answer)) is not None:
                await self._outlet.send(frame)
        finally:
            self._ended()

    async def _fail(self, error: Exception) -> None:
        try:
            raise error
        finally:
            self._ended()

    def _ended(self) -> None:
        """A request has been answered, or never will be."""
        self._places.release()
        self._running -= 1
        if self._draining and not self._running:
            self._drained.set()

    def _frame(self, request: RequestReceived, answer: Answer) -> bytes | None:
        """The whole answer, where it is here."""
        if isinstance(answer, ElasticsearchException):
            return self.machine.error_response(request.header, answer)
        if isinstance(answer, bytes):
            return self.machine.response(request.header, answer, request.compression)
        if answer.payload is None:
            return None
        frame = self.machine.forwarded_head(request.header, answer.status, answer.headers, answer.size) + answer.payload
        answer.discard()
        return frame

    async def _answer_refused(self, request: RequestReceived, refusal: ElasticsearchException) -> None:
        """The whole request is here with its refused header: the handler has its say about it, but never lets it pass."""
        try:
            await self.handler.handle(request, self.peer)
        except ElasticsearchException as error:
            refusal = error
        await self._outlet.send(self.machine.error_response(request.header, refusal))

    async def _forward(self, request: Header, answer: Forwarded) -> None:
        """Raises ElasticsearchException while nothing has been sent. An answer that breaks off after that ends the connection, since the
        frame that announced it cannot be completed."""
        try:
            head = self.machine.forwarded_head(request, answer.status, answer.headers, answer.size)
            start = await anext(answer.parts, b"")
            if len(start) == answer.size:
                await self._outlet.send(head + start)
                return
            await self._outlet.begin()
            try:
                await self._outlet.put(head + start)
                try:
                    async for part in answer.parts:
                        await self._outlet.put(part)
                except ElasticsearchException as error:
                    raise WireError(f"an answer broke off: {error.reason}") from error
            finally:
                self._outlet.end()
        finally:
            answer.discard()

    async def _send_last(self, data: bytes) -> None:
        """Send to one who may not listen, for a second at most."""
        with trio.move_on_after(1, shield=True):
            try:
                await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                log.debug("connection lost", reason="before the last answer", **self._about())

    def _about(self) -> dict[str, Any]:
        return {
            "connection": self.peer.connection,
            "interface": self.peer.interface,
            "peer": f"{self.peer.address}:{self.peer.port}",
        }
