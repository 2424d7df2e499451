"""Elasticsearch's stream format: the Reader and the Writer of single values.

The formats are those of ``StreamInput`` and ``StreamOutput`` of Elasticsearch 8.19. A Reader is over bytes from the network and
may raise only :class:`protocol.errors.WireError`; every length is checked against the bytes left before anything is allocated.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from protocol.errors import WireError
from protocol.versions import TransportVersion

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_SHORT, _INT, _LONG = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_FLOAT, _DOUBLE = struct.Struct(">f"), struct.Struct(">d")

MAX_DEPTH = 100
"""Deepest nesting of messages and generic values that a Reader follows. A bool query of Elasticsearch may nest 30 deep by default
(``indices.query.bool.max_nested_depth``); the cap only keeps hostile input from exhausting the interpreter's stack."""


class Reader:
    """Takes values off the front of a message.

    ``data`` may be any bytes-like object; ``version`` is the transport version that the message was written for.
    """

    __slots__ = ("_data", "_depth", "_end", "_position", "version")

    def __init__(self, data: bytes | bytearray | memoryview, version: TransportVersion) -> None:
        self._data = data if isinstance(data, bytes) else bytes(data)
        self._position = 0
        self._end = len(self._data)
        self._depth = 0
        self.version = version

    @property
    def remaining(self) -> int:
        """How many bytes have not been read."""
        return self._end - self._position

    @property
    def position(self) -> int:
        return self._position

    def expect_end(self, what: str) -> None:
        """Raise WireError when bytes are left: the message is not the one that was declared."""
        if self.remaining:
            raise WireError(f"{self.remaining} unread bytes after {what}")

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.raw(self.remaining)

    def enter(self) -> None:
        """Count one level of nesting; every recursive read calls it, and `leave` after."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise WireError(f"nested deeper than {MAX_DEPTH}")

    def leave(self) -> None:
        self._depth -= 1

    def raw(self, size: int) -> bytes:
        position = self._position
        end = position + size
        if size < 0 or end > self._end:
            raise WireError(f"{size} bytes wanted, {self.remaining} left")
        self._position = end
        return self._data[position:end]

    def byte(self) -> int:
        """Unsigned, 0 to 255."""
        position = self._position
        if position >= self._end:
            raise WireError("1 byte wanted, 0 left")
        self._position = position + 1
        return self._data[position]

    def boolean(self) -> bool:
        position = self._position
        if position >= self._end:
            raise WireError("1 byte wanted, 0 left")
        self._position = position + 1
        value = self._data[position]
        if value > 1:
            raise WireError(f"unexpected byte [0x{value:02x}] for a boolean")
        return value == 1

    def _fixed(self, form: struct.Struct) -> int:
        value: int = form.unpack(self.raw(form.size))[0]
        return value

    def short(self) -> int:
        return self._fixed(_SHORT)

    def int32(self) -> int:
        return self._fixed(_INT)

    def int64(self) -> int:
        return self._fixed(_LONG)

    def float32(self) -> float:
        value: float = _FLOAT.unpack(self.raw(4))[0]
        return value

    def float64(self) -> float:
        value: float = _DOUBLE.unpack(self.raw(8))[0]
        return value

    def vint(self) -> int:
        """A variable-length int of at most five bytes; negative ints use all five."""
        position = self._position
        if position < self._end and (value := self._data[position]) < 0x80:
            self._position = position + 1
            return value
        value = self._variable(5) & 0xFFFFFFFF
        return value - (1 << 32) if value & 0x80000000 else value

    def vlong(self) -> int:
        """A variable-length long of at most nine bytes, or ten where the value is negative."""
        value = self._variable(10) & 0xFFFFFFFFFFFFFFFF
        return value - (1 << 64) if value & (1 << 63) else value

    def zlong(self) -> int:
        """A zig-zag encoded long."""
        value = self._variable(10) & 0xFFFFFFFFFFFFFFFF
        return (value >> 1) ^ -(value & 1)

    def _variable(self, limit: int) -> int:
        data, position, end = self._data, self._position, self._end
        value = shift = 0
        for _ in range(limit):
            if position >= end:
                raise WireError("the message ends within a variable-length number")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                self._position = position
                return value
            shift += 7
        raise WireError("a variable-length number that does not end")

    def size(self) -> int:
        """The length of a collection, each entry of which takes at least one byte."""
        value = self.vint()
        if value < 0 or value > self._end - self._position:
            raise WireError(f"a collection of {value} entries in {self.remaining} bytes")
        return value

    def string(self) -> str:
        """A string, preceded by its length in UTF-16 units; each unit is one to three bytes of modified UTF-8."""
        units = self.size()
        data, start = self._data, self._position
        ascii_end = start + units
        text = data[start:ascii_end]
        if text.isascii():
            self._position = ascii_end
            return text.decode("ascii")
        position = start
        for _ in range(units):
            if position >= self._end:
                raise WireError("the message ends within a string")
            lead = data[position]
            if lead < 0x80:
                position += 1
            elif 0xC0 <= lead < 0xE0:
                position += 2
            elif 0xE0 <= lead < 0xF0:
                position += 3
            else:
                raise WireError(f"unexpected byte [0x{lead:02x}] in a string")
        if position > self._end:
            raise WireError("the message ends within a string")
        self._position = position
        try:
            return _join_surrogates(data[start:position].decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            raise WireError(f"malformed string: {error.reason}") from None

    def text(self) -> str:
        """Elasticsearch's ``Text``: UTF-8 preceded by its length in bytes as an int."""
        size = self.int32()
        try:
            return self.raw(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError(f"malformed text: {error.reason}") from None

    def bytes_reference(self) -> bytes:
        """Bytes preceded by their length as a vint: ``BytesReference``, ``BytesRef`` and ``byte[]`` alike."""
        return self.raw(self.size())

    def optional(self, read: Callable[[], T]) -> T | None:
        return read() if self.boolean() else None

    def list(self, read: Callable[[], T]) -> list[T]:
        return [read() for _ in range(self.size())]

    def map(self, key: Callable[[], K], value: Callable[[], V]) -> dict[K, V]:
        return {key(): value() for _ in range(self.size())}


class Writer:
    """Puts values at the end of a message for one transport version."""

    __slots__ = ("_out", "version")

    def __init__(self, version: TransportVersion) -> None:
        self._out = bytearray()
        self.version = version

    def __len__(self) -> int:
        return len(self._out)

    def getvalue(self) -> bytes:
        return bytes(self._out)

    def raw(self, data: bytes | bytearray | memoryview) -> None:
        self._out += data

    def byte(self, value: int) -> None:
        self._out.append(value & 0xFF)

    def boolean(self, value: bool) -> None:
        self._out.append(1 if value else 0)

    def short(self, value: int) -> None:
        self._out += _SHORT.pack(value)

    def int32(self, value: int) -> None:
        self._out += _INT.pack(value)

    def int64(self, value: int) -> None:
        self._out += _LONG.pack(value)

    def float32(self, value: float) -> None:
        self._out += _FLOAT.pack(value)

    def float64(self, value: float) -> None:
        self._out += _DOUBLE.pack(value)

    def vint(self, value: int) -> None:
        if 0 <= value < 0x80:
            self._out.append(value)
            return
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError(f"{value} does not fit an int")
        self.variable(value & 0xFFFFFFFF)

    def vlong(self, value: int) -> None:
        if 0 <= value < 0x80:
            self._out.append(value)
            return
        if not -(1 << 63) <= value < 1 << 63:
            raise OverflowError(f"{value} does not fit a long")
        self.variable(value)

    def zlong(self, value: int) -> None:
        self.variable((value << 1) ^ (value >> 63))

    def variable(self, value: int) -> None:
        """An unsigned number of up to 64 bits, seven in a byte, the lowest first; what is above them is cut off."""
        value &= 0xFFFFFFFFFFFFFFFF
        out = self._out
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)

    def string(self, value: str) -> None:
        if value.isascii():
            self.vint(len(value))
            self._out += value.encode("ascii")
            return
        split = _split_surrogates(value)
        self.vint(len(split))
        self._out += split.encode("utf-8", "surrogatepass")

    def text(self, value: str) -> None:
        data = value.encode("utf-8", "replace")
        self._out += _INT.pack(len(data)) + data

    def bytes_reference(self, value: bytes | bytearray | memoryview) -> None:
        self.vint(len(value))
        self._out += value

    def optional(self, write: Callable[[T], None], value: T | None) -> None:
        self.boolean(value is not None)
        if value is not None:
            write(value)

    def list(self, write: Callable[[T], None], values: Sequence[T]) -> None:
        self.vint(len(values))
        for value in values:
            write(value)

    def map(self, key: Callable[[K], None], value: Callable[[V], None], values: Mapping[K, V]) -> None:
        self.vint(len(values))
        for name, entry in values.items():
            key(name)
            value(entry)


def _join_surrogates(text: str) -> str:
    """Java writes each UTF-16 unit by itself, so a character beyond the BMP arrives as two surrogates."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass") if _has_surrogates(text) else text


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _split_surrogates(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) == 2 * len(text):
        return text
    return "".join(map(chr, struct.unpack(f"<{len(units) // 2}H", units)))
