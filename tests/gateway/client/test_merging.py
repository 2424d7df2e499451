"""Answers of several clusters to one search, merged as by ``SearchResponseMerger``."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import pytest

from gateway.client.merging import Page, merge
from protocol.errors import ElasticsearchException
from protocol.exceptions import ShardSearchFailure
from protocol.messages.aggregations.results.metrics import InternalSum
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.messages.hits import (
    Relation,
    SearchHit,
    SearchHits,
    SortField,
    SortFieldType,
    SortValues,
    StringMissing,
    TotalHits,
)
from protocol.messages.search_response import Clusters, SearchResponse
from protocol.values import Integer, Single

ALL = Page(0, 10, True)


def shard(alias: str, index: str = "i", number: int = 0) -> SearchShardTarget:
    return SearchShardTarget(
        node_id="n", shard_id=ShardId(index=index, uuid=f"{alias}-{index}", shard=number), cluster_alias=alias
    )


def hit(name: str, alias: str, *values: Any, score: float = nan, index: str = "i", number: int = 0) -> SearchHit:
    return SearchHit(
        id=name, score=score, shard=shard(alias, index, number), sort=SortValues(formatted=list(values), raw=list(values))
    )


def answer(*hits: SearchHit, fields: list[SortField] | None = None, total: int | None = None, **rest: Any) -> SearchResponse:
    best = max((each.score for each in hits if not isnan(each.score)), default=nan)
    shown = SearchHits(
        total=None if total == -1 else TotalHits(value=len(hits) if total is None else total),
        max_score=best,
        hits=list(hits),
        sort_fields=fields if hits else None,
    )
    return SearchResponse(hits=shown, total_shards=1, successful_shards=1, **rest)


def ids(responses: list[SearchResponse], page: Page = ALL) -> list[str | None]:
    return [each.id for each in merge(responses, page, None, Clusters()).hits.hits]


def by(kind: SortFieldType = SortFieldType.LONG, *, reverse: bool = False, missing: Any = None) -> list[SortField]:
    return [SortField(field="f", type=kind, reverse=reverse, missing=missing)]


def test_the_best_scores_come_first_and_shards_decide_between_equals() -> None:
    one = answer(hit("a", "x", score=2.0), hit("b", "x", score=1.0))
    two = answer(hit("c", "w", score=3.0), hit("d", "w", score=1.0))
    assert ids([one, two]) == ["c", "a", "d", "b"]
    assert ids([two, one]) == ["c", "a", "d", "b"]
    assert merge([one, two], ALL, None, Clusters()).hits.max_score == 3.0


def test_shards_are_ordered_by_number_then_name_then_cluster() -> None:
    one = answer(hit("number", "a", score=1.0, index="a", number=1))
    two = answer(hit("name", "a", score=1.0, index="b"))
    three = answer(hit("cluster", "b", score=1.0, index="b"))
    assert ids([one, three, two]) == ["name", "cluster", "number"]


@pytest.mark.parametrize("reverse", [False, True])
def test_sort_values_decide(reverse: bool) -> None:
    fields = by(reverse=reverse)
    values = [[1, 5, 9], [2, 5, 8]]
    lists = [
        answer(*(hit(f"{alias}{value}", alias, value) for value in sorted(part, reverse=reverse)), fields=fields)
        for alias, part in zip("xw", values, strict=True)
    ]
    expected = ["x1", "w2", "w5", "x5", "w8", "x9"]
    if reverse:
        expected = ["x9", "w8", "w5", "x5", "w2", "x1"]
    assert ids(lists) == expected


def test_missing_strings_come_where_the_sort_says() -> None:
    fields = by(SortFieldType.STRING, missing=StringMissing.LAST)
    assert ids([answer(hit("none", "x", None), fields=fields), answer(hit("b", "w", b"b"), fields=fields)]) == ["b", "none"]
    fields = by(SortFieldType.STRING, missing=StringMissing.FIRST)
    assert ids([answer(hit("b", "w", b"b"), fields=fields), answer(hit("none", "x", None), fields=fields)]) == ["none", "b"]


def test_a_sort_by_the_score_alone_goes_by_it() -> None:
    fields = [SortField(type=SortFieldType.SCORE)]
    one, two = answer(hit("a", "x", score=1.0), fields=fields), answer(hit("b", "y", score=2.0), fields=fields)
    assert ids([one, two]) == ["b", "a"]


def test_the_score_among_other_criteria_is_the_raw_value() -> None:
    fields = [*by(), SortField(type=SortFieldType.SCORE)]
    one, two = answer(hit("a", "x", 1, Single(1.0)), fields=fields), answer(hit("b", "y", 1, Single(2.0)), fields=fields)
    assert ids([one, two]) == ["b", "a"]


def test_numbers_of_different_kinds_are_compared_as_the_wider() -> None:
    one = answer(hit("a", "x", Integer(2)), fields=by(SortFieldType.INT))
    two = answer(hit("b", "y", 1.5), fields=by(SortFieldType.DOUBLE))
    merged = merge([one, two], ALL, None, Clusters())
    assert [each.id for each in merged.hits.hits] == ["b", "a"]
    assert merged.hits.sort_fields is not None
    assert merged.hits.sort_fields[0].type is SortFieldType.DOUBLE


def test_sorts_that_cannot_be_compared_are_an_error() -> None:
    one = answer(hit("a", "x", 2), fields=by(SortFieldType.LONG))
    two = answer(hit("b", "y", b"z"), fields=by(SortFieldType.STRING))
    with pytest.raises(ElasticsearchException) as refused:
        merge([one, two], ALL, None, Clusters())
    assert refused.value.reason == (
        "Can't sort on field [f]; the field has incompatible sort types: [LONG] and [STRING] across shards!"
    )


def test_a_page_is_cut_from_all() -> None:
    lists = [answer(*(hit(f"{alias}{n}", alias, n) for n in range(4)), fields=by()) for alias in "ab"]
    assert ids(lists, Page(3, 2, True)) == ["b1", "a2"]
    assert ids(lists, Page(7, 5, True)) == ["b3"]
    assert ids(lists, Page(8, 5, True)) == []
    assert ids(lists, Page(0, 0, True)) == []


def test_collapsed_hits_are_one_of_each_group() -> None:
    fields = by()
    one, two = (
        answer(hit("a", "x", 1), hit("b", "x", 4), fields=fields),
        answer(hit("c", "y", 2), hit("d", "y", 3), fields=fields),
    )
    one.hits.collapse_field, one.hits.collapse_values = "g", [b"1", b"2"]
    two.hits.collapse_field, two.hits.collapse_values = "g", [b"1", b"3"]
    merged = merge([one, two], ALL, None, Clusters())
    assert [each.id for each in merged.hits.hits] == ["a", "d", "b"]
    assert merged.hits.collapse_values == [b"1", b"3", b"2"]


@pytest.mark.parametrize(
    ("track", "totals", "expected"),
    [
        (True, (7, 5), TotalHits(value=12)),
        (10_000, (7, 5), TotalHits(value=12)),
        (10, (7, 5), TotalHits(value=10, relation=Relation.GREATER_THAN_OR_EQUAL_TO)),
        (False, (-1, -1), None),
    ],
)
def test_totals_are_added_up_to_the_limit(track: bool | int, totals: tuple[int, int], expected: TotalHits | None) -> None:
    merged = merge([answer(total=each) for each in totals], Page(0, 10, track), None, Clusters())
    assert merged.hits.total == expected


def test_a_total_that_is_a_bound_makes_a_bound() -> None:
    one, two = answer(total=3), answer(total=3)
    one.hits.total = TotalHits(value=3, relation=Relation.GREATER_THAN_OR_EQUAL_TO)
    assert merge([one, two], ALL, None, Clusters()).hits.total == TotalHits(value=6, relation=Relation.GREATER_THAN_OR_EQUAL_TO)


def test_shards_phases_and_failures_are_added() -> None:
    failures = [
        ShardSearchFailure(target=shard(alias), reason="r", status=500, cause=ElasticsearchException("exception", alias))
        for alias in "zy"
    ]
    one = answer(timed_out=True, terminated_early=False, reduce_phases=2, failures=[failures[0]], skipped_shards=1)
    two = answer(terminated_early=True, failures=[failures[1]])
    merged = merge([one, two], ALL, None, Clusters())
    assert (merged.total_shards, merged.successful_shards, merged.skipped_shards, merged.reduce_phases) == (2, 2, 1, 4)
    assert (merged.timed_out, merged.terminated_early) == (True, True)
    assert merged.failures == [failures[1], failures[0]]


def test_aggregations_are_reduced_to_the_last() -> None:
    responses = [answer(), answer()]
    for response, value in zip(responses, (1.5, 2.0), strict=True):
        response.aggregations = [InternalSum(name="s", metadata=None, sum=value)]
    merged = merge(responses, ALL, {"s": {"sum": {"field": "f"}}}, Clusters())
    assert [each.sum for each in merged.aggregations or [] if isinstance(each, InternalSum)] == [3.5]


def test_nothing_at_all_is_an_empty_answer() -> None:
    merged = merge([], ALL, None, Clusters(total=2, skipped=2))
    assert merged.hits.total == TotalHits(value=0)
    assert isnan(merged.hits.max_score)
    assert merged.clusters.skipped == 2
