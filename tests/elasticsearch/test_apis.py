"""The other calls of a local cluster that reach a remote one: each gives what it gives with a real remote."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import pytest

from tests.elasticsearch.case import Case
from tests.elasticsearch.cases import HITS, QUERIES
from tests.elasticsearch.cases_aggregations import AGGREGATIONS
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import LOCAL_INDEX
from tests.elasticsearch.ways import ANSWERING, APART, BY_PROXY, CROSSED, EVERY_WAY, RELAYED, Way, over


class Call(NamedTuple):
    """``R`` in the path and in the lines stands for the alias of the remote cluster."""

    name: str
    method: str
    path: str
    body: Any = None
    lines: tuple[Any, ...] = ()


CALLS = [
    Call("count", "GET", "/R:logs-*/_count"),
    Call("count-query", "POST", "/R:logs-*/_count", {"query": {"match": {"message": "timeout"}}}),
    Call("count-none", "GET", "/R:missing-*/_count"),
    Call("search-uri", "GET", "/R:logs-*/_search?q=level:ERROR&size=3"),
    Call("search-nothing", "GET", "/R:missing-*/_search"),
    Call(
        "search-typed-keys", "POST", "/R:logs-*/_search?typed_keys", {"size": 0, "aggs": {"s": {"terms": {"field": "service"}}}}
    ),
    Call("search-ignore-unavailable", "GET", "/R:missing,R:logs-app-1/_search?ignore_unavailable=true&size=1"),
    Call(
        "msearch",
        "POST",
        "/_msearch",
        lines=({"index": "R:logs-*"}, {"size": 1}, {"index": "R:products"}, {"query": {"match": {"name": "oak"}}, "size": 2}),
    ),
    Call("msearch-failure", "POST", "/_msearch", lines=({"index": "R:logs-*"}, {"size": 1}, {"index": "R:missing"}, {"size": 0})),
    Call("field_caps", "GET", "/R:logs-*/_field_caps?fields=*"),
    Call("field_caps-one", "GET", "/R:logs-*,R:products/_field_caps?fields=level,price,name*"),
    Call("field_caps-unmapped", "GET", "/R:logs-*,R:products/_field_caps?fields=level&include_unmapped=true"),
    Call("field_caps-filters", "GET", "/R:events/_field_caps?fields=*&filters=-metadata"),
    Call("field_caps-types", "GET", "/R:events/_field_caps?fields=*&types=keyword,long"),
    Call("resolve_index", "GET", "/_resolve/index/R:*"),
    Call("resolve_index-alias", "GET", "/_resolve/index/R:logs-all"),
    Call("resolve_index-shop", "GET", "/_resolve/index/R:shop,R:events"),
    Call("resolve_cluster", "GET", "/_resolve/cluster/R:logs-*"),
    Call("resolve_cluster-nothing", "GET", "/_resolve/cluster/R:missing-*"),
    Call("resolve_cluster-missing", "GET", "/_resolve/cluster/R:missing"),
]


@over([*ANSWERING, *APART])
@pytest.mark.parametrize("wanted", CALLS, ids=lambda each: each.name)
def test_a_call_gives_what_a_real_remote_gives(way: Way, wanted: Call) -> None:
    more: dict[str, Any] = {}
    if wanted.lines:
        more["content"] = "".join(json.dumps(line) + "\n" for line in wanted.lines)
        more["headers"] = {"Content-Type": "application/x-ndjson"}
    way.compare(wanted.method, wanted.path, wanted.body, status=None, **more)


MERGED = [
    case
    for case in (*QUERIES, *HITS, *AGGREGATIONS)
    if case.index == "logs-*" and "indices_boost" not in case.body and case.name != "aggregation-top_hits-scored"
]
"""A boosted index must be there on both sides, and is not. Of hits that score alike, top_hits has those of whichever cluster answers
first."""


@over([*CROSSED, *APART] if EVERY_WAY else [CROSSED[0], APART[-1]])
@pytest.mark.parametrize("case", MERGED, ids=lambda case: case.name)
def test_both_clusters_are_merged_by_the_local_one(way: Way, case: Case) -> None:
    def search(alias: str) -> Any:
        answer = way.call(alias, "POST", f"/{LOCAL_INDEX},R:logs-*/_search", case.sent(alias))
        return {"status": answer.status_code, "body": normalize(answer.json(), alias)}

    real, ours = search(way.real), search(way.alias)
    assert real["status"] == 200
    assert not (found := list(differences(real, ours))), "\n".join(found[:20])


@over([*BY_PROXY, *RELAYED])
def test_cluster_stats_include_the_remote(way: Way) -> None:
    """The figures are those of another machine and process: what must be equal is what is told, and the counts of the same data."""
    remotes = way.call("", "GET", "/_cluster/stats?include_remotes=true").json()["ccs"]["clusters"]
    real, ours = remotes[way.real], remotes[way.alias]
    assert ours.keys() == real.keys()
    for name in ("mode", "skip_unavailable", "transport.compress", "version", "status", "nodes_count"):
        assert ours[name] == real[name], name
    if way.route in RELAYED:
        assert ours["cluster_uuid"] == real["cluster_uuid"]
        assert ours["indices_count"] == real["indices_count"]
        return
    # A real node counts the index of its own keys and users as well.
    assert ours["indices_count"] == ours["shards_count"] == real["indices_count"] - 1
    assert ours["cluster_uuid"] != real["cluster_uuid"]
    assert 0 < ours["indices_total_size_in_bytes"] < 10 * real["indices_total_size_in_bytes"]
    # A real node tells 0 until it has looked for the first time.
    assert ours["mem_total_in_bytes"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert real["mem_total_in_bytes"] in (0, ours["mem_total_in_bytes"])
