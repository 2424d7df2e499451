"""Conversations with one connection: what real nodes say first, what follows, and what may not be said."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from protocol.compression import Compression
from protocol.connection import HANDSHAKE_VERSIONS, MOVES, Kind, ServerConnection, State
from protocol.errors import ElasticsearchException, WireError
from protocol.events import Event, HandshakeReceived, PingReceived, RequestReceived, RequestStarted
from protocol.exceptions import read_exception
from protocol.frames import PING, Frame, FrameDecoder, Status, encode_frame
from protocol.messages.handshake import TcpHandshakeRequest
from protocol.versions import HANDSHAKE_7, HANDSHAKE_8, V_8_19, TransportVersion
from protocol.wire import Reader
from tests.vectors import read_lines

VECTORS = read_lines("frames.jsonl.gz")
HANDSHAKES = [v for v in VECTORS if v["action"] == "internal:tcp/handshake"]
ANSWERS = {v["version"]: bytes.fromhex(v["frame"]) for v in VECTORS if v["status"] == Status.RESPONSE | Status.HANDSHAKE}


def connection() -> ServerConnection:
    return ServerConnection(offered=V_8_19, release="8.19.21", node="node", address="127.0.0.1:9443")


def handshake(version: TransportVersion = HANDSHAKE_8, speaks: int = V_8_19.id) -> bytes:
    payload = TcpHandshakeRequest.of(speaks, "9.5.3").encode(version)
    return encode_frame(request_id=1, status=Status.HANDSHAKE, version=version, payload=payload, action="internal:tcp/handshake")


def request(version: TransportVersion = V_8_19) -> bytes:
    return encode_frame(request_id=2, status=Status(0), version=version, payload=b"\x00", action="some:action")


def opened() -> ServerConnection:
    machine = connection()
    list(machine.receive_data(handshake()))
    return machine


def only(events: Any) -> Event:
    (event,) = events
    assert isinstance(event, Event)
    return event


def frame_of(data: bytes) -> Frame:
    *_, frame = FrameDecoder().receive(data)
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize("vector", HANDSHAKES, ids=lambda v: str(v["version"]))
def test_a_real_nodes_handshake_gets_a_real_nodes_answer(vector: dict[str, Any]) -> None:
    machine = connection()
    event = only(machine.receive_data(bytes.fromhex(vector["frame"])))
    assert isinstance(event, HandshakeReceived)
    real = bytearray(ANSWERS[vector["version"]])
    real[6:14] = struct.pack(">q", vector["id"])
    assert event.reply == bytes(real)
    assert (event.version, event.release) == (V_8_19, "9.5.3" if vector["version"] == HANDSHAKE_8.id else "")
    assert machine.state is State.OPEN


@pytest.mark.parametrize(("speaks", "agreed"), [(8841096, 8841096), (9458007, 8841096), (8840010, 8840010)])
def test_the_lower_version_wins(speaks: int, agreed: int) -> None:
    event = only(connection().receive_data(handshake(speaks=speaks)))
    assert isinstance(event, HandshakeReceived)
    assert event.version.id == agreed


def test_a_request_starts_before_it_is_whole() -> None:
    machine = opened()
    data = request()
    started = only(machine.receive_data(data[:-1]))
    assert isinstance(started, RequestStarted)
    assert machine.mid_message
    received = only(machine.receive_data(data[-1:]))
    assert received == RequestReceived(started.header, b"\x00", None)
    assert not machine.mid_message


@pytest.mark.parametrize("before", [b"", handshake()])
def test_a_ping_is_answered_in_every_open_state(before: bytes) -> None:
    machine = connection()
    list(machine.receive_data(before))
    assert only(machine.receive_data(PING)) == PingReceived(PING)


@pytest.mark.parametrize("scheme", [None, *Compression])
def test_a_response_goes_as_the_request_came(scheme: Compression | None) -> None:
    machine = opened()
    data = encode_frame(request_id=9, status=Status(0), version=V_8_19, payload=b"x" * 100, action="a", compression=scheme)
    *_, received = machine.receive_data(data)
    assert isinstance(received, RequestReceived)
    answer = frame_of(machine.response(received.header, b"answer", received.compression))
    assert (answer.header.request_id, answer.payload, answer.compression) == (9, b"answer", scheme)
    assert answer.header.status == Status.RESPONSE | (Status.COMPRESSED if scheme else 0)


def test_an_error_response_holds_the_exception() -> None:
    machine = opened()
    *_, received = machine.receive_data(request())
    assert isinstance(received, RequestReceived)
    error = ElasticsearchException("illegal_argument_exception", "no")
    answer = frame_of(machine.error_response(received.header, error))
    assert answer.header.status == Status.RESPONSE | Status.ERROR
    read = read_exception(Reader(answer.payload, V_8_19))
    assert (read.type, read.reason) == ("remote_transport_exception", "[node][127.0.0.1:9443][some:action]")
    assert read.cause is not None
    assert (read.cause.type, read.cause.reason) == ("illegal_argument_exception", "no")


MESSAGES = {
    Kind.PING: PING,
    Kind.HANDSHAKE: handshake(),
    Kind.REQUEST: request(),
    Kind.RESPONSE: encode_frame(request_id=1, status=Status.RESPONSE, version=V_8_19, payload=b""),
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("state", State)
def test_every_move_is_in_the_table_or_closes_the_connection(state: State, kind: Kind) -> None:
    machine = connection()
    machine.state = state
    target = MOVES.get((state, kind))
    if target is None:
        with pytest.raises(WireError, match=f"a {kind.value} is not expected on a connection that is {state.value}"):
            list(machine.receive_data(MESSAGES[kind]))
        assert machine.state is State.CLOSED
    else:
        list(machine.receive_data(MESSAGES[kind]))
        assert machine.state is target


def test_only_known_handshake_versions_are_taken() -> None:
    for version in HANDSHAKE_VERSIONS:
        assert isinstance(only(connection().receive_data(handshake(version))), HandshakeReceived)
    data = encode_frame(request_id=1, status=Status.HANDSHAKE, version=V_8_19, payload=b"\x00", action="internal:tcp/handshake")
    with pytest.raises(WireError, match=r"unsupported version: \[8841096\] allowed versions are: \[7170099, 8800000\]"):
        list(connection().receive_data(data))


def test_a_handshake_of_another_action_is_none() -> None:
    data = encode_frame(request_id=1, status=Status.HANDSHAKE, version=HANDSHAKE_7, payload=b"\x00", action="x")
    with pytest.raises(WireError, match=r"a handshake with the action \[x\]"):
        list(connection().receive_data(data))


def test_a_version_above_the_offered_one_is_refused() -> None:
    with pytest.raises(WireError, match="offered was"):
        list(opened().receive_data(request(TransportVersion(9458007))))


def test_malformed_bytes_close_the_connection() -> None:
    machine = opened()
    with pytest.raises(WireError):
        list(machine.receive_data(b"garbage"))
    assert machine.state is State.CLOSED
