"""Results of the other aggregations with many buckets: filters, composite, adjacency_matrix, multi_terms, grids."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, NamedTuple, Self

from protocol.errors import WireError
from protocol.messages.aggregations.base import (
    COUNT_DESC_KEY_ASC,
    KEY_ASC,
    Aggregations,
    DocValueFormat,
    Format,
    InternalAggregation,
    MissingOrder,
    Order,
    Size,
)
from protocol.schema import Boolean, Bytes, Codec, Int, Long, Message, String, VInt, VLong, ZLong, codec_of, optional, wire
from protocol.values import GENERIC
from protocol.values import Long as LongValue
from protocol.wire import Reader, Writer


class FiltersBucket(Message):
    key: String | None = None
    """The filter's name; None where the filters are anonymous."""
    doc_count: VLong = 0
    aggregations: Aggregations = wire(default_factory=list)


class InternalFilters(InternalAggregation, name="filters"):
    """A bucket for every filter, in the request's order (named ones sorted by name), and one for the others where asked."""

    keyed: Boolean = True
    """Whether the filters have names."""
    keyed_bucket: Boolean = True
    """Whether named buckets are shown as an object rather than a list."""
    buckets: list[FiltersBucket] = wire(default_factory=list)


def _read_composite_key(reader: Reader) -> tuple[Any, ...]:
    reader.enter()
    values = tuple(GENERIC.read(reader) for _ in range(reader.size()))
    reader.leave()
    for value in values:
        if value is not None and not isinstance(value, (int, float, str, bytes)):
            raise WireError(f"a [{type(value).__name__}] within a composite key")
    return values


def _write_composite_key(writer: Writer, values: tuple[Any, ...]) -> None:
    writer.vint(len(values))
    for value in values:
        # Elasticsearch compares keys of one source with each other, so an int must not become an Integer here and a Long there.
        GENERIC.write(writer, LongValue(value) if type(value) is int else value)


_KEY: Codec[tuple[Any, ...]] = Codec(_read_composite_key, _write_composite_key)

CompositeKey = Annotated[tuple[Any, ...], _KEY]
"""A value for every source: int (integers, dates, booleans), float, bytes (UTF-8, addresses) or None where it is missing."""


class CompositeBucket(Message):
    key: CompositeKey
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)


class CompositeSource(NamedTuple):
    """A source of a composite's keys."""

    name: str
    format: DocValueFormat


_FORMAT: Codec[DocValueFormat] = codec_of(Format)


def _read_sources(reader: Reader) -> list[CompositeSource]:
    names = reader.list(reader.string)
    return [CompositeSource(name, _FORMAT.read(reader)) for name in names]


def _write_sources(writer: Writer, sources: list[CompositeSource]) -> None:
    writer.list(writer.string, [source.name for source in sources])
    for source in sources:
        _FORMAT.write(writer, source.format)


class InternalComposite(InternalAggregation, name="composite"):
    size: VInt = 10
    sources: list[CompositeSource] = wire(codec=Codec(_read_sources, _write_sources))
    reverse_muls: list[Int]
    """For every source 1 (ascending) or -1."""
    missing_orders: list[MissingOrder]
    buckets: list[CompositeBucket] = wire(default_factory=list)
    """Sorted by key, at most ``size``."""
    after_key: Annotated[tuple[Any, ...] | None, optional(_KEY)] = None
    """The last bucket's key; None without buckets."""
    early_terminated: Boolean = False


class AdjacencyBucket(Message):
    key: String | None
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)


class InternalAdjacencyMatrix(InternalAggregation, name="adjacency_matrix"):
    buckets: list[AdjacencyBucket] = wire(default_factory=list)


class IpPrefixBucket(Message):
    key: Bytes
    is_ipv6: Boolean
    prefix_length: VInt
    append_prefix_length: Boolean
    doc_count: Long
    aggregations: Aggregations = wire(default_factory=list)


class InternalIpPrefix(InternalAggregation, name="ip_prefix"):
    format: Format
    keyed: Boolean = False
    min_doc_count: VLong = 1
    buckets: list[IpPrefixBucket] = wire(default_factory=list)


class GeoGridBucket(Message):
    hash_as_long: Long
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)


class InternalGeoGrid(InternalAggregation):
    required_size: Size = 10_000
    buckets: list[GeoGridBucket] = wire(default_factory=list)


class InternalGeoHashGrid(InternalGeoGrid, name="geohash_grid"):
    pass


class InternalGeoTileGrid(InternalGeoGrid, name="geotile_grid"):
    pass


class KeyConverter(Enum):
    """What the terms of one source of multi_terms are."""

    UNSIGNED_LONG = 0
    LONG = 1
    DOUBLE = 2
    STRING = 3
    IP = 4


class MultiTermsBucket(Message):
    """Its error is sent only where the parent shows it: see InternalMultiTerms."""

    terms: CompositeKey
    doc_count: VLong
    aggregations: Aggregations = wire(default_factory=list)
    doc_count_error: Long = wire(when=lambda _message: False, default=-1)


class InternalMultiTerms(InternalAggregation, name="multi_terms"):
    """As the results of terms, with a term for every source."""

    reduce_order: Order = KEY_ASC
    order: Order = COUNT_DESC_KEY_ASC
    required_size: Size = 10
    min_doc_count: VLong = 1
    doc_count_error: ZLong = 0
    shard_size: Size = 25
    show_term_doc_count_error: Boolean = False
    other_doc_count: VLong = 0
    formats: list[Format]
    key_converters: list[KeyConverter]
    buckets: list[MultiTermsBucket] = wire(when=lambda _message: False, default_factory=list)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        message = super().read(reader)
        reader.enter()
        for _ in range(reader.size()):
            bucket = MultiTermsBucket.read(reader)
            if message.show_term_doc_count_error:
                bucket.doc_count_error = reader.int64()
            message.buckets.append(bucket)
        reader.leave()
        return message

    def write(self, writer: Writer) -> None:
        super().write(writer)
        writer.vint(len(self.buckets))
        for bucket in self.buckets:
            bucket.write(writer)
            if self.show_term_doc_count_error:
                writer.int64(bucket.doc_count_error)
