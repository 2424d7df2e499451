"""The cuckoo filter that rare terms keep of the terms that are not rare."""

from __future__ import annotations

from protocol.schema import Boolean, Double, Long, Message, VInt, ZLong, wire


class CuckooFilter(Message):
    """One filter of fixed capacity, its entries packed into longs."""

    num_buckets: VInt
    bits_per_entry: VInt
    entries_per_bucket: VInt
    count: VInt
    evicted_fingerprint: VInt
    bits_per_value: VInt
    value_count: VInt
    blocks: list[Long]


class SetBackedScalingCuckooFilter(Message):
    """A set of hashes while there are few, cuckoo filters after."""

    threshold: VInt = 10_000
    """How many hashes the set may hold."""
    is_set_mode: Boolean = True
    capacity: VInt = 1_000_000
    fpp: Double = 0.01
    """The wanted rate of false positives."""
    hashes: list[ZLong] = wire(when=lambda message: message.is_set_mode, default_factory=list)
    filters: list[CuckooFilter] = wire(when=lambda message: not message.is_set_mode, default_factory=list)
