"""The msgpack that is spoken here: what JSON can say, and no more.

The msgpack library takes arrays of any length at their word and nests a thousand deep, so every value that comes from outside is walked
over before it is built: a few bytes must not ask for much memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from protocol.errors import WireError

ALPN = "rcgw/1"
"""By this name of the application protocol a TLS client asks for the native protocol."""

VERSION = 1

ANSWER_DEPTH = 500
"""How deep an answer may be nested. A document's source may be nested deeper than a request; msgpack's own encoder ends at 511."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one end takes, at most.

    ``header``: bytes of a frame's header. ``frame``: bytes of a whole frame after its length. ``depth``: arrays and maps within each
    other. ``elements``: keys and values of one body together, of all its arrays and maps: an empty map is one byte on the wire and 64
    in memory.
    """

    header: int = 64 * 1024
    frame: int = 64 * 1024 * 1024
    depth: int = 100
    elements: int = 262_144


ANSWER_LIMITS = Limits(header=64 * 1024, frame=128 * 1024 * 1024, depth=ANSWER_DEPTH, elements=16 * 1024 * 1024)
"""What an end that asks takes when it says nothing else: ten thousand hits are some hundred thousand elements."""


def _sizes() -> bytes:
    """By a value's first byte how many bytes it has, where that follows from it; 0 where it does not."""
    sizes = bytearray(256)
    sizes[0x00:0x80] = bytes([1]) * 0x80
    sizes[0xA0:0xC0] = bytes(range(1, 33))
    sizes[0xE0:] = bytes([1]) * 32
    sizes[0xC0] = sizes[0xC2] = sizes[0xC3] = 1
    for code, size in ((0xCC, 2), (0xCD, 3), (0xCE, 5), (0xCF, 9), (0xD0, 2), (0xD1, 3), (0xD2, 5), (0xD3, 9)):
        sizes[code] = size
    return bytes(sizes)


_SIZES = _sizes()
_FLOAT32, _FLOAT64 = 0xCA, 0xCB
_STRINGS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_ARRAYS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
"""How many bytes of length or count follow the first."""


def unpack_untrusted(data: bytes, limits: Limits) -> Any:
    """The one value that these bytes are. Raises WireError."""
    _walk_untrusted(data, limits)
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True, use_list=True, object_pairs_hook=_object)
    except (ValueError, msgpack.UnpackException) as error:
        raise WireError(f"malformed msgpack: {error}") from None


def pack(value: Any) -> bytes:
    """A value of JSON as bytes. An integer beyond 64 bits becomes a float, half of a surrogate pair a question mark. Raises ValueError
    where it is nested deeper than msgpack's encoder goes (511), and TypeError for what is no JSON."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="replace", default=_beyond)
    return packed


def pack_array(packed: Sequence[bytes]) -> bytes:
    """An array of values that are packed already."""
    count = len(packed)
    form, width = (b"\xdd", 4) if count >= 1 << 16 else (b"\xdc", 2)
    head = bytes([0x90 | count]) if count < 16 else form + count.to_bytes(width)
    return head + b"".join(packed)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise WireError(f"Duplicate field '{twice}'")
    return made


def _beyond(value: object) -> float:
    if isinstance(value, int):
        return float(value)
    raise TypeError(f"[{type(value).__name__}] is not a value of JSON")


def _walk_untrusted(data: bytes, limits: Limits) -> None:
    """Raises WireError where the bytes are not one value within the limits. Not all that is wrong is found here: the texts are not looked
    at, nor the types of keys."""
    end, place, elements = len(data), 0, 0
    left, outer = 1, list[int]()
    try:
        while True:
            code = data[place]
            if size := _SIZES[code]:
                place += size
                inner = 0
            elif code in (_FLOAT32, _FLOAT64):
                exponent = 0xF0 if code == _FLOAT64 else 0x80
                if data[place + 1] & 0x7F == 0x7F and data[place + 2] >= exponent:
                    raise WireError("malformed msgpack: a float that is no number")
                place += 9 if code == _FLOAT64 else 5
                inner = 0
            elif width := _STRINGS.get(code, 0):
                place += 1 + width + int.from_bytes(data[place + 1 : place + 1 + width])
                inner = 0
            else:
                place, inner = _container_untrusted(data, place, code)
                elements += inner
                if elements > limits.elements:
                    raise WireError(f"more than [{limits.elements}] elements")
                if len(outer) >= limits.depth:
                    raise WireError(f"nested deeper than [{limits.depth}]")
                if inner > end - place:
                    raise IndexError
            if inner:
                outer.append(left - 1)
                left = inner
                continue
            left -= 1
            while not left:
                if not outer:
                    if place != end:
                        raise WireError(f"malformed msgpack: [{abs(end - place)}] bytes too {'many' if end > place else 'few'}")
                    return
                left = outer.pop()
    except IndexError:
        raise WireError("malformed msgpack: it ends too early") from None


def _container_untrusted(data: bytes, place: int, code: int) -> tuple[int, int]:
    """Where the first element of an array or map lies, and how many keys and values there are."""
    if 0x80 <= code <= 0x8F:
        return place + 1, (code & 0x0F) * 2
    if 0x90 <= code <= 0x9F:
        return place + 1, code & 0x0F
    width = _ARRAYS.get(code) or _MAPS.get(code)
    if width is None:
        raise WireError(f"malformed msgpack: the type [0x{code:02x}] is not among those of JSON")
    count = int.from_bytes(data[place + 1 : place + 1 + width])
    return place + 1 + width, count * 2 if code in _MAPS else count
