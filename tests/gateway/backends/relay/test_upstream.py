"""Several upstream nodes that come, go, freeze and get lost, each played by the test; hours pass in no time."""

from __future__ import annotations

import collections

import pytest
import trio
import trio.testing

from gateway.backends.relay.backend import RelayBackend
from gateway.backends.relay.upstream import (
    CONNECT_SECONDS,
    DEAD_SECONDS,
    PING_SECONDS,
    SNIFF_SECONDS,
    SWEEP_SECONDS,
    TAKE_SECONDS,
)
from gateway.links.link import Address
from gateway.links.sniffing import address_of, serves
from gateway.links.targets import LONGEST_PAUSE_SECONDS
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.messages.tasks import CANCEL_CHILD
from tests.gateway.backends.relay.played import LONG, Played, PlayedConnection, ask, call, echo, node, relay, silence

ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def met(hosts: dict[str, Played]) -> dict[str, int]:
    """How many links each node has had."""
    return {host: len(played.connections) for host, played in hosts.items()}


async def settle() -> None:
    await trio.sleep(1)


async def test_links_are_spread_over_all_addresses(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {host: Played() for host in (ONE, TWO, THREE)}
    async with relay(hosts, monkeypatch, ready=6) as backend:
        await settle()
        assert met(hosts) == {ONE: 2, TWO: 2, THREE: 2}
        for number in range(3):
            await ask(backend, connection=number)
        await settle()
        assert met(hosts) == {ONE: 3, TWO: 3, THREE: 3}


@pytest.mark.parametrize("refuses", [True, False])
async def test_an_address_that_is_dead_holds_up_nobody(
    autojump_clock: trio.testing.MockClock, refuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that refuses nor one whose packets get lost, which takes half a minute to find out."""
    one, three = (Played(refuse=refuses, unreachable=not refuses) for _ in range(2))
    hosts = {ONE: one, TWO: Played(), THREE: three}
    async with relay(hosts, monkeypatch, ready=2) as backend:
        for number in range(20):
            began = trio.current_time()
            assert await ask(backend, connection=number) == b"re:question"
            assert trio.current_time() - began < 2.5


async def test_an_address_that_comes_back_gets_its_share(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {ONE: Played(refuse=True), TWO: Played()}
    async with relay(hosts, monkeypatch, ready=2, deadline=LONG) as backend:
        await trio.sleep(100)
        hosts[ONE].refuse = False
        await trio.sleep(LONGEST_PAUSE_SECONDS + 1)
        for number in range(10):
            await ask(backend, connection=number)
        await settle()
        assert abs(len(hosts[ONE].connections) - len(hosts[TWO].connections)) <= 2


async def test_a_rolling_restart_fails_only_what_was_in_flight(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes are killed and come back one after the other, while ten clients ask without a pause."""

    async def work(connection: PlayedConnection, request: RequestReceived) -> None:
        await trio.sleep(0.1)
        await echo(connection, request)

    hosts = {ONE: Played(work), TWO: Played(work)}
    failed: list[tuple[str, bytes]] = []
    killed: dict[str, set[bytes]] = {}
    answered = 0

    async def client(backend: RelayBackend, number: int) -> None:
        nonlocal answered
        for turn in range(10_000):
            question = b"%d/%d" % (number, turn)
            try:
                assert await ask(backend, question, number) == b"re:" + question
                answered += 1
            except ElasticsearchException as error:
                failed.append((error.type, question))

    async with relay(hosts, monkeypatch, ready=4, deadline=LONG) as backend, trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(client, backend, number)
        for host in (ONE, TWO, ONE, TWO):
            await trio.sleep(2)
            hosts[host].die()
            killed.setdefault(host, set()).update(hosts[host].requests)
            await trio.sleep(3)
            hosts[host].refuse = False
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    # At each of the four deaths each client has one request in flight at most, and only those at the node that died are lost.
    assert answered > 1_000
    assert 0 < len(failed) <= 4 * 10
    assert {question for _, question in failed} <= killed[ONE] | killed[TWO]
    assert {kind for kind, _ in failed} == {"node_disconnected_exception"}


async def test_sniffing_finds_the_nodes_and_passes_over_masters(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = Played(nodes=[node(TWO), node(THREE, 9443, "data"), node("192.0.2.9", 9443, "master")])
    hosts = {ONE: seed, TWO: Played(nodes=seed.nodes), THREE: Played(nodes=seed.nodes), "192.0.2.9": Played()}
    async with relay(hosts, monkeypatch, ready=1, seeds=[ONE], sniff=True) as backend:
        await trio.sleep(3)
        for number in range(8):
            await ask(backend, connection=number)
            await settle()
        assert backend._upstream.addresses == (Address(TWO, 9443), Address(THREE, 9443))
        found = met(hosts)
        assert found["192.0.2.9"] == 0
        assert min(found[TWO], found[THREE]) >= 3
        assert found[ONE] <= 2


async def test_sniffing_in_certificate_mode_asks_for_the_nodes_of_the_state(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {ONE: Played(nodes=[node(ONE, 9443), node(TWO, 9443)]), TWO: Played()}
    async with relay(hosts, monkeypatch, ready=4, seeds=[ONE], sniff=True, credentials=None) as backend:
        await trio.sleep(3)
        assert set(backend._upstream.addresses) == {Address(ONE, 9443), Address(TWO, 9443)}


async def test_nodes_are_looked_up_again_when_a_link_fails_and_every_so_often(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {ONE: Played(), TWO: Played(), THREE: Played()}
    for played in hosts.values():
        played.nodes = [node(ONE), node(TWO)]
    async with relay(hosts, monkeypatch, ready=2, seeds=[ONE], sniff=True, deadline=LONG) as backend:
        await trio.sleep(3)
        for played in hosts.values():
            played.nodes = [node(TWO), node(THREE)]
        hosts[ONE].die()
        await trio.sleep(3)
        assert backend._upstream.addresses == (Address(TWO, 9443), Address(THREE, 9443))
        for played in hosts.values():
            played.nodes = [node(THREE)]
        await trio.sleep(SNIFF_SECONDS + 2)
        assert list(backend._upstream.addresses) == [Address(THREE, 9443)]


async def test_seeds_serve_when_the_nodes_that_were_found_cannot_be_reached(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a translation of addresses the published ones lead nowhere."""
    hosts = {ONE: Played(nodes=[node(TWO), node(THREE)]), TWO: Played(refuse=True), THREE: Played(unreachable=True)}
    async with relay(hosts, monkeypatch, ready=2, seeds=[ONE], sniff=True, deadline=LONG) as backend:
        await trio.sleep(60)
        for number in range(10):
            assert await ask(backend, connection=number) == b"re:question"
            await trio.sleep(1)


def test_which_nodes_serve() -> None:
    assert serves(node(ONE))
    assert serves(node(ONE, 1, "data_hot"))
    assert serves(node(ONE, 1, "master", "data"))
    assert serves(node(ONE, 1, "master", "ingest"))
    assert serves(node(ONE, 1, "remote_cluster_client"))
    assert not serves(node(ONE, 1, "master"))
    assert not serves(node(ONE, 1, "master", "remote_cluster_client", "voting_only"))


def test_a_node_is_reached_by_number_and_verified_by_its_name() -> None:
    named = node(ONE, 9300)
    named.address.host = "es1.example.org"
    assert address_of(named) == Address(ONE, 9300, "es1.example.org")
    assert address_of(node(ONE, 9300)) == Address(ONE, 9300)


async def test_a_node_that_freezes_for_half_a_minute_fails_nothing(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that run, those of clients that are there, and those of clients that come meanwhile."""
    played = Played()
    answers: list[bytes] = []

    async def one(backend: RelayBackend, number: int) -> None:
        answers.append(await ask(backend, b"%d" % number, number))

    async with relay(played, monkeypatch, ready=2, deadline=LONG) as backend:
        await ask(backend, connection=0)
        played.thawed = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(one, backend, number)
                await trio.sleep(5)
            assert not answers
            played.thawed.set()
        assert sorted(answers) == [b"re:%d" % number for number in range(6)]


async def test_a_crowd_that_comes_while_a_node_is_frozen_does_not_wait_long_after(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All attempts to connect run out of time together, which is one reason for a pause and not one each."""
    played = Played()
    async with relay(played, monkeypatch, ready=2, deadline=LONG) as backend:
        await settle()
        played.thawed = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, backend, b"q", number)
            await trio.sleep(CONNECT_SECONDS + 1)
            played.thawed.set()
            thawed = trio.current_time()
        assert trio.current_time() - thawed < 2


async def test_who_cancels_does_not_wait_for_a_node_that_is_frozen(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played()
    async with relay(played, monkeypatch, deadline=LONG) as backend:
        await ask(backend)
        played.thawed = trio.Event()
        began = trio.current_time()
        with trio.move_on_after(3):
            await ask(backend, b"never mind")
        assert trio.current_time() - began == pytest.approx(3)
        played.thawed.set()
        await settle()
        assert [one.header.action for each in played.connections for one in each.requests].count(CANCEL_CHILD) == 1
        assert await ask(backend) == b"re:question"


async def test_a_connection_that_is_open_at_one_end_only_is_found_out(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node is gone without a word: what waits there fails, and the next request goes to another."""
    hosts = {ONE: Played(silence), TWO: Played(refuse=True)}
    failures: list[tuple[float, ElasticsearchException]] = []

    async def one(backend: RelayBackend) -> None:
        try:
            await ask(backend)
        except ElasticsearchException as error:
            failures.append((trio.current_time(), error))

    async with relay(hosts, monkeypatch, ready=1, deadline=LONG) as backend, trio.open_nursery() as nursery:
        await settle()
        nursery.start_soon(one, backend)
        await settle()
        began = trio.current_time()
        hosts[ONE].unreachable, hosts[TWO].refuse = True, False
        await trio.sleep(DEAD_SECONDS + SWEEP_SECONDS + 2)
        ((ended, error),) = failures
        assert error.type == "node_disconnected_exception"
        assert DEAD_SECONDS - 2 <= ended - began <= DEAD_SECONDS + SWEEP_SECONDS + 1
        assert await ask(backend) == b"re:question"


async def test_a_long_request_is_no_silence(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node answers pings while it works."""

    async def slow(connection: PlayedConnection, request: RequestReceived) -> None:
        async def later() -> None:
            await trio.sleep(20 * DEAD_SECONDS)
            await echo(connection, request)

        nursery.start_soon(later)

    async with trio.open_nursery() as nursery, relay(Played(slow), monkeypatch, deadline=LONG) as backend:
        assert await ask(backend) == b"re:question"


async def test_an_idle_link_that_a_firewall_has_forgotten_is_given_to_nobody(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played()
    async with relay(played, monkeypatch, ready=3, deadline=LONG) as backend:
        await trio.sleep(1000)
        assert len(played.connections) == 3
        (*forgotten,) = played.connections
        for each in forgotten:
            monkeypatch.setattr(each.machine, "receive_data", lambda _data: ())
        await trio.sleep(PING_SECONDS + 4 * SWEEP_SECONDS)
        began = trio.current_time()
        for number in range(3):
            assert await ask(backend, connection=number) == b"re:question"
        assert trio.current_time() - began < 1
        assert not any(each.requests for each in forgotten)


async def test_a_slow_client_is_no_silence(autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a client does not take its answer nothing is read from its link, which does not mean that the node is dead."""

    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.answer(request, bytes(3_000_000))

    async with relay(Played(large), monkeypatch, deadline=LONG) as backend:
        answer = await backend.execute(call())
        await trio.sleep(3 * DEAD_SECONDS)
        assert sum([len(part) async for part in answer.parts]) == 3_000_000


async def test_a_key_that_was_invalidated_is_told_in_the_error_and_in_the_log(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ElasticsearchException("security_exception", "api key [abc] has been invalidated", status=401)
    async with relay(Played(refusal=refusal), monkeypatch, deadline=LONG) as backend:
        began = trio.current_time()
        with pytest.raises(
            ElasticsearchException, match=r"refuses the gateway's own credentials: .*has been invalidated"
        ) as raised:
            await ask(backend)
        assert raised.value.type == "node_not_connected_exception"
        assert trio.current_time() - began <= TAKE_SECONDS + 1


async def test_when_the_key_is_another_one_nobody_waits_for_the_end_of_a_pause(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(refusal=ElasticsearchException("security_exception", "api key [abc] has been invalidated", status=401))
    async with relay(played, monkeypatch, deadline=LONG) as backend:
        await trio.sleep(20 * LONGEST_PAUSE_SECONDS)
        played.refusal = None
        backend._upstream.try_again()
        began = trio.current_time()
        assert await ask(backend) == b"re:question"
        assert trio.current_time() - began < 1


async def test_another_cluster_behind_a_name_is_not_used(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {ONE: Played(), TWO: Played(refuse=True, cluster_name="other")}
    async with relay(hosts, monkeypatch, ready=2, deadline=LONG) as backend:
        await ask(backend)
        hosts[TWO].refuse = False
        await trio.sleep(30)
        for number in range(10):
            await ask(backend, connection=number)
        assert not hosts[TWO].requests
        assert len(hosts[TWO].connections) > 0


async def test_with_other_certificates_new_links_replace_the_old(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are ready at once; that of a client when nothing runs there and it has been quiet for a minute."""
    played = Played()
    async with relay(played, monkeypatch, ready=2, deadline=LONG) as backend:
        await ask(backend, b"first")
        await settle()
        before = list(played.connections)
        backend._upstream.renew(None)
        await settle()
        assert len(played.connections) == len(before) + 2
        await ask(backend, b"soon after")
        await trio.sleep(70)
        await ask(backend, b"much later")
        used = [[one.payload for one in each.requests] for each in played.connections if each.requests]
        assert used == [[b"first", b"soon after"], [b"much later"]]
        last = next(each for each in played.connections if b"much later" in [one.payload for one in each.requests])
        assert last not in before


async def test_an_old_ready_link_is_replaced_before_a_client_gets_it(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played()
    async with relay(played, monkeypatch, ready=1, max_age=100, deadline=LONG) as backend:
        await trio.sleep(1000)
        for _ in range(5):
            await ask(backend)
        assert collections.Counter(bool(each.requests) for each in played.connections)[True] == 1


async def test_many_clients_that_come_at_once_are_served_together(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that takes half a second for each connection, as over a long way."""
    played = Played()
    connect = played.connect

    async def slowly(nursery: trio.Nursery) -> trio.abc.Stream:
        await trio.sleep(0.5)
        return await connect(nursery)

    monkeypatch.setattr(played, "connect", slowly)
    async with relay(played, monkeypatch, ready=1, deadline=LONG) as backend:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(64):
                nursery.start_soon(ask, backend, b"q", number)
        assert trio.current_time() - began < 4
        await settle()
        assert len(played.connections) <= 64 + 16
