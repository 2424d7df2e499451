"""Results of aggregations that have one bucket."""

from __future__ import annotations

from protocol.messages.aggregations.base import Aggregations, InternalAggregation
from protocol.schema import Double, Int, VLong, wire


class InternalSingleBucket(InternalAggregation):
    """Base of all that have one bucket."""

    doc_count: VLong = 0
    aggregations: Aggregations = wire(default_factory=list)


class InternalFilter(InternalSingleBucket, name="filter"):
    pass


class InternalGlobal(InternalSingleBucket, name="global"):
    pass


class InternalMissing(InternalSingleBucket, name="missing"):
    pass


class InternalNested(InternalSingleBucket, name="nested"):
    """``doc_count`` counts nested documents."""


class InternalReverseNested(InternalSingleBucket, name="reverse_nested"):
    pass


class InternalSampler(InternalSingleBucket, name="mapped_sampler"):
    shown_type = "sampler"


class UnmappedSampler(InternalSingleBucket, name="unmapped_sampler"):
    shown_type = "sampler"


class InternalRandomSampler(InternalSingleBucket, name="mapped_random_sampler"):
    shown_type = "random_sampler"

    seed: Int = 0
    probability: Double = 1.0
    shard_seed: Int | None = None


class InternalChildren(InternalSingleBucket, name="children"):
    pass


class InternalParent(InternalSingleBucket, name="parent"):
    pass
