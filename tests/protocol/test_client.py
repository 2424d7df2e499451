"""Conversations from the side that opens the connection: with answers of real nodes, and with this project's own other end."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.client import (
    MAX_HANDSHAKE,
    MOVES,
    ClientConnection,
    ClientEvent,
    Connected,
    Kind,
    ResponsePart,
    ResponseStarted,
    State,
)
from protocol.connection import ServerConnection
from protocol.errors import WireError
from protocol.events import HandshakeReceived, RequestReceived
from protocol.frames import PING, FrameSplitter, Header, Limits, Part, Ping, Status, encode_frame
from protocol.messages.handshake import TcpHandshakeResponse
from protocol.versions import HANDSHAKE_8, MINIMUM_COMPATIBLE, V_8_19, TransportVersion
from tests.vectors import read_lines

VECTORS = read_lines("frames.jsonl.gz")
ANSWER = bytes.fromhex(
    next(v["frame"] for v in VECTORS if v["status"] == Status.RESPONSE | Status.HANDSHAKE and v["version"] == HANDSHAKE_8.id)
)
"""What a real node answers to a handshake."""


def answer(request_id: int, payload: bytes = b"body", status: Status = Status.RESPONSE) -> bytes:
    return encode_frame(request_id=request_id, status=status, version=V_8_19, payload=payload)


def shaken(speaks: int = V_8_19.id, status: Status = Status.RESPONSE | Status.HANDSHAKE, rest: bytes = b"") -> bytes:
    payload = TcpHandshakeResponse(transport_version=speaks, release="8.19.21").encode(HANDSHAKE_8) + rest
    return encode_frame(request_id=1, status=status, version=HANDSHAKE_8, payload=payload)


def begun() -> ClientConnection:
    machine = ClientConnection(offered=V_8_19, oldest=MINIMUM_COMPATIBLE, release="8.19.21")
    machine.handshake()
    return machine


def opened() -> ClientConnection:
    machine = begun()
    list(machine.receive_data(shaken()))
    return machine


def one_by_one(machine: ClientConnection, data: bytes) -> list[ClientEvent]:
    return [event for byte in data for event in machine.receive_data(bytes([byte]))]


def test_a_real_nodes_answer_opens_the_connection() -> None:
    machine = begun()
    (frame_id,) = struct.unpack_from(">q", ANSWER, 6)
    own = struct.pack(">q", 1)  # the recorded client counted its requests otherwise
    data = ANSWER[:6] + own + ANSWER[14:]
    assert frame_id > 0
    (connected,) = machine.receive_data(data)
    assert isinstance(connected, Connected)
    assert connected.version == machine.version == V_8_19
    assert machine.state is State.OPEN
    assert one_by_one(begun(), data) == [connected]


def test_both_ends_of_this_project_understand_each_other() -> None:
    client = ClientConnection(offered=V_8_19, oldest=MINIMUM_COMPATIBLE, release="8.19.21")
    server = ServerConnection(offered=V_8_19, release="8.19.21")
    (hello,) = server.receive_data(client.handshake())
    assert isinstance(hello, HandshakeReceived)
    (connected,) = client.receive_data(hello.reply)
    assert connected == Connected(V_8_19, V_8_19, "8.19.21")
    request_id, data = client.request("some:action", b"question", {"h": "v"}, V_8_19)
    _, received = server.receive_data(data)
    assert isinstance(received, RequestReceived)
    assert (received.header.action, received.payload, received.header.request_headers) == ("some:action", b"question", {"h": "v"})
    started, part = client.receive_data(server.response(received.header, b"reply"))
    assert isinstance(started, ResponseStarted)
    assert part == ResponsePart(request_id, b"reply", last=True)


def test_an_answer_comes_in_parts_as_they_come() -> None:
    machine = opened()
    request_id, _ = machine.request("a", b"", {}, V_8_19)
    data = answer(request_id, b"0123456789")
    first = list(machine.receive_data(data[:-4]))
    assert [type(event) for event in first] == [ResponseStarted, ResponsePart]
    assert first[1] == ResponsePart(request_id, b"012345", last=False)
    assert list(machine.receive_data(data[-4:])) == [ResponsePart(request_id, b"6789", last=True)]


def test_an_answer_without_a_payload_has_one_empty_part() -> None:
    machine = opened()
    request_id, _ = machine.request("a", b"", {}, V_8_19)
    assert list(machine.receive_data(answer(request_id, b"")))[1:] == [ResponsePart(request_id, b"", last=True)]


def test_a_compressed_payload_is_sent_and_given_as_it_is() -> None:
    machine = opened()
    request_id, data = machine.request("a", b"squeezed", {}, V_8_19, compressed=True)
    assert data.endswith(b"squeezed")
    assert data[14] == Status.COMPRESSED
    started, part = machine.receive_data(answer(request_id, b"also", Status.RESPONSE | Status.COMPRESSED))
    assert isinstance(started, ResponseStarted)
    assert started.header.status & Status.COMPRESSED
    assert part == ResponsePart(request_id, b"also", last=True)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (answer(1), "a response is not expected on a connection that is shaking hands"),
        (shaken(MINIMUM_COMPATIBLE.id - 1), "minimal compatible version is: [8841000]"),
        (shaken(status=Status.RESPONSE | Status.HANDSHAKE | Status.ERROR), "answered with an error"),
        (shaken(rest=b"x" * MAX_HANDSHAKE), "a handshake of ["),
        (encode_frame(request_id=9, status=Status(0), version=V_8_19, payload=b"", action="a"), "a request is not expected"),
        (b"HTTP/1.1 400", "received HTTP response on transport port"),
    ],
)
def test_what_may_not_answer_a_handshake_closes(data: bytes, text: str) -> None:
    machine = begun()
    with pytest.raises(WireError) as raised:
        list(machine.receive_data(data))
    assert text in str(raised.value)
    assert machine.state is State.CLOSED


def test_an_answer_that_nobody_waits_for_closes() -> None:
    machine = opened()
    request_id, _ = machine.request("a", b"", {}, V_8_19)
    list(machine.receive_data(answer(request_id)))
    with pytest.raises(WireError, match="which nobody made"):
        list(machine.receive_data(answer(request_id)))


def test_nothing_is_sent_before_and_after() -> None:
    with pytest.raises(WireError, match="shaking hands"):
        begun().request("a", b"", {}, V_8_19)
    machine = opened()
    with pytest.raises(WireError):
        list(machine.receive_data(b"nonsense"))
    with pytest.raises(WireError, match="closed"):
        machine.request("a", b"", {}, V_8_19)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", Kind)
def test_the_table_of_moves_is_what_happens(state: State, kind: Kind) -> None:
    machine = ClientConnection(offered=V_8_19, oldest=MINIMUM_COMPATIBLE, release="x")
    data = {
        Kind.PING: PING,
        Kind.HANDSHAKE: shaken(),
        Kind.RESPONSE: answer(2),
        Kind.REQUEST: encode_frame(request_id=2, status=Status(0), version=V_8_19, payload=b"", action="a"),
    }[kind]
    if state is not State.NEW:
        machine.handshake()
    if state in (State.OPEN, State.CLOSED):
        list(machine.receive_data(shaken()))
        machine.request("a", b"", {}, V_8_19)
    machine.state = state
    wanted = MOVES.get((state, kind))
    if wanted is None:
        with pytest.raises(WireError):
            list(machine.receive_data(data))
        assert machine.state is State.CLOSED
    else:
        list(machine.receive_data(data))
        assert machine.state is wanted


@given(data=st.binary(max_size=200))
def test_random_bytes_raise_only_the_protocols_error(data: bytes) -> None:
    machine = opened()
    try:
        list(machine.receive_data(data))
    except WireError:
        assert machine.state is State.CLOSED


# The splitter


def joined(items: Iterable[Ping | Header | Part]) -> list[Ping | Header | bytes]:
    """Parts of one payload put together."""
    found: list[Ping | Header | bytes] = []
    payload = b""
    for item in items:
        if isinstance(item, Part):
            payload += item.data
            if item.last:
                found.append(payload)
                payload = b""
        else:
            found.append(item)
    return found


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_real_frames_are_split_as_they_lie(step: int) -> None:
    frames = [bytes.fromhex(vector["frame"]) for vector in VECTORS]
    data = PING + b"".join(frames) + PING
    splitter = FrameSplitter()
    items = joined(item for start in range(0, len(data), step) for item in splitter.receive(data[start : start + step]))
    assert isinstance(items[0], Ping)
    assert isinstance(items[-1], Ping)
    headers, payloads = items[1:-1:2], items[2:-1:2]
    for frame, header, payload in zip(frames, headers, payloads, strict=True):
        assert isinstance(header, Header)
        assert isinstance(payload, bytes)
        assert header.size == len(frame)
        assert header.payload_size == len(payload)
        assert frame.endswith(payload)


def test_the_splitter_has_the_decoders_limits() -> None:
    with pytest.raises(WireError, match="exceeds"):
        list(FrameSplitter(Limits(frame=20)).receive(answer(1, b"x" * 100)))


def test_an_older_version_is_agreed_upon() -> None:
    machine = begun()
    older = TransportVersion(V_8_19.id - 1)
    (connected,) = machine.receive_data(shaken(older.id))
    assert isinstance(connected, Connected)
    assert (connected.version, connected.offered) == (older, older)
