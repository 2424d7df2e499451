"""The filters that rare_terms keeps of terms that are not rare, as Elasticsearch makes and merges them.

A set of hashes up to ``THRESHOLD``; past it cuckoo filters, which tell no term wrongly rare but some wrongly frequent
(``SetBackedScalingCuckooFilter``, ``CuckooFilter``; Fan et al., "Cuckoo filter: practically better than Bloom").
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from protocol.messages.aggregations.results.cuckoo import CuckooFilter, SetBackedScalingCuckooFilter

THRESHOLD: Final = 10_000
CAPACITY: Final = 1_000_000
"""How many values one cuckoo filter is made for."""
_MAX_EVICTIONS: Final = 500
_MIX: Final = 0x5BD1E995
_LOADS: Final = {2: 0.84, 4: 0.955, 8: 0.98}
"""How full a filter gets, by the entries of a bucket."""


def filter_of(hashes: Iterable[int], precision: float) -> SetBackedScalingCuckooFilter:
    """The filter of terms with these hashes (signed, 64 bits)."""
    return _Growing(precision).adding(hashes).message()


def merged(filters: Sequence[SetBackedScalingCuckooFilter], more: Iterable[int] = ()) -> SetBackedScalingCuckooFilter:
    """The filter of all that several of one precision hold (at least one is needed), and of some more hashes."""
    growing = _Growing(filters[0].fpp)
    for each in filters:
        growing.merge(each)
    return growing.adding(more).message()


def contains(found: SetBackedScalingCuckooFilter, hashes: Sequence[int]) -> list[bool]:
    """Whether a filter has each hash, or seems to."""
    if found.is_set_mode:
        held = set(found.hashes)
        return [value in held for value in hashes]
    tables = [_Table.of(each) for each in found.filters]
    return [any(table.has(*table.place(value)) for table in tables) for value in hashes]


class _Growing:
    """A filter that is being filled."""

    def __init__(self, precision: float) -> None:
        self._precision = precision
        self._hashes: set[int] | None = set()
        self._tables: list[_Table] = []

    def adding(self, hashes: Iterable[int]) -> _Growing:
        for value in hashes:
            if self._hashes is not None:
                self._hashes.add(value)
                if len(self._hashes) > THRESHOLD:
                    self._convert()
            else:
                self._put(*self._tables[-1].place(value))
        return self

    def merge(self, other: SetBackedScalingCuckooFilter) -> None:
        if other.is_set_mode:
            self.adding(other.hashes)
            return
        if self._hashes is not None:
            self._convert()
        for each in other.filters:
            full = _Table.of(each)
            if each.evicted_fingerprint:
                # It stays as it is: nobody knows to which bucket the evicted one belongs, and Elasticsearch forgets it.
                self._tables.insert(0, full)
                continue
            for bucket, fingerprint in full.entries():
                if not any(table.has(bucket, fingerprint) for table in self._tables):
                    self._put(bucket, fingerprint)

    def _convert(self) -> None:
        hashes, self._hashes = self._hashes or set(), None
        self._tables = [_Table.empty(self._precision)]
        self.adding(hashes)

    def _put(self, bucket: int, fingerprint: int) -> None:
        if not self._tables[-1].add(bucket, fingerprint):
            self._tables.append(_Table.empty(self._precision))
            self._tables[-1].add(bucket, fingerprint)

    def message(self) -> SetBackedScalingCuckooFilter:
        return SetBackedScalingCuckooFilter(
            threshold=THRESHOLD,
            is_set_mode=self._hashes is not None,
            capacity=CAPACITY,
            fpp=self._precision,
            hashes=sorted(self._hashes or ()),
            filters=[table.message() for table in self._tables],
        )


class _Table:
    """One cuckoo filter: fingerprints in buckets. Each fingerprint has two buckets that it may be in."""

    def __init__(self, num_buckets: int, bits: int, per_bucket: int) -> None:
        self._num_buckets, self._bits, self._per_bucket = num_buckets, bits, per_bucket
        self._buckets: dict[int, list[int]] = {}
        self._count = 0
        self._evicted = 0
        self._random = random.Random(num_buckets)  # noqa: S311 - which entry makes room matters to nobody

    @classmethod
    def empty(cls, precision: float) -> _Table:
        per_bucket = 2 if precision > 0.002 else 4 if precision > 0.00001 else 8
        bits = math.floor(math.log(2 * per_bucket / precision) / math.log(2) + 0.5)
        buckets = math.floor(CAPACITY / _LOADS[per_bucket] / per_bucket + 0.5)
        return cls(1 << (buckets - 1).bit_length(), bits, per_bucket)

    @classmethod
    def of(cls, message: CuckooFilter) -> _Table:
        table = cls(message.num_buckets, message.bits_per_entry, message.entries_per_bucket)
        table._count, table._evicted = message.count, message.evicted_fingerprint
        bits = np.unpackbits(np.array(message.blocks, ">i8").view(np.uint8))
        values = bits[: message.value_count * message.bits_per_value].reshape(-1, message.bits_per_value)
        held = np.flatnonzero(values.any(axis=1))
        weights = 1 << np.arange(message.bits_per_value, dtype=np.int64)[::-1]
        for place, fingerprint in zip(held.tolist(), (values[held] @ weights).tolist(), strict=True):
            table._buckets.setdefault(place // table._per_bucket, []).append(fingerprint)
        return table

    def message(self) -> CuckooFilter:
        size = self._num_buckets * self._per_bucket
        places: list[int] = []
        fingerprints: list[int] = []
        for bucket, entries in self._buckets.items():
            places += range(bucket * self._per_bucket, bucket * self._per_bucket + len(entries))
            fingerprints += entries
        bits = np.zeros((size, self._bits), np.uint8)
        shifts = np.arange(self._bits, dtype=np.int64)[::-1]
        bits[places] = (np.array(fingerprints, np.int64)[:, None] >> shifts) & 1
        packed = np.packbits(bits.reshape(-1))
        blocks = np.zeros(-(-len(packed) // 8) * 8, np.uint8)
        blocks[: len(packed)] = packed
        return CuckooFilter(
            num_buckets=self._num_buckets,
            bits_per_entry=self._bits,
            entries_per_bucket=self._per_bucket,
            count=self._count,
            evicted_fingerprint=self._evicted,
            bits_per_value=self._bits,
            value_count=size,
            blocks=blocks.view(">i8").tolist(),
        )

    def place(self, value: int) -> tuple[int, int]:
        """The bucket and the fingerprint of a hash."""
        bucket = value & (self._num_buckets - 1)
        rest = value >> 32
        for begin in range(0, 64 - self._bits + 1, self._bits):
            # As Java shifts an int: by the distance's last five bits, keeping the sign.
            fingerprint = (rest >> (begin & 31)) & ((1 << self._bits) - 1)
            if fingerprint:
                return bucket, fingerprint
        return bucket, 1

    def _other(self, bucket: int, fingerprint: int) -> int:
        return (bucket ^ (fingerprint * _MIX)) & (self._num_buckets - 1)

    def has(self, bucket: int, fingerprint: int) -> bool:
        if fingerprint == self._evicted or fingerprint in self._buckets.get(bucket, ()):
            return True
        return fingerprint in self._buckets.get(self._other(bucket, fingerprint), ())

    def entries(self) -> Iterator[tuple[int, int]]:
        """All fingerprints with a bucket of theirs, but an evicted one."""
        for bucket, fingerprints in self._buckets.items():
            for fingerprint in fingerprints:
                yield bucket, fingerprint

    def add(self, bucket: int, fingerprint: int) -> bool:
        """False where it is full."""
        if self._evicted:
            return False
        other = self._other(bucket, fingerprint)
        if self._insert(bucket, fingerprint) or self._insert(other, fingerprint):
            return True
        for _ in range(_MAX_EVICTIONS):
            entries = self._buckets[other]
            place = self._random.randrange(len(entries))
            entries[place], fingerprint = fingerprint, entries[place]
            other = self._other(other, fingerprint)
            if self._insert(other, fingerprint):
                return True
        self._evicted = fingerprint
        return False

    def _insert(self, bucket: int, fingerprint: int) -> bool:
        entries = self._buckets.setdefault(bucket, [])
        if fingerprint not in entries:
            if len(entries) == self._per_bucket:
                return False
            entries.append(fingerprint)
        self._count += 1
        return True
