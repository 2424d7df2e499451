"""Requests for top_hits: a search's own parameters, within a bucket."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.messages.aggregations.builders.base import AggregationBuilder
from protocol.messages.fetching import FetchedField, SourceFilter, StoredFields
from protocol.messages.fields import none_of
from protocol.messages.highlight import AnyHighlight
from protocol.messages.rest import HIDDEN, Shown
from protocol.messages.sorts import AnySort
from protocol.schema import Boolean, VInt, optional


class TopHitsBuilder(AggregationBuilder, name="top_hits"):
    explain: Boolean = False
    source: Annotated[SourceFilter | None, Shown("_source")] = None
    docvalue_fields: list[FetchedField] | None = None
    stored_fields: StoredFields | None = None
    from_: Annotated[VInt, Shown("from")] = 0
    highlight: AnyHighlight | None = None
    script_fields: Annotated[None, optional(none_of("[script_fields]")), HIDDEN] = None
    size: VInt = 3
    sort: list[AnySort] | None = None
    track_scores: Boolean = False
    version: Boolean = False
    seq_no_primary_term: Boolean = False
    fields: list[FetchedField] | None = None

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        given = super().arguments(body)
        match given.get("sort"):
            case str() as one:
                given["sort"] = [one]
            case dict() as several:
                given["sort"] = [{field: parameters} for field, parameters in several.items()]
        return given
