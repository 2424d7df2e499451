"""Much work for a real cluster behind the gateway: an answer of 50 MB, and searches that nobody waits for any more."""

from __future__ import annotations

import hashlib
import json
import random
import string
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import httpx
import pytest
import trio

from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.filling import NDJSON, checked
from tests.elasticsearch.rig.node import PASSWORD, Node
from tests.elasticsearch.ways import RELAYED, Way, over

ROUTES = [route for route in RELAYED if route.real == "real"]
"""Each model on each side."""

LARGE, LARGE_DOCUMENTS, LARGE_BYTES = "logs-large", 400, 131_072
"""An index that the gateway's main key allows; of 52 MB."""

SLOW, SLOW_DOCUMENTS, SLOW_VALUES = "logs-slow", 40_000, 20
SLOW_SEARCH: dict[str, Any] = {
    "size": 0,
    "aggs": {"a": {"terms": {"field": "v"}, "aggs": {"b": {"terms": {"field": "v"}, "aggs": {"c": {"terms": {"field": "v"}}}}}}},
}
"""Counts each combination of three values of each document: 8,000 for each, which takes a node ten seconds or more."""
RUNNING_SECONDS = 20.0
"""How soon such a search shows among the tasks of the upstream."""
CANCELLED_SECONDS = 3.0
"""How soon the upstream's tasks say that they are cancelled, or are gone, when nobody waits for them."""
GONE_SECONDS = 30.0
"""How soon they are gone: the node looks after so many thousand documents whether it is to go on."""


def _bulk(node: Node, index: str, lines: Iterator[str]) -> None:
    with node.client() as client:
        checked(client.post(f"/{index}/_bulk?refresh=true", content="".join(lines).encode(), headers=NDJSON))


def _create(node: Node, index: str, properties: dict[str, Any]) -> None:
    settings = {"number_of_shards": 1, "number_of_replicas": 0}
    node.rest("PUT", f"/{index}", {"settings": settings, "mappings": {"properties": properties}})


@pytest.fixture(scope="module")
def large(clusters: Clusters) -> Iterator[None]:
    node, chance = clusters.remote, random.Random(1)
    _create(node, LARGE, {"text": {"type": "keyword", "index": False, "doc_values": False}, "n": {"type": "integer"}})
    try:
        for start in range(0, LARGE_DOCUMENTS, 100):
            lines = (
                json.dumps(line) + "\n"
                for n in range(start, start + 100)
                for line in (
                    {"index": {"_id": str(n)}},
                    {"n": n, "text": "".join(chance.choices(string.ascii_letters, k=64)) * (LARGE_BYTES // 64)},
                )
            )
            _bulk(node, LARGE, lines)
        yield
    finally:
        node.rest("DELETE", f"/{LARGE}")


@pytest.fixture(scope="module")
def slow(clusters: Clusters) -> Iterator[None]:
    node = clusters.remote
    _create(node, SLOW, {"v": {"type": "keyword", "index": False}})
    try:
        document = json.dumps({"v": [f"v{n}" for n in range(SLOW_VALUES)]})
        _bulk(node, SLOW, (f'{{"index":{{}}}}\n{document}\n' for _ in range(SLOW_DOCUMENTS)))
        yield
    finally:
        node.rest("DELETE", f"/{SLOW}")


def _client(node: Node) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=node.url, auth=("elastic", PASSWORD), timeout=60)


async def _hits(client: httpx.AsyncClient, alias: str) -> tuple[int, str]:
    """Size and hash of an answer with all large documents."""
    wanted = "filter_path=hits.hits._id,hits.hits._source"
    answer = await client.post(f"/{alias}:{LARGE}/_search?{wanted}", json={"size": LARGE_DOCUMENTS, "sort": ["n"]})
    assert answer.status_code == 200, answer.text[:1000]
    return len(answer.content), hashlib.sha256(answer.content).hexdigest()


@over(ROUTES)
async def test_fifty_megabytes_come_whole_while_others_are_answered(way: Way, large: None) -> None:
    meanwhile = 0

    async def others(client: httpx.AsyncClient, done: trio.Event) -> None:
        nonlocal meanwhile
        while not done.is_set():
            answer = await client.post(f"/{way.alias}:logs-app-1/_search", json={"size": 1})
            assert answer.status_code == 200, answer.text[:1000]
            meanwhile += not done.is_set()

    with trio.fail_after(120):
        async with _client(way.local) as client, trio.open_nursery() as nursery:
            done = trio.Event()
            nursery.start_soon(others, client, done)
            relayed = await _hits(client, way.alias)
            done.set()
            direct = await _hits(client, way.real)
    assert relayed[0] > 50_000_000
    assert relayed == direct
    assert meanwhile >= 2


def _searches(node: Node) -> dict[str, bool]:
    """Tasks of the slow search that run on the upstream, by action; whether they are cancelled."""
    nodes = node.rest("GET", "/_tasks?actions=*search*&detailed=true")["nodes"]
    tasks = [task for each in nodes.values() for task in each["tasks"].values()]
    return {task["action"]: task["cancelled"] for task in tasks if SLOW in task.get("description", "")}


async def _wait_for(what: Callable[[dict[str, bool]], bool], node: Node, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not what(running := await trio.to_thread.run_sync(_searches, node)):
        assert time.monotonic() < until, f"tasks of the upstream: {running}"


@pytest.mark.parametrize(
    ("way", "minimized"), list(zip(ROUTES, cycle(("true", "false", "false", "true")), strict=False)), indirect=["way"], ids=str
)
async def test_a_search_that_nobody_waits_for_ends_upstream(way: Way, slow: None, minimized: str) -> None:
    """With and without minimized round trips: once for each model on either side."""
    upstream = way.clusters.upstream(way.route.real)
    path = f"/{way.alias}:{SLOW}/_search?request_cache=false&ccs_minimize_roundtrips={minimized}"
    with trio.fail_after(120):
        async with _client(way.local) as client, trio.open_nursery() as nursery:
            nursery.start_soon(lambda: client.post(path, json=SLOW_SEARCH))
            await _wait_for(lambda running: any("[phase/query]" in action for action in running), upstream, RUNNING_SECONDS)
            nursery.cancel_scope.cancel()
        await _wait_for(lambda running: all(running.values()), upstream, CANCELLED_SECONDS)
        await _wait_for(lambda running: not running, upstream, GONE_SECONDS)
    assert way.call(way.alias, "POST", "/R:logs-app-1/_search", {"size": 1}).status_code == 200
