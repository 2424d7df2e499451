"""What a source may be asked of a search's body, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.backends.decoding.queries import Shown, check_field, refused, refused_by_rules, rewritten
from protocol.messages.get import ANY_VERSION, GetRequest
from protocol.messages.search_request import SearchRequest, SearchType

Json = dict[str, Any]

DEFAULT_SIZE: Final = 10

_AS_IT_IS: Final = frozenset(
    {
        *("from", "size", "track_total_hits", "track_scores", "min_score", "search_after", "timeout", "terminate_after"),
        *("version", "seq_no_primary_term", "_source", "fields", "docvalue_fields"),
    }
)
"""Members that read nothing but the hits, whose fields are looked at when they come."""
_WITHOUT_EFFECT: Final = frozenset({"stats"})
_LISTS_OF_FIELDS: Final = ("fields", "docvalue_fields")
_SORTS_OF_NO_FIELD: Final = frozenset({"_shard_doc", "_script", "_geo_distance"})
_METRICS: Final = frozenset({"sum", "min", "max", "value_count", "stats"})
_BUCKETS: Final = frozenset({"terms", "range", "missing"})
_OF_A_FIELD: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(_METRICS, frozenset({"field", "missing"})),
    "terms": frozenset(
        {
            *("field", "size", "shard_size", "order", "min_doc_count", "shard_min_doc_count", "missing", "include", "exclude"),
            *("collect_mode", "execution_hint", "show_term_doc_count_error", "value_type"),
        }
    ),
    "range": frozenset({"field", "ranges", "keyed"}),
    "missing": frozenset({"field"}),
}
"""Aggregations of one field, with the members that each may have: a script, for one, is not among them."""


def check_search(request: SearchRequest) -> None:
    """Refuses what no source is asked. Raises ElasticsearchException."""
    for present, what in (
        (request.scroll is not None, "[scroll]"),
        (request.search_type is SearchType.DFS_QUERY_THEN_FETCH, "[search_type] dfs_query_then_fetch"),
        (bool(request.wait_for_checkpoints), "[wait_for_checkpoints]"),
        (request.force_synthetic_source, "[force_synthetic_source]"),
        (request.routing is not None, "[routing]"),
    ):
        if present:
            raise refused(what)


def check_get(request: GetRequest) -> None:
    """The same for a get."""
    for present, what in (
        (request.version != ANY_VERSION, "[version]"),
        (bool(request.stored_fields), "[stored_fields]"),
        (request.force_synthetic_source, "[force_synthetic_source]"),
        (request.routing is not None, "[routing]"),
    ):
        if present:
            raise refused(what)


def body_for(source: Mapping[str, Any], shown: Shown, *, final: bool) -> Json:
    """The body of a search as a source may be asked it about this index. ``final``: whether nobody merges the answer with others.
    Raises ElasticsearchException."""
    body: Json = {}
    for name, value in source.items():
        if name in _AS_IT_IS:
            body[name] = value
        elif name in ("query", "post_filter"):
            body[name] = rewritten(value, shown)
        elif name == "sort":
            _check_sort(value, shown)
            body[name] = value
        elif name == "aggs":
            body[name] = _aggregations(value, shown, final=final)
        elif name == "highlight":
            _check_highlight(value, shown)
            body[name] = value
        elif name == "stored_fields":
            body.setdefault("_source", source.get("_source", _wants_source(value)))
        elif value and name not in _WITHOUT_EFFECT:
            raise refused(f"[{name}] of a search")
    if not shown.everything:
        _check_listed(source)
        if not shown.shows("_id"):
            raise refused_by_rules("a search without [_id]")
    return body


def wanted_source(source: Mapping[str, Any]) -> Any:
    """The ``_source`` option that holds."""
    if "_source" in source:
        return source["_source"]
    return _wants_source(source["stored_fields"]) if "stored_fields" in source else True


def _wants_source(stored: Any) -> bool:
    if not isinstance(stored, list) or not set(stored) <= {"*", "_source"}:
        raise refused(f"[stored_fields] {stored}")
    return "_source" in stored


def _check_sort(sorts: Sequence[Json], shown: Shown) -> None:
    for each in sorts:
        ((name, options),) = each.items()
        if name in ("_score", "_doc"):
            continue
        if name in _SORTS_OF_NO_FIELD:
            raise refused(f"[sort] by [{name}]")
        if "nested" in options:
            raise refused("[nested] of [sort]")
        check_field(name, "[sort] by", shown)


def _check_highlight(highlight: Json, shown: Shown) -> None:
    for part in (highlight, *_named(highlight.get("fields", {}))):
        if "highlight_query" in part:
            raise refused("[highlight_query]")
        if part.get("matched_fields") and not shown.everything:
            raise refused_by_rules("[matched_fields] of a highlight")


def _named(fields: Any) -> list[Json]:
    entries = fields if isinstance(fields, list) else [fields]
    return [options for entry in entries for options in entry.values()]


def _check_listed(source: Mapping[str, Any]) -> None:
    for name in _LISTS_OF_FIELDS:
        for each in source.get(name, ()):
            if each.get("field") == "_source":
                raise refused_by_rules(f"[_source] in [{name}]")


def _aggregations(asked: Json, shown: Shown, *, final: bool) -> Json:
    return {name: _aggregation(name, definition, shown, final=final) for name, definition in asked.items()}


def _aggregation(name: str, definition: Json, shown: Shown, *, final: bool) -> Json:
    made: Json = {}
    for member, value in definition.items():
        if member == "aggs":
            made[member] = _aggregations(value, shown, final=final)
        elif member == "meta":
            made[member] = value
        else:
            made[member] = _kind(name, member, value, shown, final=final)
    return made


def _kind(name: str, kind: str, body: Json, shown: Shown, *, final: bool) -> Json:
    if kind == "global":
        return body
    if kind == "filter":
        return rewritten(body, shown)
    if kind == "filters":
        if body.get("other_bucket") or set(body) - {"filters", "keyed", "other_bucket", "other_bucket_key"}:
            raise refused(f"[other_bucket] of aggregation [{name}]")
        filters = body["filters"]
        if isinstance(filters, Mapping):
            return {"filters": {key: rewritten(each, shown) for key, each in filters.items()}}
        return {"filters": [rewritten(each, shown) for each in filters]}
    known = _OF_A_FIELD.get(kind)
    if known is None:
        raise refused(f"aggregation [{name}] of type [{kind}]")
    for member in body:
        if member not in known:
            raise refused(f"[{member}] of aggregation [{name}]")
    if "field" not in body:
        raise refused(f"aggregation [{name}] without a field")
    check_field(body["field"], "an aggregation on", shown)
    if kind == "terms" and body.get("min_doc_count") == 0 and shown.filtered:
        # It lists values of documents that do not match, of which nobody can tell whether they may be seen.
        raise refused(f"[min_doc_count] 0 of aggregation [{name}], where the user's roles hide documents,")
    return _unreduced(body) if kind == "terms" and not final else body


def _unreduced(terms: Json) -> Json:
    """What a shard is asked whose buckets are merged with those of others: more of them, and the small ones too."""
    size = terms.get("size", 10)
    made = {**terms, "size": max(terms.get("shard_size", size * 3 // 2 + 10), size)}
    if terms.get("min_doc_count", 1) > 1:
        made["min_doc_count"] = 1
    return made
