"""Frames in a stream: cut anywhere, never larger than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.native.frames import Frame, FrameDecoder, Head, encode_frame, frame_sizes
from protocol.native.values import Limits

PING = bytes.fromhex("000000100000000b81a46b696e64a470696e67c0")
"""By hand: length 16, a header of 11 bytes ``{"kind": "ping"}``, and nil as a body."""

LIMITS = Limits(header=64, frame=256, depth=5, elements=20)


def items(parts: list[bytes], limits: Limits = LIMITS) -> list[Head | Frame | str]:
    decoder, found = FrameDecoder(limits), list[Head | Frame | str]()
    try:
        for part in parts:
            for item in decoder.receive(part):
                found.append(item)
    except WireError as error:
        found.append(str(error))
    return found


def test_a_frame_by_hand() -> None:
    head = Head({"kind": "ping"}, 1)
    assert items([PING]) == [head, Frame(head, b"\xc0")]
    assert encode_frame({"kind": "ping"}, b"\xc0") == PING
    assert frame_sizes(PING) == (16, 11)


def test_the_head_is_told_before_the_body_has_come() -> None:
    assert items([PING[:-1]]) == [Head({"kind": "ping"}, 1)]
    assert items([PING[:-2]]) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0000010100000001", "a frame of [257b] exceeds the limit of [256b]"),
        ("ffffffff00000001", "a frame of [4294967295b] exceeds the limit of [256b]"),
        ("0000008000000041", "header size [65] exceeds limit of [64b]"),
        ("0000000800000005", "a header of [5b] in a frame of [8b]"),
        ("0000000000000000", "a header of [0b] in a frame of [0b]"),
        ("0000000300000000", "a header of [0b] in a frame of [3b]"),
        ("0000000400000000", "malformed msgpack: it ends too early"),
        ("000000050000000190", "a header that is no map"),
        ("0000000500000001c1", "malformed msgpack: the type [0xc1] is not among those of JSON"),
        ("0000000a0000000691919191919101", "nested deeper than [5]"),
    ],
)
def test_what_is_refused_at_once(data: str, reason: str) -> None:
    assert items([bytes.fromhex(data)]) == [reason]


@given(st.lists(st.sampled_from([PING, encode_frame({"kind": "pong"}), b"\0\0\0\x09", b"\x81", b"\xff"]), max_size=6))
def test_whole_or_byte_by_byte_is_the_same(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert items([data]) == items([data[place : place + 1] for place in range(len(data))])


@given(st.binary(max_size=64))
def test_random_bytes_raise_only_the_protocols_error(data: bytes) -> None:
    assert items([data]) == items([data[place : place + 1] for place in range(len(data))])
    items([b"\0\0\0\x20\0\0\0\x10" + data])
