"""Results of aggregations (``Internal*``): what an engine makes and what travels are the same dataclasses.

A result is *partial* until somebody reduces it: it then holds what merging needs (sums and counts rather than averages, sketches
rather than estimates, more buckets than were asked for). Importing this package declares them all.
"""

from protocol.messages.aggregations.base import Aggregations, InternalAggregation
from protocol.messages.aggregations.results import (
    buckets,
    cuckoo,
    histograms,
    metrics,
    pipeline,
    ranges,
    single,
    sketches,
    terms,
    top_hits,
)
from protocol.schema import Codec, codec_of

AGGREGATION_RESULTS: Codec[list[InternalAggregation]] = codec_of(Aggregations)
"""``InternalAggregations``: a count, then each result with its type before it."""

__all__ = [
    "AGGREGATION_RESULTS",
    "Aggregations",
    "InternalAggregation",
    "buckets",
    "cuckoo",
    "histograms",
    "metrics",
    "pipeline",
    "ranges",
    "single",
    "sketches",
    "terms",
    "top_hits",
]
