"""The answer of a search that somebody gave in REST JSON, as the message that travels."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any

import orjson

from protocol.exceptions import ShardSearchFailure, stack_trace, status_of
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.messages.hits import (
    DocumentField,
    NestedIdentity,
    Relation,
    SearchHit,
    SearchHits,
    SortField,
    SortFieldType,
    SortValues,
    StringMissing,
    TotalHits,
)
from protocol.messages.search_response import SearchResponse
from protocol.messages.suggestions import (
    PhraseEntry,
    PhraseSuggestion,
    Suggestion,
    SuggestionOption,
    TermEntry,
    TermOption,
    TermSuggestion,
)
from protocol.rest.aggregation_results import read_aggregations
from protocol.rest.canonical import unsupported
from protocol.rest.errors import parse_error
from protocol.rest.places import illegal
from protocol.values import Integer, Long, Single
from protocol.versions import V_8_19

Json = Mapping[str, Any]

_UUID = "_na_"
_KNOWN = frozenset(
    {
        *("_scroll_id", "pit_id", "took", "timed_out", "terminated_early", "num_reduce_phases", "_shards", "hits"),
        *("aggregations", "suggest", "_clusters", "profile"),
    }
)
_HIT = frozenset(
    {
        *("_index", "_id", "_score", "_source", "fields", "ignored_field_values", "highlight", "sort", "matched_queries"),
        *("_version", "_seq_no", "_primary_term", "_nested", "_rank", "inner_hits", "_explanation", "_shard", "_node"),
    }
)
_MAX_LONG = (1 << 63) - 1


def parse_search_response(
    body: Json, source: Json | None = None, *, cluster_alias: str | None = None, node_id: str | None = None
) -> SearchResponse:
    """The message of a body as a search's REST API prints it (totals as objects, typed keys).

    ``source`` is the canonical body of the search, from which it follows what the hits are sorted by. ``cluster_alias`` goes into
    the shard targets of the hits, ``node_id`` too. Raises ElasticsearchException for a body of another form and, by its name, for what
    cannot be made of it without loss.
    """
    try:
        response = _response(body, source or {}, cluster_alias, node_id)
        # Whatever has another type than its field is found by writing it.
        response.encode(V_8_19)
        return response
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise illegal(f"malformed search response: {type(error).__name__}: {error}") from None


def _response(body: Json, source: Json, alias: str | None, node: str | None) -> SearchResponse:
    for name in body:
        if name not in _KNOWN:
            raise illegal(f"unknown key [{name}] in a search response")
        if name in ("profile", "_clusters"):
            raise unsupported(f"[{name}] in a search response that is read")
    shards = body["_shards"]
    response = SearchResponse(
        hits=_Hits(source, alias, node).read(body["hits"]),
        timed_out=_boolean(body["timed_out"]),
        terminated_early=body.get("terminated_early"),
        reduce_phases=body.get("num_reduce_phases", 1),
        total_shards=shards["total"],
        successful_shards=shards["successful"],
        skipped_shards=shards.get("skipped", 0),
        failures=[_failure(failure, alias) for failure in shards.get("failures", [])],
        scroll_id=body.get("_scroll_id"),
        took=body["took"],
        pit_id=urlsafe_b64decode(body["pit_id"]) if "pit_id" in body else None,
    )
    if "aggregations" in body:
        response.aggregations = read_aggregations(body["aggregations"], source.get("aggs", {}))
    if "suggest" in body:
        response.suggest = [_suggestion(key, entries, source.get("suggest", {})) for key, entries in body["suggest"].items()]
    return response


class _Hits:
    """Hits of one answer: what their sort values are is worked out over all of them."""

    def __init__(self, source: Json, alias: str | None, node: str | None) -> None:
        self._sort: list[Json] = list(source.get("sort", []))
        self._collapse: str | None = source.get("collapse", {}).get("field")
        self._alias, self._node = alias, node

    def read(self, body: Json) -> SearchHits:
        total = body.get("total")
        if total is not None and not isinstance(total, Mapping):
            total = {"value": total, "relation": "eq"}
        hits = [self._hit(hit) for hit in body["hits"]]
        found = SearchHits(
            total=None if total is None else TotalHits(value=total["value"], relation=_RELATIONS[total["relation"]]),
            max_score=_score(body.get("max_score")),
            hits=hits,
        )
        if any(hit.sort.formatted for hit in hits):
            found.sort_fields = self._sort_fields(hits)
        if self._collapse is not None and hits:
            found.collapse_field = self._collapse
            found.sort_fields = found.sort_fields or [SortField(type=SortFieldType.SCORE)]
            found.collapse_values = [_raw(hit.fields[self._collapse].values[0]) for hit in hits]
        return found

    def _hit(self, body: Json) -> SearchHit:
        hit = SearchHit(
            score=_score(body.get("_score")),
            rank=body.get("_rank", -1),
            id=body.get("_id"),
            nested=_nested(body["_nested"]) if "_nested" in body else None,
            version=body.get("_version", -1),
            seq_no=body.get("_seq_no", -2),
            primary_term=body.get("_primary_term", 0),
            source=orjson.dumps(body["_source"]) if "_source" in body else b"",
            highlight={name: None if texts is None else list(texts) for name, texts in body.get("highlight", {}).items()},
        )
        if "_explanation" in body or "_shard" in body:
            raise unsupported("[explain] of a search response that is read")
        if "_index" in body:
            index = body["_index"].rpartition(":")[2]
            shard = ShardId(index=index, uuid=_UUID, shard=0)
            hit.shard = SearchShardTarget(node_id=self._node, shard_id=shard, cluster_alias=self._alias)
        fields, ignored = body.get("fields", {}), body.get("ignored_field_values", {})
        for name in (*fields, *(name for name in ignored if name not in fields)):
            values, left_out = list(fields.get(name, [])), list(ignored.get(name, []))
            hit.fields[name] = DocumentField(name=name, values=values, ignored_values=left_out)
        for name, value in body.items():
            if name not in _HIT:
                if not name.startswith("_"):
                    raise illegal(f"unknown key [{name}] in a hit")
                hit.meta_fields[name] = DocumentField(name=name, values=list(value) if isinstance(value, list) else [value])
        matched = body.get("matched_queries", [])
        hit.matched_queries = {name: matched[name] if isinstance(matched, Mapping) else nan for name in matched}
        if "sort" in body:
            hit.sort = SortValues(formatted=list(body["sort"]))
        inner = _Hits({}, self._alias, self._node)
        hit.inner_hits = {name: inner.read(found["hits"]) for name, found in body.get("inner_hits", {}).items()}
        return hit

    def _sort_fields(self, hits: list[SearchHit]) -> list[SortField]:
        columns: Sequence[Sequence[Any]] = list(zip(*(hit.sort.formatted for hit in hits), strict=True))
        criteria = self._sort or [{"_score": {"order": "desc"}}]
        if len(columns) != len(criteria):
            raise illegal(f"hits with [{len(columns)}] sort values for [{len(criteria)}] criteria")
        found = [_criterion(criterion, column) for criterion, column in zip(criteria, columns, strict=True)]
        for place, hit in enumerate(hits):
            hit.sort.formatted = [shown[place] for _, shown, _ in found]
            hit.sort.raw = [raw[place] for _, _, raw in found]
        return [sort_field for sort_field, _, _ in found]


def _criterion(criterion: Json, values: Sequence[Any]) -> tuple[SortField, list[Any], list[Any]]:
    """How one criterion is compared, its values as they are shown, and as they are compared."""
    ((name, options),) = criterion.items()
    reverse = options.get("order", "asc") == "desc"
    if name == "_score":
        scores = [Single(value) for value in values]
        return SortField(type=SortFieldType.SCORE, reverse=not reverse), list(scores), list(scores)
    if name == "_doc":
        numbers = [Integer(value) for value in values]
        return SortField(type=SortFieldType.DOC, reverse=reverse), list(numbers), list(numbers)
    kinds = {type(value) for value in values if value is not None}
    missing = options.get("missing", "_last")
    last = (missing == "_last") != reverse
    if kinds <= {str} and (kinds or missing in ("_first", "_last")):
        if "format" in options:
            raise unsupported(f"[sort] by [{name}] with a [format] of a search response that is read")
        where = StringMissing.FIRST if missing == "_first" else StringMissing.LAST
        field = SortField(field=name, type=SortFieldType.STRING, missing=where, reverse=reverse)
        return field, list(values), [_raw(value) for value in values]
    if kinds <= {int}:
        bound: Any = Long(missing) if isinstance(missing, int) else _MAX_LONG if last else -_MAX_LONG - 1
        field = SortField(field=name, type=SortFieldType.LONG, missing=bound, reverse=reverse)
        return field, list(values), [bound if value is None else value for value in values]
    if kinds <= {int, float}:
        edge = float(missing) if isinstance(missing, int | float) else inf if last else -inf
        field = SortField(field=name, type=SortFieldType.DOUBLE, missing=edge, reverse=reverse)
        doubles = [edge if value is None else float(value) for value in values]
        return field, [None if value is None else float(value) for value in values], doubles
    raise unsupported(f"[sort] by [{name}] of a search response with values of several types")


def _raw(value: Any) -> Any:
    """Texts are compared as their bytes."""
    return value.encode() if isinstance(value, str) else value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"[{value}] is neither true nor false")
    return value


def _score(value: float | None) -> float:
    return nan if value is None else float(value)


def _nested(body: Json) -> NestedIdentity:
    child = _nested(body["_nested"]) if "_nested" in body else None
    return NestedIdentity(field=body.get("field"), offset=body.get("offset", -1), child=child)


def _failure(body: Json, alias: str | None) -> ShardSearchFailure:
    cause = parse_error(body["reason"])
    index = body.get("index")
    target = None
    if index is not None:
        shard = ShardId(index=index.rpartition(":")[2], uuid=_UUID, shard=max(body["shard"], 0))
        target = SearchShardTarget(node_id=body.get("node"), shard_id=shard, cluster_alias=alias)
    return ShardSearchFailure(target=target, reason=stack_trace(cause), status=status_of(cause), cause=cause)


def _suggestion(key: str, entries: Sequence[Json], asked: Json) -> Suggestion:
    kind, typed, name = key.partition("#")
    if not typed:
        raise illegal(f"[{key}] in [suggest] is without its type: ask for typed keys")
    options = asked.get(name, {}).get(kind, {})
    common: dict[str, Any] = {"name": name, "size": options.get("size", 5)}
    match kind:
        case "term":
            read = [
                TermEntry(**_entry(entry), options=[TermOption(**option) for option in entry["options"]]) for entry in entries
            ]
            return TermSuggestion(**common, entries=read, sort=options.get("sort", "score"))
        case "phrase":
            phrases = [
                PhraseEntry(**_entry(entry), options=[SuggestionOption(**option) for option in entry["options"]])
                for entry in entries
            ]
            return PhraseSuggestion(**common, entries=phrases)
    raise unsupported(f"suggestion [{kind}] of a search response that is read")


def _entry(body: Json) -> dict[str, Any]:
    return {name: body[name] for name in ("text", "offset", "length")}


_RELATIONS = {"eq": Relation.EQUAL_TO, "gte": Relation.GREATER_THAN_OR_EQUAL_TO}
