"""A search over remote clusters, each asked once for its part of it (minimized round trips), and what became of it on each.

Source: ``TransportSearchAction`` of 8.19.21.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from gateway.client.asking import CANCELLED, remote_failure, together
from gateway.client.expressions import Groups
from gateway.client.merging import Page, empty, for_each_cluster, merge
from gateway.client.remote import Caller, Remotes
from protocol.errors import ElasticsearchException
from protocol.exceptions import ShardSearchFailure, stack_trace, status_of, unwrap
from protocol.messages.search_request import SEARCH, SearchRequest, SearchType
from protocol.messages.search_response import Cluster, Clusters, ClusterStatus, SearchResponse


async def search(remotes: Remotes, caller: Caller, request: SearchRequest, groups: Groups) -> SearchResponse:
    """The merged answer, with ``clusters``. Raises remote_transport_exception around the error of a cluster that may not be skipped."""
    begun = time.monotonic()
    _refuse_what_cannot_be_merged(request, groups)
    run = _Search(remotes, caller, request, groups)
    response = await (run.on_one() if len(groups) == 1 else run.on_several())
    response.took = int((time.monotonic() - begun) * 1000)
    return response


def part_of(request: SearchRequest, alias: str, indices: list[str], *, final: bool) -> SearchRequest:
    """What one cluster is asked. ``final``: it reduces to the last, since nobody else has a part in it."""
    if request.scroll is not None:
        # A scroll that knows the alias looks for its shards in a remote cluster of that name.
        return replace(request, indices=list(indices))
    return replace(
        request,
        indices=list(indices),
        local_cluster_alias=alias,
        absolute_start_millis=time.time_ns() // 1_000_000,
        final_reduce=final,
    )


class _Search:
    def __init__(self, remotes: Remotes, caller: Caller, request: SearchRequest, groups: Groups) -> None:
        self._remotes, self._caller, self._request, self._groups = remotes, caller, request, groups
        self._details = {
            alias: Cluster(
                alias=alias,
                index_expression=",".join(indices),
                status=ClusterStatus.RUNNING,
                skip_unavailable=remotes[alias].skip_unavailable,
            )
            for alias, indices in groups.items()
        }

    async def on_one(self) -> SearchResponse:
        """The cluster does all of it, the last reduction too."""
        ((alias, indices),) = self._groups.items()
        response = await self._ask(alias, part_of(self._request, alias, indices, final=True))
        if response is None:
            return empty(self._clusters())
        response.clusters = self._clusters()
        return response

    async def on_several(self) -> SearchResponse:
        source = self._request.source
        page = Page.of(source or {})
        request = replace(self._request, source=for_each_cluster(source, page))
        answers: dict[str, SearchResponse | None] = {}

        async def ask(alias: str, indices: list[str]) -> None:
            answers[alias] = await self._ask(alias, part_of(request, alias, indices, final=False))

        await together([partial(ask, alias, indices) for alias, indices in self._groups.items()])
        came = [answer for alias in self._groups if (answer := answers[alias]) is not None]
        return merge(came, page, None if source is None else source.get("aggs"), self._clusters())

    async def _ask(self, alias: str, request: SearchRequest) -> SearchResponse | None:
        """None where the cluster is skipped. Raises what makes the search fail."""
        remote, detail = self._remotes[alias], self._details[alias]
        try:
            response = await remote.ask(self._caller, SEARCH, request, SearchResponse)
        except ElasticsearchException as error:
            detail.status = ClusterStatus.SKIPPED if remote.skip_unavailable else ClusterStatus.FAILED
            detail.failures.append(ShardSearchFailure(reason=stack_trace(unwrap(error)), status=status_of(error), cause=error))
            if remote.skip_unavailable and unwrap(error).type != CANCELLED:
                return None
            raise remote_failure(alias, error) from error
        _note(detail, response, skip_unavailable=remote.skip_unavailable)
        return response

    def _clusters(self) -> Clusters:
        details = list(self._details.values())
        return Clusters(
            total=len(details),
            successful=sum(detail.status is ClusterStatus.SUCCESSFUL for detail in details),
            skipped=sum(detail.status is ClusterStatus.SKIPPED for detail in details),
            details=details,
        )


def _note(detail: Cluster, response: SearchResponse, *, skip_unavailable: bool) -> None:
    failed = len(response.failures)
    if 0 < response.total_shards <= failed:
        detail.status = ClusterStatus.SKIPPED if skip_unavailable else ClusterStatus.FAILED
    elif response.timed_out or failed > 0:
        detail.status = ClusterStatus.PARTIAL
    else:
        detail.status = ClusterStatus.SUCCESSFUL
    detail.total_shards, detail.successful_shards = response.total_shards, response.successful_shards
    detail.skipped_shards, detail.failed_shards = response.skipped_shards, failed
    detail.failures = list(response.failures)
    detail.took, detail.timed_out = response.took, response.timed_out


def _refuse_what_cannot_be_merged(request: SearchRequest, groups: Groups) -> None:
    """What a local cluster asks shard by shard, and one remote cluster alone can do by itself."""
    source = request.source or {}
    reasons = [
        ("[profile]", bool(source.get("profile"))),
        ("[ccs_minimize_roundtrips] false", not request.ccs_minimize_roundtrips),
    ]
    if len(groups) > 1:
        reasons += [
            ("[scroll] over several remote clusters", request.scroll is not None),
            (
                "[search_type] dfs_query_then_fetch over several remote clusters",
                request.search_type is SearchType.DFS_QUERY_THEN_FETCH,
            ),
            ("[collapse] with [inner_hits] over several remote clusters", bool((source.get("collapse") or {}).get("inner_hits"))),
        ]
    for what, present in reasons:
        if present:
            raise ElasticsearchException("illegal_argument_exception", f"{what} is not supported by this client")
