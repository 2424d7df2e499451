"""Points in time and scrolls: searches that see the same documents from page to page.

A local node opens them shard by shard; these are the actions by which a cluster is asked to do that itself, for the whole of it.
"""

from __future__ import annotations

from typing import Annotated

from protocol.messages.common import Request, TimeValueField
from protocol.messages.options import IndicesOptions
from protocol.messages.queries import AnyQuery
from protocol.messages.search_response import Clusters
from protocol.schema import Boolean, Bytes, Codec, Message, String, VInt, wire
from protocol.wire import Reader, Writer

OPEN_POINT_IN_TIME = "indices:data/read/open_point_in_time"
CLOSE_POINT_IN_TIME = "indices:data/read/close_point_in_time"
SCROLL = "indices:data/read/scroll"
CLEAR_SCROLL = "indices:data/read/scroll/clear"

DEFAULT_CONCURRENT_SHARDS = 5


class OpenPointInTimeRequest(Request):
    """``indices`` must not be empty. Shards that ``index_filter`` surely does not match are left out; a node
    reads it after its name, though it forgets the name when it writes one."""

    indices: list[String]
    options: IndicesOptions = wire(default_factory=IndicesOptions)
    keep_alive: TimeValueField
    routing: String | None = None
    preference: String | None = None
    max_concurrent_shard_requests: VInt = DEFAULT_CONCURRENT_SHARDS
    index_filter: AnyQuery | None = None
    allow_partial_search_results: Boolean = False


def _read_clusters(reader: Reader) -> Clusters | None:
    return Clusters.read(reader) if reader.remaining else None


def _write_clusters(writer: Writer, clusters: Clusters | None) -> None:
    if clusters is not None:
        clusters.write(writer)


class OpenPointInTimeResponse(Message):
    """``id`` is opaque; REST shows it in URL-safe base64."""

    id: Bytes
    total_shards: VInt = 0
    successful_shards: VInt = 0
    failed_shards: VInt = 0
    skipped_shards: VInt = 0
    clusters: Annotated[Clusters | None, Codec(_read_clusters, _write_clusters)] = None
    """9.5 sends it, whatever the transport version; 8.19 does not."""


class ClosePointInTimeRequest(Request):
    id: Bytes


class ScrollRequest(Request):
    """The next page. Its answer is a SearchResponse."""

    scroll_id: String
    scroll: TimeValueField | None = None
    """For how long the one after may be asked for."""


class ClearScrollRequest(Request):
    scroll_ids: list[String]


class FreedResponse(Message):
    """The answer to both ways of closing. ``freed`` counts the contexts of shards."""

    succeeded: Boolean
    freed: VInt
