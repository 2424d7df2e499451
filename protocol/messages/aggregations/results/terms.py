"""Results of terms, rare terms and significant terms.

One shard sends at most ``shard_size`` buckets; a cluster that reduces its shards partially sends all that they sent, merged, so a
partial result may hold more. ``reduce_order`` says how the buckets are sorted as they are (a reducer merges by it): by key, ascending
unless ``order`` is by descending key; after the final reduction it is ``order``, which says how the final result is to be sorted.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from protocol.messages.aggregations.base import (
    COUNT_DESC_KEY_ASC,
    KEY_ASC,
    UNLIMITED,
    Aggregations,
    Format,
    InternalAggregation,
    JLHScore,
    Order,
    Raw,
    SignificanceHeuristic,
    Size,
)
from protocol.messages.aggregations.results.cuckoo import SetBackedScalingCuckooFilter
from protocol.schema import Boolean, Bytes, Codec, Double, Long, Message, Named, VLong, ZLong, codec_of, wire
from protocol.wire import Reader, Writer

_AGGREGATIONS: Codec[Any] = codec_of(Aggregations)


class TermsBucket(Message):
    """One term. Its place on the wire is odd (the term comes last, the error only where the parent shows it): see MappedTerms."""

    term: Any
    """bytes (UTF-8, or what the format shows), int or float, by the kind of terms."""
    doc_count: int
    doc_count_error: int = 0
    """The most that ``doc_count`` may be too low by; sent only where ``show_term_doc_count_error``."""
    aggregations: list[InternalAggregation] = wire(default_factory=list)


class InternalTerms(InternalAggregation):
    """Base of terms results."""

    reduce_order: Order = KEY_ASC
    order: Order = COUNT_DESC_KEY_ASC
    required_size: Size = 10
    """How many buckets the final result has at most: the request's ``size``."""
    min_doc_count: VLong = 1


class UnmappedTerms(InternalTerms, name="umterms"):
    """The field is in no mapping."""

    shown_type = "sterms"


_LAST: Any = wire(when=lambda _message: False, default_factory=list)


class MappedTerms(InternalTerms):
    """Base of terms results that have buckets."""

    term_codec: ClassVar[Codec[Any]]

    doc_count_error: ZLong | None = 0
    """The most documents that a term missing here may have: the least count that each shard sent, summed; 0 where every term was
    sent or the order is by key; -1: unknown, since the order is by ascending count or by a sub-aggregation and shards left terms out.
    None is what one shard sends that nobody has reduced: the reducer works it out."""
    format: Format = wire(default_factory=Raw)
    shard_size: Size = 25
    show_term_doc_count_error: Boolean = False
    other_doc_count: VLong = 0
    """Documents (or values) of the terms that are not among the buckets."""
    buckets: list[TermsBucket] = _LAST

    @classmethod
    def read(cls, reader: Reader) -> Self:
        message = super().read(reader)
        reader.enter()
        with_error, term = message.show_term_doc_count_error, cls.term_codec.read
        for _ in range(reader.size()):
            doc_count = reader.vlong()
            error = reader.int64() if with_error else -1
            aggregations = _AGGREGATIONS.read(reader)
            bucket = TermsBucket(term=term(reader), doc_count=doc_count, doc_count_error=error, aggregations=aggregations)
            message.buckets.append(bucket)
        reader.leave()
        return message

    def write(self, writer: Writer) -> None:
        super().write(writer)
        with_error, term = self.show_term_doc_count_error, self.term_codec.write
        writer.vint(len(self.buckets))
        for bucket in self.buckets:
            writer.vlong(bucket.doc_count)
            if with_error:
                writer.int64(bucket.doc_count_error)
            _AGGREGATIONS.write(writer, bucket.aggregations)
            term(writer, bucket.term)


class StringTerms(MappedTerms, name="sterms"):
    """Keywords and addresses; terms are bytes."""

    term_codec = codec_of(Bytes)


class LongTerms(MappedTerms, name="lterms"):
    """Integers, dates, booleans; terms are ints."""

    term_codec = codec_of(Long)


class DoubleTerms(MappedTerms, name="dterms"):
    """Terms are floats."""

    term_codec = codec_of(Double)


class InternalRareTerms(InternalAggregation):
    order: Order = KEY_ASC
    max_doc_count: VLong = 1


class UnmappedRareTerms(InternalRareTerms, name="umrareterms"):
    """The field is in no mapping."""

    shown_type = "sterms"


class StringRareTermsBucket(Message):
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)
    term: Bytes


class LongRareTermsBucket(Message):
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)
    term: Long


class StringRareTerms(InternalRareTerms, name="srareterms"):
    format: Format = wire(default_factory=Raw)
    buckets: list[StringRareTermsBucket] = wire(default_factory=list)
    filter: SetBackedScalingCuckooFilter = wire(default_factory=SetBackedScalingCuckooFilter)


class LongRareTerms(InternalRareTerms, name="lrareterms"):
    format: Format = wire(default_factory=Raw)
    buckets: list[LongRareTermsBucket] = wire(default_factory=list)
    filter: SetBackedScalingCuckooFilter = wire(default_factory=SetBackedScalingCuckooFilter)


class InternalSignificantTerms(InternalAggregation):
    required_size: Size = UNLIMITED
    min_doc_count: VLong = 3


class UnmappedSignificantTerms(InternalSignificantTerms, name="umsigterms"):
    """The field is in no mapping."""

    shown_type = "sigsterms"


class MappedSignificantTerms(InternalSignificantTerms):
    """Base of significant terms that have buckets. *Subset*: what the query matched; *superset*: the background."""

    format: Format = wire(default_factory=Raw)
    subset_size: VLong = 0
    superset_size: VLong = 0
    significance_heuristic: Named[SignificanceHeuristic] = wire(default_factory=JLHScore)


class SignificantStringTermsBucket(Message):
    term: Bytes
    subset_df: VLong
    superset_df: VLong
    score: Double
    aggregations: Aggregations = wire(default_factory=list)

    @property
    def doc_count(self) -> int:
        """As buckets of other aggregations have it."""
        return self.subset_df


class SignificantLongTermsBucket(Message):
    subset_df: VLong
    superset_df: VLong
    term: Long
    score: Double
    aggregations: Aggregations = wire(default_factory=list)

    @property
    def doc_count(self) -> int:
        """As buckets of other aggregations have it."""
        return self.subset_df


class SignificantStringTerms(MappedSignificantTerms, name="sigsterms"):
    buckets: list[SignificantStringTermsBucket] = wire(default_factory=list)


class SignificantLongTerms(MappedSignificantTerms, name="siglterms"):
    buckets: list[SignificantLongTermsBucket] = wire(default_factory=list)
