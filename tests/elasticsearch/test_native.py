"""Natively through gateways in front of real clusters: the answers are those that the real cluster's own REST API gives."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.native.client import NativeClient, connect
from protocol.errors import ElasticsearchException
from protocol.native.messages import Hello
from tests.elasticsearch.comparing import differences
from tests.elasticsearch.rig.clusters import RELAYS, Clusters
from tests.elasticsearch.ways import told_to_older

pytestmark = pytest.mark.usefixtures("relays")

ALL = {"all": {"indices": [{"names": ["*"], "privileges": ["all"]}]}}
SEARCHES: list[dict[str, Any]] = [
    {"size": 3, "sort": [{"@timestamp": "asc"}], "aggs": {"levels": {"terms": {"field": "level"}}}},
    {"size": 5, "query": {"match": {"message": "timeout"}}, "sort": ["_doc"], "highlight": {"fields": {"message": {}}}},
    {"size": 0, "aggs": {"days": {"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}}}},
]


@asynccontextmanager
async def asked(clusters: Clusters, kind: str) -> AsyncIterator[NativeClient]:
    """Over the port of the API key model."""
    context = ssl.create_default_context(cafile=str(clusters.folder / "certificates" / "ca.crt"))
    hello = Hello([1], credentials=clusters.keys["gw", "main"]["encoded"], user={"username": "ada", "role_descriptors": [ALL]})
    host, _, port = clusters.address(kind, "key").rpartition(":")
    async with connect(host, int(port), context, hello) as client:
        yield client


def same(real: Any, ours: Any) -> None:
    for each in (real, ours):
        each.pop("took", None)
    assert list(differences(real, ours)) == []


@pytest.mark.parametrize("kind", RELAYS)
async def test_the_answers_are_those_of_the_real_clusters_rest_api(clusters: Clusters, kind: str) -> None:
    real = clusters.upstream(kind.split("-")[1])
    async with asked(clusters, kind) as client:
        for body in SEARCHES:
            ours = (await client.call("search", ["logs-*"], body)).body
            same(real.rest("POST", "/logs-*/_search", body), ours)
        same(real.rest("GET", "/logs-*/_count"), (await client.call("count", ["logs-*"])).body)
        caps = (await client.call("field_caps", ["logs-*"], params={"fields": "*"})).body
        same(told_to_older(real.rest("GET", "/logs-*/_field_caps?fields=*")), caps)


@pytest.mark.parametrize("kind", RELAYS)
async def test_pages_and_streams(clusters: Clusters, kind: str) -> None:
    async with asked(clusters, kind) as client:
        first = (await client.call("search", ["logs-app-1"], {"size": 700, "sort": ["_doc"]}, {"scroll": "1m"})).body
        rest = (await client.call("scroll", None, {"scroll_id": first["_scroll_id"], "scroll": "1m"})).body
        ids = {hit["_id"] for page in (first, rest) for hit in page["hits"]["hits"]}
        assert len(ids) == 1400
        assert (await client.call("clear_scroll", None, {"scroll_id": rest["_scroll_id"]})).body["num_freed"] >= 1
        pit = (await client.call("open_point_in_time", ["logs-app-1"], None, {"keep_alive": "1m"})).body["id"]
        page = (await client.call("search", None, {"size": 2, "pit": {"id": pit}, "sort": ["_shard_doc"]})).body
        assert len(page["hits"]["hits"]) == 2
        closed = [await client.call("close_point_in_time", None, {"id": page["pit_id"]}) for _ in range(2)]
        assert [answer.status for answer in closed] == [200, 404]
        async with client.stream("search", ["logs-app-1"], {"size": 1500}, window=20_000) as stream:
            assert len([hit async for hit in stream]) == 1500


@pytest.mark.parametrize("kind", RELAYS)
async def test_refusals(clusters: Clusters, kind: str) -> None:
    async with asked(clusters, kind) as client:
        for names, error, status in ((["secret"], "security_exception", 403), (["missing"], "index_not_found_exception", 404)):
            with pytest.raises(ElasticsearchException) as raised:
                await client.call("search", names)
            assert (raised.value.type, raised.value.status) == (error, status)
