"""A request's way through all rooms, without sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing

from gateway import dispatch
from gateway.authorization.access import parse_access
from gateway.authorization.grant import Grant
from gateway.authorization.subject_roles import build_role
from gateway.backends import Call
from gateway.backends.memory.backend import MemoryBackend
from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.config import settings_of
from gateway.demo.documents import indices, write
from gateway.dispatch import Dispatcher
from gateway.node import NodeIdentity
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header, Status
from protocol.messages.resolve import RESOLVE_INDEX, ResolveIndexRequest, ResolveIndexResponse
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.security import Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19, TransportVersion

REALM = RealmRef(node_name="n", name="r", type="native")
ALL = b'{"r":{"indices":[{"names":["*"],"privileges":["all"]}]}}'
READER = """
reader:
  indices:
    - names: ["logs-app*"]
      privileges: [read]
"""


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[Dispatcher]:
    write(tmp_path / "documents", indices(40))
    settings = settings_of({"backend.memory.load": ["documents"], "path.roles": "roles.yml", "path.data": "data"}, tmp_path)
    identity = NodeIdentity.load(settings.path.data, "exported", "gateway")
    backend = MemoryBackend.load(settings.backend.memory.load, identity)
    with Dispatcher.build(settings, identity, backend) as dispatcher:
        yield dispatcher


def key_headers(dispatcher: Dispatcher, *names: str, user: str = "alice", descriptors: bytes = ALL) -> dict[str, str]:
    created = dispatcher.keys.create("k", parse_access({"search": [{"names": list(names)}]}))
    info = SubjectInfo(Authentication(User(user), REALM, version=V_8_19), [descriptors])
    return {
        "_cross_cluster_access_credentials": f"ApiKey {created.encoded}",
        "_cross_cluster_access_subject_info": info.encode(),
    }


def user_headers(*roles: str) -> dict[str, str]:
    return {"_xpack_security_authentication": Authentication(User("bob", roles=list(roles)), REALM, version=V_8_19).encode()}


def request(action: str, payload: bytes, headers: dict[str, str], version: TransportVersion = V_8_19) -> RequestReceived:
    return RequestReceived(Header(1, Status(0), version, 100, action, headers), payload, None)


def search(headers: dict[str, str], *names: str, **source: Any) -> RequestReceived:
    return request(SEARCH, SearchRequest(indices=list(names), source={"size": 0, **source}).encode(V_8_19), headers)


async def count(dispatcher: Dispatcher, wanted: RequestReceived, interface: str = REMOTE_CLUSTER) -> int:
    answer = await dispatcher.handle(wanted, Peer(interface, "a", 1))
    assert isinstance(answer, bytes)
    response = SearchResponse.decode(answer, V_8_19)
    assert response.hits.total is not None
    return response.hits.total.value


async def refusal(dispatcher: Dispatcher, wanted: RequestReceived, interface: str = REMOTE_CLUSTER) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as raised:
        await dispatcher.handle(wanted, Peer(interface, "a", 1))
    return raised.value


async def test_a_search_sees_what_key_and_user_both_allow(dispatcher: Dispatcher) -> None:
    only_web = b'{"r":{"indices":[{"names":["logs-web*"],"privileges":["read"]}]}}'
    assert await count(dispatcher, search(key_headers(dispatcher, "logs*"), "*")) == 60
    assert await count(dispatcher, search(key_headers(dispatcher, "logs*", descriptors=only_web), "*")) == 20
    assert await count(dispatcher, search(key_headers(dispatcher, "products", descriptors=only_web), "*")) == 0
    assert await count(dispatcher, search(key_headers(dispatcher, "products", descriptors=only_web), "_all")) == 0


async def test_what_is_outside_is_refused_whether_it_is_there_or_not(dispatcher: Dispatcher) -> None:
    headers = key_headers(dispatcher, "logs*")
    for name in ("products", "nowhere"):
        error = await refusal(dispatcher, search(headers, name))
        assert (error.type, error.status) == ("security_exception", 403)
        assert f"on indices [{name}]" in str(error.reason)
    assert (await refusal(dispatcher, search(headers, "logs-missing"))).type == "index_not_found_exception"


async def test_no_authorized_index_is_not_every_index(dispatcher: Dispatcher) -> None:
    headers = key_headers(dispatcher, "nothing-here*")
    payload = ResolveIndexRequest(names=["*"], options=SearchRequest().indices_options).encode(V_8_19)
    answer = await dispatcher.handle(request(RESOLVE_INDEX, payload, headers), Peer(REMOTE_CLUSTER, "a", 1))
    assert isinstance(answer, bytes)
    assert ResolveIndexResponse.decode(answer, V_8_19) == ResolveIndexResponse()


async def test_a_role_is_built_once_while_its_headers_repeat(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def counting(*arguments: Any) -> Any:
        built.append("role")
        return build_role(*arguments)

    monkeypatch.setattr("gateway.dispatch.build_role", counting)
    headers = key_headers(dispatcher, "logs*")
    for _ in range(3):
        await count(dispatcher, search(headers, "*"))
    assert len(built) == 1
    dispatcher.keys.create("another", parse_access({"search": [{"names": ["x"]}]}))
    await count(dispatcher, search(headers, "*"))
    assert len(built) == 2


async def test_an_invalidated_key_ends_at_once(dispatcher: Dispatcher) -> None:
    headers = key_headers(dispatcher, "logs*")
    assert await count(dispatcher, search(headers, "*")) == 60
    dispatcher.keys.invalidate([key.id for key in dispatcher.keys.all_keys()])
    assert (await refusal(dispatcher, search(headers, "*"))).status == 401


async def test_roles_are_read_again_when_their_file_changes(
    dispatcher: Dispatcher, autojump_clock: trio.testing.MockClock
) -> None:
    path = dispatcher.settings.path.roles
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.watch_roles)
        await trio.testing.wait_all_tasks_blocked()
        wanted = search(user_headers("reader"), "logs-app-1")
        assert "were not found" in str(await refusal(dispatcher, wanted, TRANSPORT))
        path.write_text(READER)
        await trio.sleep(2 * dispatch.ROLES_POLL_SECONDS)
        assert await count(dispatcher, wanted, TRANSPORT) == 40
        path.write_bytes(b"\xff")
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(2 * dispatch.ROLES_POLL_SECONDS)
        assert [entry["event"] for entry in logs] == ["roles not reloaded"]
        assert await count(dispatcher, wanted, TRANSPORT) == 40
        path.write_text("reader: [nonsense")
        with structlog.testing.capture_logs() as logs:
            await trio.sleep(2 * dispatch.ROLES_POLL_SECONDS)
        assert [entry["event"] for entry in logs] == ["bad roles", "roles reloaded"]
        assert "were not found" in str(await refusal(dispatcher, wanted, TRANSPORT))
        nursery.cancel_scope.cancel()


async def test_a_superuser_of_the_local_cluster_is_one_here_in_certificate_mode(dispatcher: Dispatcher) -> None:
    assert await count(dispatcher, search(user_headers("superuser"), "products"), TRANSPORT) == 13


@pytest.mark.parametrize(
    ("action", "payload", "version", "kind", "text"),
    [
        ("indices:data/read/nonsense", b"\0", V_8_19, "action_not_found_transport_exception", "No handler for action"),
        (SEARCH, b"\xff", V_8_19, "transport_serialization_exception", "Failed to deserialize"),
        (SEARCH, b"\0", TransportVersion(8840000), "illegal_state_exception", "minimal compatible version is: [8841000]"),
    ],
)
async def test_what_is_not_understood_names_itself(
    dispatcher: Dispatcher, action: str, payload: bytes, version: TransportVersion, kind: str, text: str
) -> None:
    error = await refusal(dispatcher, request(action, payload, key_headers(dispatcher, "logs*"), version))
    assert error.type == kind
    assert text in str(error.reason)


async def test_a_bug_is_the_requests_error_and_is_logged(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("secret detail")

    headers = key_headers(dispatcher, "logs*")
    monkeypatch.setattr(dispatcher.backend, "metadata", broken)
    with structlog.testing.capture_logs() as logs:
        error = await refusal(dispatcher, search(headers, "*"))
    assert (error.type, error.status, error.reason) == ("exception", 500, "internal error of the gateway: RuntimeError")
    assert any(entry["event"] == "request failed" and entry["log_level"] == "error" for entry in logs)


async def test_the_backend_answers_nothing_that_was_not_authorized(dispatcher: Dispatcher) -> None:
    """Should names ever mean more to the backend than to authorization."""
    wanted = Grant("a", ("logs-app-1", "products"), frozenset({"logs-app-1"}))
    call = Call(SEARCH, V_8_19, b"", SearchRequest(indices=["*"]), wanted)
    with pytest.raises(ElasticsearchException, match=r"index \[products\] is not among those that were authorized"):
        await dispatcher.backend.execute(call)
