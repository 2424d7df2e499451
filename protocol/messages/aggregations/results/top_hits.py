"""The result of top_hits: hits, and beside them the Lucene documents that a reducer merges the hits by."""

from __future__ import annotations

from math import nan
from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.hits import SearchHits, SortField, SortValue, TotalHits
from protocol.schema import Codec, Float, Message, VInt, codec_of, wire
from protocol.wire import Reader, Writer


class ScoreDoc(Message):
    """A document that is ranked by its score."""

    doc: VInt
    """Lucene's number of the document: of no meaning elsewhere, any distinct number will do."""
    score: Float


class FieldDoc(Message):
    """A document that is ranked by sort values."""

    fields: list[SortValue]
    doc: VInt
    score: Float = nan


class TopDocs(Message):
    """Ranked by score."""

    total_hits: TotalHits
    max_score: Float = nan
    score_docs: list[ScoreDoc] = wire(default_factory=list)


class TopFieldDocs(Message):
    """Ranked by sort values; ``fields`` says how they are compared."""

    total_hits: TotalHits
    max_score: Float = nan
    fields: list[SortField]
    field_docs: list[FieldDoc] = wire(default_factory=list)


_TOP_DOCS: list[Codec[Any]] = [codec_of(TopDocs), codec_of(TopFieldDocs)]


def _read_top_docs(reader: Reader) -> TopDocs | TopFieldDocs:
    kind = reader.byte()
    if kind >= len(_TOP_DOCS):
        raise WireError(f"unknown type of top docs [{kind}]")
    docs: TopDocs | TopFieldDocs = _TOP_DOCS[kind].read(reader)
    return docs


def _write_top_docs(writer: Writer, docs: TopDocs | TopFieldDocs) -> None:
    writer.byte(1 if isinstance(docs, TopFieldDocs) else 0)
    docs.write(writer)


class InternalTopHits(InternalAggregation, name="top_hits"):
    """The i-th document of ``top_docs`` is the i-th of ``search_hits``: a reducer merges by the former and shows the latter.

    A partial result has the hits from 0 to ``from_ + size``; only the final one skips ``from_``.
    """

    from_: VInt = 0
    size: VInt = 3
    top_docs: Annotated[TopDocs | TopFieldDocs, Codec(_read_top_docs, _write_top_docs)]
    search_hits: SearchHits
