"""The answer to a search as REST shows it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from protocol.exceptions import ShardSearchFailure, java_class
from protocol.exceptions.rest import render
from protocol.messages.search_response import Cluster, Clusters, ClusterStatus, SearchResponse
from protocol.messages.suggestions import PhraseEntry, Suggestion, SuggestionEntry, SuggestionOption, TermEntry, TermOption
from protocol.rest.aggregations import render as render_aggregations
from protocol.rest.hits import render_hits
from protocol.rest.parameters import Given
from protocol.rest.texts import single

Json = dict[str, Any]

_LOCAL = "(local)"


def render_search(
    response: SearchResponse, *, typed_keys: bool = False, total_as_int: bool = False, named_scores: bool = False
) -> Json:
    """The body that Elasticsearch's REST API prints, its members in the same order.

    ``typed_keys``, ``total_as_int`` and ``named_scores`` are the URL's parameters ``typed_keys``, ``rest_total_hits_as_int`` and
    ``include_named_queries_score``. Raises ElasticsearchException for what cannot be shown, by its name.
    """
    body: Json = {}
    if response.scroll_id is not None:
        body["_scroll_id"] = response.scroll_id
    if response.pit_id is not None:
        body["pit_id"] = urlsafe_b64encode(response.pit_id).decode("ascii")
    body |= {"took": response.took, "timed_out": response.timed_out}
    if response.terminated_early is not None:
        body["terminated_early"] = response.terminated_early
    if response.reduce_phases != 1:
        body["num_reduce_phases"] = response.reduce_phases
    body["_shards"] = {
        "total": response.total_shards,
        "successful": response.successful_shards,
        "skipped": response.skipped_shards,
        "failed": len(response.failures),
        **_failures(response.failures),
    }
    if response.clusters.total:
        body["_clusters"] = _clusters(response.clusters)
    body["hits"] = render_hits(response.hits, total_as_int=total_as_int, named_scores=named_scores)
    if response.aggregations is not None:
        body["aggregations"] = render_aggregations(response.aggregations, typed_keys=typed_keys)
    if response.suggest is not None:
        body["suggest"] = {
            f"{suggestion.wire_name}#{suggestion.name}" if typed_keys else suggestion.name: _suggestion(suggestion)
            for suggestion in response.suggest
        }
    return body


def render_count(response: SearchResponse, params: Given) -> Json:
    """The body of ``_count`` with those parameters, from the search that it is (``count_call``). As ``RestCountAction`` does, it says
    whether counting was terminated early only where that was asked for."""
    body: Json = {"terminated_early": response.terminated_early is True} if "terminate_after" in params else {}
    body["count"] = 0 if response.hits.total is None else response.hits.total.value
    return body | {"_shards": render_search(response)["_shards"] | {"skipped": 0}}


def render_shard_failure(failure: ShardSearchFailure) -> Json:
    """One entry of ``_shards.failures``."""
    target = failure.target
    shard: Json = {"shard": -1 if target is None else target.shard_id.shard, "index": failure.index}
    if target is not None:
        shard["node"] = target.node_id
    return shard | {"reason": {} if failure.cause is None else render(failure.cause)}


def _failures(failures: Sequence[ShardSearchFailure]) -> Json:
    """One of each index, class and message."""
    distinct: dict[tuple[object, ...], ShardSearchFailure] = {}
    for failure in failures:
        cause, index = failure.cause, failure.index
        if index is None and cause is not None and cause.metadata.get("es.index"):
            index = cause.metadata["es.index"][0]
        distinct.setdefault((index, cause and java_class(cause), cause and cause.reason), failure)
    return {"failures": [render_shard_failure(failure) for failure in distinct.values()]} if distinct else {}


def _clusters(clusters: Clusters) -> Json:
    details = clusters.details

    def count(status: ClusterStatus, otherwise: int = 0) -> int:
        return sum(cluster.status is status for cluster in details) if details else otherwise

    body: Json = {
        "total": clusters.total,
        "successful": count(ClusterStatus.SUCCESSFUL, clusters.successful),
        "skipped": count(ClusterStatus.SKIPPED, clusters.skipped),
        **{status.value: count(status) for status in (ClusterStatus.RUNNING, ClusterStatus.PARTIAL, ClusterStatus.FAILED)},
    }
    if details:
        body["details"] = {cluster.alias or _LOCAL: _cluster(cluster) for cluster in details}
    return body


def _cluster(cluster: Cluster) -> Json:
    body: Json = {"status": cluster.status.value, "indices": cluster.index_expression}
    if cluster.took is not None:
        body["took"] = cluster.took
    body["timed_out"] = cluster.timed_out
    if cluster.total_shards is not None:
        counts = {
            "total": cluster.total_shards,
            "successful": cluster.successful_shards,
            "skipped": cluster.skipped_shards,
            "failed": cluster.failed_shards,
        }
        body["_shards"] = {name: value for name, value in counts.items() if value is not None}
    if cluster.failures:
        body["failures"] = [render_shard_failure(failure) for failure in cluster.failures]
    return body


def _suggestion(suggestion: Suggestion) -> list[Json]:
    entries: list[SuggestionEntry] = getattr(suggestion, "entries")  # noqa: B009 - each kind declares its own
    return [_entry(entry) for entry in entries]


def _entry(entry: SuggestionEntry) -> Json:
    options: list[SuggestionOption] = list(entry.options) if isinstance(entry, TermEntry | PhraseEntry) else []
    return {"text": entry.text, "offset": entry.offset, "length": entry.length, "options": [_option(each) for each in options]}


def _option(option: SuggestionOption) -> Json:
    body: Json = {"text": option.text}
    if option.highlighted is not None:
        body["highlighted"] = option.highlighted
    body["score"] = single(option.score)
    if option.collate_match is not None:
        body["collate_match"] = option.collate_match
    if isinstance(option, TermOption):
        body["freq"] = option.freq
    return body
