"""Answers that are passed on to a client: counted while they are, and not for ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing

from gateway.backends import Forwarded
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.relay.backend import RelayBackend
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.config import settings_of
from gateway.configuration.model import LimitSettings
from gateway.connection import Pump
from gateway.dispatch import Dispatcher
from gateway.limits import SEND_SECONDS, STREAMED_BYTES, InFlightBytes
from gateway.links.answers import MAX_PARTS, RECEIVE_BYTES
from gateway.node import NodeIdentity
from gateway.passing import Caller
from gateway.peer import Peer
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header, Status, encode_frame
from protocol.messages.handshake import TCP_HANDSHAKE, TcpHandshakeRequest
from protocol.messages.search_request import SEARCH
from protocol.versions import HANDSHAKE_8, V_8_19, TransportVersion
from tests.gateway.backends.relay.played import LONG, Played, PlayedConnection, call, relay

SIZE = 20_000_000


def peer() -> Peer:
    return Peer(REMOTE_CLUSTER, "client", 1)


@pytest.fixture
def dispatcher(tmp_path: Path) -> Dispatcher:
    """With a backend that answers from elsewhere."""
    settings = settings_of({"limits.in_flight_bytes": "1mb"}, tmp_path)
    identity = NodeIdentity("c", "u" * 22, "n", "i" * 22, "e" * 22)
    return Dispatcher.build(settings, identity, MemoryBackend.load([], identity))


def forwarded(size: int, discarded: list[int]) -> Forwarded:
    class Parts:
        def __aiter__(self) -> Parts:
            return self

        async def __anext__(self) -> bytes:
            raise StopAsyncIteration

    return Forwarded(Status.RESPONSE, {}, size, Parts(), lambda: discarded.append(size))


async def test_what_is_passed_on_counts_until_it_is_over(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    discarded: list[int] = []
    sizes = [SIZE, SIZE, SIZE, 1000]

    async def answer(*_: object) -> Forwarded:
        return forwarded(sizes.pop(0), discarded)

    monkeypatch.setattr(Dispatcher, "_answer", answer)
    monkeypatch.setattr(Dispatcher, "_audit", lambda *_: None)
    request = RequestReceived(Header(1, Status(0), V_8_19, 100, SEARCH, {}), b"", None)
    with dispatcher:
        first, second = [await dispatcher.handle(request, peer()) for _ in range(2)]
        assert isinstance(first, Forwarded)
        assert isinstance(second, Forwarded)
        assert dispatcher.in_flight.used == 2 * STREAMED_BYTES
        with pytest.raises(ElasticsearchException, match="Data too large") as raised:
            await dispatcher.handle(request, peer())
        assert raised.value.type == "circuit_breaking_exception"
        assert discarded == [SIZE]
        small = await dispatcher.handle(request, peer())
        assert isinstance(small, Forwarded)
        for each in (first, second, small):
            each.discard()
        assert dispatcher.in_flight.used == 0
        assert discarded == [SIZE, SIZE, SIZE, 1000]


@dataclass
class Passing:
    """The dispatcher's part, without its decisions."""

    backend: RelayBackend
    in_flight: InFlightBytes

    def check_header(self, header: Header, peer: Peer) -> None:
        """All may pass."""

    def start(self, request: RequestReceived, peer: Peer, caller: Caller) -> bool:
        return False

    async def handle(self, request: RequestReceived, peer: Peer) -> Forwarded:
        answer = await self.backend.execute(call(request.payload, peer.connection))
        Dispatcher._hold(self, answer, SEARCH)  # type: ignore[arg-type]
        return answer


async def test_a_client_that_takes_nothing_is_cut_and_its_link_closed(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Meanwhile no more than a bound is held here, and the upstream waits."""
    sent = 0

    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        nonlocal sent
        frame = connection.machine.response(request.header, bytes(SIZE))
        for start in range(0, len(frame), 65536):
            await connection.stream.send_all(frame[start : start + 65536])
            sent += 65536

    monkeypatch.setattr(trio.testing, "memory_stream_pair", trio.testing.lockstep_stream_pair)
    played = Played(large)
    async with relay(played, monkeypatch, deadline=LONG) as backend:
        here, there = trio.testing.lockstep_stream_pair()
        account = InFlightBytes(1 << 30)
        handler = Passing(backend, account)
        one = peer()
        pump = Pump(there, ServerConnection(offered=V_8_19, release="8.19.21"), handler, one, LimitSettings())
        hello = encode_frame(
            request_id=1,
            status=Status.HANDSHAKE,
            version=HANDSHAKE_8,
            payload=TcpHandshakeRequest.of(V_8_19.id, "8.19.21").encode(HANDSHAKE_8),
            action=TCP_HANDSHAKE,
        )
        question = encode_frame(request_id=2, status=Status(0), version=V_8_19, payload=b"q", action=SEARCH)
        ended: list[float] = []

        async def serve() -> None:
            await pump.run()
            ended.append(trio.current_time())
            await backend.connection_closed(one.connection)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await here.send_all(hello)
            assert await here.receive_some(1000)
            began = trio.current_time()
            await here.send_all(question)
            await trio.sleep(SEND_SECONDS / 2)
            assert not ended
            assert account.used == STREAMED_BYTES
            assert sent <= STREAMED_BYTES + 5 * 65536
            await trio.sleep(SEND_SECONDS)
            assert SEND_SECONDS - 1 <= ended[0] - began <= SEND_SECONDS + 2
            assert account.used == 0
            (link,) = [each for each in played.connections if each.requests]
            with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
                await link.stream.send_all(b"x")


async def test_a_request_of_a_newer_version_than_the_node_speaks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its payload would be misread there."""
    played = Played()
    async with relay(played, monkeypatch) as backend:
        made = call()
        made.version = TransportVersion(V_8_19.id + 1)
        with pytest.raises(ElasticsearchException, match="cannot be passed on to a node of"):
            await backend.execute(made)
        assert not played.requests


def test_the_bound_of_a_link_is_the_one_that_is_counted() -> None:
    assert STREAMED_BYTES == MAX_PARTS * RECEIVE_BYTES
