"""``indices:data/read/search``: the whole search that a local cluster hands over when round trips are minimized."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from protocol.messages.common import Request, TimeUnit, TimeValue, TimeValueField
from protocol.messages.fields import OptionalBoolean
from protocol.messages.options import IndicesOptions
from protocol.messages.search_source import SEARCH_SOURCE
from protocol.schema import Boolean, Codec, Long, String, VInt, VLong, enum_codec, wire
from protocol.wire import Reader, Writer

SEARCH = "indices:data/read/search"


class SearchType(Enum):
    """Whether term statistics are collected from all shards first."""

    DFS_QUERY_THEN_FETCH = 0
    QUERY_THEN_FETCH = 1


def _is_remote(request: SearchRequest) -> bool:
    return request.local_cluster_alias is not None


class SearchStart(Request):
    """What a search begins with: enough for who does not search but wants to know what it is about."""

    search_type: Annotated[SearchType, enum_codec(SearchType, Codec(Reader.byte, Writer.byte))] = SearchType.QUERY_THEN_FETCH
    indices: list[String] = wire(default_factory=list)
    """Index expressions, without the cluster's alias; empty means all."""


class SearchRequest(SearchStart):
    """A search: ``source`` is the body as REST has it, the rest the URL's parameters and what the coordinating node adds."""

    routing: String | None = None
    preference: String | None = None
    scroll: TimeValueField | None = None
    """How long a scroll is kept."""
    source: Annotated[dict[str, Any], SEARCH_SOURCE] | None = None
    indices_options: IndicesOptions = wire(default_factory=IndicesOptions)
    request_cache: OptionalBoolean = None
    batched_reduce_size: VInt = 512
    max_concurrent_shard_requests: VInt = 0
    """0: the default, which depends on the number of nodes."""
    pre_filter_shard_size: VInt | None = None
    allow_partial_search_results: OptionalBoolean = None
    local_cluster_alias: String | None = None
    """What the asking cluster calls this one (or empty); goes into the shard targets of the answer. None: the search is not part of
    a cross-cluster search."""
    absolute_start_millis: VLong = wire(when=_is_remote, default=-1)
    """What ``now`` is in date math, milliseconds since 1970; -1: the current time."""
    final_reduce: Boolean = wire(when=_is_remote, default=True)
    """False: aggregations are to be returned unreduced, and ``from`` is to be left to who asked."""
    ccs_minimize_roundtrips: Boolean = True
    min_compatible_shard_node: VInt | None = None
    """The id of a release; shards on older nodes are to fail."""
    wait_for_checkpoints: dict[String, list[Long]] = wire(default_factory=dict)
    wait_for_checkpoints_timeout: TimeValueField = TimeValue(30, TimeUnit.SECONDS)
    force_synthetic_source: Boolean = False
