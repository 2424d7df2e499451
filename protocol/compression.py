"""Compressed payloads: four bytes that name the scheme, then raw deflate or LZ4 blocks.

The layouts are those of Elasticsearch's ``Compression``, ``DeflateTransportDecompressor`` and ``Lz4TransportDecompressor``.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator

import lz4.block

from protocol.errors import WireError


class Compression(enum.Enum):
    """How a payload is compressed. A response is compressed the way its request was."""

    DEFLATE = b"DFL\0"
    LZ4 = b"LZ4\0"


_SCHEMES = {scheme.value: scheme for scheme in Compression}
_NAME_LENGTH = 4
_RAW_DEFLATE = -zlib.MAX_WBITS

_BLOCK = struct.Struct("<8sBIII")
_BLOCK_MAGIC = b"LZ4Block"
_STORED, _PACKED = 0x10, 0x20
_LEVEL_BASE = 10
_BLOCK_SIZE = 64 * 1024
_BLOCK_LEVEL = 6
"""A block of at most 2 ** (_LEVEL_BASE + level) bytes: 64 kB, as Elasticsearch writes them."""


def decompress_untrusted(data: bytes, limit: int) -> tuple[Compression, bytes]:
    """The scheme and the plain payload; WireError where it is malformed or would be longer than ``limit`` bytes."""
    scheme = _SCHEMES.get(data[:_NAME_LENGTH])
    if scheme is None:
        raise WireError(f"stream marked as compressed, but no compressor found, first bytes are [{data[:10].hex(',')}]")
    if scheme is Compression.DEFLATE:
        return scheme, _inflate(data, limit)
    return scheme, b"".join(_unpack_blocks(data, limit))


def compress(data: bytes, scheme: Compression) -> bytes:
    if scheme is Compression.DEFLATE:
        packer = zlib.compressobj(wbits=_RAW_DEFLATE)
        packed: bytes = scheme.value + packer.compress(data) + packer.flush()
    else:
        packed = scheme.value + b"".join(_pack_blocks(data))
    return packed


def _inflate(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        plain = unpacker.decompress(memoryview(data)[_NAME_LENGTH:], limit + 1)
    except zlib.error as error:
        raise WireError(f"Exception while inflating bytes: {error}") from None
    if len(plain) > limit:
        raise WireError(f"a compressed message of more than {limit} bytes")
    if not unpacker.eof:
        raise WireError("a compressed message that ends too early")
    if unpacker.unused_data:
        raise WireError(f"{len(unpacker.unused_data)} bytes after a compressed message")
    return plain


def _unpack_blocks(data: bytes, limit: int) -> Iterator[bytes]:
    view, position, total = memoryview(data), _NAME_LENGTH, 0
    while True:
        if len(data) - position < _BLOCK.size:
            raise WireError("a compressed message that ends too early")
        magic, token, packed, plain, _ = _BLOCK.unpack_from(data, position)
        position += _BLOCK.size
        if magic != _BLOCK_MAGIC:
            raise WireError("unexpected block identifier")
        if plain > 1 << (token & 0x0F) + _LEVEL_BASE:
            raise WireError(f"invalid decompressedLength: {plain}")
        if bool(plain) != bool(packed) or (token & 0xF0 == _STORED and plain != packed):
            raise WireError(f"stream corrupted: compressedLength({packed}) and decompressedLength({plain}) mismatch")
        if not plain:
            break
        if packed > len(data) - position:
            raise WireError("a compressed message that ends too early")
        total += plain
        if total > limit:
            raise WireError(f"a compressed message of more than {limit} bytes")
        yield _unpack_block(view[position : position + packed], token & 0xF0, plain)
        position += packed
    if position != len(data):
        raise WireError(f"{len(data) - position} bytes after a compressed message")


def _unpack_block(block: memoryview, kind: int, size: int) -> bytes:
    if kind == _STORED:
        return bytes(block)
    if kind != _PACKED:
        raise WireError(f"unexpected blockType: {kind}")
    try:
        plain: bytes = lz4.block.decompress(block, uncompressed_size=size)
    except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
        raise WireError(f"malformed LZ4 block: {error}") from None
    if len(plain) != size:
        raise WireError(f"an LZ4 block of {len(plain)} bytes instead of {size}")
    return plain


def _pack_blocks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _BLOCK_SIZE):
        plain = data[start : start + _BLOCK_SIZE]
        packed: bytes = lz4.block.compress(plain, store_size=False)
        kind = _PACKED
        if len(packed) >= len(plain):
            packed, kind = plain, _STORED
        # The last number is a checksum that no side of the protocol computes or reads.
        yield _BLOCK.pack(_BLOCK_MAGIC, kind | _BLOCK_LEVEL, len(packed), len(plain), 0) + packed
    yield _BLOCK.pack(_BLOCK_MAGIC, _STORED | _BLOCK_LEVEL, 0, 0, 0)
