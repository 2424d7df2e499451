"""What the gateway lets through to an upstream of requests that it knows nothing of, and the ban of a task that it knows all of."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from gateway.cluster_actions import TRANSPORT
from gateway.config import settings_of
from gateway.dispatch import Dispatcher
from gateway.node import NodeIdentity
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header, Status
from protocol.messages.esql import EXCHANGE, EXCHANGE_INTERNAL
from protocol.messages.tasks import BAN_INTERNAL, BanRequest
from protocol.security import SYSTEM_USER, Authentication, AuthenticationType, RealmRef, User
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.gateway.backends.relay.played import PARENT, Played, PlayedConnection, echo, relay

REALM = RealmRef(node_name="n", name="native1", type="native")
ATTACHED = RealmRef(node_name="n", name="__attach", type="__attach")
SYSTEM = Authentication(User(SYSTEM_USER, internal=True), ATTACHED, type=AuthenticationType.INTERNAL, version=V_8_19)
SUPERUSER = Authentication(User("root", roles=["superuser"]), REALM, version=V_8_19)


def dispatching(backend: object, folder: Path) -> Dispatcher:
    settings = settings_of({}, folder)
    return Dispatcher.build(settings, NodeIdentity("c", "u" * 22, "n", "i" * 22, "e" * 22), backend)  # type: ignore[arg-type]


def of_parent(rest: bytes = b"") -> bytes:
    writer = Writer(V_8_19)
    PARENT.write(writer)
    return writer.getvalue() + rest


def request(who: Authentication, action: str, payload: bytes, number: int = 1) -> RequestReceived:
    headers = {"_xpack_security_authentication": who.encode()}
    return RequestReceived(Header(number, Status(0), V_8_19, 100, action, headers), payload, None)


@pytest.mark.parametrize(("credentials", "name"), [("OWN", EXCHANGE), (None, EXCHANGE_INTERNAL)])
async def test_the_system_may_ask_what_is_between_nodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, credentials: str | None, name: str
) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch, credentials=credentials) as backend:
        with dispatching(backend, tmp_path) as dispatcher:
            await dispatcher.handle(request(SYSTEM, EXCHANGE_INTERNAL, of_parent(b"rest")), Peer(TRANSPORT, "client", 1))
    assert [one.header.action for each in played.connections for one in each.requests] == [name]


@pytest.mark.parametrize("action", [EXCHANGE_INTERNAL, "internal:cluster/anything", "nonsense"])
async def test_a_user_may_not_whatever_the_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str) -> None:
    played = Played(echo)
    async with relay(played, monkeypatch) as backend:
        with dispatching(backend, tmp_path) as dispatcher:
            with pytest.raises(ElasticsearchException, match=r"is unauthorized for user \[root\]") as raised:
                await dispatcher.handle(request(SUPERUSER, action, of_parent()), Peer(TRANSPORT, "client", 1))
            assert raised.value.status == 403
    assert [one for each in played.connections for one in each.requests] == []


async def test_a_banned_task_is_banned_upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def silence(connection: PlayedConnection, request: RequestReceived) -> None:
        """No answer."""

    played, peer = Played(silence), Peer(TRANSPORT, "client", 1)
    cancelled: list[str | None] = []

    async def ask() -> None:
        with pytest.raises(ElasticsearchException) as raised:
            await dispatcher.handle(request(SUPERUSER, "indices:data/read/esql/cluster", of_parent(b"plan")), peer)
        cancelled.append(raised.value.type)

    async with relay(played, monkeypatch) as backend:
        with dispatching(backend, tmp_path) as dispatcher:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.testing.wait_all_tasks_blocked()
                ban = BanRequest(task=PARENT, ban=True, reason="r", wait_for_completion=False).encode(V_8_19)
                await dispatcher.handle(request(SYSTEM, BAN_INTERNAL, ban, 2), peer)
            await trio.testing.wait_all_tasks_blocked()
    assert cancelled == ["task_cancelled_exception"]
    actions = [one.header.action for each in played.connections for one in each.requests]
    assert actions == ["indices:data/read/esql/cluster", "cluster:internal/admin/tasks/ban"]
