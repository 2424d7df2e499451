"""The body of a search: ``SearchSourceBuilder`` on the wire, a dict in the form that REST has otherwise.

What cannot be executed under authorization here (``knn``, ``rank``, ``sub_searches``, ``rescore``, ``script_fields``,
``runtime_mappings``, ``ext``) raises UnsupportedError with its name.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

from protocol.errors import UnsupportedError
from protocol.messages.aggregations import AGGREGATIONS
from protocol.messages.fetching import FetchedField, SourceFilter, StoredFields
from protocol.messages.fields import OptionalBoolean, absent, none_of
from protocol.messages.highlight import AnyHighlight
from protocol.messages.inner_hits import AnyCollapse
from protocol.messages.queries import QUERY, AnyQuery
from protocol.messages.rest import HIDDEN, Float32, RestMessage, Shown, Time, rest_codec
from protocol.messages.sorts import AnySort
from protocol.messages.suggest import AnySuggest
from protocol.schema import Boolean, Codec, String, VInt, optional, wire
from protocol.values import GenericValue, HashMap, read_generic, shortest_single, write_generic
from protocol.wire import Reader, Writer

_ALL_HITS = (1 << 31) - 1
_NO_HITS = -1


def _read_query(reader: Reader) -> dict[str, Any] | None:
    """A list; more than one is ``sub_searches``, which only ranking makes."""
    queries = reader.list(lambda: QUERY.read(reader))
    if len(queries) > 1:
        raise UnsupportedError("[sub_searches]")
    return queries[0] if queries else None


def _write_query(writer: Writer, query: dict[str, Any] | None) -> None:
    writer.list(lambda one: QUERY.write(writer, one), [] if query is None else [query])


def _read_boost(reader: Reader) -> dict[str, float]:
    name = reader.string()
    return {name: shortest_single(reader.float32())}


def _write_boost(writer: Writer, boost: dict[str, float]) -> None:
    ((name, weight),) = boost.items()
    writer.string(name)
    writer.float32(weight)


def _read_total(reader: Reader) -> bool | int | None:
    if not reader.boolean():
        return None
    limit = reader.int32()
    return {_ALL_HITS: True, _NO_HITS: False}.get(limit, limit)


def _write_total(writer: Writer, limit: bool | int | None) -> None:
    writer.boolean(limit is not None)
    if limit is not None:
        writer.int32(_ALL_HITS if limit is True else _NO_HITS if limit is False else limit)


def _read_mappings(reader: Reader) -> None:
    if read_generic(reader) != {}:
        raise UnsupportedError("[runtime_mappings]")


def _write_mappings(writer: Writer, _: None) -> None:
    write_generic(writer, HashMap())


class Slice(RestMessage):
    """One of several parts of the hits."""

    rest_name = "slice"

    field: String | None = None
    id: VInt
    max: VInt


def _read_id(reader: Reader) -> str:
    return urlsafe_b64encode(reader.bytes_reference()).decode()


def _write_id(writer: Writer, text: str) -> None:
    try:
        encoded = urlsafe_b64decode(text)
    except ValueError:
        raise ValueError(f"[pit] is not a valid id: [{text}]") from None
    writer.bytes_reference(encoded)


class PointInTime(RestMessage):
    """What the search sees, instead of indices."""

    rest_name = "pit"

    id: Annotated[str, Codec(_read_id, _write_id)]
    keep_alive: Time | None = None


class SearchSource(RestMessage):
    """Everything that the body of a search may say."""

    rest_name = "search"

    aggs: Annotated[dict[str, Any], AGGREGATIONS] | None = None
    explain: OptionalBoolean = None
    source: Annotated[SourceFilter | None, Shown("_source")] = None
    docvalue_fields: list[FetchedField] | None = None
    stored_fields: StoredFields | None = None
    offset: Annotated[VInt, Shown("from")] = -1
    highlight: AnyHighlight | None = None
    indices_boost: list[Annotated[dict[str, float], Codec(_read_boost, _write_boost)]] = wire(default_factory=list)
    min_score: Float32 | None = None
    post_filter: AnyQuery | None = None
    query: Annotated[dict[str, Any] | None, Codec(_read_query, _write_query)] = None
    rescore: Annotated[None, HIDDEN, optional(none_of("[rescore]"))] = None
    script_fields: Annotated[None, HIDDEN, optional(none_of("[script_fields]"))] = None
    size: VInt = -1
    sort: list[AnySort] | None = None
    stats: list[String] | None = None
    suggest: AnySuggest | None = None
    terminate_after: VInt = 0
    timeout: Time | None = None
    track_scores: Boolean = False
    version: OptionalBoolean = None
    seq_no_primary_term: OptionalBoolean = None
    ext: Annotated[None, HIDDEN, none_of("[ext]")] = None
    profile: Boolean = False
    search_after: list[GenericValue] | None = None
    slice: Annotated[dict[str, Any], rest_codec(Slice)] | None = None
    collapse: AnyCollapse | None = None
    track_total_hits: Annotated[bool | int | None, Codec(_read_total, _write_total)] = None
    """True counts all, False none; None stops at 10,000."""
    fields: list[FetchedField] | None = None
    pit: Annotated[dict[str, Any], rest_codec(PointInTime)] | None = None
    runtime_mappings: Annotated[None, HIDDEN, Codec(_read_mappings, _write_mappings)] = None
    knn: Annotated[None, HIDDEN, none_of("[knn]")] = None
    rank: Annotated[None, HIDDEN, absent("[rank]")] = None
    skip_inner_hits: Annotated[None, HIDDEN, absent("[skip_inner_hits]")] = None
    """Whether nested queries' inner hits are left out; only retrievers set it."""


SEARCH_SOURCE = rest_codec(SearchSource)
"""The body of a search as a dict."""
