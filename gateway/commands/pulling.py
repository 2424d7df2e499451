"""All hits of a search, in pages: over points in time, or without where a remote cluster has none, as a gateway over memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from gateway.client.local import LocalCluster
from protocol.errors import ElasticsearchException

WINDOW: Final = 10_000
"""Hits that one search gives at most (``index.max_result_window``)."""
PAGE: Final = 1_000

Json = dict[str, Any]


async def pull(cluster: LocalCluster, user: str, indices: str, body: Mapping[str, Any]) -> AsyncGenerator[Json, None]:
    """One remote cluster after the other; within each in the order of ``sort``. Raises ElasticsearchException."""
    expressions = [name for name in indices.split(",") if name]
    for names in cluster.by_cluster(expressions):
        begun = False
        try:
            async with aclosing(cluster.scan(user, names, body)) as hits:
                async for hit in hits:
                    begun = True
                    yield hit
        except ElasticsearchException as error:
            if begun or not _has_no_points_in_time(error):
                raise
            async with aclosing(_without(cluster, user, names, body)) as hits:
                async for hit in hits:
                    yield hit


async def _without(cluster: LocalCluster, user: str, names: Sequence[str], body: Mapping[str, Any]) -> AsyncGenerator[Json, None]:
    whole = await cluster.search(user, names, {**body, "size": WINDOW, "track_total_hits": True})
    hits = whole["hits"]["hits"]
    if whole["hits"]["total"]["value"] <= len(hits):
        for hit in hits:
            yield hit
        return
    resolved = await cluster.resolve_index(user, names)
    alias = names[0].partition(":")[0]
    own = {each["name"] for each in resolved["indices"]}
    own |= {f"{alias}:{name}" for each in resolved["data_streams"] for name in each["backing_indices"]}
    # What an alias shows of its indices is not to be had by their names.
    behind = {f"{alias}:{name}" for each in resolved["aliases"] for name in each["indices"]}
    if "sort" in body or not behind <= own:
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"[{','.join(names)}] has no points in time, and without them no more than [{WINDOW}] hits can be pulled in an order of "
            "their own or through aliases",
            status=400,
        )
    # One index after the other: hits of several have the same places within their shards, and a page may end between them.
    for index in sorted(own):
        async with aclosing(_pages(cluster, user, index, body)) as pages:
            async for hit in pages:
                yield hit


async def _pages(cluster: LocalCluster, user: str, index: str, body: Mapping[str, Any]) -> AsyncGenerator[Json, None]:
    asked = {**body, "size": PAGE, "track_total_hits": False, "sort": ["_shard_doc"]}
    while True:
        hits = (await cluster.search(user, index, asked))["hits"]["hits"]
        for hit in hits:
            yield hit
        if len(hits) < PAGE:
            return
        asked["search_after"] = hits[-1]["sort"]


def _has_no_points_in_time(error: ElasticsearchException | None) -> bool:
    return error is not None and (error.type == "action_not_found_transport_exception" or _has_no_points_in_time(error.cause))
