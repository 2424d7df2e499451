"""The pump of one native connection: frames from the stream into the machine, requests on their way, answers back.

One task reads; each request is a task of its own. Frames go out whole, one after the other. A request's failure answers that request; a
violation of the protocol closes the connection, which is told why; neither touches another.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

import structlog
import trio

from gateway.configuration.model import LimitSettings
from gateway.connection import RECEIVE_BYTES
from gateway.limits import FRAME_SECONDS, InFlightBytes
from gateway.native.asking import Asking
from gateway.native.exchange import Exchange, Handler, Rooms, transport_request
from gateway.native.methods import METHODS, Asked, Method
from gateway.native.streaming import Credit, in_parts
from gateway.node import RELEASE
from gateway.outlet import Outlet
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions.rest import rest_error
from protocol.native.connection import NativeConnection, Received, Side, Started, State, TooLarge
from protocol.native.frames import encode_frame
from protocol.native.messages import (
    Cancel,
    Error,
    Goaway,
    Hello,
    NativeMessage,
    Part,
    Ping,
    Pong,
    Request,
    Response,
    Welcome,
)
from protocol.native.messages import Credit as MoreCredit
from protocol.native.values import ALPN, VERSION, Limits, pack, unpack_untrusted

log = structlog.get_logger("gateway.native")

LAST_WORDS_SECONDS: Final = 1.0
"""How long a connection that is closed for a violation takes to be told why."""


@dataclass(slots=True)
class _Running:
    """A request that has no answer yet, or not all of it."""

    exchange: Exchange
    credit: Credit | None

    def cancel(self, reason: str) -> None:
        self.exchange.cancel(reason)
        if self.credit is not None:
            self.credit.cancel(reason)


@dataclass(slots=True)
class _Begun:
    """A request whose body is awaited. ``method`` is None where there is none of that name."""

    headers: dict[str, str]
    method: Method | None


@dataclass(slots=True)
class NativePump:
    """Serves one stream until either side closes it. ``node`` is the gateway's name."""

    stream: trio.abc.Stream
    handler: Handler
    peer: Peer
    limits: LimitSettings
    tasks: TaskRegistry
    in_flight: InFlightBytes
    max_header: int
    node: str = ""
    _machine: NativeConnection = field(init=False)
    _outlet: Outlet = field(init=False)
    _rooms: Rooms = field(init=False)
    _asking: Asking | None = None
    _begun: _Begun | None = None
    _running: dict[int, _Running] = field(default_factory=dict)
    _nursery: trio.Nursery | None = None
    _draining: bool = False
    _drained: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._machine = NativeConnection(Side.ANSWERS, Limits(header=self.max_header, frame=self.limits.max_message_size))
        self._outlet = Outlet(self.stream)
        self._rooms = Rooms(
            self.handler,
            self.peer,
            self.tasks,
            self.in_flight,
            max_answer=self.limits.max_message_size,
            node=secrets.token_urlsafe(16),
            wire_ids=itertools.count(1),
        )

    async def run(self) -> None:
        """Returns when the connection is over; the stream is closed then. Raises nothing but trio.Cancelled."""
        about = self._about()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await self._read(nursery)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError) as group:
            log.info("connection lost", reason=str(group.exceptions[0]), **about)
        except* trio.TooSlowError:
            log.warning("closing connection", reason="the other side takes no bytes", **about)
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(self.stream)

    def drain(self) -> trio.Event:
        """Take no further requests. The event is set when those that run have been answered."""
        self._draining = True
        if self._nursery is not None and self._machine.state is State.OPEN:
            self._nursery.start_soon(self._send, Goaway("the gateway is shutting down"))
        if not self._running:
            self._drained.set()
        return self._drained

    async def _read(self, nursery: trio.Nursery) -> None:
        """Until the connection ends, or is to end."""
        try:
            deadline = trio.current_time() + self.limits.handshake_timeout / 1e9
            while True:
                with trio.CancelScope(deadline=deadline) as scope:
                    data = await self.stream.receive_some(RECEIVE_BYTES)
                if scope.cancelled_caught:
                    what = "message" if self._asking is not None else "handshake"
                    raise WireError(f"the {what} was not complete in time")
                if not data:
                    if self._machine.mid_message:
                        raise WireError("the connection ended within a message")
                    log.debug("connection closed", **self._about())
                    return
                whole = False
                for event in self._machine.receive_data(data):
                    whole = True
                    if not await self._on_event(event, nursery):
                        return
                if self._asking is not None:
                    if not self._machine.mid_message:
                        deadline = inf
                    elif whole or deadline == inf:
                        deadline = trio.current_time() + FRAME_SECONDS
        except WireError as error:
            log.warning("closing connection", reason=str(error), **self._about())
            with trio.move_on_after(LAST_WORDS_SECONDS):
                await self._outlet.send(encode_frame(Goaway(str(error)).to_header()), shield=True)

    async def _on_event(self, event: Started | Received, nursery: trio.Nursery) -> bool:
        """Whether reading goes on."""
        message = event.message
        if isinstance(message, Request):
            try:
                begun = self._begun = self._begun or self._begin(message)
            except ElasticsearchException as error:
                log.warning("closing connection", reason=error.reason, method=message.method, **self._about())
                await self._refuse(message, error)
                return False
            if isinstance(event, Received):
                self._begun = None
                await self._start(message, begun, event.body, nursery)
        elif isinstance(event, Received):
            return await self._on_message(message)
        return True

    async def _on_message(self, message: NativeMessage) -> bool:
        match message:
            case Hello():
                return await self._greet(message)
            case Ping():
                await self._send(Pong())
            case Cancel(number, reason):
                if (running := self._running.get(number)) is not None:
                    running.cancel(reason or "by the client")
            case MoreCredit(number, size):
                if (running := self._running.get(number)) is not None and running.credit is not None:
                    running.credit.add(size)
        return True

    async def _greet(self, hello: Hello) -> bool:
        if VERSION not in hello.versions:
            raise WireError(f"none of the versions {hello.versions} is spoken here, which is [{VERSION}]")
        self._asking = Asking(self.peer.interface, hello)
        self.peer.version, self.peer.release = ALPN, hello.name
        mine = self._machine.limits
        limits = {"frame": mine.frame, "header": mine.header, "depth": mine.depth, "elements": mine.elements}
        limits["requests"] = self.limits.max_requests_per_connection
        await self._send(Welcome(VERSION, limits, self.node, RELEASE))
        log.info("connected", version=ALPN, client=hello.name, **self._about())
        return True

    def _begin(self, request: Request) -> _Begun:
        """Looks at who asks, before the body is awaited. Raises ElasticsearchException; the connection is then closed, as that of a local
        cluster is: who is not known is not to send megabytes."""
        assert self._asking is not None  # noqa: S101 - the machine lets no request come before hello
        method = METHODS.get(request.method)
        headers = self._asking.headers(request, system=method is not None and method.system)
        action = request.method if method is None else method.action
        self.handler.check_header(transport_request(0, action, headers, b"").header, self.peer)
        return _Begun(headers, method)

    async def _start(self, request: Request, begun: _Begun, body: bytes, nursery: trio.Nursery) -> None:
        most, method = self.limits.max_requests_per_connection, begun.method
        refusal = None
        if self._draining:
            refusal = ElasticsearchException("node_closed_exception", "the gateway is shutting down")
        elif len(self._running) >= most:
            refusal = ElasticsearchException("es_rejected_execution_exception", f"more than [{most}] requests on one connection")
        if method is None or refusal is not None:
            await self._refuse(
                request, refusal or ElasticsearchException("illegal_argument_exception", f"unknown method [{request.method}]")
            )
            return
        credit = None if request.stream is None else Credit(request.stream)
        running = _Running(Exchange(self._rooms, request.id, begun.headers, request.deadline_ms), credit)
        self._running[request.id] = running
        nursery.start_soon(self._answer, request, method, running, body)

    async def _answer(self, request: Request, method: Method, running: _Running, body: bytes) -> None:
        try:
            try:
                await self._execute(request, method, running, body)
            except ElasticsearchException as error:
                await self._refuse(request, error)
            except TooLarge as error:
                await self._refuse(request, ElasticsearchException("illegal_argument_exception", str(error)))
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                raise
            except Exception as error:
                log.exception("request failed", method=request.method, **self._about())
                reason = f"internal error of the gateway: {type(error).__name__}"
                await self._refuse(request, ElasticsearchException("exception", reason, status=500))
        finally:
            del self._running[request.id]
            if self._draining and not self._running:
                self._drained.set()

    async def _execute(self, request: Request, method: Method, running: _Running, body: bytes) -> None:
        try:
            asked = unpack_untrusted(body, self._machine.limits) if body else None
        except WireError as error:
            raise ElasticsearchException("x_content_parse_exception", str(error)) from None
        plan = method.plan(Asked(request.indices or (), request.params, asked, self.peer.interface))
        exchange = running.exchange
        answers = await exchange.run(plan.steps)
        if running.credit is None or plan.show_in_parts is None:
            status, shown = plan.show(answers)
            await self._send(Response(request.id, status, headers=exchange.answer_headers), pack(shown))
            return
        with self.in_flight.hold(exchange.answer_bytes, request.method):
            head, hits = plan.show_in_parts(answers)
            await self._send(Response(request.id, last=False, headers=exchange.answer_headers), pack(head))
            for part, last in in_parts(hits, running.credit.part_bytes):
                await running.credit.take(len(part))
                await self._send(Part(request.id, last), part)

    async def _refuse(self, request: Request, error: ElasticsearchException) -> None:
        body = rest_error(error)
        try:
            await self._send(Error(request.id, body["status"]), pack(body))
        except TooLarge as large:
            short = ElasticsearchException("illegal_argument_exception", str(large), status=body["status"])
            await self._send(Error(request.id, body["status"]), pack(rest_error(short)))

    async def _send(self, message: NativeMessage, body: bytes = b"") -> None:
        """What the machine has let go goes out whole."""
        if self._machine.state is State.CLOSED:
            raise trio.ClosedResourceError("the connection is closed")
        await self._outlet.send(self._machine.send(message, body), shield=True)

    def _about(self) -> dict[str, Any]:
        return {
            "connection": self.peer.connection,
            "interface": self.peer.interface,
            "peer": f"{self.peer.address}:{self.peer.port}",
        }
