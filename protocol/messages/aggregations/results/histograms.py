"""Results of histogram, date_histogram and variable_width_histogram.

With ``min_doc_count`` 0 the reducer fills gaps, and the result carries what it needs for that.
"""

from __future__ import annotations

from typing import Any

from protocol.messages.aggregations.base import KEY_ASC, Aggregations, AnyRounding, Format, InternalAggregation, Order, Raw
from protocol.schema import Boolean, Double, Int, Long, Message, String, VInt, VLong, codec_of, wire


def _fills_gaps(histogram: Any) -> bool:
    return bool(histogram.min_doc_count == 0)


class HistogramBucket(Message):
    key: Double
    """The lower end."""
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)


class EmptyBucketInfo(Message):
    """How to make the missing buckets of a histogram."""

    interval: Double
    offset: Double = 0.0
    min_bound: Double
    """Least key to show (``extended_bounds`` or the hard minimum); infinity where it is not given."""
    max_bound: Double
    """Greatest key to show; minus infinity where it is not given."""
    sub_aggregations: Aggregations = wire(default_factory=list)
    """The results of the sub-aggregations over no documents."""


class InternalHistogram(InternalAggregation, name="histogram"):
    """Buckets in ascending order of key, whatever ``order`` says; the reducer sorts."""

    order: Order = KEY_ASC
    min_doc_count: VLong = 0
    empty_bucket_info: EmptyBucketInfo | None = wire(when=_fills_gaps, codec=codec_of(EmptyBucketInfo), default=None)
    """Present exactly where ``min_doc_count`` is 0."""
    format: Format = wire(default_factory=Raw)
    keyed: Boolean = False
    buckets: list[HistogramBucket] = wire(default_factory=list)


class LongBounds(Message):
    """``extended_bounds`` or ``hard_bounds`` of a date histogram; the strings are as given, not yet parsed."""

    min: Long | None = None
    max: Long | None = None
    min_as_str: String | None = None
    max_as_str: String | None = None


class DoubleBounds(Message):
    """``extended_bounds`` or ``hard_bounds`` of a histogram."""

    min: Double | None = None
    max: Double | None = None


class DateHistogramBucket(Message):
    key: Long
    """The lower end, in milliseconds since 1970."""
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)


class DateEmptyBucketInfo(Message):
    """How to make the missing buckets of a date histogram."""

    rounding: AnyRounding
    sub_aggregations: Aggregations = wire(default_factory=list)
    """The results of the sub-aggregations over no documents."""
    bounds: LongBounds | None = None
    """The parsed ``extended_bounds``."""


class InternalDateHistogram(InternalAggregation, name="date_histogram"):
    """Buckets in ascending order of key, whatever ``order`` says; the reducer sorts."""

    order: Order = KEY_ASC
    min_doc_count: VLong = 0
    empty_bucket_info: DateEmptyBucketInfo | None = wire(when=_fills_gaps, codec=codec_of(DateEmptyBucketInfo), default=None)
    """Present exactly where ``min_doc_count`` is 0."""
    offset: Long = 0
    """Milliseconds."""
    format: Format = wire(default_factory=Raw)
    keyed: Boolean = False
    downsampled_results_offset: Boolean = False
    buckets: list[DateHistogramBucket] = wire(default_factory=list)


class VariableWidthBucket(Message):
    centroid: Double
    doc_count: VLong
    min: Double
    max: Double
    aggregations: Aggregations = wire(default_factory=list)


class InternalVariableWidthHistogram(InternalAggregation, name="variable_width_histogram"):
    empty_sub_aggregations: Aggregations = wire(default_factory=list)
    format: Format = wire(default_factory=Raw)
    buckets: list[VariableWidthBucket] = wire(default_factory=list)
    target_num_buckets: VInt


class AutoDateRounding(Message):
    """One of the granularities that an auto_date_histogram may choose."""

    rounding: AnyRounding
    rough_estimate_duration_millis: VLong
    inner_intervals: list[Int]
    unit_abbreviation: String
    date_time_unit: String


class AutoDateBucketInfo(Message):
    roundings: list[AutoDateRounding]
    rounding_idx: VInt
    """Which of the roundings the buckets have."""
    empty_sub_aggregations: Aggregations = wire(default_factory=list)


class InternalAutoDateHistogram(InternalAggregation, name="auto_date_histogram"):
    bucket_info: AutoDateBucketInfo
    format: Format = wire(default_factory=Raw)
    buckets: list[DateHistogramBucket] = wire(default_factory=list)
    target_buckets: VInt = 10
    bucket_inner_interval: VLong = 1
