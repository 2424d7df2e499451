"""Frames of real nodes, whole and byte by byte, and bytes that are no frames."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.compression import Compression, compress, decompress_untrusted
from protocol.errors import WireError
from protocol.frames import (
    PING,
    Frame,
    FrameDecoder,
    Header,
    HttpRequestOnTransport,
    Limits,
    Ping,
    Status,
    encode_frame,
)
from protocol.versions import V_8_19
from tests.vectors import read_lines

VECTORS = read_lines("frames.jsonl.gz")
REQUEST = encode_frame(request_id=7, status=Status(0), version=V_8_19, payload=b"body", action="a", request_headers={"k": "v"})


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['action'] or 'answer'}-{vector['status']}-{vector['version']}-{vector['id']}"


def decode(data: bytes, step: int) -> list[Ping | Header | Frame]:
    decoder = FrameDecoder()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    return list(itertools.chain.from_iterable(decoder.receive(piece) for piece in pieces))


def only_frame(data: bytes) -> Frame:
    header, frame = decode(data, len(data))
    assert isinstance(frame, Frame)
    assert frame.header is header
    return frame


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_real_frame_is_read_and_written_back(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["frame"])
    frame = only_frame(data)
    header = frame.header
    assert (header.request_id, header.status, header.version.id) == (vector["id"], vector["status"], vector["version"])
    assert (header.action, header.size, sorted(header.request_headers)) == (vector["action"], len(data), vector["headers"])
    assert len(frame.payload) == vector["payload_size"]
    assert frame.compression is None
    assert decode(data, 1) == [header, frame]
    written = encode_frame(
        request_id=header.request_id,
        status=header.status,
        version=header.version,
        payload=frame.payload,
        action=header.action,
        request_headers=header.request_headers,
        response_headers=header.response_headers,
    )
    assert written == data


def test_a_conversation_in_one_piece_comes_out_in_order() -> None:
    frames = [bytes.fromhex(vector["frame"]) for vector in VECTORS]
    items = decode(PING + b"".join(frames) + PING, 1000)
    assert [type(item) for item in items] == [Ping, *[Header, Frame] * len(frames), Ping]


def test_the_header_is_known_before_the_payload_has_come() -> None:
    decoder = FrameDecoder()
    (header,) = decoder.receive(REQUEST[:-1])
    assert isinstance(header, Header)
    assert decoder.buffered == len(REQUEST) - 1
    (frame,) = decoder.receive(REQUEST[-1:])
    assert isinstance(frame, Frame)
    assert (frame.payload, decoder.buffered) == (b"body", 0)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"GET / HTTP/1.1\r\n", "This is not an HTTP port"),
        (b"HTTP/1.1 200 OK\r\n", "received HTTP response on transport port"),
        (b"\x16\x03\x01\x02\x00\x01", r"SSL/TLS request received but SSL/TLS is not enabled on this node, got \(16,3,1,2\)"),
        (b"XY\x00\x00\x00\x20", r"invalid internal transport message format, got \(58,59,0,0\)"),
        (b"ES\x00\x00\x00\x00", "invalid data length: 0"),
        (b"ES\x00\x00\x00\x05", "invalid data length: 5"),
        (b"ES\xff\xff\xff\xfe", "invalid data length: -2"),
        (b"ES\x7f\xff\xff\xff", r"illegal transport message of size \[2147483647b\] which exceeds \[67108864b\]"),
        (struct.pack(">2siqBii", b"ES", 17, 1, 0, 8841096, -1), "invalid negative variable header size: -1"),
        (struct.pack(">2siqBii", b"ES", 100_000, 1, 0, 8841096, 65_536), r"header size \[65559\] exceeds limit of \[65536b\]"),
        (struct.pack(">2siqBii", b"ES", 20, 1, 0, 8841096, 50), "a header of 50 bytes in a message of 20"),
        (struct.pack(">2siqBii", b"ES", 20, 1, 0, 6080099, 0), r"unsupported version: \[6080099\]"),
        (struct.pack(">2siqBii", b"ES", 20, 1, 0xF0, 8841096, 0), r"unknown status bits \[0xf0\]"),
        (struct.pack(">2siqBii", b"ES", 19, 1, 0, 8841096, 2) + b"\x05\x05", "collection of 5 entries in 1 bytes"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_no_frame_is_refused_by_its_first_bytes(data: bytes, text: str, step: int) -> None:
    with pytest.raises(WireError, match=text):
        decode(data, step)


def test_an_http_request_has_an_error_of_its_own() -> None:
    with pytest.raises(HttpRequestOnTransport):
        decode(b"POST /_search", 100)


@pytest.mark.parametrize("scheme", Compression)
@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_a_compressed_payload_comes_back(scheme: Compression, size: int) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    data = encode_frame(request_id=1, status=Status(0), version=V_8_19, payload=payload[:size], action="a", compression=scheme)
    frame = only_frame(data)
    assert (frame.payload, frame.compression) == (payload[:size], scheme)
    assert frame.header.status & Status.COMPRESSED


@pytest.mark.parametrize("scheme", Compression)
def test_a_compressed_bomb_is_refused_before_it_unfolds(scheme: Compression) -> None:
    bomb = encode_frame(request_id=1, status=Status(0), version=V_8_19, payload=bytes(1 << 24), action="a", compression=scheme)
    with pytest.raises(WireError, match="a compressed message of more than 1048576 bytes"):
        list(FrameDecoder(Limits(payload=1 << 20)).receive(bomb))


@pytest.mark.parametrize("scheme", Compression)
def test_a_compressed_payload_must_be_whole(scheme: Compression) -> None:
    data = compress(b"0123456789" * 20_000, scheme)
    for end in {4, 5, 20, 40, len(data) // 2, len(data) - 1}:
        with pytest.raises(WireError):
            decompress_untrusted(data[:end], 1 << 20)
    with pytest.raises(WireError, match="bytes after a compressed message"):
        decompress_untrusted(data + b"x", 1 << 20)


@given(st.binary(max_size=200))
def test_any_bytes_raise_only_the_protocols_error(data: bytes) -> None:
    for start in (b"", b"ES", b"ES\x00\x00\x00\x20"):
        try:
            decode(start + data, 7)
        except WireError:
            continue


@given(st.data())
def test_a_damaged_frame_raises_only_the_protocols_error(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(VECTORS))
    frame = bytearray.fromhex(vector["frame"])
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(frame), len(frame))
    except WireError:
        return


@given(st.sampled_from(list(Compression)), st.binary(max_size=100))
def test_damaged_compression_raises_only_the_protocols_error(scheme: Compression, data: bytes) -> None:
    for body in (data, scheme.value + data, compress(data, scheme)[:-3] + data):
        try:
            decompress_untrusted(body, 1 << 20)
        except WireError:
            continue


AUDIT_ID = "_xpack_audit_request_id"
ids = st.one_of(st.text(st.characters(max_codepoint=127), min_size=2, max_size=2), st.text(max_size=3))
headers = st.builds(
    lambda names, number: {name: number if name == AUDIT_ID else f"value of {name}" for name in names},
    st.permutations(["user", AUDIT_ID, "key"]).flatmap(lambda names: st.sampled_from([names, names[:2], names[:1]])),
    ids,
)


@given(st.lists(st.tuples(headers, st.sampled_from(["act", "bar"]), st.booleans()), min_size=1, max_size=6))
def test_a_header_is_read_the_same_whatever_came_before(kinds: list[tuple[dict[str, str], str, bool]]) -> None:
    """Those of a connection are alike, of which the decoder makes use."""
    frames = [
        encode_frame(
            request_id=number,
            status=Status.RESPONSE if answers else Status(0),
            version=V_8_19,
            payload=b"",
            action=action,
            request_headers=sent,
        )
        for number, (sent, action, answers) in enumerate(kinds)
    ]
    together = [item for item in decode(b"".join(frames), 1 << 20) if isinstance(item, Frame)]
    assert together == [only_frame(frame) for frame in frames]
    assert [frame.header.request_headers for frame in together] == [sent for sent, _, _ in kinds]


def test_a_damaged_header_after_a_good_one_is_refused() -> None:
    good = encode_frame(
        request_id=1, status=Status(0), version=V_8_19, payload=b"", action="act", request_headers={AUDIT_ID: "0123456789"}
    )
    start = good.index(b"0123456789")
    for damage in (b"\xff123456789", b"012345678\xff"):
        with pytest.raises(WireError):
            decode(good + good[:start] + damage + good[start + 10 :], 1 << 20)
