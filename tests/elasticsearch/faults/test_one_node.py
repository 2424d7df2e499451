"""One upstream node that freezes, dies, gets lost, and changes its certificate and keys; and clients that do as badly.

Two silences take a minute to be found out. They begin first, in front of a gateway of their own, and what came of them is looked at last.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from certs.issue import make_ca, make_server
from gateway.backends.relay.failures import OWN_CREDENTIALS_REFUSED
from gateway.backends.relay.upstream import AT_ONCE
from protocol.errors import ElasticsearchException
from tests.elasticsearch.faults.caller import LOGS, Caller, found
from tests.elasticsearch.faults.forwarder import Forwarder, forwarder
from tests.elasticsearch.faults.site import HELD, NAMES, Relay, Site, Upstream
from tests.gateway import processes
from tests.gateway.processes import connections_to, put, resident

eventually = partial(processes.eventually, seconds=40.0)

CALLERS = 5
READY = 6
"""``backend.relay.connections`` where nothing else is set."""
HASTY_SECONDS = 4
LARGE_ANSWERS = 12
"""Of half a megabyte."""
AT_ONCE_SECONDS = 5.0
FROZEN_SECONDS = 30.0
SILENCE_SECONDS = 60.0
"""DEAD_SECONDS of the relay's upstream, and SEND_SECONDS of the gateway's limits."""
LATE_SECONDS = 15.0
WORK = {
    "size": 1500,
    "_source": False,
    "highlight": {
        "type": "plain",
        "number_of_fragments": 1,
        "fields": {
            "message": {
                "highlight_query": {
                    "bool": {
                        "should": [
                            {"wildcard": {"message": f"*{one}*{other}*"}}
                            for one in "abcdefghijklmnopqrst"
                            for other in "aeiourstlmn"
                        ]
                    }
                }
            }
        },
    },
}
"""A search of many seconds; while it fetches it looks for each document whether it is still wanted."""


def callers(closing: ExitStack, relay: Relay, patience: float = 20.0) -> list[Caller]:
    return [closing.enter_context(relay.caller(patience)) for _ in range(CALLERS)]


@dataclass
class Silence:
    """Connections whose packets get lost, all at the same time, between a gateway and the upstream, and between a client and it."""

    relay: Relay
    upstream_way: Forwarder
    asking: Caller
    """Its searches run upstream."""
    gone: Caller
    """It is being answered, and nothing reaches it."""
    idle: Caller
    """It is there, and has asked nothing since."""
    searches: list[int]


@pytest.fixture(scope="module", autouse=True)
def silence(site: Site, upstream: Upstream) -> Iterator[Silence]:
    with ExitStack() as closing:
        upstream_way = closing.enter_context(forwarder(upstream.port))
        relay = site.relay("silent", upstream.key("silent"), [upstream_way.port])
        closing.callback(relay.gateway.stop)
        # Closed before the gateway is, which otherwise would wait for its last answer to be taken.
        client_way = closing.enter_context(forwarder(relay.port))
        asking = closing.enter_context(relay.caller(SILENCE_SECONDS + LATE_SECONDS))
        idle = closing.enter_context(relay.caller())
        gone = closing.enter_context(relay.caller(port=client_way.port))
        for each in (asking, gone, idle):
            assert found(each.search())
        number = upstream.hold()
        searches = [asking.start(index=HELD, after=number) for _ in range(10)]
        eventually(lambda: len(upstream.searches()) == len(searches))
        for _ in range(LARGE_ANSWERS):
            gone.start({"size": 1500})
        # The upstream has done its part, and the buffers of all sockets on the way to the client are full.
        eventually(lambda: len(upstream.searches()) == len(searches))
        client_way.lose()
        upstream_way.lose()
        yield Silence(relay, upstream_way, asking, gone, idle, searches)


@pytest.fixture(scope="module")
def relay(site: Site, upstream: Upstream) -> Iterator[Relay]:
    made = site.relay("one", upstream.key("one"), [upstream.port])
    try:
        yield made
    finally:
        made.gateway.stop()


@pytest.fixture(scope="module")
def hasty(site: Site, upstream: Upstream) -> Iterator[Relay]:
    """One that gives up soon, and has one link ready."""
    settings = {"limits.request_timeout": f"{HASTY_SECONDS}s", "backend.relay.connections": 1}
    made = site.relay("hasty", upstream.key("hasty"), [upstream.port], settings)
    try:
        yield made
    finally:
        made.gateway.stop()


def test_a_client_that_is_killed_takes_its_work_along(upstream: Upstream, relay: Relay) -> None:

    def left() -> int:
        return sum(event.get("event.reason") == "its client is gone" for event in relay.events())

    gone = left()
    before = {task["id"] for task in upstream.searches("*")}

    def running(parts: str = "*") -> list[dict[str, Any]]:
        return [task for task in upstream.searches(parts) if task["id"] not in before]

    with ExitStack() as closing:
        doomed = callers(closing, relay)
        number = upstream.hold()
        for each in doomed:
            for _ in range(2):
                each.start(WORK)
            each.start(index=HELD, after=number)
        eventually(lambda: len(running("")) == 3 * CALLERS)
        for each in doomed:
            each.reset()
        # The others go on to wait, and see that nobody wants them when that is over.
        eventually(lambda: [task["cancelled"] for task in running("")] == [True] * CALLERS)
        upstream.release()
        eventually(lambda: not running())
    eventually(lambda: left() == gone + CALLERS)
    assert connections_to(relay.pid, upstream.port) <= READY + AT_ONCE
    with relay.caller() as other:
        assert found(other.search())


def test_while_the_upstream_is_frozen_for_half_a_minute_searches_wait(upstream: Upstream, relay: Relay) -> None:
    """Those of clients that have a link, and those of more clients than there are links ready."""
    with ExitStack() as closing:
        first = callers(closing, relay, 2 * FROZEN_SECONDS)
        for each in first:
            assert found(each.search())
        memory, links = resident(relay.pid), connections_to(relay.pid, upstream.port)
        began = time.monotonic()
        with upstream.frozen():
            second = callers(closing, relay, 2 * FROZEN_SECONDS) + callers(closing, relay, FROZEN_SECONDS + LATE_SECONDS)
            searches = {each: [each.start({"size": 100}) for _ in range(20)] for each in (*first, *second)}
            time.sleep(FROZEN_SECONDS - (time.monotonic() - began))
            grown = resident(relay.pid) - memory
            assert connections_to(relay.pid, upstream.port) <= links + len(second) + AT_ONCE
        assert all(found(outcome) for each, sent in searches.items() for outcome in each.take_all(sent).values())
        assert grown < 10_000_000
    eventually(lambda: connections_to(relay.pid, upstream.port) <= links - len(first) + AT_ONCE)


def test_whoever_has_less_patience_is_told_and_goes_on_after(upstream: Upstream, hasty: Relay) -> None:
    """With ``limits.request_timeout``, and over the same connections."""
    with ExitStack() as closing:
        first = callers(closing, hasty)
        for each in first:
            assert found(each.search())
        with upstream.frozen():
            # Without a link, since all but one of those that were ready have been taken.
            began = time.monotonic()
            second = callers(closing, hasty)
            searches = {each: [each.start() for _ in range(10)] for each in (*first, *second)}
            for each, sent in searches.items():
                for outcome in each.take_all(sent).values():
                    assert isinstance(outcome, ElasticsearchException)
                    assert (outcome.type, outcome.reason) == (
                        "timeout_exception",
                        "[indices:data/read/search] was not answered within the gateway's request timeout",
                    )
            assert HASTY_SECONDS - 1 < time.monotonic() - began < HASTY_SECONDS + AT_ONCE_SECONDS
        for each in (*first, *second):
            assert found(each.search())
        # What came too late has gone nowhere, and nothing of it runs on.
        eventually(lambda: not [task for task in upstream.searches() if LOGS in task["description"]])


def test_another_key_takes_the_place_of_one_that_was_invalidated(upstream: Upstream, relay: Relay, hasty: Relay) -> None:
    """The clients are told in plain words, and once there is a new key they go on over the connections that they have."""
    with ExitStack() as closing:
        clients, others = callers(closing, relay), callers(closing, hasty)
        for each in (*clients, *others):
            assert found(each.search())
        assert relay.own_key is not None
        upstream.node.rest("DELETE", "/_security/api_key", {"ids": [relay.own_key["id"]]})
        for each in clients:
            refused = each.search()
            assert isinstance(refused, ElasticsearchException)
            assert (refused.type, refused.status, refused.reason) == ("security_exception", 401, OWN_CREDENTIALS_REFUSED)
        for each in others:
            assert found(each.search())
        renewed = upstream.key("another")
        relay.key_file.write_text(renewed["encoded"])
        began = time.monotonic()
        eventually(lambda: not isinstance(clients[0].search(), ElasticsearchException))
        assert time.monotonic() - began < AT_ONCE_SECONDS
        for each in clients:
            assert found(each.search())
        with relay.caller() as new:
            assert found(new.search())
    for key in (relay.own_key, renewed):
        assert key["api_key"] not in relay.log()
        assert key["encoded"] not in relay.log()


def test_the_upstreams_certificate_is_renewed_under_another_authority(site: Site, upstream: Upstream, relay: Relay) -> None:
    """First at the node, which the gateway does not trust then; its links stay, and so do the connections of its clients."""
    other = make_ca("other")
    renewed = make_server(other, "server", NAMES)
    with ExitStack() as closing:
        clients = callers(closing, relay)
        for each in clients:
            assert found(each.search())
        for folder in (site.folder, upstream.config):
            put(folder, "upstream", renewed)
        eventually(lambda: upstream.serial() == renewed.certificate.serial_number)
        for each in clients:
            assert found(each.search())
        # Links that were there before go to clients that come, until there are none.
        more = [closing.enter_context(relay.caller()) for _ in range(READY + 1)]
        outcomes = [each.search() for each in more]
        refused = outcomes[-1]
        assert isinstance(refused, ElasticsearchException)
        assert refused.type == "node_not_connected_exception"
        assert "certificate verify failed" in str(refused.reason)
        put(site.folder, "up-ca", other)
        began = time.monotonic()
        eventually(lambda: not isinstance(more[-1].search(), ElasticsearchException))
        assert time.monotonic() - began < LATE_SECONDS
        for each in (*clients, *more):
            assert found(each.search())


def test_connections_that_got_lost_without_a_word_are_found_out(silence: Silence) -> None:
    """Half-open ones: those who wait upstream are told after a minute, and a client that takes nothing is given up after as long."""
    relay = silence.relay
    outcomes = silence.asking.take_all(silence.searches)
    for outcome in outcomes.values():
        assert isinstance(outcome, ElasticsearchException)
        assert (outcome.type, outcome.reason) == (
            "node_disconnected_exception",
            f"[127.0.0.1:{silence.upstream_way.port}][indices:data/read/search] disconnected",
        )
    waits = [event["event.duration"] / 1e9 for event in relay.events() if event.get("rcgateway.indices_requested") == [HELD]]
    assert len(waits) == len(outcomes)
    assert all(SILENCE_SECONDS - LATE_SECONDS < seconds < SILENCE_SECONDS + LATE_SECONDS for seconds in waits)
    for each in (silence.asking, silence.idle):
        assert found(each.search())
    eventually(lambda: any(event.get("event.reason") == "the other side takes no bytes" for event in relay.events()))
    # What is left are new links that are ready, and those of the two clients.
    eventually(lambda: connections_to(relay.pid, silence.upstream_way.port) == READY + 2)


def test_a_node_that_is_killed_under_a_hundred_searches_fails_them_at_once(upstream: Upstream, relay: Relay) -> None:
    """And when it is back the clients go on, over the same connections."""
    with ExitStack() as closing:
        clients = callers(closing, relay)
        for each in clients:
            assert found(each.search())
        number = upstream.hold()
        waiting = {each: [each.start(index=HELD, after=number) for _ in range(10)] for each in clients}
        eventually(lambda: len(upstream.searches()) == 10 * CALLERS)
        working = {each: [each.start() for _ in range(10)] for each in clients}
        upstream.kill()
        began = time.monotonic()
        for each in clients:
            outcomes = each.take_all(waiting[each] + working[each])
            for search, outcome in outcomes.items():
                if search in working[each] and not isinstance(outcome, ElasticsearchException):
                    assert found(outcome)
                    continue
                assert isinstance(outcome, ElasticsearchException)
                assert (outcome.type, outcome.reason) == (
                    "node_disconnected_exception",
                    f"[127.0.0.1:{upstream.port}][indices:data/read/search] disconnected",
                )
        assert time.monotonic() - began < AT_ONCE_SECONDS
        # While there is none, who asks is told so in time.
        refused = clients[0].search()
        assert isinstance(refused, ElasticsearchException)
        assert refused.type == "node_not_connected_exception"
        assert "Connection refused" in str(refused.reason)
        upstream.node.launch()
        upstream.node.wait()
        began = time.monotonic()
        eventually(lambda: not isinstance(clients[0].search(), ElasticsearchException))
        assert time.monotonic() - began < LATE_SECONDS
        for each in clients:
            assert found(each.search())
        with relay.caller() as new:
            assert found(new.search())
