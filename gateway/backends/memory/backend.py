"""The in-memory cluster behind the gateway: decoded requests in, encoded answers out.

Work is done in one thread beside the loop: connections are served meanwhile, and the engine, whose columns are built on first use,
needs no locks. A call that is cancelled is abandoned: the thread finishes it and nobody waits for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.authorization.expressions import split_selector, unsupported_selector
from gateway.authorization.grant import Grant
from gateway.authorization.metadata import ClusterMetadata
from gateway.backends import Call, ClusterDescription
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.get import check_get, get
from gateway.backends.memory.loading import load
from gateway.backends.memory.restricted import restricted
from gateway.backends.memory.terms_enum import check_terms_enum, terms_enum
from gateway.backends.memory.worker import Worker
from gateway.configuration.model import Settings
from gateway.node import (
    BUILD_DATE,
    BUILD_HASH,
    MINIMUM_INDEX_COMPATIBILITY,
    MINIMUM_WIRE_COMPATIBILITY,
    RELEASE,
    NodeIdentity,
)
from protocol.errors import ElasticsearchException
from protocol.messages.common import DiscoveryNode
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.get import GET, GetRequest
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import (
    RESOLVE_CLUSTER,
    RESOLVE_INDEX,
    Build,
    ResolveClusterInfo,
    ResolveClusterRequest,
    ResolveClusterResponse,
    ResolveIndexRequest,
)
from protocol.messages.search_request import SEARCH, SearchRequest, SearchType
from protocol.messages.stats import REMOTE_CLUSTER_STATS, ClusterHealthStatus, RemoteClusterStatsResponse
from protocol.messages.tasks import BanRequest
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumRequest
from protocol.schema import Message

_BUILD = Build(
    flavor="default",
    type="unknown",
    hash=BUILD_HASH,
    date=BUILD_DATE,
    version=RELEASE,
    min_wire_compatibility=MINIMUM_WIRE_COMPATIBILITY,
    min_index_compatibility=MINIMUM_INDEX_COMPATIBILITY,
    display=f"[unknown][{BUILD_HASH}][{BUILD_DATE}][{RELEASE}]",
)


class MemoryBackend:
    """See ``gateway.backends.Backend``."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster
        self._worker = Worker()

    @classmethod
    def load(cls, paths: Sequence[Path], identity: NodeIdentity) -> MemoryBackend:
        """From the files of ``backend.memory.load``. Raises LoadError with the file and the line."""
        indices = load(paths)
        return cls(
            MemoryCluster(indices.values(), name=identity.cluster_name, uuid=identity.cluster_uuid, node_id=identity.node_id)
        )

    passes_on = False
    at_once = None

    async def run(self) -> None:
        """Nothing goes on in the background."""

    def renew(self, settings: Settings) -> None:
        """Documents are loaded once."""

    async def nodes(self, connection: int) -> list[DiscoveryNode]:  # noqa: ARG002
        """The gateway's own is the only one."""
        return []

    async def ban(self, request: BanRequest, connection: int) -> None:
        """Nothing runs elsewhere."""

    async def connection_closed(self, connection: int) -> None:
        """Nothing is kept of a connection."""

    async def cluster(self) -> ClusterDescription:
        return ClusterDescription(self._cluster.name, self._cluster.uuid, RELEASE, nodes=1)

    def metadata(self) -> ClusterMetadata:
        return self._cluster.metadata()

    async def execute(self, call: Call) -> bytes:
        handler = HANDLERS.get(call.action)
        if handler is None:
            raise ElasticsearchException(
                "illegal_argument_exception", f"action [{call.action}] is not supported by the in-memory cluster"
            )
        return await self._worker.run(lambda: handler(self._cluster, call.grant, call.message).encode(call.version))


def _search(cluster: MemoryCluster, grant: Grant, request: SearchRequest) -> Message:
    _refuse_what_is_not_done(request)
    return cluster.search(
        covered(cluster, grant, request.indices_options),
        request.indices_options,
        request.source or {},
        # Date math on all clusters of a search starts from one moment, which the coordinating node sends along.
        now_millis=now_millis() if request.local_cluster_alias is None else request.absolute_start_millis,
        cluster_alias=request.local_cluster_alias,
        final_reduce=request.final_reduce,
        allow_partial_results=request.allow_partial_search_results is not False,
        access=grant.access_to,
    )


def covered(cluster: MemoryCluster, grant: Grant, options: IndicesOptions, *, data_streams: bool = True) -> tuple[str, ...]:
    """The names that were authorized, when all that is behind them is. Authorization and this cluster resolve names each by itself;
    should they ever differ, nothing is answered."""
    names = grant.names or ()
    for target in cluster.targets(names, options, data_streams=data_streams):
        if not grant.covers(target.index.name):
            raise ElasticsearchException(
                "security_exception", f"index [{target.index.name}] is not among those that were authorized", status=403
            )
    return names


def _refuse_what_is_not_done(request: SearchRequest) -> None:
    for present, what in (
        (request.scroll is not None, "[scroll]"),
        (request.search_type is SearchType.DFS_QUERY_THEN_FETCH, "[search_type] dfs_query_then_fetch"),
        (bool(request.wait_for_checkpoints), "[wait_for_checkpoints]"),
        (request.force_synthetic_source, "[force_synthetic_source]"),
    ):
        if present:
            raise ElasticsearchException("illegal_argument_exception", f"{what} is not supported by the in-memory cluster")


def _field_caps(cluster: MemoryCluster, grant: Grant, request: FieldCapsRequest) -> Message:
    if request.merge_results:
        raise ElasticsearchException("illegal_argument_exception", "[merge_results] is not supported by the in-memory cluster")
    return cluster.field_caps(
        covered(cluster, grant, request.options),
        request.options,
        request.fields,
        now_millis=now_millis() if request.now is None else request.now,
        filters=request.filters,
        types=request.types,
        include_empty=request.include_empty_fields,
        index_filter=request.index_filter,
        runtime_fields=request.runtime_fields,
        access=grant.access_to,
    )


def _terms_enum(cluster: MemoryCluster, grant: Grant, request: TermsEnumRequest) -> Message:
    check_terms_enum(request)
    targets = cluster.targets(covered(cluster, grant, request.options), request.options)
    return terms_enum(
        [(target.index, grant.access_to(target.index.name)) for target in targets], request, now_millis=now_millis()
    )


def _get(cluster: MemoryCluster, grant: Grant, request: GetRequest) -> Message:
    check_get(request)
    if request.index is not None and split_selector(request.index)[1] is not None:
        # Authorization has seen the selector; this request has no place for one.
        raise unsupported_selector(request.index)
    names = covered(cluster, grant, request.OPTIONS, data_streams=False)
    targets = cluster.targets(names, request.OPTIONS, data_streams=False)
    if len(targets) != 1:
        raise ElasticsearchException(
            "illegal_argument_exception",
            "unable to return a single index as the index and options provided got resolved to multiple indices",
        )
    index = targets[0].index
    return get(restricted(index, grant.access_to(index.name)), request)


def _resolve_index(cluster: MemoryCluster, grant: Grant, request: ResolveIndexRequest) -> Message:
    return cluster.resolve_index(grant.names or (), request.options)


def _resolve_cluster(cluster: MemoryCluster, grant: Grant, request: ResolveClusterRequest) -> Message:
    info = ResolveClusterInfo(connected=True, skip_unavailable=False, build=_BUILD)
    if not request.cluster_info_only:
        info.matching_indices, error = cluster.has_matching(grant.names or (), request.options)
        if error is not None:
            info = ResolveClusterInfo(connected=True, skip_unavailable=False, error=error)
    return ResolveClusterResponse(clusters={"": info})


def _statistics(cluster: MemoryCluster, _: Grant, __: Message) -> Message:
    figures = cluster.statistics()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return RemoteClusterStatsResponse(
        cluster_uuid=cluster.uuid,
        status=ClusterHealthStatus.GREEN,
        versions=[RELEASE],
        nodes=1,
        shards=figures.shards,
        indices=figures.indices,
        indices_size=figures.size,
        # There is no heap with a bound of its own: all memory may be used.
        max_heap=memory,
        memory=memory,
    )


def now_millis() -> int:
    return time.time_ns() // 1_000_000


HANDLERS: dict[str, Callable[[MemoryCluster, Grant, Any], Message]] = {
    SEARCH: _search,
    FIELD_CAPS: _field_caps,
    TERMS_ENUM: _terms_enum,
    GET: _get,
    RESOLVE_INDEX: _resolve_index,
    RESOLVE_CLUSTER: _resolve_cluster,
    REMOTE_CLUSTER_STATS: _statistics,
}
"""By action."""
