"""Compression, a gateway that is killed and comes back, and many searches at once."""

from __future__ import annotations

import shutil
import signal
import time
from typing import Any

import httpx
import pytest
import trio

from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import COMPRESSED, Clusters, forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.rig.ports import free_port

VERSIONS = pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8])
AT_ONCE = 200
RECONNECT_SECONDS = 60.0


def search(local: Node, alias: str, body: dict[str, Any]) -> Any:
    with local.client() as client:
        answer = client.post(f"/{alias}:logs-*/_search", json=body)
    return {"status": answer.status_code, "body": normalize(answer.json(), alias)}


@VERSIONS
@pytest.mark.parametrize(("alias", "scheme"), COMPRESSED.items())
def test_compressed_requests_get_compressed_answers(clusters: Clusters, version: str, alias: str, scheme: str) -> None:
    local = clusters.locals[version]
    wait_connected(local, alias)
    before = clusters.gateway.log.stat().st_size
    for body in ({"size": 500}, {"size": 0, "aggs": {"s": {"terms": {"field": "service"}}}}):
        real, ours = search(local, "real_key_proxy", body), search(local, alias, body)
        assert real["status"] == 200
        assert not (found := list(differences(real, ours))), "\n".join(found[:20])
    with clusters.gateway.log.open() as log:
        log.seek(before)
        assert f'"rcgateway.compression":"{scheme}"' in log.read()


@VERSIONS
def test_a_killed_gateway_is_found_again(clusters: Clusters, version: str) -> None:
    local = clusters.locals[version]
    folder = clusters.folder / f"second-{version}"
    shutil.copytree(clusters.gateway.folder / "data", folder / "data")
    shutil.copytree(clusters.gateway.folder / "documents", folder / "documents")
    port = free_port()
    second = Gateway(
        folder, clusters.gateway.settings | {"remote_cluster.port": port, "transport.port": 0, "path.roles": "none.yml"}
    )
    second.start()
    try:
        set_remote(local, "gw_restarted", {"mode": "proxy", "proxy_address": f"127.0.0.1:{port}", "skip_unavailable": False})
        wait_connected(local, "gw_restarted")
        first = search(local, "gw_restarted", {"size": 5})
        assert first["status"] == 200
        second.stop(signal.SIGKILL)
        second.start()
        # The local node notices the closed sockets and opens new ones by itself, at the latest with the next requests.
        deadline = time.monotonic() + RECONNECT_SECONDS
        while (again := search(local, "gw_restarted", {"size": 5}))["status"] != 200:
            assert time.monotonic() < deadline, again
            time.sleep(0.2)
        assert not list(differences(first, again))
    finally:
        forget_remote(local, "gw_restarted")
        second.stop()


@VERSIONS
async def test_searches_in_flight_at_once_get_their_own_answers(clusters: Clusters, version: str) -> None:
    local = clusters.locals[version]
    wrong: list[str] = []

    async def one(client: httpx.AsyncClient, number: int) -> None:
        document = f"{number % 2 + 1}-{number}"
        body = {"query": {"ids": {"values": [document]}}}
        answer = await client.post("/gw_key_proxy:logs-*/_search", json=body)
        found = [hit["_id"] for hit in answer.json().get("hits", {}).get("hits", [])]
        if found != [document]:
            wrong.append(f"{document}: {answer.status_code} {found}")

    limits = httpx.Limits(max_connections=AT_ONCE)
    login = ("elastic", "changeme")
    with trio.fail_after(120):
        async with (
            httpx.AsyncClient(base_url=local.url, auth=login, timeout=100, limits=limits) as client,
            trio.open_nursery() as nursery,
        ):
            for number in range(AT_ONCE):
                nursery.start_soon(one, client, number)
    assert wrong == []
