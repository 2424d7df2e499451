"""HyperLogLog++ as Elasticsearch keeps it, so that sketches merge with a real node's and give the same estimates.

Few values are kept as encoded hashes (linear counting); past three quarters of a quarter of the registers the sketch turns to registers
(``HyperLogLogPlusPlus``). The hashes: MurmurHash3 of a string's bytes, hppc's ``BitMixer.mix64`` of a number's bits.
"""

from __future__ import annotations

import functools
import gzip
import importlib.resources
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.messages.aggregations.results.sketches import MAX_PRECISION, MIN_PRECISION, HyperLogLogPlusPlus

UInt64 = NDArray[np.uint64]

DEFAULT_PRECISION = 14
_SPARSE_PRECISION = 25
_BIAS_POINTS = 6
_THRESHOLDS = (10, 20, 40, 80, 220, 400, 900, 1800, 3100, 6500, 11500, 20000, 50000, 120000, 350000)
"""Per precision from 4: linear counting is trusted up to here (the paper's appendix)."""
_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)


def precision_from_threshold(threshold: int) -> int:
    """The precision that counts up to ``precision_threshold`` values nearly exactly."""
    entries = math.ceil(threshold / 0.75)
    return min(max((entries * 4).bit_length() or 1, MIN_PRECISION), MAX_PRECISION)


def hash_longs(values: NDArray[np.int64]) -> UInt64:
    """The hashes of integers, dates and booleans."""
    mixed = values.view(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0x4CD6944C5CC20B6D)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xFC12C5B19D3259E9)
    return mixed ^ (mixed >> np.uint64(32))


def murmur_longs(values: NDArray[np.int64]) -> UInt64:
    """The hashes of integers by the last round of MurmurHash3 (``murmur64``), which filters of rare terms use."""
    return _mix(values.view(np.uint64))


def hash_doubles(values: NDArray[np.float64]) -> UInt64:
    """The hashes of decimal numbers: those of their bits."""
    return hash_longs(np.ascontiguousarray(values, np.float64).view(np.int64))


def hash_bytes(values: Sequence[bytes]) -> UInt64:
    """The first half of MurmurHash3's 128-bit x64 variant of each value, seed 0; all values go through a round at once."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    width = (int(lengths.max(initial=0)) // 16 + 1) * 16
    padded = np.frombuffer(b"".join([value.ljust(width, b"\0") for value in values]), "<u8").reshape(len(values), width // 8)
    whole = lengths // 16
    h1 = np.zeros(len(values), np.uint64)
    h2 = np.zeros(len(values), np.uint64)
    for block in range(width // 16):
        k1 = _rotate(padded[:, 2 * block] * _C1, 31) * _C2
        k2 = _rotate(padded[:, 2 * block + 1] * _C2, 33) * _C1
        full = block < whole
        # In the last, partial block only the mixing in counts; a half that is empty is zero and changes nothing.
        first = h1 ^ np.where(block <= whole, k1, np.uint64(0))
        second = h2 ^ np.where(block <= whole, k2, np.uint64(0))
        next1 = (_rotate(first, 27) + h2) * np.uint64(5) + np.uint64(0x52DCE729)
        next2 = (_rotate(second, 31) + next1) * np.uint64(5) + np.uint64(0x38495AB5)
        h1, h2 = np.where(full, next1, first), np.where(full, next2, second)
    size = lengths.view(np.uint64)
    h1, h2 = h1 ^ size, h2 ^ size
    h1 += h2
    h2 += h1
    return _mix(h1) + _mix(h2)


def _rotate(value: UInt64, bits: int) -> UInt64:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


def _mix(value: UInt64) -> UInt64:
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


def _leading_zeros(value: UInt64) -> NDArray[np.int64]:
    # Halves of 32 bits are exact as doubles, so that the exponent is the bit length.
    high = np.frexp((value >> np.uint64(32)).astype(np.float64))[1].astype(np.int64)
    low = np.frexp((value & np.uint64(0xFFFFFFFF)).astype(np.float64))[1].astype(np.int64)
    return np.where(high > 0, 32 - high, 64 - low)


def encode(hashes: UInt64, precision: int) -> NDArray[np.uint32]:
    """The 32-bit forms of hashes that linear counting keeps (``AbstractLinearCounting.encodeHash``)."""
    index = hashes >> np.uint64(64 - _SPARSE_PRECISION)
    runs = 1 + np.minimum(_leading_zeros(hashes << np.uint64(_SPARSE_PRECISION)), 64 - _SPARSE_PRECISION)
    with_run = (index << np.uint64(7)) | (runs.astype(np.uint64) << np.uint64(1)) | np.uint64(1)
    is_bare = (index & np.uint64((1 << (_SPARSE_PRECISION - precision)) - 1)) != 0
    return np.where(is_bare, index << np.uint64(1), with_run).astype(np.uint32)


def sketch(hashes: UInt64, precision: int) -> HyperLogLogPlusPlus:
    """The sketch of the values with these hashes, which may repeat."""
    return _from_encoded(encode(hashes, precision), precision)


def merge(sketches: Iterable[HyperLogLogPlusPlus]) -> HyperLogLogPlusPlus:
    """The sketch of all values of sketches of one precision; at least one is needed."""
    parts = list(sketches)
    precision = parts[0].precision
    few = [np.array(part.hashes, np.int32).view(np.uint32) for part in parts if part.registers is None]
    encoded = np.concatenate(few) if few else np.zeros(0, np.uint32)
    many = [np.frombuffer(part.registers, np.uint8) for part in parts if part.registers is not None]
    if not many:
        return _from_encoded(encoded, precision)
    registers = np.maximum.reduce(many)
    _put(registers, encoded, precision)
    return HyperLogLogPlusPlus(precision, registers=registers.tobytes())


def _from_encoded(encoded: NDArray[np.uint32], precision: int) -> HyperLogLogPlusPlus:
    distinct = np.unique(encoded)
    if len(distinct) <= (1 << precision) // 4 * 3 // 4:
        return HyperLogLogPlusPlus(precision, distinct.view(np.int32).tolist())
    registers = np.zeros(1 << precision, np.uint8)
    _put(registers, distinct, precision)
    return HyperLogLogPlusPlus(precision, registers=registers.tobytes())


def _put(registers: NDArray[np.uint8], encoded: NDArray[np.uint32], precision: int) -> None:
    rest = _SPARSE_PRECISION - precision
    with_run = (encoded & 1).astype(bool)
    index = np.where(with_run, encoded >> 7, encoded >> 1) >> rest
    bits = (encoded << np.uint32(31 - rest)).astype(np.uint64)
    runs = np.where(with_run, ((encoded >> 1) & 0x3F) + rest, 1 + _leading_zeros(bits) - 32)
    np.maximum.at(registers, index, runs.astype(np.uint8))


def estimate(counts: HyperLogLogPlusPlus) -> int:
    """How many distinct values the sketch has seen."""
    if counts.registers is None:
        size = 1 << _SPARSE_PRECISION
        return _java_round(size * math.log(size / (size - len(counts.hashes))))
    registers = np.frombuffer(counts.registers, np.uint8)
    return _estimate_registers(registers, counts.precision)


def _estimate_registers(registers: NDArray[np.uint8], precision: int) -> int:
    size = 1 << precision
    tally = np.bincount(registers, minlength=1)
    inverse = sum(count * 2.0**-run for run, count in enumerate(tally.tolist()))
    alpha = {4: 0.673, 5: 0.697}.get(precision, 0.7213 / (1 + 1.079 / size))
    raw = alpha * size * size / inverse
    corrected = raw - _bias(raw, precision) if raw <= 5 * size else raw
    zeros = int(tally[0])
    counted = _java_round(size * math.log(size / zeros)) if zeros else _java_round(corrected)
    return counted if counted <= _THRESHOLDS[precision - MIN_PRECISION] else _java_round(corrected)


@functools.cache
def _bias_tables() -> dict[str, Any]:
    """The raw estimates and their biases per precision: the tables of the appendix of the HyperLogLog++ paper."""
    packed = importlib.resources.files(__package__).joinpath("hyperloglog_bias.json.gz").read_bytes()
    tables: dict[str, Any] = json.loads(gzip.decompress(packed))
    return tables


def _bias(estimate: float, precision: int) -> float:
    """The bias near an estimate, from six points around it.

    Elasticsearch keeps the weights in a ring of six and pairs them with the biases in plain order, so a weight may meet its
    neighbour's bias; the same pairing is needed for the same numbers.
    """
    raw = _bias_tables()["raw_estimates"][precision - MIN_PRECISION]
    biases = _bias_tables()["biases"][precision - MIN_PRECISION]
    weights = [0.0] * _BIAS_POINTS
    first = len(biases) - _BIAS_POINTS
    for position, point in enumerate(raw):
        if point == estimate:
            return float(biases[position])
        weight = 1.0 / abs(point - estimate)
        if weights[position % _BIAS_POINTS] >= weight:
            first = position - _BIAS_POINTS
            break
        weights[position % _BIAS_POINTS] = weight
    total = sum(weight * bias for weight, bias in zip(weights, biases[first:], strict=False))
    return float(total / sum(weights))


def _java_round(value: float) -> int:
    return math.floor(value + 0.5)


def murmur3_32(value: bytes, seed: int) -> int:
    """MurmurHash3's 32-bit x86 variant as a signed int, as Lucene's ``StringHelper`` has it."""
    mask = 0xFFFFFFFF
    state = seed

    def scrambled(block: int) -> int:
        block = block * 0xCC9E2D51 & mask
        return ((block << 15 | block >> 17) & mask) * 0x1B873593 & mask

    whole = len(value) // 4 * 4
    for start in range(0, whole, 4):
        state ^= scrambled(int.from_bytes(value[start : start + 4], "little"))
        state = ((state << 13 | state >> 19) & mask) * 5 + 0xE6546B64 & mask
    if len(value) > whole:
        state ^= scrambled(int.from_bytes(value[whole:], "little"))
    state ^= len(value)
    state = (state ^ state >> 16) * 0x85EBCA6B & mask
    state = (state ^ state >> 13) * 0xC2B2AE35 & mask
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state
