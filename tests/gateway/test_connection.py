"""The pump between a stream and the machine: answers in any order, refusals, deadlines, the drain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import structlog.testing
import trio
import trio.testing

from gateway.configuration.model import LimitSettings
from gateway.connection import Pump
from gateway.limits import FRAME_SECONDS, SEND_SECONDS
from gateway.passing import Caller
from gateway.peer import Peer
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import read_exception, unwrap
from protocol.frames import PING, Frame, FrameDecoder, Header, Ping, Status, encode_frame
from protocol.messages.handshake import TcpHandshakeRequest
from protocol.versions import HANDSHAKE_8, V_8_19
from protocol.wire import Reader

HANDSHAKE = encode_frame(
    request_id=0,
    status=Status.HANDSHAKE,
    version=HANDSHAKE_8,
    payload=TcpHandshakeRequest.of(V_8_19.id, "9.5.3").encode(HANDSHAKE_8),
    action="internal:tcp/handshake",
)

Answer = Callable[[RequestReceived], Awaitable[bytes]]


def request(request_id: int, action: str = "act", payload: bytes = b"") -> bytes:
    return encode_frame(request_id=request_id, status=Status(0), version=V_8_19, payload=payload, action=action)


async def echo(request: RequestReceived) -> bytes:
    return request.payload


@dataclass
class Handler:
    answer: Answer = echo
    refused: str | None = None

    def check_header(self, header: Header, peer: Peer) -> None:
        if header.action == self.refused:
            raise ElasticsearchException("security_exception", "not you", status=401)

    def start(self, request: RequestReceived, peer: Peer, caller: Caller) -> bool:
        return False

    async def handle(self, request: RequestReceived, peer: Peer) -> bytes:
        return await self.answer(request)


@dataclass
class Client:
    stream: trio.abc.Stream
    pump: Pump
    decoder: FrameDecoder = field(default_factory=FrameDecoder)
    waiting: list[Frame | Ping] = field(default_factory=list)

    async def receive(self) -> Frame | Ping | None:
        """The next frame or ping, None at the end."""
        while not self.waiting:
            data = await self.stream.receive_some(4096)
            if not data:
                return None
            self.waiting += [item for item in self.decoder.receive(data) if not isinstance(item, Header)]
        return self.waiting.pop(0)

    async def frame(self) -> Frame:
        frame = await self.receive()
        assert isinstance(frame, Frame)
        return frame

    async def error(self) -> ElasticsearchException:
        frame = await self.frame()
        assert frame.header.status & Status.ERROR
        return unwrap(read_exception(Reader(frame.payload, V_8_19)))


@asynccontextmanager
async def connected(handler: Handler, *, shake: bool = True, stream: trio.abc.Stream | None = None) -> AsyncIterator[Client]:
    ours, theirs = trio.testing.lockstep_stream_pair() if stream else trio.testing.memory_stream_pair()
    machine = ServerConnection(offered=V_8_19, release="8.19.21")
    pump = Pump(ours, machine, handler, Peer("remote_cluster", "127.0.0.1", 1), LimitSettings())
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump.run)
            client = Client(theirs, pump)
            client.logs = logs  # type: ignore[attr-defined]
            if shake:
                await theirs.send_all(HANDSHAKE)
                assert (await client.frame()).header.is_handshake
            yield client
            nursery.cancel_scope.cancel()


def reasons(client: Client) -> list[str]:
    return [entry.get("reason", "") for entry in client.logs]  # type: ignore[attr-defined]


async def test_answers_go_out_as_they_are_ready() -> None:
    gate = trio.Event()

    async def answer(request: RequestReceived) -> bytes:
        if request.payload == b"slow":
            await gate.wait()
        return request.payload

    async with connected(Handler(answer)) as client:
        await client.stream.send_all(request(1, payload=b"slow") + request(2, payload=b"fast"))
        second = await client.frame()
        gate.set()
        first = await client.frame()
        assert [(f.header.request_id, f.payload) for f in (second, first)] == [(2, b"fast"), (1, b"slow")]


async def test_a_failure_answers_its_request_and_the_connection_goes_on() -> None:
    async def answer(request: RequestReceived) -> bytes:
        if request.payload == b"bad":
            raise ElasticsearchException("illegal_argument_exception", "bad")
        return b"good"

    async with connected(Handler(answer)) as client:
        await client.stream.send_all(request(1, payload=b"bad"))
        assert (await client.error()).reason == "bad"
        await client.stream.send_all(request(2))
        assert (await client.frame()).payload == b"good"


async def test_a_refused_header_is_answered_before_its_payload_and_ends_the_connection() -> None:
    async with connected(Handler(refused="secret")) as client:
        await client.stream.send_all(request(1, "secret", b"x" * 1000)[:-500])
        assert (await client.error()).reason == "not you"
        assert await client.receive() is None


async def test_a_ping_is_answered() -> None:
    async with connected(Handler()) as client:
        await client.stream.send_all(PING)
        assert isinstance(await client.receive(), Ping)


async def test_http_is_told_that_this_is_no_http_port() -> None:
    async with connected(Handler(), shake=False) as client:
        await client.stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        assert await client.stream.receive_some(100) == b"This is not an HTTP port"
        assert await client.stream.receive_some(100) == b""


async def test_garbage_closes_the_connection_and_is_logged() -> None:
    async with connected(Handler()) as client:
        await client.stream.send_all(b"garbage garbage")
        assert await client.receive() is None
        assert any("invalid internal transport message format" in reason for reason in reasons(client))


async def test_a_handshake_that_never_comes_has_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(Handler(), shake=False) as client:
        await client.stream.send_all(HANDSHAKE[:-1])
        assert await client.receive() is None
        assert trio.current_time() == pytest.approx(LimitSettings().handshake_timeout / 1e9, abs=1)
        assert "the handshake was not complete in time" in reasons(client)


async def test_a_message_that_stops_half_way_has_a_deadline_however_it_drips(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(Handler()) as client:
        began = trio.current_time()
        data = request(1, payload=b"x" * 1000)
        for byte in data[:-1]:
            try:
                await client.stream.send_all(bytes((byte,)))
            except trio.BrokenResourceError:
                break
            await trio.sleep(0.5)
        assert trio.current_time() - began == pytest.approx(FRAME_SECONDS, abs=1)
        assert "the message was not complete in time" in reasons(client)


async def test_a_connection_that_never_says_anything_stays_open(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(Handler(), shake=False) as client:
        await trio.sleep(3600)
        await client.stream.send_all(request(1, payload=b"first"))
        assert (await client.frame()).payload == b"first"


async def test_an_idle_connection_has_no_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(Handler()) as client:
        await trio.sleep(7 * 24 * 3600)
        await client.stream.send_all(request(1, payload=b"still here"))
        assert (await client.frame()).payload == b"still here"


async def test_one_who_takes_no_bytes_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(Handler(), shake=False, stream=trio.testing.memory_stream_pair()[0]) as client:
        await client.stream.send_all(HANDSHAKE)
        began = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await send_pings_forever(client.stream)
        assert trio.current_time() - began <= SEND_SECONDS + 2
        assert "the other side takes no bytes" in reasons(client)


async def send_pings_forever(stream: trio.abc.Stream) -> None:
    while True:
        await stream.send_all(PING)
        await trio.sleep(1)


async def test_a_drain_waits_for_what_runs_and_refuses_what_comes() -> None:
    gate = trio.Event()

    async def answer(request: RequestReceived) -> bytes:
        await gate.wait()
        return b"done"

    async with connected(Handler(answer)) as client:
        await client.stream.send_all(request(1))
        await trio.testing.wait_all_tasks_blocked()
        drained = client.pump.drain()
        assert not drained.is_set()
        await client.stream.send_all(request(2))
        assert (await client.error()).type == "node_closed_exception"
        gate.set()
        assert (await client.frame()).payload == b"done"
        await drained.wait()


async def test_a_connection_that_ends_within_a_message_is_logged() -> None:
    async with connected(Handler()) as client:
        await client.stream.send_all(request(1)[:-1])
        await client.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert "the connection ended within a message" in reasons(client)
