"""What the field ``_index`` is where a search came under an alias of this cluster: as real nodes answered such searches."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.backends.memory.search import Target, search
from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import ShardSearchFailure
from protocol.messages.search_response import SearchResponse
from protocol.rest.aggregations import render
from tests.gateway.backends.memory.recorded import NOW, indices


def ask(body: dict[str, Any], alias: str | None = "there") -> SearchResponse:
    targets = [Target(indices()[name]) for name in ("one", "two")]
    return search(targets, body, now_millis=NOW, node_id="node", cluster_alias=alias)


def total(query: dict[str, Any], alias: str | None = "there") -> int:
    found = ask({"query": query, "size": 0}, alias).hits
    assert found.total is not None
    return found.total.value


@pytest.mark.parametrize(
    ("query", "qualified", "plain"),
    [
        ({"term": {"_index": "one"}}, 0, 6),
        ({"term": {"_index": "there:one"}}, 6, 0),
        ({"term": {"_index": "there:both"}}, 12, 0),
        ({"term": {"_index": "both"}}, 0, 12),
        ({"term": {"_index": "*:o*"}}, 6, 0),
        ({"term": {"_index": "elsewhere:one"}}, 0, 0),
        ({"term": {"_index": {"value": "THERE:One", "case_insensitive": True}}}, 6, 0),
        ({"terms": {"_index": ["there:one", "two"]}}, 6, 6),
        ({"prefix": {"_index": "there:o"}}, 6, 0),
        ({"prefix": {"_index": "o"}}, 0, 6),
        ({"wildcard": {"_index": "*ne"}}, 0, 6),
        ({"match": {"_index": "there:two"}}, 6, 0),
        ({"query_string": {"query": '_index:"there:two"'}}, 6, 0),
        ({"bool": {"must_not": [{"term": {"_index": "there:one"}}]}}, 6, 12),
    ],
)
def test_queries(query: dict[str, Any], qualified: int, plain: int) -> None:
    assert (total(query), total(query, None)) == (qualified, plain)


@pytest.mark.parametrize(("alias", "before"), [("there", "there:"), (None, "")])
def test_values(alias: str | None, before: str) -> None:
    aggs = {"names": {"terms": {"field": "_index"}}}
    body = {"aggs": aggs, "sort": [{"_index": "desc"}], "fields": ["_index"], "docvalue_fields": ["_index"], "size": 1}
    response = ask(body, alias)
    (hit,) = response.hits.hits
    assert hit.sort.formatted == [f"{before}two"]
    assert hit.fields["_index"].values == [f"{before}two"]
    assert response.aggregations is not None
    buckets = render(response.aggregations)["names"]["buckets"]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in buckets] == [(f"{before}one", 6), (f"{before}two", 6)]


def cause_in_the_first_index(error: ElasticsearchException) -> ElasticsearchException:
    first, _ = cast("list[ShardSearchFailure]", error.details["failures"])
    assert first.cause is not None
    return first.cause


def test_errors() -> None:
    with pytest.raises(ElasticsearchException) as caught:
        ask({"sort": ["nowhere"]})
    assert cause_in_the_first_index(caught.value).metadata["es.index"] == ["there:one"]
    assert caught.value.cause is None
    with pytest.raises(ElasticsearchException) as caught:
        ask({"sort": ["t"]})
    reason = cause_in_the_first_index(caught.value).reason
    assert reason is not None
    assert reason.startswith("Fielddata is disabled on [t] in [there:one].")


@pytest.mark.parametrize(
    ("query", "sort", "skipped"),
    [
        ({"term": {"_index": "there:one"}}, ["n"], 1),
        ({"term": {"_index": "one"}}, ["n"], 2),
        ({"bool": {"must_not": [{"term": {"_index": "there:one"}}]}}, ["n"], 1),
        ({"term": {"_index": "there:one"}}, [], 0),
    ],
)
def test_indices_without_a_match_are_skipped(query: dict[str, Any], sort: list[str], skipped: int) -> None:
    response = ask({"query": query, "sort": sort})
    assert (response.total_shards, response.successful_shards, response.skipped_shards) == (2, 2, skipped)


def test_an_index_is_not_changed() -> None:
    index = indices()["one"]
    seen = index.seen_as("there")
    assert (index.qualified_name, seen.qualified_name, seen.name) == ("one", "there:one", "one")
    assert seen.root is index.root
