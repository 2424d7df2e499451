"""The native pump over a stream in memory: order, refusals, cancellation, credit, deadlines, the drain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing

from gateway.backends import Forwarded
from gateway.configuration.model import LimitSettings
from gateway.limits import FRAME_SECONDS, SEND_SECONDS, InFlightBytes
from gateway.native.client import NativeClient, over
from gateway.native.pump import NativePump
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.compression import Compression, compress
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import write_exception
from protocol.frames import Header, Status
from protocol.messages.common import TaskId
from protocol.messages.hits import SearchHit, SearchHits, TotalHits
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.native.frames import Frame, FrameDecoder, encode_frame
from protocol.native.messages import Cancel, Goaway, Hello, NativeMessage, Ping, Request, Welcome
from protocol.native.values import ANSWER_LIMITS, pack, unpack_untrusted
from protocol.versions import V_8_19
from protocol.wire import Writer

LIMITS = LimitSettings(max_requests_per_connection=3, max_message_size=1024 * 1024)
HELLO = Hello([1], user={"username": "ada", "role_descriptors": []}, credentials="k")

Handle = Callable[[RequestReceived], Awaitable[bytes | Forwarded]]


def response(*ids: str, **more: Any) -> bytes:
    hits = [SearchHit(id=each, source=b'{"a":1}', score=1.0) for each in ids]
    return SearchResponse(hits=SearchHits(hits=hits, total=TotalHits(value=len(ids)), max_score=1.0), **more).encode(V_8_19)


async def one_hit(_: RequestReceived) -> bytes:
    return response("1")


@dataclass
class Handler:
    """Answers as ``answer`` does, tracked as the dispatcher tracks what it executes."""

    answer: Handle = one_hit
    tasks: TaskRegistry = field(default_factory=TaskRegistry)
    refused: ElasticsearchException | None = None
    handled: list[RequestReceived] = field(default_factory=list)

    def check_header(self, header: Header, peer: Peer) -> None:
        if self.refused is not None:
            raise self.refused

    async def handle(self, request: RequestReceived, peer: Peer) -> bytes | Forwarded:
        self.handled.append(request)
        parent = SearchRequest.decode(request.payload, V_8_19).parent_task if request.header.action == SEARCH else TaskId()
        with self.tasks.track((parent.node, parent.id), request.header.request_id):
            return await self.answer(request)
        raise AssertionError


@dataclass
class Wire:
    """The client's end without a machine, for those who do not keep to the protocol."""

    stream: trio.abc.Stream
    logs: list[Any]
    pump: NativePump
    decoder: FrameDecoder = field(default_factory=lambda: FrameDecoder(ANSWER_LIMITS))
    waiting: list[Frame] = field(default_factory=list)

    async def send(self, *messages: NativeMessage, body: bytes = b"") -> None:
        await self.stream.send_all(b"".join(encode_frame(each.to_header(), body) for each in messages))

    async def receive(self) -> tuple[dict[str, Any], Any] | None:
        """The next frame, None at the end."""
        while not self.waiting:
            data = await self.stream.receive_some(4096)
            if not data:
                return None
            self.waiting += [item for item in self.decoder.receive(data) if isinstance(item, Frame)]
        frame = self.waiting.pop(0)
        return frame.head.header, unpack_untrusted(frame.body, ANSWER_LIMITS) if frame.body else None

    async def header(self) -> dict[str, Any]:
        received = await self.receive()
        assert received is not None
        return received[0]

    def reasons(self) -> list[str]:
        return [entry.get("reason", "") for entry in self.logs]


@asynccontextmanager
async def wired(handler: Handler | None = None, *, greet: bool = True, in_flight: int = 1 << 30) -> AsyncIterator[Wire]:
    handler = handler or Handler()
    ours, theirs = trio.testing.memory_stream_pair()
    peer = Peer("remote_cluster", "127.0.0.1", 1)
    pump = NativePump(ours, handler, peer, LIMITS, handler.tasks, InFlightBytes(in_flight), max_header=64 * 1024, node="n1")
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump.run)
            wire = Wire(theirs, logs, pump)
            if greet:
                await wire.send(HELLO)
                assert (await wire.header())["kind"] == "welcome"
            yield wire
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(handler: Handler, **more: Any) -> AsyncIterator[NativeClient]:
    async with wired(handler, greet=False, **more) as wire, over(wire.stream, HELLO) as client:
        yield client


async def test_greeting_tells_the_limits() -> None:
    async with wired(greet=False) as wire:
        await wire.send(Hello([7, 1], name="tests"))
        header = await wire.header()
        limits = {"frame": 1024 * 1024, "header": 65536, "depth": 100, "elements": 262144, "requests": 3}
        assert header == {"kind": "welcome", "version": 1, "limits": limits, "name": "n1", "release": "8.19.21"}


async def test_no_common_version() -> None:
    async with wired(greet=False) as wire:
        await wire.send(Hello([2, 3]))
        assert await wire.header() == {"kind": "goaway", "reason": "none of the versions [2, 3] is spoken here, which is [1]"}
        assert await wire.receive() is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "a frame of [1195725856b] exceeds the limit of [1048576b]"),
        (encode_frame({"kind": "hello", "versions": [1]}), "a [hello] is not expected on a connection that is open"),
        (
            encode_frame({"kind": "welcome", "version": 1, "limits": {}}),
            "a [welcome] is not expected on a connection that is open",
        ),
        (encode_frame({"kind": "part", "id": 1}), "a [part] is not expected on a connection that is open"),
        (encode_frame({"kind": "cancel", "id": 1}), "a [cancel] for the request [1], which nobody made"),
        (encode_frame({"kind": "request", "id": 1, "method": "search", "why": 1}), "unknown key [why] in a [request]"),
    ],
)
async def test_a_violation_closes_the_connection_and_says_why(data: bytes, reason: str) -> None:
    async with wired() as wire:
        await wire.stream.send_all(data)
        assert await wire.header() == {"kind": "goaway", "reason": reason}
        assert await wire.receive() is None
        assert reason in wire.reasons()


async def test_requests_wait_for_the_greeting() -> None:
    async with wired(greet=False) as wire:
        await wire.send(Request(1, "search"))
        assert (await wire.header())["reason"] == "a [request] is not expected on a connection that is new"


async def test_a_request_becomes_that_of_a_local_cluster() -> None:
    handler = Handler()
    async with connected(handler) as client:
        answer = await client.call("search", ["logs-*"], {"size": 3}, {"routing": "x"}, headers={"X-Opaque-Id": "me"})
    assert (answer.status, answer.body["hits"]["hits"]) == (200, [{"_id": "1", "_score": 1.0, "_source": {"a": 1}}])
    (request,) = handler.handled
    assert request.header.version == V_8_19
    assert request.header.action == SEARCH
    assert request.header.request_headers["X-Opaque-Id"] == "me"
    assert request.header.request_headers["_cross_cluster_access_credentials"] == "ApiKey k"
    sent = SearchRequest.decode(request.payload, V_8_19)
    assert (sent.indices, sent.source, sent.routing) == (["logs-*"], {"size": 3}, "x")


async def test_answers_go_out_as_they_are_ready() -> None:
    gate = trio.Event()

    async def answer(request: RequestReceived) -> bytes:
        if SearchRequest.decode(request.payload, V_8_19).indices == ["slow"]:
            await gate.wait()
        return response()

    async with wired(Handler(answer)) as wire:
        await wire.send(Request(1, "search", ["slow"]), Request(2, "search"))
        assert (await wire.header())["id"] == 2
        gate.set()
        assert (await wire.header())["id"] == 1


async def test_an_error_is_that_of_rest_and_the_connection_goes_on() -> None:
    async def refuse(_: RequestReceived) -> bytes:
        raise ElasticsearchException("security_exception", "not you", status=403)

    async with connected(Handler(refuse)) as client:
        for _ in range(2):
            with pytest.raises(ElasticsearchException) as raised:
                await client.call("search")
            assert (raised.value.type, raised.value.reason, raised.value.status) == ("security_exception", "not you", 403)


async def test_a_bug_fails_its_request_alone() -> None:
    async def fail(_: RequestReceived) -> bytes:
        raise ZeroDivisionError

    async with connected(Handler(fail)) as client:
        with pytest.raises(ElasticsearchException, match="internal error of the gateway: ZeroDivisionError") as raised:
            await client.call("search")
        assert raised.value.status == 500
        await client.ping()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xc1", "malformed msgpack: the type [0xc1] is not among those of JSON"),
        (b"\x91" * 101 + b"\x01", "nested deeper than [100]"),
        (b"\xdd\x00\x05\x00\x00", "more than [262144] elements"),
        (b"\x80\x80", "malformed msgpack: [1] bytes too many"),
        (b"\x90", "the body is not a map"),
    ],
)
async def test_a_body_that_is_not_good_fails_its_request_alone(body: bytes, reason: str) -> None:
    handler = Handler()
    async with wired(handler) as wire:
        await wire.send(Request(1, "search"), body=body)
        received = await wire.receive()
        assert received is not None
        header, error = received
        assert header == {"kind": "error", "id": 1, "status": 400}
        assert (error["error"]["type"], error["error"]["reason"]) == ("x_content_parse_exception", reason)
        await wire.send(Ping())
        assert await wire.header() == {"kind": "pong"}
    assert handler.handled == []


async def test_refused_credentials_end_the_connection_before_the_body_has_come() -> None:
    handler = Handler(refused=ElasticsearchException("security_exception", "bad key", status=401))
    async with wired(handler) as wire:
        whole = encode_frame(Request(1, "search").to_header(), pack({"size": 1}))
        await wire.stream.send_all(whole[:-1])
        assert await wire.header() == {"kind": "error", "id": 1, "status": 401}
        assert await wire.receive() is None
    assert handler.handled == []


async def test_an_unknown_method() -> None:
    async with connected(Handler()) as client:
        with pytest.raises(ElasticsearchException, match=r"unknown method \[delete\]"):
            await client.call("delete", ["logs-*"])
        await client.ping()


async def test_more_requests_than_allowed() -> None:
    async def wait(_: RequestReceived) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async with wired(Handler(wait)) as wire:
        await wire.send(*(Request(number, "search") for number in range(1, 5)))
        received = await wire.receive()
        assert received is not None
        assert (received[0]["id"], received[0]["status"]) == (4, 429)
        assert received[1]["error"]["reason"] == "more than [3] requests on one connection"


async def test_cancelled_requests_are_answered_so() -> None:
    started = trio.Event()

    async def wait(_: RequestReceived) -> bytes:
        started.set()
        await trio.sleep_forever()
        raise AssertionError

    async with wired(Handler(wait)) as wire:
        await wire.send(Request(1, "search"))
        await started.wait()
        await wire.send(Cancel(1, "enough"))
        received = await wire.receive()
        assert received is not None
        assert (received[0]["id"], received[1]["error"]["type"]) == (1, "task_cancelled_exception")
        assert received[1]["error"]["reason"] == "task cancelled [enough]"
        await wire.send(Cancel(1))  # too late, and no mistake
        await wire.send(Ping())
        assert await wire.header() == {"kind": "pong"}


async def test_a_cancellation_ends_all_searches_of_many() -> None:
    handler = Handler()
    started: list[int] = []

    async def wait(request: RequestReceived) -> bytes:
        started.append(request.header.request_id)
        await trio.sleep_forever()
        raise AssertionError

    handler.answer = wait
    async with wired(handler) as wire:
        await wire.send(Request(1, "msearch"), body=pack([{}] * 20))
        while len(started) < 8:
            await trio.testing.wait_all_tasks_blocked()
        await wire.send(Cancel(1))
        received = await wire.receive()
        assert received is not None
        assert received[1]["error"]["type"] == "task_cancelled_exception"
        assert len(started) == 8


async def test_who_leaves_a_call_cancels_it() -> None:
    ended = trio.Event()

    async def wait(_: RequestReceived) -> bytes:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    async with connected(Handler(wait)) as client:
        with trio.move_on_after(0.05) as scope:
            await client.call("search")
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await ended.wait()
        await client.ping()


async def test_a_closed_connection_cancels_its_requests() -> None:
    started, ended = trio.Event(), trio.Event()

    async def wait(_: RequestReceived) -> bytes:
        try:
            started.set()
            await trio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    async with wired(Handler(wait)) as wire:
        await wire.send(Request(1, "search"))
        await started.wait()
        await wire.stream.aclose()
        with trio.fail_after(5):
            await ended.wait()


async def test_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async def wait(_: RequestReceived) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async with connected(Handler(wait)) as client:
        with pytest.raises(ElasticsearchException, match=r"not answered within the \[1500ms\] of \[deadline_ms\]") as raised:
            await client.call("search", deadline_ms=1500)
        assert raised.value.type == "timeout_exception"
        assert trio.current_time() >= 1.5


async def test_a_message_that_stops_in_the_middle(autojump_clock: trio.testing.MockClock) -> None:
    async with wired() as wire:
        await wire.stream.send_all(encode_frame(Ping().to_header())[:9])
        began = trio.current_time()
        assert await wire.header() == {"kind": "goaway", "reason": "the message was not complete in time"}
        assert trio.current_time() - began == pytest.approx(FRAME_SECONDS, abs=1)


async def test_a_client_that_does_not_greet(autojump_clock: trio.testing.MockClock) -> None:
    async with wired(greet=False) as wire:
        assert await wire.header() == {"kind": "goaway", "reason": "the handshake was not complete in time"}


async def many_hits(_: RequestReceived) -> bytes:
    return response(*(f"{number:04}" for number in range(500)))


async def test_a_stream_comes_within_its_credit() -> None:
    window = 2000
    async with wired(Handler(many_hits)) as wire:
        await wire.send(Request(1, "search", stream=window))
        received = await wire.receive()
        assert received is not None
        header, head = received
        assert header == {"kind": "response", "id": 1, "last": False}
        assert (head["hits"]["total"]["value"], head["hits"]["hits"]) == (500, [])
        hits, credit = [], window
        while True:
            received = await wire.receive()
            assert received is not None
            header, part = received
            assert credit > 0
            assert header["kind"] == "part"
            credit -= len(pack(part))
            hits += part
            if header.get("last"):
                break
            if credit <= 0:
                with trio.move_on_after(0.05) as scope:
                    await wire.receive()
                assert scope.cancelled_caught
                await wire.stream.send_all(encode_frame({"kind": "credit", "id": 1, "bytes": window}))
                credit += window
        assert [hit["_id"] for hit in hits] == [f"{number:04}" for number in range(500)]


async def test_the_client_takes_a_stream_with_little_at_a_time() -> None:
    async with connected(Handler(many_hits)) as client:
        async with client.stream("search", window=1500) as stream:
            sizes = []
            while (part := await stream.next_part()) is not None:
                sizes.append(len(part))
        assert sum(sizes) == 500
        assert max(sizes) < 50
        async with client.stream("search") as stream:
            assert len([hit async for hit in stream]) == 500


async def test_who_leaves_a_stream_cancels_it() -> None:
    async with wired(Handler(many_hits), greet=False) as wire, over(wire.stream, HELLO) as client:
        async with client.stream("search", window=1500) as stream:
            assert await stream.next_part()
        await client.ping()
        assert wire.pump._running == {}


async def test_a_stream_without_credit_ends(autojump_clock: trio.testing.MockClock) -> None:
    async with wired(Handler(many_hits)) as wire:
        await wire.send(Request(1, "search", stream=1))
        assert (await wire.header())["kind"] == "response"
        assert (await wire.header())["kind"] == "part"
        began = trio.current_time()
        received = await wire.receive()
        assert received is not None
        assert received[0]["kind"] == "error"
        assert received[1]["error"]["reason"] == "no credit for [60s]"
        assert trio.current_time() - began == pytest.approx(SEND_SECONDS, abs=1)


async def test_what_streams_counts_as_in_flight() -> None:
    async with connected(Handler(many_hits), in_flight=1000) as client:
        with pytest.raises(ElasticsearchException, match="Data too large") as raised:
            async with client.stream("search"):
                raise AssertionError
        assert raised.value.type == "circuit_breaking_exception"


async def test_an_answer_that_the_client_does_not_take() -> None:
    async with wired(Handler(many_hits), greet=False) as wire:
        await wire.send(Hello([1], limits={"frame": 5000}, credentials="k", user=HELLO.user), Request(1, "search"))
        assert (await wire.header())["kind"] == "welcome"
        received = await wire.receive()
        assert received is not None
        assert received[0]["kind"] == "error"
        assert "exceeds the other side's limit of [5000b]" in received[1]["error"]["reason"]
        await wire.send(Request(2, "search", stream=3000))
        kinds = [(await wire.header())["kind"] for _ in range(2)]
        assert kinds == ["response", "part"]


def forwarded(payload: bytes, status: Status, size: int | None = None) -> Forwarded:
    async def parts() -> AsyncIterator[bytes]:
        yield payload[:5]
        yield payload[5:]

    headers = {"Warning": ["299 old"]}
    return Forwarded(status, headers, len(payload) if size is None else size, parts(), discard=lambda: None)


@pytest.mark.parametrize("compression", [None, Compression.DEFLATE, Compression.LZ4])
async def test_an_answer_that_is_passed_on(compression: Compression | None) -> None:
    async def answer(_: RequestReceived) -> Forwarded:
        payload = response("7")
        if compression is None:
            return forwarded(payload, Status.RESPONSE)
        return forwarded(compress(payload, compression), Status.RESPONSE | Status.COMPRESSED)

    async with connected(Handler(answer)) as client:
        shown = await client.call("search")
        assert [hit["_id"] for hit in shown.body["hits"]["hits"]] == ["7"]
        assert shown.headers == {"Warning": ["299 old"]}


async def test_an_error_that_is_passed_on() -> None:
    async def answer(_: RequestReceived) -> Forwarded:
        writer = Writer(V_8_19)
        write_exception(writer, ElasticsearchException("index_not_found_exception", "no such index [x]"))
        return forwarded(writer.getvalue(), Status.RESPONSE | Status.ERROR)

    async with connected(Handler(answer)) as client:
        with pytest.raises(ElasticsearchException, match=r"no such index \[x\]") as raised:
            await client.call("search", ["x"])
        assert raised.value.status == 404


@pytest.mark.parametrize("payload", [b"", b"\xff" * 40])
async def test_an_answer_that_is_not_what_it_should_be(payload: bytes) -> None:
    async def answer(_: RequestReceived) -> Forwarded:
        return forwarded(payload, Status.RESPONSE)

    async with connected(Handler(answer)) as client:
        with pytest.raises(ElasticsearchException, match="Failed to deserialize response") as raised:
            await client.call("search")
        assert raised.value.type == "transport_serialization_exception"


async def test_an_answer_larger_than_any_message() -> None:
    async def answer(_: RequestReceived) -> Forwarded:
        return forwarded(b"", Status.RESPONSE, size=2 * 1024 * 1024)

    async with connected(Handler(answer)) as client:
        with pytest.raises(ElasticsearchException, match=r"an answer of \[2097152b\] exceeds the limit of \[1048576b\]"):
            await client.call("search")


async def test_the_drain_finishes_what_runs_and_takes_no_more() -> None:
    gate = trio.Event()

    async def wait(_: RequestReceived) -> bytes:
        await gate.wait()
        return response()

    async with wired(Handler(wait)) as wire:
        await wire.send(Request(1, "search"))
        await trio.testing.wait_all_tasks_blocked()
        drained = wire.pump.drain()
        assert not drained.is_set()
        assert await wire.header() == Goaway("the gateway is shutting down").to_header()
        await wire.send(Request(2, "search"))
        received = await wire.receive()
        assert received is not None
        assert (received[0]["id"], received[1]["error"]["type"]) == (2, "node_closed_exception")
        gate.set()
        assert (await wire.header())["id"] == 1
        await drained.wait()


async def test_the_client_is_told_that_the_other_end_is_gone() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def other() -> None:
            await ours.receive_some()
            await ours.send_all(encode_frame(Welcome(1, {}).to_header()))
            await ours.receive_some()
            await ours.aclose()

        nursery.start_soon(other)
        async with over(theirs, HELLO) as client:
            for _ in range(2):
                with pytest.raises(ElasticsearchException, match="disconnected") as raised:
                    await client.call("search")
                assert raised.value.type == "node_disconnected_exception"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (encode_frame({"kind": "goaway", "reason": "full"}), "disconnected: full"),
        (encode_frame({"kind": "welcome", "version": 2, "limits": {}}), r"the version \[2\], which was not offered"),
        (b"ES\xff\xff\xff\xff\0\0", "exceeds the limit"),
        (b"", "closed the connection"),
    ],
)
async def test_the_client_is_told_why_there_is_no_welcome(answer: bytes, reason: str) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    if answer:
        await ours.send_all(answer)
    else:
        await ours.send_eof()
    with pytest.raises(ElasticsearchException, match=reason):
        async with over(theirs, HELLO):
            raise AssertionError
