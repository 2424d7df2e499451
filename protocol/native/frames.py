"""How frames lie in a stream.

    length: u32 | header size: u32 | header: a msgpack map | body: one msgpack value, or nothing

Both numbers are big-endian; the length counts what follows it. A header says what the frame is (:mod:`protocol.native.messages`) and can be
acted on before the body has come. The body stays opaque here, so that one that is malformed fails its request and not the connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import WireError
from protocol.native.values import Limits, pack, unpack_untrusted

_PREFIX = struct.Struct(">II")
_HEADER_SIZE_BYTES = 4
MAX_FRAME = (1 << 32) - 1


@dataclass(slots=True)
class Head:
    """A frame's header, a map with text keys, and how many bytes its body has."""

    header: dict[str, Any]
    body_size: int


@dataclass(slots=True)
class Frame:
    head: Head
    body: bytes = field(repr=False)


class FrameDecoder:
    """Cuts a stream into frames. ``receive`` yields a Head as soon as it is complete, and the Frame with that same head after. It raises
    WireError at the first byte that is wrong; the stream has no meaning after that."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._head: Head | None = None
        self._body_start = 0

    @property
    def buffered(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def receive(self, data: bytes | bytearray | memoryview) -> Iterator[Head | Frame]:
        self._buffer += data
        while True:
            head = self._head
            if head is None:
                head = self._head = self._head_untrusted()
                if head is None:
                    return
                yield head
            end = self._body_start + head.body_size
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[self._body_start : end])
            del self._buffer[:end]
            self._head = None
            yield Frame(head, body)

    def _head_untrusted(self) -> Head | None:
        """The header that the buffer begins with; None where that is not complete."""
        buffer, limits = self._buffer, self._limits
        if len(buffer) < _PREFIX.size:
            return None
        length, size = _PREFIX.unpack_from(buffer)
        if length > limits.frame:
            raise WireError(f"a frame of [{length}b] exceeds the limit of [{limits.frame}b]")
        if size > limits.header:
            raise WireError(f"header size [{size}] exceeds limit of [{limits.header}b]")
        if size > length - _HEADER_SIZE_BYTES:
            raise WireError(f"a header of [{size}b] in a frame of [{length}b]")
        start = _PREFIX.size + size
        if len(buffer) < start:
            return None
        header = unpack_untrusted(bytes(memoryview(buffer)[_PREFIX.size : start]), limits)
        if not isinstance(header, dict):
            raise WireError("a header that is no map")
        self._body_start = start
        return Head(header, length - _HEADER_SIZE_BYTES - size)


def encode_frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """Raises ValueError for what no frame can hold."""
    packed = pack(header)
    length = _HEADER_SIZE_BYTES + len(packed) + len(body)
    if length > MAX_FRAME:
        raise ValueError(f"a frame of [{length}b]")
    return _PREFIX.pack(length, len(packed)) + packed + body


def frame_sizes(encoded: bytes) -> tuple[int, int]:
    """What a frame says of itself: its length, and its header's size, in bytes."""
    length, header = _PREFIX.unpack_from(encoded)
    return length, header
