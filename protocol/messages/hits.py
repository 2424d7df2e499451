"""The hits of a search: SearchHits and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import nan
from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.common import SearchShardTarget
from protocol.messages.fields import OptionalText, none_of
from protocol.schema import Boolean, Bytes, Codec, Float, Int, Long, Message, String, Text, VInt, VLong, ZLong, codec_of, wire
from protocol.values import (
    BigInteger,
    ByteNumber,
    GenericValue,
    Integer,
    ShortNumber,
    Single,
    read_big_integer,
    read_generic,
    write_generic,
)
from protocol.values import Long as LongValue
from protocol.wire import Reader, Writer


def _byte(reader: Reader) -> int:
    value = reader.byte()
    return ByteNumber(value - 256 if value > 127 else value)


_SORT_READERS: dict[int, Callable[[Reader], Any]] = {
    0: lambda _: None,
    1: Reader.string,
    2: lambda reader: Integer(reader.int32()),
    3: Reader.int64,
    4: lambda reader: Single(reader.float32()),
    5: Reader.float64,
    6: _byte,
    7: lambda reader: ShortNumber(reader.short()),
    8: Reader.boolean,
    9: Reader.bytes_reference,
    10: lambda reader: BigInteger(read_big_integer(reader)),
}
_SORT_WRITERS: dict[type, tuple[int, Any]] = {
    str: (1, Writer.string),
    Integer: (2, Writer.int32),
    int: (3, Writer.int64),
    LongValue: (3, Writer.int64),
    Single: (4, Writer.float32),
    float: (5, Writer.float64),
    ByteNumber: (6, Writer.byte),
    ShortNumber: (7, Writer.short),
    bool: (8, Writer.boolean),
    bytes: (9, Writer.bytes_reference),
    BigInteger: (10, lambda writer, value: writer.string(str(int(value)))),
}


def read_sort_value(reader: Reader) -> Any:
    kind = reader.byte()
    try:
        read = _SORT_READERS[kind]
    except KeyError:
        raise WireError(f"unknown type of sort value [{kind}]") from None
    return read(reader)


def write_sort_value(writer: Writer, value: Any) -> None:
    if value is None:
        writer.byte(0)
        return
    try:
        kind, write = _SORT_WRITERS[type(value)]
    except KeyError:
        raise TypeError(f"cannot write type [{type(value).__name__}] as a sort value") from None
    writer.byte(kind)
    write(writer, value)


SortValue = Annotated[Any, Codec(read_sort_value, write_sort_value)]
"""What hits are sorted by. An int is a Long here, a float a Double, bytes a BytesRef (what keywords sort by); a score must
be a ``Single`` and an Integer an ``Integer``: the coordinating node compares by class."""


class Relation(Enum):
    """Whether a total is exact."""

    EQUAL_TO = 0
    GREATER_THAN_OR_EQUAL_TO = 1


class TotalHits(Message):
    """How many documents match."""

    value: VLong
    relation: Relation = Relation.EQUAL_TO


class SortFieldType(Enum):
    """Lucene's ``SortField.Type``: how the coordinating node compares sort values."""

    SCORE = 0
    DOC = 1
    STRING = 2
    INT = 3
    FLOAT = 4
    LONG = 5
    DOUBLE = 6
    CUSTOM = 7
    STRING_VAL = 8
    REWRITEABLE = 9


class StringMissing(Enum):
    """Where strings sort that are missing."""

    FIRST = 1
    LAST = 2


def _read_missing(reader: Reader) -> Any:
    kind = reader.byte()
    if kind == 0:
        return read_generic(reader)
    if kind > 2:
        raise WireError(f"unknown missing value id [{kind}]")
    return StringMissing(kind)


def _write_missing(writer: Writer, value: Any) -> None:
    if isinstance(value, StringMissing):
        writer.byte(value.value)
    else:
        writer.byte(0)
        write_generic(writer, value)


class SortField(Message):
    """One criterion of a sort, as merging needs it."""

    field: String | None = None
    """None for the score and the document number."""
    type: SortFieldType
    missing: Annotated[Any, Codec(_read_missing, _write_missing)] = None
    """StringMissing for strings; else a number of the sort's own type (for LONG an int beyond 32 bits or a ``values.Long``)."""
    reverse: Boolean = False


class SortValues(Message):
    """The values that a hit was sorted by, in the order of the criteria."""

    formatted: list[SortValue] = wire(default_factory=list)
    """What REST shows: dates by their format, keywords as strings."""
    raw: list[SortValue] = wire(default_factory=list)
    """What the coordinating node merges by."""


class DocumentField(Message):
    """The values of one field of a hit."""

    name: String
    values: list[GenericValue] = wire(default_factory=list)
    ignored_values: list[GenericValue] = wire(default_factory=list)
    """Values that were ignored at index time (``ignored_field_values``)."""
    lookups: Annotated[None, none_of("a lookup field")] = None
    """Fields of other indices, never any."""


_FRAGMENTS: Codec[list[str] | None] = codec_of(list[Text] | None)


def _read_highlights(reader: Reader) -> dict[str, list[str] | None]:
    return {reader.string(): _FRAGMENTS.read(reader) for _ in range(reader.size())}


def _write_highlights(writer: Writer, value: dict[str, list[str] | None]) -> None:
    writer.map(writer.string, lambda fragments: _FRAGMENTS.write(writer, fragments), value)


class NestedIdentity(Message):
    """Which object of a nested field an inner hit is."""

    field: OptionalText
    offset: Int
    child: NestedIdentity | None = None


def _read_number(reader: Reader) -> int | float:
    kind = reader.byte()
    if kind > 2:
        raise WireError(f"unexpected number type [{kind}]")
    return Single(reader.float32()) if kind == 0 else reader.float64() if kind == 1 else reader.zlong()


def _write_number(writer: Writer, value: int | float) -> None:
    if isinstance(value, Single):
        writer.byte(0)
        writer.float32(value)
    elif isinstance(value, float):
        writer.byte(1)
        writer.float64(value)
    else:
        writer.byte(2)
        writer.zlong(value)


class Explanation(Message):
    """How a score came about."""

    match: Boolean
    description: String
    details: list[Explanation] = wire(default_factory=list)
    value: Annotated[int | float, Codec(_read_number, _write_number)] = wire(when=lambda it: it.match, default=0)
    """A ``Single`` for scores; 0 where nothing matched."""


class SearchHit(Message):
    """One document that was found."""

    score: Float = nan
    """NaN where there is none (``_score`` null)."""
    rank: VInt = -1
    """-1: not ranked."""
    id: OptionalText = None
    nested: NestedIdentity | None = None
    version: Long = -1
    """-1: not asked for."""
    seq_no: ZLong = -2
    """-2: not asked for."""
    primary_term: VLong = 0
    source: Bytes = b""
    """``_source`` as JSON text (or another content type); empty where there is none."""
    explanation: Explanation | None = None
    fields: dict[String, DocumentField] = wire(default_factory=dict)
    meta_fields: dict[String, DocumentField] = wire(default_factory=dict)
    """``_routing``, ``_ignored`` and others that REST shows beside ``_id``."""
    highlight: Annotated[dict[str, list[str] | None], Codec(_read_highlights, _write_highlights)] = wire(default_factory=dict)
    sort: SortValues = wire(default_factory=SortValues)
    matched_queries: dict[String, Float] = wire(default_factory=dict)
    """Names of the named queries that matched, and their scores."""
    shard: SearchShardTarget | None = None
    """Holds the index; None in inner hits of some kinds."""
    inner_hits: dict[String, SearchHits] = wire(default_factory=dict)

    @property
    def index(self) -> str | None:
        """The name of the index, without the alias of the cluster."""
        return self.shard.shard_id.index if self.shard else None


class SearchHits(Message):
    """Hits, best first."""

    total: TotalHits | None = None
    """None where hits are not counted (``track_total_hits: false``)."""
    max_score: Float = nan
    """NaN where there is none."""
    hits: list[SearchHit] = wire(default_factory=list)
    sort_fields: list[SortField] | None = None
    """What ``hits`` is sorted by, so that it can be merged; None when it is by score alone."""
    collapse_field: String | None = None
    collapse_values: list[SortValue] | None = None
