"""A search over indices of the in-memory cluster, as a remote cluster answers it.

    response = search(
        [Target(index)], {"query": {...}, "size": 20}, now_millis=…, cluster_alias="remote", final_reduce=False, node_id="…"
    )

The request is the body of Elasticsearch's REST call, the answer the message that goes over the wire. Each index is one shard. A
search that was sent with minimized round trips has ``from`` 0 already, and ``final_reduce`` false: aggregations are then left in the
form that the coordinating node reduces on.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any, Final

from gateway.authorization.index_access import EVERYTHING, IndexAccess
from gateway.backends.memory.aggregations import aggregate, check_pipelines, reduce
from gateway.backends.memory.fetch import Fetcher, check_fetch
from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.restricted import restricted
from gateway.backends.memory.search_body import SearchBody, parse_body
from gateway.backends.memory.search_match import can_match, must_visit_all
from gateway.backends.memory.search_shard import Aggregate, ShardHits, query_shard
from gateway.backends.memory.sort_keys import SortKey
from gateway.backends.memory.suggest import reduce_suggestions, suggest
from protocol.errors import ElasticsearchException
from protocol.exceptions import stack_trace, status_of
from protocol.exceptions.fields import ShardSearchFailure
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.messages.hits import Relation, SearchHit, SearchHits, SortField, SortFieldType, SortValues, TotalHits
from protocol.messages.search_response import SearchResponse
from protocol.messages.suggestions import Suggestion

_NUMERIC: Final = {SortFieldType.INT, SortFieldType.LONG, SortFieldType.FLOAT, SortFieldType.DOUBLE}


@dataclass(frozen=True, slots=True)
class Target:
    """An index to search, the filters of the aliases that it was named by (already joined), and what of it may be seen."""

    index: Index
    filters: tuple[dict[str, Any], ...] = ()
    access: IndexAccess = EVERYTHING
    refusal: ElasticsearchException | None = None
    """Why the index cannot be searched: what restricts it cannot be applied."""

    def as_seen(self, cluster_alias: str | None) -> Target:
        """The same, with the index as the search sees it: what may be seen of it, under the name that the search gives it."""
        try:
            return replace(self, index=restricted(self.index, self.access).seen_as(cluster_alias), access=EVERYTHING)
        except ElasticsearchException as error:
            return replace(self, index=self.index.seen_as(cluster_alias), refusal=error)


def search(
    targets: Sequence[Target],
    source: Mapping[str, Any],
    *,
    now_millis: int,
    node_id: str,
    cluster_alias: str | None = None,
    final_reduce: bool = True,
    allow_partial_results: bool = True,
    boosts: Callable[[str, Index], bool] | None = None,
) -> SearchResponse:
    """Executes a search. ``boosts`` says whether a name in ``indices_boost`` stands for an index (aliases, patterns).

    Raises ElasticsearchException: the request's own errors as they are, ``search_phase_execution_exception`` (``all shards failed``)
    where every index failed, or one did and partial results are not allowed.
    """
    begun = time.monotonic_ns()
    body = parse_body(source).only_suggesting()
    check_fetch(source)
    if final_reduce and body.aggregations is not None:
        check_pipelines(body.aggregations)
    if not targets:
        return _finish(SearchResponse(hits=SearchHits(total=TotalHits(value=0), max_score=0.0)), begun)
    run = _Search(body, now_millis, node_id, cluster_alias, final_reduce, boosts)
    seen = [target.as_seen(cluster_alias) for target in targets]
    return _finish(run.execute(sorted(seen, key=lambda target: target.index.name), allow_partial_results), begun)


def _finish(response: SearchResponse, begun: int) -> SearchResponse:
    response.took = (time.monotonic_ns() - begun) // 1_000_000
    return response


@dataclass(slots=True)
class _Found:
    """What one index gave."""

    target: Target
    shard: SearchShardTarget
    hits: ShardHits
    suggestions: list[Suggestion]


class _Search:
    def __init__(
        self,
        body: SearchBody,
        now_millis: int,
        node_id: str,
        cluster_alias: str | None,
        final_reduce: bool,
        boosts: Callable[[str, Index], bool] | None,
    ) -> None:
        self._body, self._now, self._node, self._alias = body, now_millis, node_id, cluster_alias
        self._final, self._boosts = final_reduce, boosts
        self._failures: list[ShardSearchFailure] = []
        self._phase = "query"

    def execute(self, targets: list[Target], allow_partial: bool) -> SearchResponse:
        chosen, skipped = self._prefilter(targets)
        found = [result for target in chosen if (result := self._query(target)) is not None]
        self._check_failures(len(targets), allow_partial)
        if not found:
            return SearchResponse(
                hits=SearchHits(total=TotalHits(value=0), max_score=0.0),  # the total is there even where it is not tracked
                total_shards=len(targets),
                successful_shards=len(targets) - len(self._failures),
                skipped_shards=skipped,
                failures=self._failures,
            )
        try:
            hits = self._hits(found)
            partials = [result.hits.aggregations or [] for result in found]
            requested = self._body.aggregations
            aggregations = None if requested is None else reduce(partials, final=self._final, request=requested)
            suggestions = reduce_suggestions([result.suggestions for result in found])
        except ElasticsearchException as error:
            # What single shards throw is caught with them: this is the reduction's, which belongs to the fetch phase.
            details: dict[str, object] = {"phase": "fetch", "failures": self._failures}
            raise ElasticsearchException("search_phase_execution_exception", "", cause=error, details=details) from None
        self._check_failures(len(targets), allow_partial)
        terminated = [result.hits.terminated_early for result in found if result.hits.terminated_early is not None]
        counts = self._body.size == 0 and self._body.track_all and self._body.aggregations is None
        count_only = counts and not self._body.only_suggests
        response = SearchResponse(
            hits=hits,
            terminated_early=any(terminated) if terminated or count_only else None,
            total_shards=len(targets),
            successful_shards=len(targets) - len(self._failures),
            skipped_shards=skipped,
            failures=self._failures,
        )
        response.aggregations = aggregations
        response.suggest = suggestions
        return response

    def _check_failures(self, shards: int, allow_partial: bool) -> None:
        """Raises where nothing but failures is left; what was skipped has not failed."""
        if len(self._failures) == shards:
            raise self._failed("all shards failed")
        if self._failures and not allow_partial:
            raise self._failed("Partial shards failure")

    def _prefilter(self, targets: list[Target]) -> tuple[list[Target], int]:
        """Elasticsearch's can-match phase, which runs where the first sort criterion is a field, be it ``_doc``: indices without a match
        are skipped.
        That it visits the others by their least or greatest value cannot be seen: equal hits come in the order of names all the same."""
        body = self._body
        if len(targets) < 2 or not body.sort or body.sort[0].field == "_score":
            return targets, 0
        everywhere = must_visit_all(body.aggregations) or body.suggest is not None
        kept = [
            target
            for target in targets
            if everywhere or target.refusal is not None or can_match(target.index, body.query, self._now)
        ]
        if not kept and body.aggregations is not None:
            # One index is asked all the same, so that there is an answer.
            kept = targets[:1]
        return kept, len(targets) - len(kept)

    def _shard(self, index: Index) -> SearchShardTarget:
        return SearchShardTarget(
            node_id=self._node, shard_id=ShardId(index=index.name, uuid=index.uuid, shard=0), cluster_alias=self._alias
        )

    def _query(self, target: Target) -> _Found | None:
        shard = self._shard(target.index)
        if target.refusal is not None:
            self._fail(shard, target.refusal)
            return None
        boost = next((boost for name, boost in self._body.boosts if self._boosted(name, target.index)), 1.0)
        aggregate = self._aggregator(target, shard) if self._body.aggregations is not None else None
        try:
            hits = query_shard(target.index, target.filters, self._body, self._now, boost, aggregate)
            suggestions = [] if self._body.suggest is None else suggest(target.index, self._body.suggest)
        except ElasticsearchException as error:
            self._fail(shard, error)
            return None
        return _Found(target, shard, hits, suggestions)

    def _boosted(self, name: str, index: Index) -> bool:
        return self._boosts(name, index) if self._boosts is not None else name == index.name

    def _aggregator(self, target: Target, shard: SearchShardTarget) -> Aggregate:
        def run(index: Index, matches: Matches) -> list[InternalAggregation]:
            return aggregate(
                self._body.aggregations or {},
                index,
                matches,
                now_millis=self._now,
                filters=target.filters,
                shard=shard,
                query=self._body.query,
                fields=self._body.source.get("fields"),
            )

        return run

    def _fail(self, shard: SearchShardTarget, error: ElasticsearchException) -> None:
        self._failures.append(ShardSearchFailure(target=shard, reason=stack_trace(error), status=status_of(error), cause=error))

    def _failed(self, reason: str) -> ElasticsearchException:
        return ElasticsearchException(
            "search_phase_execution_exception",
            reason,
            details={"phase": self._phase, "failures": self._failures},
        )

    # Merging

    def _hits(self, found: list[_Found]) -> SearchHits:
        body = self._body
        result = SearchHits(total=self._total(found))
        maxima = [each.hits.max_score for each in found if not isnan(each.hits.max_score)]
        result.max_score = max(maxima, default=nan)
        order = self._merged(found)
        fetched = self._fetch(found, order)
        result.hits = [hit for hit in fetched if hit is not None]
        if body.size and (body.sort or body.collapse):
            self._describe(result, found, order)
        return result

    def _total(self, found: list[_Found]) -> TotalHits | None:
        limit = self._body.track_total
        if limit is None:
            return None
        total = sum(each.hits.total for each in found)
        if self._body.track_all or total <= limit:
            return TotalHits(value=total)
        return TotalHits(value=limit, relation=Relation.GREATER_THAN_OR_EQUAL_TO)

    def _merged(self, found: list[_Found]) -> list[tuple[int, int]]:
        """The (shard, place) of each hit of the page, in order."""
        body = self._body
        every = [(shard, place) for shard, each in enumerate(found) for place in range(len(each.hits.rows))]
        if len(found) > 1:
            keys = _comparable(found)
            if keys is None:
                every.sort(key=lambda at: (-_score(found[at[0]].hits, at[1]), at))
            else:
                every.sort(key=functools.cmp_to_key(_comparison(found, keys)))
        if body.collapse is not None and len(found) > 1:
            seen: set[Any] = set()
            kept = []
            for shard, place in every:
                group = (found[shard].hits.groups or [])[place]
                if group not in seen:
                    seen.add(group)
                    kept.append((shard, place))
            every = kept
        return every[body.offset : body.offset + body.size]

    def _fetch(self, found: list[_Found], order: list[tuple[int, int]]) -> list[SearchHit | None]:
        fetchers: dict[int, Fetcher | None] = {}
        fetched: list[SearchHit | None] = []
        source = self._body.source
        if self._body.collapse is not None:
            source = {**source, "docvalue_fields": [*(source.get("docvalue_fields") or []), self._body.collapse]}
        for shard, place in order:
            each = found[shard]
            try:
                if shard not in fetchers:
                    fetchers[shard] = None
                    fetchers[shard] = Fetcher(each.target.index, source, each.shard, each.hits.matches, self._now)
                fetcher = fetchers[shard]
                hit = None if fetcher is None else fetcher.hit(int(each.hits.rows[place]))
            except ElasticsearchException as error:
                fetchers[shard] = None
                self._fail(each.shard, error)
                # With one shard, Elasticsearch fetches in the query phase.
                self._phase = "fetch" if len(found) > 1 else "query"
                hit = None
            if hit is not None:
                self._sorted_values(hit, each.hits, place)
            fetched.append(hit)
        return fetched

    def _sorted_values(self, hit: SearchHit, hits: ShardHits, place: int) -> None:
        if hits.keys is None:
            hit.score = _score(hits, place)
            return
        assert hits.sort_values is not None  # noqa: S101 - there with the keys
        raw = list(hits.sort_values[place])
        hit.sort = SortValues(formatted=[key.formatted(value) for key, value in zip(hits.keys, raw, strict=True)], raw=raw)
        if hits.scores is not None:
            hit.score = float(hits.scores[place])

    def _describe(self, result: SearchHits, found: list[_Found], order: list[tuple[int, int]]) -> None:
        keys = next((each.hits.keys for each in found if each.hits.keys is not None), None)
        if keys is not None:
            result.sort_fields = [key.field for key in keys]
        elif self._body.collapse is not None:
            result.sort_fields = [SortField(type=SortFieldType.SCORE)]
        if self._body.collapse is not None:
            result.collapse_field = self._body.collapse
            result.collapse_values = [(found[shard].hits.groups or [])[place] for shard, place in order]


def _score(hits: ShardHits, place: int) -> float:
    return float(hits.scores[place]) if hits.scores is not None else nan


def _comparable(found: list[_Found]) -> list[SortKey] | None:
    """The keys to merge by: those of the first index with hits. Numbers of different kinds are compared as the wider kind.

    Raises ElasticsearchException where the indices' sort types cannot be compared."""
    held = [each.hits for each in found if each.hits.keys is not None and len(each.hits.rows)]
    if not held:
        return None if found[0].hits.keys is None else found[0].hits.keys
    first = held[0].keys or []
    for place, key in enumerate(first):
        types = {(hits.keys or [])[place].field.type for hits in held}
        if len(types) == 1:
            continue
        if not types <= _NUMERIC:
            other = next(field for hits in held if (field := (hits.keys or [])[place].field).type is not key.field.type)
            raise illegal(
                f"Can't sort on field [{other.field}]; the field has incompatible sort types: [{key.field.type.name}] and "
                f"[{other.type.name}] across shards!"
            )
        _widen(held, place, SortFieldType.LONG if types <= {SortFieldType.INT, SortFieldType.LONG} else SortFieldType.DOUBLE)
    return first


def _widen(held: list[ShardHits], place: int, kind: SortFieldType) -> None:
    convert: Callable[[Any], Any] = int if kind is SortFieldType.LONG else float
    for hits in held:
        hits.sort_values = [(*values[:place], convert(values[place]), *values[place + 1 :]) for values in hits.sort_values or []]
        field = (hits.keys or [])[place].field
        (hits.keys or [])[place].field = SortField(field=field.field, type=kind, missing=field.missing, reverse=field.reverse)


def _comparison(found: list[_Found], keys: list[SortKey]) -> Callable[[tuple[int, int], tuple[int, int]], int]:
    def compare(left: tuple[int, int], right: tuple[int, int]) -> int:
        values = (found[left[0]].hits.sort_values or [])[left[1]]
        others = (found[right[0]].hits.sort_values or [])[right[1]]
        for key, value, other in zip(keys, values, others, strict=True):
            order = key.compare(value, other)
            if order:
                return order
        return -1 if left < right else 1

    return compare
