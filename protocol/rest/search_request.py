"""A search as REST has it (indices, body, parameters of the URL), and as it travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SearchRequest, SearchType
from protocol.rest import search_body
from protocol.rest.calls import Call, options_params, parsed, text_params, time_text
from protocol.rest.canonical import unsupported
from protocol.rest.parameters import Given, Parameters, split
from protocol.rest.places import illegal

Json = dict[str, Any]

RESPONSE = ("typed_keys", "rest_total_hits_as_int", "include_named_queries_score")
"""Parameters that say how a search's answer is printed."""

_QUERY_STRING = ("df", "analyzer", "analyze_wildcard", "lenient", "default_operator")
_SUGGEST = ("suggest_text", "suggest_size", "suggest_mode")
_DFS = "dfs_query_then_fetch"
_ALL_HITS = (1 << 31) - 1


def search_request(
    indices: Sequence[str], body: Mapping[str, Any] | str | bytes = b"", params: Given | None = None
) -> SearchRequest:
    """The request that ``POST /{indices}/_search`` makes of a body and of the URL's parameters.

    A body given as text is told positions in by the errors; one given as a mapping is taken as text without spaces. Raises
    ElasticsearchException with the type and the reason of Elasticsearch's own REST layer, and for what cannot travel here with its
    name.
    """
    path = f"/{','.join(indices)}/_search" if indices else "/_search"
    parameters = Parameters(params or {}, path)
    source = _source(body)
    request = SearchRequest(indices=list(indices), source=source)
    _read_parameters(request, source, parameters)
    parameters.finish(RESPONSE)
    validate(request)
    return request


def _source(body: Mapping[str, Any] | str | bytes) -> Json:
    value, place = parsed(body)
    return search_body.search_source(value, place)


def _read_parameters(request: SearchRequest, source: Json, parameters: Parameters) -> None:
    """In Elasticsearch's order, so that of several faults the same one is told."""
    request.batched_reduce_size = parameters.integer("batched_reduce_size", request.batched_reduce_size)
    if request.batched_reduce_size <= 1:
        raise illegal("batchedReduceSize must be >= 2")
    if "pre_filter_shard_size" in parameters:
        request.pre_filter_shard_size = parameters.integer("pre_filter_shard_size", 128)
        if request.pre_filter_shard_size < 1:
            raise illegal("preFilterShardSize must be >= 1")
    if "max_concurrent_shard_requests" in parameters:
        request.max_concurrent_shard_requests = parameters.integer("max_concurrent_shard_requests", 0)
        if request.max_concurrent_shard_requests < 1:
            raise illegal("maxConcurrentShardRequests must be >= 1")
    request.allow_partial_search_results = parameters.boolean("allow_partial_search_results")
    request.search_type = _search_type(parameters.text("search_type"))
    _read_source_parameters(source, parameters)
    request.request_cache = parameters.boolean("request_cache")
    request.scroll = parameters.time("scroll")
    request.routing = _joined(parameters.names("routing"))
    request.preference = parameters.text("preference")
    request.indices_options = parameters.indices_options(IndicesOptions())
    if parameters.flag("rest_total_hits_as_int", False):
        _count_all(source)
    parameters.flag("include_named_queries_score", False)
    if "pit" in source:
        if parameters.flag("ccs_minimize_roundtrips", False):
            raise invalid("[ccs_minimize_roundtrips] cannot be used with point in time")
    else:
        request.ccs_minimize_roundtrips = parameters.flag("ccs_minimize_roundtrips", True)
    request.force_synthetic_source = parameters.flag("force_synthetic_source", False)
    if parameters.text("min_compatible_shard_node") is not None:
        raise unsupported("[min_compatible_shard_node]")


def _read_source_parameters(source: Json, parameters: Parameters) -> None:
    """What of a body may stand in the URL, where it wins."""
    query = _query_string(parameters)
    if query is not None:
        source["query"] = query
    if "from" in parameters:
        source["from"] = search_body.check_from(parameters.integer("from", 0))
    if "size" in parameters:
        source["size"] = search_body.check_size(parameters.integer("size", 10))
    for name in ("explain", "version", "seq_no_primary_term"):
        if name in parameters:
            value = parameters.boolean(name)
            source.pop(name, None)
            if value is not None:
                source[name] = value
    if "timeout" in parameters:
        parameters.time("timeout")
        source["timeout"] = search_body.timeout(parameters.text("timeout") or "")
    if "terminate_after" in parameters:
        source["terminate_after"] = search_body.check_terminate_after(parameters.integer("terminate_after", 0))
    stored = parameters.names("stored_fields")
    if stored is not None:
        source["stored_fields"] = search_body.stored_fields(stored)
    for field in parameters.names("docvalue_fields") or ():
        source.setdefault("docvalue_fields", []).append({"field": field})
    shown = shown_source(parameters)
    if shown is not None:
        source["_source"] = shown
    if "track_scores" in parameters:
        source["track_scores"] = parameters.flag("track_scores", False)
    total = parameters.text("track_total_hits")
    if total is not None:
        source["track_total_hits"] = (
            total == "true"
            if total in ("true", "false")
            else search_body.check_track_total_hits(parameters.integer("track_total_hits", 10_000))
        )
    for sort in parameters.names("sort") or ():
        _add_sort(source, sort)
    stats = parameters.names("stats")
    if stats is not None:
        source["stats"] = stats
    _suggest(source, parameters)


def _query_string(parameters: Parameters) -> Json | None:
    text = parameters.text("q")
    if text is None:
        parameters.refuse_without(_QUERY_STRING, "query string parameter 'q'.")
        return None
    body: Json = {"query": text, "analyze_wildcard": parameters.flag("analyze_wildcard", False)}
    options = {
        "default_field": parameters.text("df"),
        "analyzer": parameters.text("analyzer"),
        "lenient": parameters.boolean("lenient"),
    }
    body |= {name: value for name, value in options.items() if value is not None}
    operator = parameters.text("default_operator")
    if operator is not None:
        if operator.upper() not in ("OR", "AND"):
            raise illegal(f"No enum constant org.elasticsearch.index.query.Operator.{operator.upper()}")
        body["default_operator"] = operator.lower()
    return search_body.query_of({"query_string": body})


def shown_source(parameters: Parameters) -> bool | Json | None:
    text = parameters.text("_source")
    included, excluded = parameters.names("_source_includes"), parameters.names("_source_excludes")
    if text is None and included is None and excluded is None:
        return None
    if text == "false":
        return False
    if text not in (None, "true") and included is None:
        included = split(text or "")
    return {"includes": included or [], "excludes": excluded or []}


def _add_sort(source: Json, sort: str) -> None:
    field, colon, order = sort.rpartition(":")
    sorts = source.setdefault("sort", [])
    if not colon:
        sorts.append(search_body.sort_of(sort))
    elif order in ("asc", "desc"):
        sorts.append(search_body.sort_of({field: {"order": order}}))


def _suggest(source: Json, parameters: Parameters) -> None:
    field = parameters.text("suggest_field")
    if field is None:
        parameters.refuse_without(_SUGGEST, "'suggest_field' parameter.")
        return
    text = parameters.text("suggest_text") or parameters.text("q")
    term = {"field": field, "size": parameters.integer("suggest_size", 5), "suggest_mode": parameters.text("suggest_mode")}
    mode = term["suggest_mode"]
    if mode is None:
        raise ElasticsearchException("null_pointer_exception", "Input string is null")
    if str(mode).lower() not in ("missing", "popular", "always"):
        kind = "org.elasticsearch.search.suggest.term.TermSuggestionBuilder.SuggestMode"
        raise illegal(f"No enum constant {kind}.{str(mode).upper()}")
    one = {"term": {name: value for name, value in term.items() if value is not None}} | ({} if text is None else {"text": text})
    source["suggest"] = search_body.suggest_of({field: one})


def _search_type(name: str | None) -> SearchType:
    if name == _DFS:
        return SearchType.DFS_QUERY_THEN_FETCH
    if name not in (None, "query_then_fetch"):
        raise illegal(f"No search type for [{name}]")
    return SearchType.QUERY_THEN_FETCH


def _count_all(source: Json) -> None:
    limit = source.get("track_total_hits")
    if limit is None:
        source["track_total_hits"] = True
    elif not isinstance(limit, bool):
        raise illegal(f"[rest_total_hits_as_int] cannot be used if the tracking of total hits is not accurate, got {limit}")


def _joined(names: list[str] | None) -> str | None:
    return None if names is None else ",".join(names)


def invalid(*reasons: str) -> ElasticsearchException:
    """What validation says: every reason with its number."""
    told = "".join(f"{number}: {reason};" for number, reason in enumerate(reasons, 1))
    return ElasticsearchException("action_request_validation_exception", f"Validation Failed: {told}")


def validate(request: SearchRequest) -> None:
    """Refuse what cannot be together. Raises ElasticsearchException (action_request_validation_exception)."""
    source = request.source or {}
    scroll, pit = request.scroll is not None, "pit" in source
    reasons = list(_scroll_reasons(source)) if scroll else []
    if "slice" in source and not scroll and not pit:
        reasons.append("[slice] can only be used with [scroll] or [point-in-time] requests")
    if source.get("from", 0) > 0 and source.get("search_after"):
        reasons.append("[from] parameter must be set to 0 when [search_after] is used")
    if source.get("stored_fields") == "_none_":
        if source.get("_source") not in (None, False):
            reasons.append("[stored_fields] cannot be disabled if [_source] is requested")
        if "fields" in source:
            reasons.append("[stored_fields] cannot be disabled when using the [fields] option")
    if scroll and request.request_cache:
        reasons.append("[request_cache] cannot be used in a scroll context")
    if pit:
        reasons += _pit_reasons(request, scroll=scroll)
    if reasons:
        raise invalid(*reasons)


def _scroll_reasons(source: Json) -> list[str]:
    reasons = []
    if source.get("track_total_hits", True) is not True:
        reasons.append("disabling [track_total_hits] is not allowed in a scroll context")
    if source.get("from", 0) > 0:
        reasons.append("using [from] is not allowed in a scroll context")
    if source.get("size") == 0:
        reasons.append("[size] cannot be [0] in a scroll context")
    if source.get("search_after"):
        reasons.append("[search_after] cannot be used in a scroll context")
    if "collapse" in source:
        reasons.append("cannot use `collapse` in a scroll context")
    return reasons


def _pit_reasons(request: SearchRequest, *, scroll: bool) -> list[str]:
    found = (
        (scroll, "using [point in time] is not allowed in a scroll context"),
        (bool(request.indices), "[indices] cannot be used with point in time. Do not specify any index with point in time."),
        (request.indices_options != IndicesOptions(), "[indicesOptions] cannot be used with point in time"),
        (request.routing is not None, "[routing] cannot be used with point in time"),
        (request.preference is not None, "[preference] cannot be used with point in time"),
    )
    return [reason for applies, reason in found if applies]


def search_call(request: SearchRequest) -> Call:
    """The call that makes this request. What only clusters tell each other (the alias, the moment that ``now`` is, whether to reduce
    finally) is left out. Raises ElasticsearchException for what REST has no form for."""
    if request.wait_for_checkpoints or request.min_compatible_shard_node is not None:
        name = "wait_for_checkpoints" if request.wait_for_checkpoints else "min_compatible_shard_node"
        raise unsupported(f"[{name}]")
    usual = SearchRequest()
    dfs = request.search_type is SearchType.DFS_QUERY_THEN_FETCH
    params = text_params(
        search_type=_DFS if dfs else None,
        routing=request.routing,
        preference=request.preference,
        scroll=None if request.scroll is None else time_text(request.scroll),
        request_cache=request.request_cache,
        max_concurrent_shard_requests=request.max_concurrent_shard_requests or None,
        pre_filter_shard_size=request.pre_filter_shard_size,
        allow_partial_search_results=request.allow_partial_search_results,
        batched_reduce_size=None if request.batched_reduce_size == usual.batched_reduce_size else request.batched_reduce_size,
        ccs_minimize_roundtrips=None if request.ccs_minimize_roundtrips or "pit" in (request.source or {}) else False,
        force_synthetic_source=True if request.force_synthetic_source else None,
    )
    return Call(request.indices, params | options_params(request.indices_options, usual.indices_options), request.source or {})
