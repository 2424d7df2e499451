"""The relay in front of an upstream that is played by the test."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from gateway.links.answers import MAX_PARTS, RECEIVE_BYTES
from gateway.links.link import Address, Link
from protocol.client import ClientConnection
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Status
from protocol.messages.search_request import SEARCH
from protocol.messages.tasks import CANCEL_CHILD, CancelChildRequest
from protocol.security import CREDENTIALS_HEADER
from protocol.versions import V_8_19
from protocol.wire import Reader
from tests.gateway.backends.relay.played import LONG, PARENT, Played, PlayedConnection, call, echo, relay, whole


async def test_a_request_goes_there_and_its_answer_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch) as backend:
        answer = await backend.execute(call(b"one"))
        assert (answer.status, answer.size, await whole(answer)) == (Status.RESPONSE, 6, b"re:one")
        assert await whole(await backend.execute(call(b"two"))) == b"re:two"
    (connection,) = [one for one in played.connections if one.requests]
    assert [one.header.action for one in connection.requests] == [SEARCH, SEARCH]
    assert connection.requests[0].header.request_headers[CREDENTIALS_HEADER] == "ApiKey OWN"


async def test_each_connection_of_a_client_has_a_link_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch) as backend:
        for number in (1, 2, 1, 2):
            await whole(await backend.execute(call(b"%d" % number, connection=number)))
        used = [[one.payload for one in connection.requests] for connection in played.connections if connection.requests]
    assert sorted(used) == [[b"1", b"1"], [b"2", b"2"]]


async def test_a_client_that_leaves_takes_its_link_along(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch) as backend:
        await whole(await backend.execute(call()))
        (connection,) = [one for one in played.connections if one.requests]
        await backend.connection_closed(1)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await connection.stream.send_all(b"x")


async def test_an_error_passes_as_it_is_and_without_the_upstreams_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(connection: PlayedConnection, request: RequestReceived) -> None:
        error = ElasticsearchException("index_not_found_exception", "no such index [x]")
        await connection.stream.send_all(connection.machine.error_response(request.header, error))

    async with relay(Played(fail), monkeypatch) as backend:
        answer = await backend.execute(call())
        assert answer.status & Status.ERROR
        assert answer.headers == {}
        error = unwrap(read_exception(Reader(await whole(answer), V_8_19)))
        assert error.type == "index_not_found_exception"


async def test_an_upstream_that_goes_away_fails_what_waits_and_the_next_request_finds_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def leave(connection: PlayedConnection, request: RequestReceived) -> None:
        if request.payload == b"leave":
            await trio.aclose_forcefully(connection.stream)
        else:
            await echo(connection, request)

    async with relay(Played(leave), monkeypatch) as backend:
        with pytest.raises(ElasticsearchException, match=rf"\[up:9443\]\[{SEARCH}\] disconnected") as raised:
            await backend.execute(call(b"leave"))
        assert raised.value.type == "node_disconnected_exception"
        assert await whole(await backend.execute(call(b"again"))) == b"re:again"


async def test_an_answer_that_breaks_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def half(connection: PlayedConnection, request: RequestReceived) -> None:
        frame = connection.machine.response(request.header, b"0123456789")
        await connection.stream.send_all(frame[:-4])
        await trio.aclose_forcefully(connection.stream)

    async with relay(Played(half), monkeypatch) as backend:
        answer = await backend.execute(call())
        with pytest.raises(ElasticsearchException, match="disconnected"):
            await whole(answer)


async def test_a_slow_client_makes_the_upstream_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than some parts are held between the two."""
    sent = 0
    size = 40 * RECEIVE_BYTES

    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        nonlocal sent
        frame = connection.machine.response(request.header, bytes(size))
        for start in range(0, len(frame), RECEIVE_BYTES):
            await connection.stream.send_all(frame[start : start + RECEIVE_BYTES])
            await connection.stream.wait_send_all_might_not_block()
            sent += RECEIVE_BYTES

    played = Played(large)
    monkeypatch.setattr(trio.testing, "memory_stream_pair", lockstep)
    async with relay(played, monkeypatch) as backend:
        answer = await backend.execute(call())
        await trio.testing.wait_all_tasks_blocked()
        assert sent <= (MAX_PARTS + 3) * RECEIVE_BYTES
        assert len(await whole(answer)) == size


def lockstep() -> Any:
    """Streams whose sender waits until the other side has taken what was sent."""
    return trio.testing.lockstep_stream_pair()


async def test_who_does_not_want_an_answer_any_more_does_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def large(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.answer(request, bytes(20 * RECEIVE_BYTES) if request.payload == b"large" else b"small")

    async with relay(Played(large), monkeypatch) as backend:
        answer = await backend.execute(call(b"large"))
        await trio.testing.wait_all_tasks_blocked()
        answer.discard()
        assert await whole(await backend.execute(call(b"next"))) == b"small"


async def test_a_cancelled_request_is_cancelled_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancellable(connection: PlayedConnection, request: RequestReceived) -> None:
        if request.header.action == CANCEL_CHILD:
            await connection.answer(request, b"")

    played = Played(cancellable)
    async with relay(played, monkeypatch) as backend:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.execute, call())
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        (connection,) = [one for one in played.connections if one.requests]
        work, cancel = connection.requests
        assert cancel.header.action == CANCEL_CHILD
        message = CancelChildRequest.decode(cancel.payload, V_8_19)
        assert (message.task, message.child_request_id) == (PARENT, work.header.request_id)


async def test_another_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch) as backend:
        await whole(await backend.execute(call()))
        played.cluster_name = "other"
        met = len(played.connections)
        for number in range(2, 4):
            with trio.move_on_after(0.5):
                await backend.execute(call(connection=number))
        assert all(not one.requests for one in played.connections[met:])


async def test_without_an_upstream_a_request_says_so_in_time(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async with relay(Played(echo, refuse=True), monkeypatch, deadline=LONG) as backend:
        with pytest.raises(ElasticsearchException, match=r"no connection to the upstream cluster: \[up:9443\] refused"):
            await backend.execute(call())


async def test_an_old_link_is_replaced_when_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch, max_age=100, deadline=LONG) as backend:
        await whole(await backend.execute(call(b"a")))
        await trio.sleep(50)
        await whole(await backend.execute(call(b"b")))
        await trio.sleep(120)
        await whole(await backend.execute(call(b"c")))
    assert [[one.payload for one in each.requests] for each in played.connections if each.requests] == [[b"a", b"b"], [b"c"]]


async def test_a_link_that_has_just_ended_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in the moment in which its tasks end: who left a request there would fail with it, and a client lose its connection."""
    taken: list[bool] = []
    for _ in range(30):
        here, _there = trio.testing.memory_stream_pair()
        link = Link(Address("up", 9443), here, ClientConnection(offered=V_8_19, oldest=V_8_19, release="8.19.21"))
        monkeypatch.setattr(link._outlet, "_tls", here)  # only over TLS is anything left for others to send

        async def look(link: Link) -> None:
            taken.append(link.takes(10))

        async def fails(link: Link) -> None:
            nursery.start_soon(look, link)
            raise trio.BrokenResourceError("connection reset")

        monkeypatch.setattr(Link, "_read", fails)
        async with trio.open_nursery() as nursery:
            await link.run()
    assert not any(taken)
