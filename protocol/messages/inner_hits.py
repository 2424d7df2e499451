"""Inner hits, and collapsing, whose groups are expanded by inner hits."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.messages.fetching import FetchedField, SourceFilter, StoredFields
from protocol.messages.fields import none_of
from protocol.messages.highlight import AnyHighlight
from protocol.messages.rest import HIDDEN, RestMessage, Shown, rest_codec
from protocol.messages.sorts import AnySort
from protocol.schema import Boolean, Codec, String, VInt, optional, wire
from protocol.wire import Reader, Writer


class InnerHits(RestMessage):
    """The hits below a hit: the nested objects that matched, or the group that it stands for."""

    rest_name = "inner_hits"

    name: String | None = None
    ignore_unmapped: Boolean = False
    offset: Annotated[VInt, Shown("from")] = 0
    size: VInt = 3
    explain: Boolean = False
    version: Boolean = False
    seq_no_primary_term: Boolean = False
    track_scores: Boolean = False
    stored_fields: StoredFields | None = None
    docvalue_fields: list[FetchedField] | None = None
    script_fields: Annotated[None, HIDDEN, optional(none_of("[script_fields]"))] = None
    source: Annotated[SourceFilter | None, Shown("_source")] = None
    sort: list[AnySort] | None = None
    highlight: AnyHighlight | None = None
    collapse: AnyCollapse | None = None
    fields: list[FetchedField] | None = None


AnyInnerHits = Annotated[dict[str, Any], rest_codec(InnerHits)]


def _read_groups(reader: Reader) -> list[dict[str, Any]] | dict[str, Any]:
    groups = reader.list(lambda: InnerHits.read(reader).to_rest())
    return groups[0] if len(groups) == 1 else groups


def _write_groups(writer: Writer, groups: list[dict[str, Any]] | dict[str, Any]) -> None:
    writer.list(
        lambda group: InnerHits.from_rest(group).write(writer),
        [groups] if isinstance(groups, dict) else groups,
    )


class Collapse(RestMessage):
    """One hit per value of a field."""

    rest_name = "collapse"

    field: String
    max_concurrent_group_searches: VInt = 0
    inner_hits: Annotated[list[dict[str, Any]] | dict[str, Any], Codec(_read_groups, _write_groups)] = wire(default_factory=list)


AnyCollapse = Annotated[dict[str, Any], rest_codec(Collapse)]
