"""A rolling restart of a cluster of two nodes under load: only searches that were in flight on the node that is killed may fail.

Two gateways are in front of it. One has the addresses of both nodes and a key; the other has the address of one node and a certificate, and
looks up the rest. A stock local cluster searches through both, and so do clients that have one connection each.

It takes three minutes, so only ``RCGATEWAY_FAULTS=all`` runs it. It has been seen to fail: a node that comes back may take a search
before it has its shards, and then answers it with an error of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from certs.issue import make_client
from protocol.errors import ElasticsearchException
from tests.elasticsearch.faults.caller import LOGS, found
from tests.elasticsearch.faults.site import Relay, Site, Upstream, fill_upstream
from tests.elasticsearch.rig.clusters import set_remote, wait_connected
from tests.elasticsearch.rig.maven import NEWEST_9
from tests.elasticsearch.rig.node import Node
from tests.gateway.processes import put

pytestmark = pytest.mark.skipif(
    os.environ.get("RCGATEWAY_FAULTS") != "all", reason="takes three minutes; RCGATEWAY_FAULTS=all runs it"
)

SEARCHERS = 4
"""Of each kind, through each gateway."""
SOON_SECONDS = 5.0
LOAD_SECONDS = 4.0
"""Of load before the first node is killed, and after each is back."""
TRANSPORT_SSL = "xpack.security.transport.ssl"
KINDS = ("listed", "sniffing")


@dataclass
class Failure:
    """``who`` was told ``reason`` at ``time``."""

    who: str
    time: float
    reason: str


@dataclass
class Load:
    """Searchers that do not pause, each in a thread."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Searchers that ended before they were told to."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, who: str, search: Callable[[], str | None]) -> None:
        """``search`` returns why it has failed, if it has."""

        def run() -> None:
            try:
                while not self._stop.is_set():
                    reason = search()
                    if reason is None:
                        self.answers[who] += 1
                    else:
                        self.failures.append(Failure(who, time.monotonic(), reason))
            except (OSError, AssertionError, httpx.HTTPError) as error:
                self.broken.append(f"{who}: {error!r}")

        self._threads.append(thread := threading.Thread(target=run, daemon=True))
        thread.start()

    def stop(self) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(60)


@dataclass
class Pair:
    nodes: list[Upstream]
    relays: dict[str, Relay]
    local: Node

    def addresses(self, number: int) -> tuple[str, str]:
        """Of a node's remote cluster port, and of its transport port."""
        node = self.nodes[number]
        return f"127.0.0.1:{node.port}", f"127.0.0.1:{node.node.transport_port}"

    def wait_green(self) -> None:
        for each in self.nodes:
            each.node.rest("GET", "/_cluster/health?wait_for_status=green&wait_for_nodes=2&timeout=50s")


@pytest.fixture(scope="module")
def pair(site: Site) -> Iterator[Pair]:
    put(site.folder, "own", make_client(site.ca, "gateway"))
    nodes = [site.upstream(name) for name in ("pair-1", "pair-2")]
    seeds = ",".join(f"127.0.0.1:{each.node.transport_port}" for each in nodes)
    for each in nodes:
        each.node.settings = {
            **each.node.settings,
            "cluster.name": "pair",
            "discovery.type": "multi-node",
            "discovery.seed_hosts": seeds,
            "cluster.initial_master_nodes": "pair-1",
            f"{TRANSPORT_SSL}.enabled": "true",
            f"{TRANSPORT_SSL}.verification_mode": "certificate",
            f"{TRANSPORT_SSL}.certificate": "upstream.crt",
            f"{TRANSPORT_SSL}.key": "upstream.key",
            f"{TRANSPORT_SSL}.certificate_authorities": "ca.crt",
        }
    with ExitStack() as closing:
        for each in nodes:
            closing.callback(each.node.stop)
            each.node.launch()
        for each in nodes:
            each.node.wait()
        fill_upstream(nodes[0], replicas=1)
        by_certificate = {
            "backend.relay.mode": "certificate",
            "backend.relay.sniff": True,
            "backend.relay.ssl.certificate": str(site.folder / "own.crt"),
            "backend.relay.ssl.key": str(site.folder / "own.key"),
        }
        relays = {
            "listed": site.relay("listed", nodes[0].key("listed"), [each.port for each in nodes]),
            "sniffing": site.relay("sniffing", None, [nodes[0].node.transport_port], by_certificate),
        }
        for relay in relays.values():
            closing.callback(relay.gateway.stop)
        local = local_node(site, relays)
        closing.callback(local.stop)
        local.launch()
        made = Pair(nodes, relays, local)
        made.wait_green()
        local.wait()
        for kind, relay in relays.items():
            set_remote(local, kind, {"mode": "proxy", "skip_unavailable": False, "proxy_address": f"127.0.0.1:{relay.port}"})
            wait_connected(local, kind)
        yield made


def local_node(site: Site, relays: dict[str, Relay]) -> Node:
    prefix = "xpack.security.remote_cluster_client.ssl"
    settings = {f"{prefix}.enabled": "true", f"{prefix}.certificate_authorities": "ca.crt"}
    secrets = {f"cluster.remote.{kind}.credentials": relay.client_key for kind, relay in relays.items()}
    return Node("local", NEWEST_9, site.folder / "local", settings, secrets, (site.folder / "ca.crt",))


def by_hand(closing: ExitStack, relay: Relay) -> Callable[[], str | None]:
    """Over one connection."""
    caller = closing.enter_context(relay.caller(60))

    def search() -> str | None:
        outcome = caller.search()
        if isinstance(outcome, ElasticsearchException):
            return f"{outcome.type}: {outcome.reason}"
        return None if found(outcome) else f"not whole: {outcome.failures}"

    return search


def by_local_cluster(closing: ExitStack, local: Node, kind: str) -> Callable[[], str | None]:
    """Over the connections of the local cluster."""
    client = closing.enter_context(local.client())

    def search() -> str | None:
        answer = client.post(f"/{kind}:{LOGS}/_search", json={"size": 1})
        body: dict[str, Any] = answer.json()
        whole = answer.is_success and body["hits"]["hits"] and not body["_shards"]["failed"]
        return None if whole else answer.text

    return search


def test_a_rolling_restart_fails_only_what_was_in_flight(pair: Pair) -> None:
    load = Load()
    killed: list[float] = []
    with ExitStack() as closing:
        for kind, relay in pair.relays.items():
            for number in range(SEARCHERS):
                load.start(f"by hand {kind} {number}", by_hand(closing, relay))
                load.start(f"local {kind} {number}", by_local_cluster(closing, pair.local, kind))
        closing.callback(load.stop)
        time.sleep(LOAD_SECONDS)
        for node in pair.nodes:
            node.kill()
            killed.append(time.monotonic())
            time.sleep(LOAD_SECONDS)
            node.node.launch()
            node.node.wait()
            pair.wait_green()
            time.sleep(LOAD_SECONDS)
    assert not load.broken
    for each in load.failures:
        number = max(place for place, moment in enumerate(killed) if moment - SOON_SECONDS < each.time)
        assert each.time < killed[number] + SOON_SECONDS, each
        assert "node_disconnected_exception" in each.reason, each
        assert any(f"[{address}][indices:data/read/search] disconnected" in each.reason for address in pair.addresses(number)), (
            each
        )
    # Each searcher has one in flight, and two nodes were killed.
    assert max(Counter(each.who for each in load.failures).values(), default=0) <= len(killed)
    assert len(load.answers) == 2 * len(KINDS) * SEARCHERS
    assert min(load.answers.values()) > 50
