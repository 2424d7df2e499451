"""A client's task that is cancelled with all that runs for it: the upstream bans it too, and lets it go when the client does."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from gateway.backends.relay.backend import RelayBackend
from gateway.requests import parent_task
from gateway.tasks import MAX_BANS_PER_CONNECTION
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.messages.common import TaskId
from protocol.messages.proxy import PROXY_PREFIX
from protocol.messages.tasks import BAN, BAN_INTERNAL, BanRequest
from protocol.versions import V_8_19
from tests.gateway.backends.relay.played import PARENT, Played, PlayedConnection, call, relay

CLIENT = 1


def ban(task: TaskId = PARENT, *, begins: bool = True) -> BanRequest:
    return BanRequest(task=task, ban=begins, reason="gone" if begins else None, wait_for_completion=False)


async def silence(connection: PlayedConnection, request: RequestReceived) -> None:
    """No answer."""


async def cancelled(backend: RelayBackend, banned: BanRequest, *connections: int) -> None:
    """Requests of a task over the connections of clients, and the ban of one over the first one of all."""
    async with trio.open_nursery() as nursery:
        for connection in connections:
            nursery.start_soon(backend.execute, call(connection=connection))
        await trio.testing.wait_all_tasks_blocked()
        await backend.ban(banned, CLIENT)
        nursery.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked()


def told(played: Played) -> list[list[BanRequest]]:
    """By connection of the upstream."""
    asked = [[one for one in each.requests if one.header.action in (BAN, BAN_INTERNAL)] for each in played.connections]
    return [[BanRequest.decode(one.payload, V_8_19) for one in each] for each in asked if each]


@pytest.mark.parametrize(("credentials", "action"), [("OWN", BAN), (None, BAN_INTERNAL)])
async def test_it_is_banned_and_let_go_over_each_link_that_works_for_it(
    monkeypatch: pytest.MonkeyPatch, credentials: str | None, action: str
) -> None:
    played = Played(silence)
    async with relay(played, monkeypatch, ready=2, credentials=credentials) as backend:
        await cancelled(backend, ban(), 1, 1, 2)
        assert [[(one.task, one.ban, one.reason) for one in each] for each in told(played)] == [[(PARENT, True, "gone")]] * 2
        names = {one.header.action for each in played.connections for one in each.requests if "tasks" in one.header.action}
        assert names == {action}
        await backend.ban(ban(begins=False), CLIENT)
        await trio.testing.wait_all_tasks_blocked()
        assert [[(one.task, one.ban) for one in each] for each in told(played)] == [[(PARENT, True), (PARENT, False)]] * 2


async def test_another_task_is_not_banned(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(silence)
    async with relay(played, monkeypatch) as backend:
        await cancelled(backend, ban(TaskId(PARENT.node, PARENT.id + 1)), 1)
        assert told(played) == []


async def test_it_is_let_go_when_the_client_that_banned_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(silence)
    async with relay(played, monkeypatch, ready=2) as backend:
        await cancelled(backend, ban(), 2)
        await backend.connection_closed(CLIENT)
        await trio.testing.wait_all_tasks_blocked()
        assert [[one.ban for one in each] for each in told(played)] == [[True, False]]


async def test_there_are_not_more_than_a_node_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay(Played(silence), monkeypatch) as backend:
        for number in range(MAX_BANS_PER_CONNECTION):
            await backend.ban(ban(TaskId("n", number)), CLIENT)
        with pytest.raises(ElasticsearchException, match="bans on one connection"):
            await backend.ban(ban(TaskId("n", MAX_BANS_PER_CONNECTION)), CLIENT)
        await backend.ban(ban(TaskId("n", 0), begins=False), CLIENT)
        await backend.ban(ban(TaskId("n", MAX_BANS_PER_CONNECTION)), CLIENT)


# What 9.5.3 asks of a node behind another one, for the next page of a scroll.
PROXIED = bytes.fromhex(
    "000372656d164a4d6c6762417166526a656f4b544a4f6757717863671664375a716f424f6b516d7137494e7677364b6b465867093132372e302e30"
    "2e31093132372e302e302e31047f000001093132372e302e302e3100002460010f787061636b2e696e7374616c6c656404747275650b0464617461"
    "01640109646174615f636f6c640163010c646174615f636f6e74656e740173010b646174615f66726f7a656e01660108646174615f686f74016801"
    "09646174615f7761726d01770106696e67657374016900066d6173746572016d00026d6c016c001572656d6f74655f636c75737465725f636c6965"
    "6e74017200097472616e73666f726d017400c781f403a3a0ab03a3a0ab03a88789040372656d167554583359347766546e69583642705869712d72"
    "7a51000000000000006d000000000000000a1642474f54745a356653732d494647653172695237767700010204"
)


def test_the_task_of_a_request_for_another_node_is_within() -> None:
    task = parent_task(PROXY_PREFIX + "indices:data/read/search[phase/query+fetch/scroll]", PROXIED, V_8_19)
    assert task == TaskId("uTX3Y4wfTniX6BpXiq-rzQ", 109)


@pytest.mark.parametrize("length", [0, 1, 5, 40, 120])
def test_a_request_for_another_node_that_is_cut_is_refused(length: int) -> None:
    with pytest.raises(ElasticsearchException, match="Failed to deserialize request"):
        parent_task(PROXY_PREFIX + "indices:data/read/search[phase/query]", PROXIED[:length], V_8_19)
