"""The answer to a search."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from protocol.exceptions.fields import ShardSearchFailure
from protocol.messages.aggregations.base import Aggregations
from protocol.messages.fields import OptionalBoolean, OptionalBytes, absent
from protocol.messages.hits import SearchHits
from protocol.messages.suggestions import Suggest
from protocol.schema import Boolean, Codec, Int, Long, Message, String, VInt, VLong, enum_codec, wire
from protocol.wire import Reader, Writer


class ClusterStatus(Enum):
    """How far the search is on one cluster."""

    RUNNING = "running"
    SUCCESSFUL = "successful"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    FAILED = "failed"


class Cluster(Message):
    """What became of the search on one cluster."""

    alias: String
    """Empty for the local cluster."""
    index_expression: String
    status: Annotated[ClusterStatus, enum_codec(ClusterStatus, Codec(Reader.string, Writer.string))]
    total_shards: Int | None = None
    successful_shards: Int | None = None
    skipped_shards: Int | None = None
    failed_shards: Int | None = None
    took: Long | None = None
    """Milliseconds."""
    timed_out: Boolean = False
    failures: list[ShardSearchFailure] = wire(default_factory=list)
    skip_unavailable: Boolean = True


class Clusters(Message):
    """The ``_clusters`` section; all zero in the answer of a remote cluster."""

    total: VInt = 0
    successful: VInt = 0
    skipped: VInt = 0
    details: list[Cluster] = wire(default_factory=list)


class SearchResponse(Message):
    """The answer to ``indices:data/read/search``."""

    hits: SearchHits = wire(default_factory=SearchHits)
    aggregations: Aggregations | None = None
    suggest: Suggest | None = None
    timed_out: Boolean = False
    terminated_early: OptionalBoolean = None
    profile: Annotated[None, absent("[profile]")] = None
    reduce_phases: VInt = 1
    total_shards: VInt = 0
    successful_shards: VInt = 0
    failures: list[ShardSearchFailure] = wire(default_factory=list)
    clusters: Clusters = wire(default_factory=Clusters)
    scroll_id: String | None = None
    took: VLong = 0
    """Milliseconds."""
    skipped_shards: VInt = 0
    pit_id: OptionalBytes = None
