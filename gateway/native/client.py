"""The end of a native connection that asks: many requests at a time over one stream, hits as they come.

    async with connect("gateway.example.com", 9443, context, Hello([1], credentials=key, user=user)) as client:
        answer = await client.call("search", ["logs-*"], {"query": {"match_all": {}}})
        async with client.stream("search", ["logs-*"], {"size": 10000}) as stream:
            async for hit in stream: ...

Errors that the other end tells are raised as ElasticsearchException, and so is the end of the connection.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Final, Self

import trio

from gateway.links.answers import RECEIVE_BYTES
from gateway.links.link import connect as connect_socket
from gateway.outlet import Outlet
from gateway.tls_stream import TlsStream
from protocol.errors import ElasticsearchException, WireError
from protocol.native.connection import NativeConnection, Received, Side, State, TooLarge
from protocol.native.messages import (
    Cancel,
    Credit,
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
from protocol.native.values import ALPN, ANSWER_LIMITS, Limits, pack, unpack_untrusted
from protocol.rest import parse_rest_error

GREETING_SECONDS: Final = 10.0

WINDOW: Final = 1024 * 1024
"""Bytes of a stream that may be on their way or waiting here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What REST would have answered. ``headers``: those of the answer, such as ``Warning``."""

    status: int
    body: Any
    headers: dict[str, list[str]] = field(default_factory=dict)


class NativeClient:
    """A greeted connection. ``welcome`` is what the other end said of itself; ``leaving`` why it takes no more requests, if it does
    not; ``ended`` is set when the connection is closed."""

    def __init__(self, stream: trio.abc.Stream, hello: Hello, limits: Limits = ANSWER_LIMITS) -> None:
        self.welcome = Welcome(0, {})
        self.leaving: str | None = None
        self.ended = trio.Event()
        self._hello = hello
        self._stream = stream
        self._outlet = Outlet(stream)
        self._machine = NativeConnection(Side.ASKS, limits)
        self._waiting: dict[int, trio.MemorySendChannel[tuple[NativeMessage, bytes]]] = {}
        self._ended: str | None = None
        self._pongs = 0
        self._ponged = trio.Event()

    async def call(
        self,
        method: str,
        indices: Sequence[str] | None = None,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Answer:
        """The answer to one request. ``more``: other keys of it, such as ``user``, ``credentials``, ``deadline_ms``. Who is cancelled
        cancels the request."""
        async with self._asked(method, indices, body, params, more) as (_, receive):
            message, data = await receive.receive()
            if not isinstance(message, Response):
                raise _failure(data)
            if not message.last:
                raise ElasticsearchException(
                    "transport_serialization_exception", "malformed answer: in parts, which nobody asked for"
                )
            return Answer(message.status, _read(data), message.headers)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        indices: Sequence[str] | None = None,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        *,
        window: int = WINDOW,
        **more: Any,
    ) -> AsyncIterator[Stream]:
        """An answer whose hits come in parts; at most about ``window`` bytes of them are held here. Who leaves the block early cancels the
        request."""
        async with self._asked(method, indices, body, params, {**more, "stream": window}) as (request_id, receive):
            message, data = await receive.receive()
            if not isinstance(message, Response):
                raise _failure(data)
            yield Stream(self, request_id, receive, message, _read(data))

    @property
    def open_requests(self) -> int:
        """Requests that have not been answered, those that were cancelled as well."""
        return self._machine.open_requests

    async def abort(self) -> None:
        """Close the connection whatever is on its way."""
        await trio.aclose_forcefully(self._stream)

    async def ping(self) -> None:
        """Returns when the other end has answered."""
        wanted = self._pongs + 1
        await self._send(Ping())
        while self._pongs < wanted:
            self._check_open()
            await self._ponged.wait()

    async def add_credit(self, request_id: int, size: int) -> None:
        if request_id in self._waiting and self._machine.is_open(request_id):
            await self._send(Credit(request_id, size))

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        indices: Sequence[str] | None,
        body: Any,
        params: Mapping[str, Any] | None,
        more: Mapping[str, Any],
    ) -> AsyncIterator[tuple[int, trio.MemoryReceiveChannel[tuple[NativeMessage, bytes]]]]:
        self._check_open()
        if self.leaving is not None:
            raise ElasticsearchException("node_closed_exception", self.leaving)
        put, receive = trio.open_memory_channel[tuple[NativeMessage, bytes]](inf)
        listed = None if indices is None else list(indices)
        request = Request(self._machine.next_id(), method, listed, dict(params or {}), **more)
        try:
            frame = self._machine.send(request, b"" if body is None else pack(body))
        except TooLarge as error:
            raise ElasticsearchException("illegal_argument_exception", str(error)) from None
        self._waiting[request.id] = put
        try:
            await self._outlet.send(frame, shield=True)
            yield request.id, receive
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            raise _disconnected(self._ended) from None
        finally:
            del self._waiting[request.id]
            if self._machine.is_open(request.id) and self._machine.state is not State.CLOSED:
                with trio.CancelScope(shield=True), trio.move_on_after(1):
                    await self._tell_cancelled(request.id)

    async def _tell_cancelled(self, request_id: int) -> None:
        try:
            await self._send(Cancel(request_id))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # nobody is there to be told

    async def _send(self, message: NativeMessage) -> None:
        self._check_open()
        await self._outlet.send(self._machine.send(message), shield=True)

    def _check_open(self) -> None:
        if self._ended is not None:
            raise _disconnected(self._ended)

    async def greet(self) -> None:
        """Comes first. Raises ElasticsearchException where there is no welcome."""
        try:
            await self._outlet.send(self._machine.send(self._hello), shield=True)
            with trio.move_on_after(GREETING_SECONDS) as scope:
                while self._machine.state is State.GREETED:
                    await self._receive()
        except (WireError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            raise _disconnected(str(error)) from None
        if self._machine.state is not State.OPEN:
            raise _disconnected("no welcome in time" if scope.cancelled_caught else self.leaving)

    async def run(self) -> None:
        """Reads until either side ends the connection. Raises nothing but trio.Cancelled."""
        try:
            while True:
                await self._receive()
        except WireError as error:
            self._end(str(error))
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            self._end(self.leaving or str(error))
        finally:
            self._end("the connection was closed")
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(self._stream)

    async def _receive(self) -> None:
        data = await self._stream.receive_some(RECEIVE_BYTES)
        if not data:
            raise trio.BrokenResourceError("the other end closed the connection")
        for event in self._machine.receive_data(data):
            if isinstance(event, Received):
                await self._on_message(event.message, event.body)

    async def _on_message(self, message: NativeMessage, body: bytes) -> None:
        match message:
            case Welcome():
                self.welcome = message
            case Ping():
                await self._send(Pong())
            case Pong():
                self._pongs += 1
                self._ponged.set()
                self._ponged = trio.Event()
            case Goaway(reason):
                self.leaving = reason
            case Response() | Part() | Error():
                waiting = self._waiting.get(message.id)
                if waiting is not None:
                    waiting.send_nowait((message, body))

    def _end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
        self.ended.set()
        self._ponged.set()
        for waiting in self._waiting.values():
            waiting.close()


class Stream:
    """An answer in parts, to be iterated over for its hits: ``head`` is the answer without them."""

    def __init__(
        self,
        client: NativeClient,
        request_id: int,
        receive: trio.MemoryReceiveChannel[tuple[NativeMessage, bytes]],
        response: Response,
        head: Any,
    ) -> None:
        self.head = head
        self.headers = response.headers
        self._client = client
        self._id = request_id
        self._receive = receive
        self._last = response.last
        self._taken = 0
        self._hits: deque[Any] = deque()

    async def next_part(self) -> list[Any] | None:
        """Hits that came together; None after the last. Asking for the next ones says that these are done with."""
        if self._last:
            return None
        if self._taken:
            await self._client.add_credit(self._id, self._taken)
        message, data = await self._receive.receive()
        if not isinstance(message, Part):
            raise _failure(data)
        self._last, self._taken = message.last, len(data)
        hits: list[Any] = _read(data)
        return hits

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """Each hit."""
        while not self._hits:
            part = await self.next_part()
            if part is None:
                raise StopAsyncIteration
            self._hits.extend(part)
        return self._hits.popleft()


@asynccontextmanager
async def connect(
    host: str, port: int, context: ssl.SSLContext, hello: Hello, *, server_name: str | None = None, limits: Limits = ANSWER_LIMITS
) -> AsyncIterator[NativeClient]:
    """A connection to a gateway, closed at the end of the block. The context is made to ask for the native protocol. Raises OSError,
    ssl.SSLError, trio's resource errors, and ElasticsearchException where the other end does not speak it."""
    context.set_alpn_protocols([ALPN])
    socket = await connect_socket(host, port)
    stream = TlsStream(socket, context, server_hostname=server_name or host)
    try:
        await stream.do_handshake()
        if stream.selected_alpn_protocol() != ALPN:
            raise _disconnected(f"the other end does not speak [{ALPN}]")
        async with over(stream, hello, limits) as client:
            yield client
    finally:
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def over(stream: trio.abc.Stream, hello: Hello, limits: Limits = ANSWER_LIMITS) -> AsyncIterator[NativeClient]:
    """The same over a stream that is there already."""
    client = NativeClient(stream, replace(hello, limits={"frame": limits.frame, "header": limits.header}), limits)
    await client.greet()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            yield client
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The reader raises nothing, so this is what the block raised.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _read(data: bytes) -> Any:
    """A body. Raises ElasticsearchException."""
    try:
        return unpack_untrusted(data, ANSWER_LIMITS)
    except WireError as error:
        raise ElasticsearchException("transport_serialization_exception", f"malformed answer: {error}") from None


def _failure(data: bytes) -> ElasticsearchException:
    """The error in a body."""
    body = _read(data)
    try:
        return parse_rest_error(body)
    except (KeyError, TypeError, AttributeError, ValueError):
        return ElasticsearchException("transport_serialization_exception", "malformed error in an answer")


def _disconnected(reason: str | None) -> ElasticsearchException:
    return ElasticsearchException("node_disconnected_exception", f"disconnected: {reason or 'the connection was closed'}")
