"""Requests for terms, rare terms and significant terms."""

from __future__ import annotations

import typing
from typing import Annotated, Any

from protocol.errors import UnsupportedError
from protocol.messages.aggregations.base import SignificanceHeuristic
from protocol.messages.aggregations.builders.base import (
    BY_COUNT,
    INCLUDE_EXCLUDE,
    AggregationBuilder,
    IncludeExclude,
    RestOrder,
    ValuesSourceBuilder,
)
from protocol.messages.aggregations.builders.metrics import AnyFieldConfig
from protocol.messages.fields import absent
from protocol.messages.queries import QUERY
from protocol.messages.rest import HIDDEN, choice
from protocol.schema import Boolean, Codec, Int, Long, String, VInt, optional, wire
from protocol.wire import Reader, Writer

CollectMode = Annotated[str, choice("depth_first", "breadth_first")]


class TermsBuilder(ValuesSourceBuilder, name="terms", alternatives={"terms": INCLUDE_EXCLUDE}):
    has_target_type = True

    size: Int = 10
    shard_size: Int = -1
    """-1: one and a half times ``size``, plus 10."""
    min_doc_count: Long = 1
    shard_min_doc_count: Long = 0
    collect_mode: CollectMode | None = None
    execution_hint: String | None = None
    terms: IncludeExclude | None = None
    order: RestOrder = wire(default_factory=lambda: list(BY_COUNT))
    show_term_doc_count_error: Boolean = False
    exclude_deleted_docs: Annotated[None, HIDDEN, absent("[exclude_deleted_docs]")] = None


class MultiTermsBuilder(AggregationBuilder, name="multi_terms"):
    terms: list[AnyFieldConfig]
    order: RestOrder = wire(default_factory=lambda: list(BY_COUNT))
    collect_mode: CollectMode | None = None
    size: Int = 10
    shard_size: Int = -1
    min_doc_count: Long = 1
    shard_min_doc_count: Long = 0
    show_term_doc_count_error: Boolean = False


class RareTermsBuilder(ValuesSourceBuilder, name="rare_terms", alternatives={"terms": INCLUDE_EXCLUDE}):
    has_target_type = True

    terms: IncludeExclude | None = None
    max_doc_count: VInt = 1

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        # Elasticsearch takes a precision and does not send it on.
        return super().arguments({name: value for name, value in body.items() if name != "precision"})


def _read_heuristic(reader: Reader) -> dict[str, Any]:
    name = reader.string()
    kind = SignificanceHeuristic._named.get(name)
    if kind is None:
        raise UnsupportedError(f"significance heuristic [{name}]")
    return {name: vars(kind.read(reader))}


def _write_heuristic(writer: Writer, body: dict[str, Any]) -> None:
    if len(body) != 1:
        raise ValueError(f"one significance heuristic wanted, not {list(body)}")
    ((name, parameters),) = body.items()
    writer.string(name)
    kind = typing.cast("type[SignificanceHeuristic]", SignificanceHeuristic._named[name])
    kind(**parameters).write(writer)


Heuristic = Annotated[dict[str, Any], Codec(_read_heuristic, _write_heuristic)]

_HEURISTICS = tuple(SignificanceHeuristic._named)
JLH: dict[str, Any] = {"jlh": {}}


class SignificantTermsBuilder(
    ValuesSourceBuilder, name="significant_terms", alternatives={"terms": INCLUDE_EXCLUDE, "heuristic": _HEURISTICS}
):
    has_target_type = True

    size: Int = 10
    shard_size: Int = -1
    min_doc_count: Long = 3
    shard_min_doc_count: Long = 0
    execution_hint: String | None = None
    background_filter: Annotated[dict[str, Any] | None, optional(QUERY)] = None
    terms: IncludeExclude | None = None
    heuristic: Heuristic = wire(default_factory=lambda: dict(JLH))


class SignificantTextBuilder(
    AggregationBuilder, name="significant_text", alternatives={"terms": INCLUDE_EXCLUDE, "heuristic": _HEURISTICS}
):
    field: String
    filter_duplicate_text: Boolean = False
    size: Int = 10
    shard_size: Int = -1
    min_doc_count: Long = 3
    shard_min_doc_count: Long = 0
    background_filter: Annotated[dict[str, Any] | None, optional(QUERY)] = None
    terms: IncludeExclude | None = None
    heuristic: Heuristic = wire(default_factory=lambda: dict(JLH))
    source_fields: list[String] | None = None
