"""Points in time and scrolls in REST."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from protocol.messages.contexts import (
    DEFAULT_CONCURRENT_SHARDS,
    ClearScrollRequest,
    ClosePointInTimeRequest,
    FreedResponse,
    OpenPointInTimeRequest,
    OpenPointInTimeResponse,
    ScrollRequest,
)
from protocol.messages.options import IndicesOptions
from protocol.rest import canonical, scalars
from protocol.rest.calls import Call, members, options_params, text_params, time_text
from protocol.rest.parameters import Given, Parameters
from protocol.rest.places import illegal, token_of
from protocol.rest.search_request import invalid

Json = dict[str, Any]


def open_request(call: Call) -> OpenPointInTimeRequest:
    """``POST /{index}/_pit?keep_alive=…``"""
    params = Parameters(call.params, f"{call.path}/_pit")
    options = params.indices_options(IndicesOptions())
    routing, preference, keep_alive = params.text("routing"), params.text("preference"), params.time("keep_alive")
    partial = params.flag("allow_partial_search_results", False)
    most = params.integer("max_concurrent_shard_requests", DEFAULT_CONCURRENT_SHARDS)
    if most < 1:
        raise illegal("maxConcurrentShardRequests must be >= 1")
    body, place = call.parsed()
    members(body, place, "open_point_in_time_request", ("index_filter",))
    index_filter = canonical.query(body["index_filter"], place.at("index_filter")) if "index_filter" in body else None
    params.finish()
    missing = [] if call.indices else ["[index] is not specified"]
    if keep_alive is None:
        raise invalid(*missing, "[keep_alive] is not specified")
    if missing:
        raise invalid(*missing)
    return OpenPointInTimeRequest(
        indices=list(call.indices),
        options=options,
        keep_alive=keep_alive,
        routing=routing,
        preference=preference,
        max_concurrent_shard_requests=most,
        index_filter=index_filter,
        allow_partial_search_results=partial,
    )


def open_call(request: OpenPointInTimeRequest) -> Call:
    most = request.max_concurrent_shard_requests
    params = text_params(
        keep_alive=time_text(request.keep_alive),
        routing=request.routing,
        preference=request.preference,
        max_concurrent_shard_requests=None if most == DEFAULT_CONCURRENT_SHARDS else most,
        allow_partial_search_results=True if request.allow_partial_search_results else None,
    )
    body = {} if request.index_filter is None else {"index_filter": request.index_filter}
    return Call(request.indices, params | options_params(request.options, IndicesOptions()), body)


def show_open(response: OpenPointInTimeResponse, params: Given) -> Json:  # noqa: ARG001 - the form of all
    return {
        "id": urlsafe_b64encode(response.id).decode("ascii"),
        "_shards": {
            "total": response.total_shards,
            "successful": response.successful_shards,
            "skipped": response.skipped_shards,
            "failed": response.failed_shards,
        },
    }


def read_open(body: Mapping[str, Any]) -> OpenPointInTimeResponse:
    shards = body.get("_shards", {})
    return OpenPointInTimeResponse(
        id=_decoded(body["id"]),
        total_shards=shards.get("total", 0),
        successful_shards=shards.get("successful", 0),
        failed_shards=shards.get("failed", 0),
        skipped_shards=shards.get("skipped", 0),
    )


def close_request(call: Call) -> ClosePointInTimeRequest:
    """``DELETE /_pit``"""
    Parameters(call.params, "/_pit").finish()
    body, place = call.parsed()
    members(body, place, "close_point_in_time", ("id",))
    if "id" not in body:
        raise illegal("Required [id]")
    return ClosePointInTimeRequest(id=_decoded(scalars.text(body["id"], place.at("id"))))


def close_call(request: ClosePointInTimeRequest) -> Call:
    return Call(body={"id": urlsafe_b64encode(request.id).decode("ascii")})


def scroll_request(call: Call) -> ScrollRequest:
    """``POST /_search/scroll``"""
    params = Parameters(call.params, "/_search/scroll")
    scroll_id, scroll = params.text("scroll_id"), params.time("scroll")
    params.flag("rest_total_hits_as_int", False)
    params.finish(("typed_keys", "include_named_queries_score"))
    body, place = call.parsed()
    for name, value in body.items():
        if name == "scroll_id" and isinstance(value, str):
            scroll_id = value
        elif name == "scroll":
            scroll = scalars.parse_time(scalars.text(value, place.at(name)), "scroll")
        else:
            raise illegal(f"Unknown parameter [{name}] in request body or parameter is of the wrong type[{token_of(value)}] ")
    if scroll_id is None:
        raise invalid("scrollId is missing")
    return ScrollRequest(scroll_id=scroll_id, scroll=scroll)


def scroll_call(request: ScrollRequest) -> Call:
    body = {"scroll_id": request.scroll_id}
    return Call(body=body if request.scroll is None else body | {"scroll": time_text(request.scroll)})


def clear_request(call: Call) -> ClearScrollRequest:
    """``DELETE /_search/scroll``"""
    params = Parameters(call.params, "/_search/scroll")
    ids = params.names("scroll_id") or []
    params.finish()
    body, _ = call.parsed()
    for name, value in body.items():
        if name != "scroll_id":
            raise illegal(f"Unknown parameter [{name}] in request body or parameter is of the wrong type[{token_of(value)}] ")
        ids = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(each, str) for each in ids):
        raise illegal("scroll_id array element should only contain scroll_id")
    if not ids:
        raise invalid("no scroll ids specified")
    return ClearScrollRequest(scroll_ids=ids)


def clear_call(request: ClearScrollRequest) -> Call:
    return Call(body={"scroll_id": list(request.scroll_ids)})


def show_freed(response: FreedResponse, params: Given) -> Json:  # noqa: ARG001
    return {"succeeded": response.succeeded, "num_freed": response.freed}


def read_freed(body: Mapping[str, Any]) -> FreedResponse:
    return FreedResponse(succeeded=body["succeeded"], freed=body["num_freed"])


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        raise illegal(f"invalid id: [{text}]") from None
