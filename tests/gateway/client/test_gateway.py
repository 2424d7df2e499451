"""A local cluster in Python and a running gateway: both models, both modes, every call; and a gateway that is restarted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.client import LocalCluster, open_local_cluster, settings_of
from protocol.errors import ElasticsearchException
from protocol.exceptions import unwrap
from tests.gateway.test_bad_input import Setting

DEADLINE = 60
ALIASES = ("key_proxy", "key_sniff", "cert_proxy", "cert_sniff")
ROLES = """
logs_reader:
  remote_indices:
    - {names: [logs-app*], privileges: [read, view_index_metadata], clusters: ["*"]}
"""


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    made = Setting(tmp_path_factory.mktemp("gateway"))
    (made.folder / "local-roles.yml").write_text(ROLES)
    yield made
    assert made.gateway.stop() == 0


@asynccontextmanager
async def local_cluster(setting: Setting, *aliases: str, **more: str) -> AsyncIterator[LocalCluster]:
    client_ssl, transport_ssl = "xpack.security.remote_cluster_client.ssl", "xpack.security.transport.ssl"
    flat: dict[str, str | list[str]] = {
        f"{client_ssl}.certificate_authorities": "ca.crt",
        f"{transport_ssl}.certificate_authorities": "ca.crt",
        f"{transport_ssl}.certificate": "client.crt",
        f"{transport_ssl}.key": "client.key",
        "path.roles": "local-roles.yml",
        "users.root.roles": "superuser",
        "users.alice.roles": "logs_reader",
        **more,
    }
    for alias in aliases:
        model, mode = alias.split("_")
        prefix, address = f"cluster.remote.{alias}", setting.address("remote_cluster" if model == "key" else "transport")
        flat |= {f"{prefix}.mode": mode, f"{prefix}.skip_unavailable": "false"}
        flat[f"{prefix}.{'seeds' if mode == 'sniff' else 'proxy_address'}"] = address
        if mode == "proxy":
            flat[f"{prefix}.proxy_socket_connections"] = "2"
        if model == "key":
            flat[f"{prefix}.credentials"] = setting.key["encoded"]
    with trio.fail_after(DEADLINE):
        async with open_local_cluster(settings_of(flat, setting.folder)) as local:
            yield local


@pytest.mark.parametrize("alias", ALIASES)
async def test_every_call_is_answered(setting: Setting, alias: str) -> None:
    async with local_cluster(setting, alias) as local:
        info = local.remote_info()[alias]
        assert info["connected"] is True
        assert info["mode"] == alias.split("_")[1]

        found = await local.search("root", f"{alias}:logs-*", {"size": 2, "aggs": {"s": {"terms": {"field": "service"}}}})
        assert found["_clusters"]["details"][alias]["status"] == "successful"
        hit = found["hits"]["hits"][0]
        assert hit["_index"].startswith(f"{alias}:logs-")
        assert sum(bucket["doc_count"] for bucket in found["aggregations"]["s"]["buckets"]) == found["hits"]["total"]["value"]

        total = found["hits"]["total"]["value"]
        assert (await local.count("root", f"{alias}:logs-*"))["count"] == total
        several = await local.msearch(
            "root", [({"index": f"{alias}:logs-*"}, {"size": 0}), ({"index": f"{alias}:logs-app-1"}, {})]
        )
        assert [each["status"] for each in several["responses"]] == [200, 200]
        assert several["responses"][0]["hits"]["total"]["value"] == total

        document = await local.get("root", hit["_index"], hit["_id"])
        assert (document["_index"], document["_source"]) == (hit["_index"], hit["_source"])
        caps = await local.field_caps("root", f"{alias}:logs-*", fields="level")
        assert caps["fields"]["level"]["keyword"]["aggregatable"] is True
        resolved = await local.resolve_index("root", f"{alias}:logs-*")
        assert {each["name"] for each in resolved["indices"]} == set(caps["indices"])
        there = await local.resolve_cluster("root", f"{alias}:logs-*")
        assert (there[alias]["connected"], there[alias]["matching_indices"]) == (True, True)
        terms = await local.terms_enum("root", f"{alias}:logs-*", {"field": "level", "string": "E"})
        assert terms["terms"] == ["ERROR"]


async def test_four_ways_to_one_cluster_give_four_times_its_documents(setting: Setting) -> None:
    async with local_cluster(setting, *ALIASES) as local:
        once = await local.count("root", "key_proxy:logs-*")
        body = {"size": 8, "sort": [{"@timestamp": "asc"}], "aggs": {"s": {"terms": {"field": "service"}}}}
        merged = await local.search("root", "*:logs-*", body)
        caps = await local.field_caps("root", "*:logs-app-1", fields="level")
        resolved = await local.resolve_index("root", "*:logs-app-1")
        terms = await local.terms_enum("root", "*:logs-*", {"field": "level", "string": "E"})
    assert merged["hits"]["total"]["value"] == 4 * once["count"]
    assert [hit["_index"].split(":")[0] for hit in merged["hits"]["hits"]] == sorted(ALIASES) * 2
    assert len({hit["_id"] for hit in merged["hits"]["hits"]}) == 2
    assert merged["_clusters"]["successful"] == 4
    assert caps["indices"] == [f"{alias}:logs-app-1" for alias in sorted(ALIASES)]
    assert [each["name"] for each in resolved["indices"]] == caps["indices"]
    assert terms["terms"] == ["ERROR"]


@pytest.mark.parametrize("alias", ["key_proxy", "key_sniff"])
async def test_roles_here_narrow_what_the_key_allows(setting: Setting, alias: str) -> None:
    async with local_cluster(setting, alias) as local:
        found = await local.search("alice", f"{alias}:*", {"size": 100})
        assert {hit["_index"] for hit in found["hits"]["hits"]} == {f"{alias}:logs-app-1"}
        with pytest.raises(ElasticsearchException) as denied:
            await local.search("alice", f"{alias}:logs-web-1")
        told = unwrap(denied.value)
        assert told.type == "security_exception"
        assert "is unauthorized for user [alice] with assigned roles [logs_reader] authenticated by API key id" in str(
            told.reason
        )


@pytest.mark.parametrize("alias", ["key_proxy", "cert_sniff"])
@pytest.mark.parametrize("scheme", ["lz4", "deflate"])
async def test_compressed_requests_have_compressed_answers(setting: Setting, alias: str, scheme: str) -> None:
    prefix = f"cluster.remote.{alias}.transport"
    more = {f"{prefix}.compress": "true", f"{prefix}.compression_scheme": scheme}
    async with local_cluster(setting, alias, **more) as local:
        found = await local.search("root", f"{alias}:logs-*", {"size": 60})
    assert len(found["hits"]["hits"]) == found["hits"]["total"]["value"]


async def test_what_the_in_memory_cluster_does_not_have_is_refused_by_name(setting: Setting) -> None:
    async with local_cluster(setting, "key_proxy") as local:
        for call in (
            local.open_point_in_time("root", "key_proxy:logs-*", "1m"),
            local.search("root", "key_proxy:logs-*", {}, scroll="1m"),
        ):
            with pytest.raises(ElasticsearchException) as refused:
                await call
            assert any(name in str(unwrap(refused.value).reason) for name in ("open_point_in_time", "[scroll]"))


async def test_a_gateway_that_is_restarted_is_connected_to_again(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    (tmp_path / "local-roles.yml").write_text(ROLES)
    try:
        ports = {
            "remote_cluster.port": setting.gateway.port("remote_cluster"),
            "transport.port": setting.gateway.port("transport"),
        }
        async with local_cluster(setting, *ALIASES) as local:
            await local.search("root", "*:logs-*")
            assert await trio.to_thread.run_sync(setting.gateway.stop) == 0
            with pytest.raises(ElasticsearchException) as gone:
                await local.search("root", "key_proxy:logs-*")
            assert unwrap(gone.value).type == "no_seed_node_left_exception"
            setting.gateway.settings |= ports
            await trio.to_thread.run_sync(setting.gateway.start)
            found: dict[str, Any] = await local.search("root", "*:logs-*")
            assert found["_clusters"]["successful"] == 4
    finally:
        setting.gateway.stop()


async def test_a_certificate_of_another_authority_is_told(setting: Setting) -> None:
    more = {"xpack.security.remote_cluster_client.ssl.certificate_authorities": "client.crt"}
    async with local_cluster(setting, "key_proxy", **more) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "key_proxy:logs-*")
    told = unwrap(failed.value)
    assert told.type == "no_seed_node_left_exception"
    assert "CERTIFICATE_VERIFY_FAILED" in str(told.suppressed[0].reason)
