"""The gateway in front of a real cluster: what a local cluster gets through it is what it gets from that cluster itself.

Searches, calls and refusals are asked in ``test_searches``, ``test_apis`` and ``test_errors``; here is what a gateway that answers by
itself has not got.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.elasticsearch.ways import APART as FAR_APART
from tests.elasticsearch.ways import RELAYED, Way, over

APART = "?ccs_minimize_roundtrips=false"
SEARCH = {"query": {"match": {"message": "timeout"}}, "size": 7, "aggs": {"s": {"terms": {"field": "service"}}}}


@over(RELAYED)
@pytest.mark.parametrize(
    "path",
    [
        f"/R:logs-*/_search{APART}",
        f"/R:logs-*,R:events/_search{APART}&search_type=dfs_query_then_fetch",
        f"/R:logs-*/_search{APART}&pre_filter_shard_size=1",
        f"/logs-local-1,R:logs-*/_search{APART}",
    ],
)
def test_a_search_whose_shards_are_asked_one_by_one(way: Way, path: str) -> None:
    assert way.compare("POST", path, SEARCH)["hits"]["hits"]
    sorted_body = {
        "sort": [{"@timestamp": "desc"}],
        "size": 20,
        "highlight": {"fields": {"message": {}}},
        "query": SEARCH["query"],
    }
    way.compare("POST", path, sorted_body)


def pages(way: Way, alias: str, size: int = 400) -> list[str]:
    """Ids of all documents, by a scroll."""
    found: list[str] = []
    answer = way.call(alias, "POST", "/R:logs-app-1/_search?scroll=1m", {"size": size, "sort": ["_doc"]}).json()
    assert "hits" in answer, answer
    while hits := answer["hits"]["hits"]:
        found += [hit["_id"] for hit in hits]
        answer = way.call(alias, "POST", "/_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]}).json()
        assert "hits" in answer, answer
    assert way.call(alias, "DELETE", "/_search/scroll", {"scroll_id": answer["_scroll_id"]}).json()["num_freed"] == 1
    return found


@over(RELAYED)
def test_a_scroll_comes_to_the_last_page(way: Way) -> None:
    relayed = pages(way, way.alias)
    assert len(relayed) == 1500
    assert relayed == pages(way, way.real)


def points(way: Way, alias: str, size: int = 600) -> list[str]:
    """Ids of all documents, by a point in time."""
    pit = way.call(alias, "POST", "/R:logs-app-1/_pit?keep_alive=1m").json()["id"]
    found: list[str] = []
    after: dict[str, Any] = {}
    while True:
        body = {"size": size, "pit": {"id": pit, "keep_alive": "1m"}, "sort": [{"@timestamp": "asc"}, "_shard_doc"], **after}
        answer = way.call(alias, "POST", "/_search", body).json()
        hits = answer["hits"]["hits"]
        if not hits:
            break
        found += [hit["_id"] for hit in hits]
        pit, after = answer["pit_id"], {"search_after": hits[-1]["sort"]}
    assert way.call(alias, "DELETE", "/_pit", {"id": pit}).json()["succeeded"] is True
    return found


@over(RELAYED)
def test_a_point_in_time_comes_to_the_last_page(way: Way) -> None:
    relayed = points(way, way.alias)
    assert len(relayed) == 1500
    assert relayed == points(way, way.real)


@over(RELAYED)
def test_terms_are_enumerated(way: Way) -> None:
    assert way.compare("POST", "/R:logs-*/_terms_enum", {"field": "service", "string": ""})["terms"]


@over(RELAYED)
def test_a_large_answer_comes_whole(way: Way) -> None:
    body = {
        "size": 1500,
        "fields": ["*"],
        "highlight": {"fields": {"*": {}}},
        "query": {"match_all": {}},
        "docvalue_fields": ["@timestamp"],
    }
    assert len(way.compare("POST", "/R:logs-app-1/_search", body)["hits"]["hits"]) == 1500


@over(FAR_APART)
@pytest.mark.parametrize("user", ["alice", "bob"])
@pytest.mark.parametrize("expression", ["*", "logs-*", "logs-app-1", "products", "secret", "missing", "logs-app-1,products"])
@pytest.mark.parametrize("more", ["", "?ignore_unavailable=true"])
def test_a_user_sees_what_both_sides_allow(way: Way, user: str, expression: str, more: str) -> None:
    path = ",".join(f"R:{name}" for name in expression.split(","))
    way.compare("POST", f"/{path}/_search{more}", {"size": 3}, user, status=None)
    way.compare("GET", f"/{path}/_field_caps?fields=*{more.replace('?', '&')}", None, user, status=None)


@over(RELAYED)
def test_a_name_outside_of_the_key_is_refused_for_a_superuser_too(way: Way) -> None:
    way.compare("POST", "/R:secret/_search", {"size": 3}, status=None)
