"""Aggregations of the in-memory cluster.

    partials = [aggregate(aggs, index, matches, now_millis=…) for …]       # one list of Internal* messages per index
    results = reduce(partials, final=False)                                # merged; the cluster that asked goes on from there
    render(reduce(partials, final=True, request=aggs), typed_keys=False)   # what REST shows

``aggs`` is the request's, in the REST form. A result is the message that travels (:mod:`protocol.messages.aggregations.results`).
Values are computed over all rows of all buckets at once: an aggregator gets the rows and the bucket that each falls into
(:class:`~gateway.backends.memory.aggregations.scope.Scope`), never one bucket after the other.

Pipeline aggregations are left to the cluster that asks; where this one has to give the final result it checks and runs those that it
has, and refuses the others by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.backends.memory.aggregations import reducing_buckets, reducing_unusual  # noqa: F401 - register what they merge
from gateway.backends.memory.aggregations.pipelines import check_pipelines, run_pipelines
from gateway.backends.memory.aggregations.reducing import Reduction
from gateway.backends.memory.aggregations.registry import SUPPORTED, build, needs_scores
from gateway.backends.memory.aggregations.scope import MAX_BUCKETS, BucketLimit, Scope, ShardContext
from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.common import SearchShardTarget

__all__ = ["MAX_BUCKETS", "SUPPORTED", "aggregate", "check_pipelines", "needs_scores", "reduce"]


def aggregate(
    request: Mapping[str, Any],
    index: Index,
    matches: Matches,
    *,
    now_millis: int,
    filters: tuple[dict[str, Any], ...] = (),
    shard: SearchShardTarget | None = None,
    query: dict[str, Any] | None = None,
    fields: Any = None,
) -> list[InternalAggregation]:
    """The partial results of a request's ``aggs`` over what a query matched in one index.

    ``filters`` bound what a ``global`` aggregation counts; ``shard``, ``query`` and ``fields`` are for the hits of ``top_hits`` (the
    query for highlighting), which needs ``matches`` with scores where it does not sort (see `needs_scores`).
    Raises ElasticsearchException as a shard would, or ``illegal_argument_exception`` for what is not supported, by name.
    """
    context = ShardContext(index, matches, now_millis, filters, shard, query, fields)
    scope = Scope.of(context)
    return [aggregator.collect(scope)[0] for aggregator in build(request)]


def reduce(
    partials: Sequence[list[InternalAggregation]],
    *,
    final: bool,
    request: Mapping[str, Any] | None = None,
    max_buckets: int = MAX_BUCKETS,
) -> list[InternalAggregation]:
    """Merge the results of several indices into one.

    ``final``: what a client sees, with buckets sorted, cut and filled up; else a partial result that can be merged on. To the final
    result the pipeline aggregations of the ``request`` are added, which `check_pipelines` has let through.
    Raises ElasticsearchException (``too_many_buckets_exception``, or types that do not fit each other).
    """
    results = Reduction(final, BucketLimit(max_buckets)).all(partials)
    return run_pipelines(request, results) if final and request else results
