"""The sketches that metrics keep of many values, as they travel: HyperLogLog++, t-digest, HDR histogram."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from protocol.errors import WireError
from protocol.schema import Bytes, Codec, Double, Long, Message, String, VLong, wire
from protocol.wire import Reader, Writer

MIN_PRECISION, MAX_PRECISION = 4, 18
"""Bounds of HyperLogLog++'s precision (``AbstractHyperLogLog``)."""


@dataclass(slots=True)
class HyperLogLogPlusPlus:
    """The counts of a cardinality, one of two forms.

    ``registers`` is None while the values are few: then ``hashes`` holds the encoded hash of each distinct value (signed 32-bit
    ints, in the form that ``AbstractLinearCounting.encodeHash`` makes). Otherwise ``registers`` has 2^precision bytes, each the
    longest run of zeros seen, plus one.
    """

    precision: int = 14
    hashes: list[int] = field(default_factory=list)
    registers: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> HyperLogLogPlusPlus:
        precision = reader.vint()
        if not MIN_PRECISION <= precision <= MAX_PRECISION:
            raise WireError(f"a precision of [{precision}]")
        if reader.boolean():
            return cls(precision, registers=reader.raw(1 << precision))
        size = reader.vlong()
        if not 0 <= size <= reader.remaining // 4:
            raise WireError(f"[{size}] hashes in {reader.remaining} bytes")
        return cls(precision, list(struct.unpack(f">{size}i", reader.raw(4 * size))))

    def write(self, writer: Writer) -> None:
        writer.vint(self.precision)
        writer.boolean(self.registers is not None)
        if self.registers is not None:
            writer.raw(self.registers)
            return
        writer.vlong(len(self.hashes))
        writer.raw(struct.pack(f">{len(self.hashes)}i", *self.hashes))


HLL_CODEC: Codec[HyperLogLogPlusPlus] = Codec(HyperLogLogPlusPlus.read, lambda writer, value: value.write(writer))


def _read_centroids(reader: Reader) -> list[tuple[float, int]]:
    size = reader.vint()
    if not 0 <= size <= reader.remaining // 9:
        raise WireError(f"[{size}] centroids in {reader.remaining} bytes")
    return [(reader.float64(), reader.vlong()) for _ in range(size)]


def _write_centroids(writer: Writer, centroids: list[tuple[float, int]]) -> None:
    writer.vint(len(centroids))
    for mean, count in centroids:
        writer.float64(mean)
        writer.vlong(count)


class TDigestState(Message):
    """A t-digest: the distribution of values as weighted centroids, in ascending order."""

    compression: Double = 100.0
    type: String = "HYBRID"
    """HYBRID (the default execution hint), AVL_TREE, MERGING, SORTING, SWITCHING."""
    size: VLong
    """How many values were added: the sum of the counts."""
    centroids: list[tuple[float, int]] = wire(codec=Codec(_read_centroids, _write_centroids), default_factory=list)
    """Mean and count of each."""


class HdrState(Message):
    """An HDR histogram, kept as its own compressed form (``DoubleHistogram.encodeIntoCompressedByteBuffer``)."""

    highest_to_lowest_value_ratio: Long
    encoded: Bytes
