"""A backend program that is played by the test, byte by byte, and a gateway without sockets of its own in front of it."""

from __future__ import annotations

import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import trio

from gateway.backends.opening import open_backend
from gateway.config import settings_of
from gateway.dispatch import Dispatcher
from gateway.node import NodeIdentity
from protocol.messages.get import GET, GetRequest, GetResponse
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.versions import V_8_19
from tests.gateway.exported import Asking, Remote

PROPERTIES = {"team": {"type": "keyword"}, "text": {"type": "text"}, "secret": {"type": "keyword"}, "size": {"type": "long"}}
TEXT = {"type": "text"}
INDEX: dict[str, Any] = {"mappings": {"properties": PROPERTIES}}
DESCRIPTION: dict[str, Any] = {
    "indices": {
        "orders": {**INDEX, "aliases": {"small": {"filter": {"range": {"size": {"lt": 5}}}}, "both": {}}},
        "stock": {**INDEX, "aliases": {"both": {}}},
        "vault": INDEX,
        "dated": {"mappings": {"properties": {"at": {"type": "date"}}}},
        "people": {"mappings": {"properties": {"user": {"properties": {"name": TEXT, "secret": TEXT}}}}},
    }
}


def hits(*found: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """The answer to a search, with these hits."""
    value = len(found) if total is None else total
    return {"hits": {"total": {"value": value, "relation": "eq"}, "max_score": 1.0, "hits": list(found)}}


def hit(_id: str, index: str = "orders", **more: Any) -> dict[str, Any]:
    return {"_index": index, "_id": _id, "_score": 1.0, "_source": {"team": "a", "text": "t", "secret": "s"}, **more}


def frame(header: dict[str, Any], *body: Any) -> bytes:
    packed: bytes = msgpack.packb(header)
    rest = b"".join(msgpack.packb(each) for each in body)
    return struct.pack(">II", 4 + len(packed) + len(rest), len(packed)) + packed + rest


class Connection:
    """One connection of the gateway to the program."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._data = b""

    async def receive(self) -> tuple[dict[str, Any], Any] | None:
        """A frame's header and its body."""
        prefix = await self._bytes(8)
        if prefix is None:
            return None
        length, size = struct.unpack(">II", prefix)
        rest = await self._bytes(length - 4)
        if rest is None:
            return None
        return msgpack.unpackb(rest[:size]), msgpack.unpackb(rest[size:]) if rest[size:] else None

    async def _bytes(self, count: int) -> bytes | None:
        while len(self._data) < count:
            more = await self.stream.receive_some()
            if not more:
                return None
            self._data += more
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    async def answer(self, number: int, body: Any) -> None:
        await self.stream.send_all(frame({"kind": "response", "id": number}, body))


Answer = Callable[[Connection, dict[str, Any], Any], Awaitable[None]]


@dataclass
class Program:
    """``answer`` is what it does with a search or a get; all that it was asked is in ``asked``, and in ``other`` what no request is.
    With ``context`` it speaks TLS at a ``port`` of the kernel's choice instead of the path."""

    path: Path
    answer: Answer
    description: Any = field(default_factory=lambda: DESCRIPTION)
    asked: list[Any] = field(default_factory=list)
    other: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    context: ssl.SSLContext | None = None
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        if self.context is not None:
            context = self.context
            async with trio.open_nursery() as nursery:
                listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
                self.port = listeners[0].socket.getsockname()[1]
                secure = [trio.SSLListener(each, context) for each in listeners]
                nursery.start_soon(trio.serve_listeners, self._serve, secure)
                yield
                nursery.cancel_scope.cancel()
            return
        self.path.unlink(missing_ok=True)
        with trio.socket.socket(trio.socket.AF_UNIX) as listening:
            await listening.bind(str(self.path))
            listening.listen()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, self._serve, [trio.SocketListener(listening)])
                yield
                nursery.cancel_scope.cancel()

    async def _serve(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        connection = Connection(stream)
        try:
            async with stream, trio.open_nursery() as nursery:
                while (received := await connection.receive()) is not None:
                    nursery.start_soon(self._take, connection, *received)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the gateway has closed it, which a test looks at by what the gateway says

    async def _take(self, connection: Connection, header: dict[str, Any], body: Any) -> None:
        match header["kind"], header.get("method"):
            case "hello", _:
                await connection.stream.send_all(frame({"kind": "welcome", "version": 1, "limits": {}}))
            case "ping", _:
                await connection.stream.send_all(frame({"kind": "pong"}))
            case "request", "describe":
                await connection.answer(header["id"], self.description)
            case "request", _:
                self.asked.append(body)
                await self.answer(connection, header, body)
            case _:
                self.other.append(header)


def always(body: Any) -> Answer:
    async def answer(connection: Connection, header: dict[str, Any], _: Any) -> None:
        await connection.answer(header["id"], body)

    return answer


class User:
    """Of a local cluster, with one role."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def search(self, *names: str, **source: Any) -> SearchResponse:
        payload = SearchRequest(indices=list(names), source=source, local_cluster_alias="far").encode(V_8_19)
        return SearchResponse.decode(await self._asking.ask(SEARCH, payload), V_8_19)

    async def get(self, index: str, _id: str) -> GetResponse:
        return GetResponse.decode(await self._asking.ask(GET, GetRequest(index=index, id=_id).encode(V_8_19)), V_8_19)

    async def ask(self, action: str, payload: bytes) -> bytes:
        return await self._asking.ask(action, payload)


class Gateway:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._remote = Remote(dispatcher)

    def user(self, *names: str, **rules: Any) -> User:
        """Who may read these indices, as far as the rules go."""
        entry = {
            "names": list(names or ("orders", "stock", "both", "small")),
            "privileges": ["read", "view_index_metadata"],
            **rules,
        }
        return User(self._remote.user(json.dumps({"r": {"indices": [entry]}}).encode()))


@asynccontextmanager
async def gateway(folder: Path, **settings: str) -> AsyncIterator[Gateway]:
    """In front of a program at ``folder/program.sock``, which need not be there yet."""
    flat: dict[str, str | list[str]] = {
        "backend.type": "socket",
        "backend.socket.address": "unix:program.sock",
        "path.roles": "roles.yml",
        "path.data": "data",
        **{f"backend.socket.{name}": value for name, value in settings.items()},
    }
    read = settings_of(flat, folder)
    identity = NodeIdentity.load(read.path.data, "exported", "gateway")
    backend = open_backend(read, identity)
    with Dispatcher.build(read, identity, backend) as dispatcher:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.run)
            yield Gateway(dispatcher)
            nursery.cancel_scope.cancel()
