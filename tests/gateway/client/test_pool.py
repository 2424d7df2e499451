"""Connections of a local cluster: how many, where to, and what becomes of them; with remote clusters that the test plays."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from gateway.client import open_local_cluster, settings_of
from protocol.errors import ElasticsearchException
from protocol.exceptions import unwrap
from tests.gateway.backends.relay.played import node, silence
from tests.gateway.client.played import answering, attributed, local_cluster, site, until

PROXY = {"rem.mode": "proxy", "rem.proxy_address": "10.0.0.1:9443", "rem.skip_unavailable": "false"}
SNIFF = {"rem.seeds": "10.0.0.1:9443", "rem.skip_unavailable": "false"}


async def test_proxy_mode_opens_its_sockets_and_takes_them_in_turn(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", handler=answering("a"))
    async with local_cluster(remotes, monkeypatch, {**PROXY, "rem.proxy_socket_connections": "4"}) as local:
        await until(lambda: local.remote_info()["rem"]["num_proxy_sockets_connected"] == 4)
        for _ in range(8):
            await local.search("root", "rem:x")
            await trio.sleep(0.01)
        assert [len(each.requests) for each in remotes["10.0.0.1"].connections] == [2, 2, 2, 2]
        assert local.remote_info()["rem"] == {
            "connected": True,
            "mode": "proxy",
            "proxy_address": "10.0.0.1:9443",
            "server_name": "",
            "num_proxy_sockets_connected": 4,
            "max_proxy_socket_connections": 4,
            "initial_connect_timeout": "30s",
            "skip_unavailable": False,
            "cluster_credentials": "::es_redacted::",
        }


async def test_sniff_mode_connects_to_as_many_nodes_as_it_should(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", "10.0.0.2", "10.0.0.3", handler=answering("a"))
    async with local_cluster(remotes, monkeypatch, {**SNIFF, "rem.node_connections": "2"}) as local:
        await until(lambda: len(local.remote("rem").pool.links) == 12)
        info = local.remote_info()["rem"]
        assert (info["num_nodes_connected"], info["max_connections_per_cluster"], info["seeds"]) == (2, 2, ["10.0.0.1:9443"])
        assert [len(each.connections) for each in remotes.values()] == [6, 6, 0]
        for _ in range(12):
            await local.search("root", "rem:x")
            await trio.sleep(0.01)
        assert [len(each.searches) for each in remotes.values()] == [6, 6, 0]


async def test_nodes_that_are_only_masters_or_lack_the_attribute_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", "10.0.0.2", "10.0.0.3", handler=answering("a"))
    nodes = [
        attributed(node("10.0.0.1", 9443, "master"), door="true"),
        attributed(node("10.0.0.2"), door="false"),
        attributed(node("10.0.0.3"), door="true"),
    ]
    for each in remotes.values():
        each.nodes[:] = nodes
    async with local_cluster(remotes, monkeypatch, {**SNIFF, "node.attr": "door"}) as local:
        await until(lambda: len(local.remote("rem").pool.links) == 6)
        await local.search("root", "rem:x")
        assert [len(each.connections) for each in remotes.values()] == [1, 0, 6]  # the first one told of the others


async def test_the_next_seed_is_asked_where_one_is_down(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", "10.0.0.2", handler=answering("a"))
    remotes["10.0.0.1"].refuse = True
    async with local_cluster(remotes, monkeypatch, {**SNIFF, "rem.seeds": "10.0.0.1:9443,10.0.0.2:9443"}) as local:
        answer = await local.search("root", "rem:x")
        assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["a"]


async def test_a_node_that_dies_fails_what_it_had_and_the_rest_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", "10.0.0.2")
    remotes["10.0.0.1"].handler, remotes["10.0.0.2"].handler = silence, answering("a")
    failures: list[ElasticsearchException] = []
    async with local_cluster(remotes, monkeypatch, SNIFF) as local, trio.open_nursery() as nursery:
        await until(lambda: len(local.remote("rem").pool.links) == 12)

        async def search() -> None:
            try:
                await local.search("root", "rem:x")
            except ElasticsearchException as error:
                failures.append(unwrap(error))

        for _ in range(12):
            nursery.start_soon(search)
            await trio.sleep(0.01)
        assert len(remotes["10.0.0.1"].searches) == 6
        remotes["10.0.0.1"].die()
        await until(lambda: len(failures) == 6)
        assert {error.type for error in failures} == {"node_disconnected_exception"}
        for _ in range(12):
            await local.search("root", "rem:x")
        # It comes back with the node.
        remotes["10.0.0.1"].refuse, remotes["10.0.0.1"].handler = False, answering("b")
        pool = local.remote("rem").pool
        await until(lambda: sum(link.address.host == "10.0.0.1" for link in pool.links) == 6)
        assert len(pool.links) == 12


async def test_another_node_takes_the_place_of_one_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", "10.0.0.2", "10.0.0.3", handler=answering("a"))
    async with local_cluster(remotes, monkeypatch, {**SNIFF, "rem.node_connections": "2"}) as local:
        await until(lambda: len(local.remote("rem").pool.links) == 12)
        remotes["10.0.0.2"].die()
        await until(lambda: len(remotes["10.0.0.3"].connections) == 6 and len(local.remote("rem").pool.links) == 12)
        assert local.remote_info()["rem"]["num_nodes_connected"] == 2
        assert len(remotes["10.0.0.1"].connections) == 6


async def test_another_cluster_at_the_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", handler=answering("a"))
    remote = remotes["10.0.0.1"]
    async with local_cluster(remotes, monkeypatch, PROXY) as local:
        await local.search("root", "rem:x")
        remote.die()
        remote.refuse, remote.cluster_name = False, "other"
        await until(lambda: not local.remote_info()["rem"]["connected"])
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "rem:x")
        told = unwrap(failed.value)
        assert told.type == "no_seed_node_left_exception"
        assert "remote cluster name [up] was expected, but was [other]" in str(told.suppressed[0].reason)
        remote.cluster_name = "up"
        await local.search("root", "rem:x")


@pytest.mark.parametrize(
    ("flat", "reason"),
    [
        (PROXY, "Unable to open any proxy connections to cluster [rem] at address [10.0.0.1:9443]"),
        (SNIFF, "no seed node left for cluster: [rem]"),
    ],
)
async def test_a_cluster_that_is_not_there_is_told_in_elasticsearchs_words(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, flat: dict[str, str], reason: str
) -> None:
    remotes = site("10.0.0.1", refuse=True, handler=answering("a"))
    async with local_cluster(remotes, monkeypatch, flat) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "rem:x")
        assert failed.value.reason == "error while communicating with remote cluster [rem]"
        told = unwrap(failed.value)
        assert (told.type, told.reason) == ("no_seed_node_left_exception", reason)
        assert [each.type for each in told.suppressed] == ["connect_transport_exception"]
        # A request does not wait for the next attempt in the background.
        remotes["10.0.0.1"].refuse = False
        began = trio.current_time()
        await local.search("root", "rem:x")
        assert trio.current_time() - began < 0.5


async def test_a_cluster_that_refuses_the_key_says_so(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    refusal = ElasticsearchException("security_exception", "api key [x] has been invalidated", status=401)
    remotes = site("10.0.0.1", refusal=refusal)
    async with local_cluster(remotes, monkeypatch, PROXY) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "rem:x")
        assert unwrap(failed.value).reason == refusal.reason


async def test_an_address_that_says_nothing_is_waited_for_as_long_as_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", unreachable=True)
    async with local_cluster(remotes, monkeypatch, {**PROXY, "initial_connect_timeout": "7s"}) as local:
        assert trio.current_time() >= 7
        began = trio.current_time()
        with pytest.raises(ElasticsearchException):
            await local.search("root", "rem:x")
        assert trio.current_time() - began == pytest.approx(7, abs=0.5)


async def test_quiet_connections_are_pinged_and_dead_ones_replaced(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", handler=answering("a"))
    remote = remotes["10.0.0.1"]
    flat = {**PROXY, "rem.proxy_socket_connections": "1", "rem.transport.ping_schedule": "5s"}
    async with local_cluster(remotes, monkeypatch, flat) as local:
        await trio.sleep(17)
        assert len(remote.connections) == 1
        remote.unreachable = True
        await trio.sleep(21)
        remote.unreachable = False
        await until(lambda: local.remote_info()["rem"]["connected"])
        assert len(remote.connections) > 1


async def test_nothing_is_pinged_without_a_schedule(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = site("10.0.0.1", handler=answering("a"))
    async with local_cluster(remotes, monkeypatch, {**PROXY, "rem.proxy_socket_connections": "1"}) as local:
        remotes["10.0.0.1"].unreachable = True
        await trio.sleep(40)
        assert local.remote_info()["rem"]["connected"]


async def test_an_error_of_the_caller_comes_out_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with open_local_cluster(settings_of({}, Path("/nowhere"))):
            raise KeyError("mine")
