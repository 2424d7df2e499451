"""The cluster: names, aliases, several indices, failures of some or all of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.messages.aggregations.results.top_hits import InternalTopHits
from protocol.messages.hits import SortFieldType
from protocol.messages.options import IndicesOptions
from tests.gateway.backends.memory.recorded import NOW, cases, indices, rest, same

SEVERAL = [name for name, case in cases().items() if name.startswith("indices_")]


@pytest.fixture(scope="module")
def cluster(engine_index: Index) -> MemoryCluster:
    return MemoryCluster([*indices().values(), engine_index], name="memory")


def _shown(error: ElasticsearchException) -> dict[str, Any]:
    """The REST form of an exception without its causes."""
    names = {
        "es.index": "index",
        "es.index_uuid": "index_uuid",
        "es.resource.type": "resource.type",
        "es.resource.id": "resource.id",
    }
    return {"type": error.type, "reason": error.reason, **{names[key]: value[0] for key, value in error.metadata.items()}}


@pytest.mark.parametrize("name", [name for name in SEVERAL if cases()[name]["status"] == 200])
def test_answers_as_elasticsearch(name: str, cluster: MemoryCluster) -> None:
    case = cases()[name]
    expected = copy.deepcopy(case["response"])
    failures = [failure["reason"]["reason"] for failure in expected["_shards"].pop("failures", [])]
    response = cluster.search(case["index"].split(","), IndicesOptions(), case["body"], now_millis=NOW)
    assert [failure.cause.reason for failure in response.failures if failure.cause is not None] == failures
    assert same(rest(response), expected) is None


@pytest.mark.parametrize("name", [name for name in SEVERAL if cases()[name]["status"] != 200])
def test_fails_as_elasticsearch(name: str, cluster: MemoryCluster) -> None:
    case = cases()[name]
    expected = case["response"]["error"]
    with pytest.raises(ElasticsearchException) as caught:
        cluster.search(case["index"].split(","), IndicesOptions(), case["body"], now_millis=NOW)
    error = caught.value
    if error.type != "search_phase_execution_exception":
        assert _shown(error) == {key: value for key, value in expected.items() if key != "root_cause"}
        return
    reasons = [failure.cause.reason for failure in error.details["failures"]]  # type: ignore[attr-defined]
    assert reasons == [failed["reason"]["reason"] for failed in expected["failed_shards"]]
    assert (error.reason, error.details["phase"]) == (expected["reason"], expected["phase"])


@pytest.mark.parametrize("name", ["resolve_all", "resolve_alias", "resolve_one", "resolve_none", "resolve_missing"])
def test_resolves_names_as_elasticsearch(name: str, cluster: MemoryCluster) -> None:
    case = cases()[name]
    names = case["path"].removeprefix("/_resolve/index/").split(",")
    if case["status"] == 404:
        with pytest.raises(ElasticsearchException, match="no such index") as caught:
            cluster.resolve_index(names, IndicesOptions.STRICT_EXPAND_OPEN)
        assert _shown(caught.value) == {key: value for key, value in case["response"]["error"].items() if key != "root_cause"}
        return
    response = cluster.resolve_index(names, IndicesOptions.STRICT_EXPAND_OPEN)
    assert {
        "indices": [
            {"name": index.name, **({"aliases": index.aliases} if index.aliases else {}), "attributes": index.attributes}
            for index in response.indices
        ],
        "aliases": [{"name": alias.name, "indices": alias.indices} for alias in response.aliases],
        "data_streams": [],
    } == case["response"]


@pytest.fixture
def small() -> Callable[..., MemoryCluster]:
    def make(**closed: bool) -> MemoryCluster:
        made = [
            Index("a", closed=closed.get("a", False), aliases={"all": {}}),
            Index("b", aliases={"all": {}}),
            Index("h", hidden=True),
        ]
        for index in made:
            index.add("1", b'{"n": 1}')
        return MemoryCluster(made, name="small")

    return make


def test_a_closed_index_is_refused_by_name_and_left_out_of_wildcards(small: Callable[..., MemoryCluster]) -> None:
    cluster = small(a=True)
    for named in ("a", "all"):
        with pytest.raises(ElasticsearchException) as caught:
            cluster.targets([named], IndicesOptions())
        assert _shown(caught.value) == {
            "type": "index_closed_exception",
            "reason": "closed",
            "index": "a",
            "index_uuid": cluster.indices["a"].uuid,
        }
    assert cluster.targets(["a"], IndicesOptions(ignore_unavailable=True)) == []
    for names in (["*"], ["_all"], ["all"]):
        found = cluster.targets(names, IndicesOptions(ignore_unavailable=True))
        assert [target.index.name for target in found] == ["b"]
    assert [target.index.name for target in cluster.targets(["*"], IndicesOptions())] == ["b"]


def test_a_closed_index_that_may_be_named_is_blocked(small: Callable[..., MemoryCluster]) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        small(a=True).targets(["a"], IndicesOptions(forbid_closed_indices=False))
    assert _shown(caught.value) == {
        "type": "cluster_block_exception",
        "reason": "index [a] blocked by: [FORBIDDEN/4/index closed];",
    }
    assert status_of(caught.value) == 403


def test_hidden_indices_need_to_be_asked_for(small: Callable[..., MemoryCluster]) -> None:
    cluster = small()
    assert [target.index.name for target in cluster.targets(["*"], IndicesOptions())] == ["a", "b"]
    assert [target.index.name for target in cluster.targets(["*"], IndicesOptions(expand_hidden=True))] == ["a", "b", "h"]
    assert [target.index.name for target in cluster.targets(["h"], IndicesOptions())] == ["h"]


def test_no_name_is_no_index(small: Callable[..., MemoryCluster]) -> None:
    """What authorization left empty must not turn into everything."""
    cluster = small()
    assert cluster.targets([], IndicesOptions()) == []
    assert cluster.search([], IndicesOptions(), {}, now_millis=NOW).hits.hits == []
    assert cluster.field_caps([], IndicesOptions(), ["*"], now_millis=NOW).index_responses == []
    assert cluster.resolve_index([], IndicesOptions()).indices == []
    assert cluster.has_matching([], IndicesOptions()) == (False, None)
    with pytest.raises(ElasticsearchException, match="no such index"):
        cluster.targets([], IndicesOptions(allow_no_indices=False))


def test_no_index_is_an_error_only_where_the_options_say_so(small: Callable[..., MemoryCluster]) -> None:
    cluster = small()
    assert cluster.targets(["*", "-*"], IndicesOptions()) == []
    with pytest.raises(ElasticsearchException, match=r"no such index \[x\*\]"):
        cluster.targets(["x*"], IndicesOptions(allow_no_indices=False))
    with pytest.raises(ElasticsearchException, match="matches an alias"):
        cluster.targets(["all"], IndicesOptions(ignore_aliases=True))


def test_the_answer_to_no_index_is_empty_and_not_an_error(small: Callable[..., MemoryCluster]) -> None:
    response = small().search(["*", "-*"], IndicesOptions(), {"sort": ["n"]}, now_millis=NOW, final_reduce=False)
    assert (response.total_shards, response.hits.hits, response.hits.max_score) == (0, [], 0.0)


def test_hits_carry_the_alias_of_the_cluster_and_what_merging_needs(small: Callable[..., MemoryCluster]) -> None:
    cluster = small()
    response = cluster.search(
        ["a"], IndicesOptions(), {"sort": ["n", "_score"]}, now_millis=NOW, cluster_alias="far", final_reduce=False
    )
    (hit,) = response.hits.hits
    assert hit.shard is not None
    assert (hit.shard.cluster_alias, hit.shard.node_id, hit.shard.shard_id.index) == ("far", cluster.node_id, "a")
    assert [(field.field, field.type, field.reverse) for field in response.hits.sort_fields or []] == [
        ("n", SortFieldType.LONG, False),
        (None, SortFieldType.SCORE, False),
    ]
    assert (hit.sort.raw, hit.sort.formatted) == ([1, 1.0], [1, 1.0])


@pytest.mark.parametrize("sort", ["n", "_doc", {"_index": "desc"}])
def test_indices_that_cannot_match_are_skipped_where_the_sort_is_by_a_field(
    small: Callable[..., MemoryCluster], sort: Any
) -> None:
    cluster = small()
    cluster.indices["b"].add("2", b'{"only": "here"}')
    body = {"query": {"term": {"only.keyword": "here"}}, "sort": [sort]}
    response = cluster.search(["a", "b"], IndicesOptions(), body, now_millis=NOW)
    assert (response.total_shards, response.skipped_shards, response.successful_shards) == (2, 1, 2)
    assert [hit.id for hit in response.hits.hits] == ["2"]
    for sorts in ({}, {"sort": ["_score", "n"]}):
        response = cluster.search(["a", "b"], IndicesOptions(), {"query": body["query"], **sorts}, now_millis=NOW)
        assert response.skipped_shards == 0


def test_hits_within_buckets_show_the_fields_of_the_search_but_no_other_of_its_options(
    small: Callable[..., MemoryCluster],
) -> None:
    """As a real 8.19.21 node has it, whose contexts of such hits take over the fields only."""
    aggs = {"own": {"top_hits": {"fields": ["_index"]}}, "none": {"top_hits": {}}}
    body = {"size": 0, "fields": ["n"], "docvalue_fields": ["n"], "version": True, "_source": False, "aggs": aggs}
    response = small().search(["a"], IndicesOptions(), body, now_millis=NOW)
    own, none = (result.search_hits.hits[0] for result in response.aggregations or [] if isinstance(result, InternalTopHits))
    assert (list(own.fields) + list(own.meta_fields), list(none.fields)) == (["_index"], ["n"])
    assert none.version == -1
    assert none.source


def test_indices_whose_sort_values_cannot_be_compared_fail_together() -> None:
    made = []
    for name, value in (("a", b'{"v": 1}'), ("b", b'{"v": "x"}')):
        index = Index(name)
        index.add("1", value)
        made.append(index)
    cluster = MemoryCluster(made, name="mixed")
    body = {"sort": [{"v.keyword": {"unmapped_type": "long"}}]}
    with pytest.raises(ElasticsearchException) as caught:
        cluster.search(["a", "b"], IndicesOptions(), body, now_millis=NOW)
    error = caught.value
    assert (error.type, error.reason, error.details["phase"]) == ("search_phase_execution_exception", "", "fetch")
    assert error.cause is not None
    assert error.cause.reason == (
        # Which index is named first is that whose answer comes first to a real coordinating node; here it is the first by name.
        "Can't sort on field [v.keyword]; the field has incompatible sort types: [LONG] and [STRING] across shards!"
    )


@pytest.mark.parametrize(("first", "second", "kind"), [(1, 2, SortFieldType.LONG), (1, 0.5, SortFieldType.DOUBLE)])
def test_numbers_of_different_types_are_merged_as_the_wider(first: int, second: float, kind: SortFieldType) -> None:
    types = {1: "integer", 2: "long", 0.5: "double"}
    made = []
    for name, value in (("a", first), ("b", second)):
        index = Index(name, mapping=parse_mappings({"properties": {"v": {"type": types[value]}}}))
        index.add(name, json.dumps({"v": value}).encode())
        made.append(index)
    response = MemoryCluster(made, name="mixed").search(["a", "b"], IndicesOptions(), {"sort": ["v"]}, now_millis=NOW)
    assert [hit.sort.raw for hit in response.hits.hits] == [[value] for value in sorted((first, second))]
    assert [(field.field, field.type) for field in response.hits.sort_fields or []] == [("v", kind)]
    assert len({type(hit.sort.raw[0]) for hit in response.hits.hits}) == 1


def test_a_failure_of_some_indices_is_an_error_where_partial_results_are_not_wanted(small: Callable[..., MemoryCluster]) -> None:
    cluster = small()
    cluster.indices["b"].add("2", b'{"only": "here"}')
    body = {"sort": ["only.keyword"]}
    response = cluster.search(["a", "b"], IndicesOptions(), body, now_millis=NOW)
    assert (response.successful_shards, len(response.failures)) == (1, 1)
    with pytest.raises(ElasticsearchException, match="Partial shards failure"):
        cluster.search(["a", "b"], IndicesOptions(), body, now_millis=NOW, allow_partial_results=False)


def test_whether_names_match_is_said_with_the_missing_name(small: Callable[..., MemoryCluster]) -> None:
    cluster = small(a=True)
    options = IndicesOptions.STRICT_EXPAND_OPEN
    assert cluster.has_matching(["b*"], options) == (True, None)
    assert cluster.has_matching(["a"], options) == (False, None)
    assert cluster.has_matching(["x*"], options) == (False, None)
    assert cluster.has_matching(["x"], options) == (None, "no such index [x]")
