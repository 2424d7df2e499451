"""Answers of several clusters to one search, made one: what ``SearchResponseMerger`` does with minimized round trips.

Each cluster was asked for the hits from 0 to ``from + size``, and for aggregations that are not reduced to the last.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any, Final

from gateway.backends.memory.aggregations import reduce
from gateway.backends.memory.sort_keys import compare_raw
from gateway.backends.memory.suggest import reduce_suggestions
from protocol.errors import ElasticsearchException
from protocol.exceptions import ShardSearchFailure
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.common import SearchShardTarget
from protocol.messages.hits import Relation, SearchHit, SearchHits, SortField, SortFieldType, TotalHits
from protocol.messages.search_response import Clusters, SearchResponse
from protocol.values import Single

DEFAULT_SIZE: Final = 10
DEFAULT_TRACK_TOTAL: Final = 10_000

_WHOLE: Final = {SortFieldType.INT, SortFieldType.LONG}
_NUMERIC: Final = {*_WHOLE, SortFieldType.FLOAT, SortFieldType.DOUBLE}


@dataclass(frozen=True, slots=True)
class Page:
    """Which hits are wanted, and how far they are counted: ``True`` all, ``False`` none, a number up to there."""

    start: int
    size: int
    track_total: bool | int

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Page:
        track = source.get("track_total_hits")
        return cls(source.get("from", 0), source.get("size", DEFAULT_SIZE), DEFAULT_TRACK_TOTAL if track is None else track)


def for_each_cluster(source: Mapping[str, Any] | None, page: Page) -> dict[str, Any] | None:
    """The body that every cluster is sent."""
    return None if source is None else {**source, "from": 0, "size": page.start + page.size}


def empty(clusters: Clusters) -> SearchResponse:
    """The answer where every cluster was skipped."""
    return SearchResponse(hits=SearchHits(total=TotalHits(value=0)), clusters=clusters)


def merge(
    responses: Sequence[SearchResponse], page: Page, aggregations: Mapping[str, Any] | None, clusters: Clusters
) -> SearchResponse:
    """One answer of those that came. ``aggregations``: the request's.

    Raises ElasticsearchException where they cannot be merged: sort values, suggestions or aggregations of kinds that do not fit, too many
    buckets.
    """
    if not responses:
        return empty(clusters)
    partials: list[list[InternalAggregation]] = [response.aggregations for response in responses if response.aggregations]
    suggestions = [response.suggest for response in responses if response.suggest is not None]
    terminated = [response.terminated_early for response in responses if response.terminated_early is not None]
    merged = SearchResponse(
        hits=_hits(responses, page),
        timed_out=any(response.timed_out for response in responses),
        terminated_early=any(terminated) if terminated else None,
        reduce_phases=1 + sum(response.reduce_phases for response in responses),
        total_shards=sum(response.total_shards for response in responses),
        successful_shards=sum(response.successful_shards for response in responses),
        skipped_shards=sum(response.skipped_shards for response in responses),
        failures=sorted((failure for response in responses for failure in response.failures), key=_failure_order),
        clusters=clusters,
    )
    if partials:
        merged.aggregations = reduce(partials, final=True, request=aggregations)
    if suggestions:
        merged.suggest = reduce_suggestions(suggestions)
    return merged


def _hits(responses: Sequence[SearchResponse], page: Page) -> SearchHits:
    maxima = [response.hits.max_score for response in responses if not isnan(response.hits.max_score)]
    result = SearchHits(total=_total(responses, page.track_total), max_score=max(maxima, default=nan))
    # Empty hits come without the fields that they would be sorted by.
    lists = [response.hits for response in responses if response.hits.hits]
    if not lists:
        return result
    fields = _common_fields(lists) if lists[0].sort_fields is not None else None
    compare = _Comparison(fields)
    collapsed = lists[0].collapse_field
    if any(hits.collapse_field != collapsed for hits in lists):
        raise ElasticsearchException("illegal_argument_exception", "group field differ across shards")
    rows = heapq.merge(*(list(compare.rows(hits)) for hits in lists))
    group_values: list[Any] = []
    seen: set[Any] = set()
    place = 0
    for row in rows:
        if collapsed is not None:
            if row.group in seen:
                continue
            seen.add(row.group)
        if place >= page.start + page.size:
            break
        if place >= page.start:
            result.hits.append(row.hit)
            group_values.append(row.group)
        place += 1
    result.sort_fields = fields
    if collapsed is not None:
        result.collapse_field, result.collapse_values = collapsed, group_values
    return result


def _total(responses: Sequence[SearchResponse], track: bool | int) -> TotalHits | None:
    if track is False:
        return None
    totals = [response.hits.total for response in responses if response.hits.total is not None]
    value = sum(total.value for total in totals)
    if track is not True and value > track:
        return TotalHits(value=track, relation=Relation.GREATER_THAN_OR_EQUAL_TO)
    bound = any(total.relation is Relation.GREATER_THAN_OR_EQUAL_TO for total in totals)
    return TotalHits(value=value, relation=Relation.GREATER_THAN_OR_EQUAL_TO if bound else Relation.EQUAL_TO)


def _common_fields(lists: Sequence[SearchHits]) -> list[SortField]:
    """What all are sorted by: numbers of different kinds are compared as the wider kind. Raises illegal_argument_exception."""
    fields = list(lists[0].sort_fields or [])
    for place, field in enumerate(fields):
        others = [(hits.sort_fields or [])[place].type for hits in lists]
        kinds = set(others)
        if len(kinds) == 1:
            continue
        if not kinds <= _NUMERIC:
            other = next(kind for kind in others if kind is not field.type)
            raise ElasticsearchException(
                "illegal_argument_exception",
                f"Can't sort on field [{field.field}]; the field has incompatible sort types: [{field.type.name}] and [{other.name}] "
                "across shards!",
            )
        fields[place] = replace(field, type=SortFieldType.LONG if kinds <= _WHOLE else SortFieldType.DOUBLE)
    return fields


class _Comparison:
    """How hits of several lists are ordered: by their sort values, or their scores; then by their shards, then as they came."""

    def __init__(self, fields: list[SortField] | None) -> None:
        self._fields = fields
        self._by_score = fields is not None and len(fields) == 1 and fields[0].type is SortFieldType.SCORE

    def rows(self, hits: SearchHits) -> list[_Row]:
        groups = hits.collapse_values or [None] * len(hits.hits)
        return [
            _Row(self, self._values(hit), (_shard_order(hit.shard), place), hit, group)
            for place, (hit, group) in enumerate(zip(hits.hits, groups, strict=True))
        ]

    def _values(self, hit: SearchHit) -> list[Any]:
        if self._fields is None or self._by_score:
            return [Single(hit.score)]
        values = list(hit.sort.raw)
        for place, field in enumerate(self._fields):
            if values[place] is not None and field.type is SortFieldType.DOUBLE:
                values[place] = float(values[place])
        return values

    def order(self, left: list[Any], right: list[Any]) -> int:
        if self._fields is None:
            return int(left[0] < right[0]) - int(left[0] > right[0])
        for field, value, other in zip(self._fields, left, right, strict=True):
            order = compare_raw(value, other, field)
            if field.type is SortFieldType.SCORE:
                order = -order  # the best first, unless it is reversed
            if order:
                return -order if field.reverse else order
        return 0


class _Row:
    """One hit in its place."""

    __slots__ = ("_at", "_compare", "_values", "group", "hit")

    def __init__(self, compare: _Comparison, values: list[Any], at: tuple[Any, int], hit: SearchHit, group: Any) -> None:
        self._compare, self._values, self._at = compare, values, at
        self.hit, self.group = hit, group

    def __lt__(self, other: _Row) -> bool:
        order = self._compare.order(self._values, other._values)
        return order < 0 if order else self._at < other._at


def _shard_order(shard: SearchShardTarget | None) -> tuple[int, str, str, str]:
    if shard is None:
        return -1, "", "", ""
    return shard.shard_id.shard, shard.shard_id.index, shard.shard_id.uuid, shard.cluster_alias or ""


def _failure_order(failure: ShardSearchFailure) -> tuple[int, str, str, str]:
    """Failures of no shard first."""
    return _shard_order(failure.target)
