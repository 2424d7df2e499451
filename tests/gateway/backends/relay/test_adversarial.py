"""An upstream that sends what no node would: its link ends, what waited there fails, and others go on."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
import trio
import trio.testing

from gateway.links.answers import MAX_HELD, MAX_PARTS, RECEIVE_BYTES
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import PING, Header, Status, encode_frame
from protocol.messages.search_request import SEARCH
from protocol.versions import HANDSHAKE_8, V_8_19, TransportVersion
from tests.gateway.backends.relay.played import LONG, Played, PlayedConnection, ask, call, echo, node, relay, whole

NEWER = TransportVersion(9458007)


PLAIN = Status(0)


def answer(request_id: int, payload: bytes = b"x", version: TransportVersion = V_8_19, more: Status = PLAIN) -> bytes:
    return encode_frame(request_id=request_id, status=Status.RESPONSE | more, version=version, payload=payload)


def announced(frame: bytes, size: int) -> bytes:
    """The frame with another size in its head."""
    return frame[:2] + struct.pack(">i", size) + frame[6:]


def with_header_length(frame: bytes, length: int) -> bytes:
    """The frame with another length of its variable header."""
    return frame[:19] + struct.pack(">i", length) + frame[23:]


BAD: dict[str, Callable[[int], bytes]] = {
    "no frame": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": lambda _: bytes(range(256)),
    "an answer to nobody": lambda _: answer(4711),
    "an answer to the handshake, which has one": lambda _: answer(1),
    "an answer of a newer version": lambda n: answer(n, version=NEWER),
    "an answer of an older version": lambda n: answer(n, version=TransportVersion(8_840_000)),
    "a request": lambda n: encode_frame(request_id=n, status=Status(0), version=V_8_19, payload=b"", action="internal:x"),
    "a handshake in the middle": lambda n: answer(n, version=HANDSHAKE_8, more=Status.HANDSHAKE),
    "a size past all limits": lambda n: announced(answer(n), 2**31 - 1),
    "a negative size": lambda n: announced(answer(n), -5),
    "a size of nothing": lambda n: announced(answer(n), 0),
    "a header longer than its message": lambda n: with_header_length(answer(n), 2**30),
    "a header of negative length": lambda n: with_header_length(answer(n), -1),
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_no_node_sends_ends_the_link_and_no_more(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BAD[kind]

    async def handler(connection: PlayedConnection, request: RequestReceived) -> None:
        if request.payload == b"bad":
            await connection.stream.send_all(bad(request.header.request_id))
        else:
            await echo(connection, request)

    played = Played(handler)
    async with relay(played, monkeypatch, ready=2) as backend:
        assert await ask(backend, b"bystander", connection=2) == b"re:bystander"
        with pytest.raises(ElasticsearchException, match=rf"\[up:9443\]\[{SEARCH}\] disconnected") as raised:
            await ask(backend, b"bad")
        assert raised.value.type == "node_disconnected_exception"
        assert await ask(backend, b"after") == b"re:after"
        assert await ask(backend, b"bystander", connection=2) == b"re:bystander"
        with_bad = [each for each in played.connections if any(one.payload == b"bad" for one in each.requests)]
        assert [[one.payload for one in each.requests] for each in with_bad] == [[b"bad"]]


async def test_a_second_answer_to_the_same_request_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """It might be taken for that of another request."""

    async def twice(connection: PlayedConnection, request: RequestReceived) -> None:
        frame = answer(request.header.request_id, request.payload)
        await connection.stream.send_all(frame + frame)

    played = Played(twice)
    async with relay(played, monkeypatch) as backend:
        assert await ask(backend, b"1") == b"1"
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(backend, b"2") == b"2"
        assert len([each for each in played.connections if each.requests]) == 2


async def test_answers_in_any_order_reach_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[RequestReceived] = []

    async def backwards(connection: PlayedConnection, request: RequestReceived) -> None:
        waiting.append(request)
        if len(waiting) == 20:
            frames = [answer(one.header.request_id, one.payload) for one in reversed(waiting)]
            for byte in PING + b"".join(frames):
                await connection.stream.send_all(bytes([byte]))

    got: dict[int, bytes] = {}

    async with relay(Played(backwards), monkeypatch) as backend, trio.open_nursery() as nursery:

        async def one(number: int) -> None:
            got[number] = await ask(backend, b"%d" % number)

        for number in range(20):
            nursery.start_soon(one, number)
    assert got == {number: b"%d" % number for number in range(20)}


async def test_an_answer_that_is_given_up_does_not_reach_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id is not used again on the link."""
    kept: list[RequestReceived] = []

    async def late(connection: PlayedConnection, request: RequestReceived) -> None:
        if request.payload == b"given up":
            kept.append(request)
        elif request.payload == b"next":
            await connection.stream.send_all(answer(kept[0].header.request_id, b"of the first"))
            await echo(connection, request)
        else:
            await connection.answer(request, b"")

    async with relay(Played(late), monkeypatch) as backend:
        with trio.move_on_after(0.2):
            await ask(backend, b"given up")
        assert await ask(backend, b"next") == b"re:next"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x50", "invalid internal transport message format"),
        (answer(1, b"", HANDSHAKE_8, Status.HANDSHAKE | Status.ERROR), "the handshake was answered with an error"),
        (answer(7, b"\x00", HANDSHAKE_8, Status.HANDSHAKE), "an answer to the request"),
        (answer(1, bytes(5000), HANDSHAKE_8, Status.HANDSHAKE), "a handshake of"),
        (answer(1, b"\xff" * 3, HANDSHAKE_8, Status.HANDSHAKE), ""),
        (answer(1, b"\xe2\xfe\xab\x03\x00", HANDSHAKE_8, Status.HANDSHAKE), "unsupported version"),
    ],
)
async def test_a_bad_handshake_is_told(
    reply: bytes, problem: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    played = Played()

    async def serve(connection: PlayedConnection) -> None:
        await connection.stream.receive_some(65536)
        await connection.stream.send_all(reply)

    monkeypatch.setattr(played, "_serve", serve)
    async with relay(played, monkeypatch, deadline=LONG) as backend:
        with pytest.raises(ElasticsearchException) as raised:
            await ask(backend)
        assert raised.value.type == "node_not_connected_exception"
        assert problem in str(raised.value.reason)


async def test_nodes_that_cannot_be_read_leave_the_seeds(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    strange = node("192.0.2.1")
    strange.address.address = b"\x01\x02\x03\x04"
    played = Played(nodes=[strange])
    encoded = played._own_answer("cluster:internal/remote_cluster/nodes")
    assert encoded is not None
    monkeypatch.setattr(type(encoded), "encode", lambda _self, _version: b"\xff\xff\xff\xff\x07")
    async with relay(played, monkeypatch, sniff=True, deadline=LONG) as backend:
        await trio.sleep(100)
        assert await ask(backend) == b"re:question"
        assert [str(each) for each in backend.addresses] == ["up:9443"]


async def test_a_thousand_answers_that_nobody_takes_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may ask a thousand things at once and take none of the answers."""
    sent = 0
    size = 2 * RECEIVE_BYTES

    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        nonlocal sent
        frame = connection.machine.response(request.header, bytes(size))
        for start in range(0, len(frame), RECEIVE_BYTES):
            await connection.stream.send_all(frame[start : start + RECEIVE_BYTES])
            sent += len(frame[start : start + RECEIVE_BYTES])

    monkeypatch.setattr(trio.testing, "memory_stream_pair", trio.testing.lockstep_stream_pair)
    count = 100
    async with relay(Played(large), monkeypatch) as backend, trio.open_nursery() as nursery:
        answers = []

        async def one() -> None:
            answers.append(await backend.execute(call()))

        for _ in range(count):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked(0.05)
        # Each answer on its own stays far under what one may hold.
        assert sent <= MAX_HELD + 3 * RECEIVE_BYTES
        taken = 0
        while taken < count:
            while answers:
                assert len(await whole(answers.pop(0))) == size
                taken += 1
            await trio.testing.wait_all_tasks_blocked()


async def test_an_answer_that_is_given_up_at_its_last_part_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader waits to put just that part."""

    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        if request.payload != b"large":
            await echo(connection, request)
            return
        frame = connection.machine.response(request.header, bytes((MAX_PARTS + 1) * 1000))
        head = len(frame) - (MAX_PARTS + 1) * 1000
        await connection.stream.send_all(frame[:head])
        for start in range(head, len(frame), 1000):
            await connection.stream.send_all(frame[start : start + 1000])

    monkeypatch.setattr(trio.testing, "memory_stream_pair", trio.testing.lockstep_stream_pair)
    played = Played(large)
    async with relay(played, monkeypatch) as backend:
        given_up = await backend.execute(call(b"large"))
        await trio.testing.wait_all_tasks_blocked(0.05)
        given_up.discard()
        assert await ask(backend) == b"re:question"
        assert len([each for each in played.connections if each.requests]) == 1


async def test_of_an_answers_headers_the_client_sees_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real node sends its own security context along, the gateway's key and all sets included, among the request headers of answers."""
    context = {"_xpack_security_authentication": "secret", "_xpack_security_parent_action_authz": "a", "X-Opaque-Id": "o"}
    back = {"Warning": ["299 - careful"], "WWW-Authenticate": ["ApiKey"], "_internal": ["secret"]}

    async def tell(connection: PlayedConnection, request: RequestReceived) -> None:
        frame = encode_frame(
            request_id=request.header.request_id,
            status=Status.RESPONSE,
            version=V_8_19,
            payload=b"x",
            request_headers=context,
            response_headers=back,
        )
        await connection.stream.send_all(frame)

    async with relay(Played(tell), monkeypatch) as backend:
        passed = await backend.execute(call())
        assert passed.headers == {"Warning": ["299 - careful"]}
        asked = Header(5, Status(0), V_8_19, 100, SEARCH, {})
        machine = ServerConnection(offered=V_8_19, release="8.19.21")
        head = machine.forwarded_head(asked, passed.status, passed.headers, passed.size)
        assert b"careful" in head
        assert not any(word in head for word in (b"secret", b"_xpack", b"Opaque", b"WWW"))
        assert await whole(passed) == b"x"
