"""Requests that are passed on and that no task waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing

from gateway.audit import Audit
from gateway.authorization.access import parse_access
from gateway.backends import Answered, Call, Forwarded, StartSoon
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.relay.headers import SYSTEM
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.config import settings_of
from gateway.dispatch import OVERDUE_POLL_SECONDS, Dispatcher
from gateway.node import NodeIdentity
from gateway.passing import Answer
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header, Status
from protocol.messages.common import TaskId
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.tasks import CANCEL_CHILD, CancelChildRequest
from protocol.security import CREDENTIALS_HEADER, SUBJECT_INFO_HEADER, Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from protocol.wire import Writer

PARENT = TaskId("localnode", 7)
SCROLL = "indices:data/read/search[phase/query/scroll]"
ALL = b'{"r":{"indices":[{"names":["*"],"privileges":["all"]}]}}'


@dataclass
class Sent:
    call: Call
    answered: Answered
    given_up: list[bool] = field(default_factory=list)

    def give_up(self, *, tell: bool) -> None:
        self.given_up.append(tell)


class Passing(MemoryBackend):
    """Passes on to the test."""

    passes_on = True
    taking = True
    broken = False

    @property
    def at_once(self) -> Passing:  # type: ignore[override]
        return self

    def takes(self, connection: int, size: int) -> bool:
        return self.taking

    def pass_on(self, call: Call, answered: Answered, start_soon: StartSoon) -> Sent:
        if self.broken:
            raise RuntimeError("secret detail")
        sent = Sent(call, answered)
        SENT.append(sent)
        return sent


SENT: list[Sent] = []


@dataclass
class Asker:
    """Who gets the answers, by their requests' ids."""

    answers: dict[int, Answer | None] = field(default_factory=dict)

    def answered(self, request: RequestReceived, answer: Answer | None) -> None:
        assert request.header.request_id not in self.answers
        self.answers[request.header.request_id] = answer

    def start_soon(self, work: Callable[[], Awaitable[None]], /) -> None:
        raise AssertionError("nothing here waits")

    def error(self, number: int) -> ElasticsearchException:
        answer = self.answers[number]
        assert isinstance(answer, ElasticsearchException)
        return answer


@dataclass
class Setting:
    dispatcher: Dispatcher
    events: list[dict[str, Any]]
    headers: dict[str, str]
    asker: Asker = field(default_factory=Asker)
    peer: Peer = field(default_factory=lambda: Peer(REMOTE_CLUSTER, "client", 1))

    @property
    def backend(self) -> Passing:
        backend = self.dispatcher.backend
        assert isinstance(backend, Passing)
        return backend

    def request(self, number: int, action: str, payload: bytes) -> RequestReceived:
        return RequestReceived(Header(number, Status(0), V_8_19, 100, action, self.headers), payload, None, payload)

    def search(self, number: int, name: str = "logs-1") -> bool:
        payload = SearchRequest(parent_task=PARENT, indices=[name], source={}).encode(V_8_19)
        return self.dispatcher.start(self.request(number, SEARCH, payload), self.peer, self.asker)

    def event(self) -> dict[str, Any]:
        (event,) = self.events
        self.events.clear()
        return event


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    SENT.clear()
    settings = settings_of({"limits.request_timeout": "30s", "limits.in_flight_bytes": "64kb"}, tmp_path)
    identity = NodeIdentity("c", "u" * 22, "n", "i" * 22, "e" * 22)
    events: list[dict[str, Any]] = []
    with Dispatcher.build(settings, identity, Passing.load([], identity)) as dispatcher:
        dispatcher.audit = Audit.build(settings, events.append)
        created = dispatcher.keys.create("k", parse_access({"search": [{"names": ["logs-*"]}]}))
        info = SubjectInfo(Authentication(User("alice"), RealmRef(node_name="n", name="r", type="native"), version=V_8_19), [ALL])
        headers = {CREDENTIALS_HEADER: f"ApiKey {created.encoded}", SUBJECT_INFO_HEADER: info.encode()}
        yield Setting(dispatcher, events, headers)


class NoParts:
    def __aiter__(self) -> NoParts:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def answer(
    payload: bytes = b"done", error: ElasticsearchException | None = None, discarded: list[int] | None = None
) -> Forwarded:
    discard = (lambda: None) if discarded is None else (lambda: discarded.append(1))
    return Forwarded(Status.RESPONSE, {}, len(payload), NoParts(), discard, error, payload)


async def test_an_answer_is_given_to_who_asked_and_told_of(setting: Setting) -> None:
    assert setting.search(1)
    assert setting.search(2)
    assert not setting.asker.answers
    assert setting.dispatcher.in_flight.used > 0
    second, first = answer(b"two"), answer(b"one!")
    SENT[1].answered(second)
    SENT[0].answered(first)
    assert setting.asker.answers == {1: first, 2: second}
    assert setting.dispatcher.in_flight.used == 0
    assert [(e["rcgateway.request.id"], e["event.outcome"], e["destination.bytes"]) for e in setting.events] == [
        (2, "success", 3),
        (1, "success", 4),
    ]
    assert setting.events[0]["rcgateway.indices_requested"] == ["logs-1"]
    assert "rcgateway.indices" not in setting.events[0]
    # A second answer, or the end of the connection, changes nothing any more.
    SENT[0].answered(first)
    await setting.dispatcher.connection_closed(setting.peer)
    assert len(setting.events) == 2
    assert [sent.given_up for sent in SENT] == [[], []]


async def test_an_error_of_the_other_cluster_is_told_of_as_one(setting: Setting) -> None:
    setting.search(1)
    SENT[0].answered(answer(error=ElasticsearchException("index_not_found_exception", "no such index [x]")))
    event = setting.event()
    assert (event["event.action"], event["event.outcome"]) == ("access_granted", "failure")
    assert event["error.type"] == "index_not_found_exception"


async def test_a_denial_is_answered_at_once_and_nothing_is_passed_on(setting: Setting) -> None:
    assert setting.search(1, "secret-1")
    assert not SENT
    assert (setting.asker.error(1).type, setting.asker.error(1).status) == ("security_exception", 403)
    assert setting.event()["event.action"] == "access_denied"
    assert setting.dispatcher.in_flight.used == 0


async def test_names_that_were_not_read_are_told_so(setting: Setting) -> None:
    payload = Writer(V_8_19)
    PARENT.write(payload)
    request = setting.request(1, SCROLL, payload.getvalue())
    assert setting.dispatcher.start(request, setting.peer, setting.asker)
    SENT[0].answered(answer())
    event = setting.event()
    assert event["rcgateway.action"] == SCROLL
    assert event["rcgateway.indices"] == "not decoded"
    assert "rcgateway.indices_requested" not in event


@pytest.mark.parametrize("ban", [False, True])
async def test_a_client_may_cancel(setting: Setting, ban: bool) -> None:
    setting.search(1)
    setting.search(2)
    if ban:
        assert setting.dispatcher.tasks.ban((PARENT.node, PARENT.id), "by user", setting.peer.connection) == 2
    else:
        message = CancelChildRequest(task=PARENT, child_request_id=1, reason="by user")
        # Nodes cancel as the system, whoever's request it was.
        setting.headers |= {SUBJECT_INFO_HEADER: SubjectInfo(SYSTEM, []).encode()}
        await setting.dispatcher.handle(setting.request(3, CANCEL_CHILD, message.encode(V_8_19)), setting.peer)
    assert str(setting.asker.error(1)) == str(ElasticsearchException("task_cancelled_exception", "task cancelled [by user]"))
    assert [sent.given_up for sent in SENT] == [[True], [True] if ban else []]
    if ban:
        setting.search(4)
        assert setting.asker.error(4).type == "task_cancelled_exception"
        assert len(SENT) == 2
    discarded: list[int] = []
    SENT[0].answered(answer(discarded=discarded))
    assert isinstance(setting.asker.answers[1], ElasticsearchException)


async def test_a_request_has_its_time(setting: Setting, autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(setting.dispatcher.run)
        await trio.testing.wait_all_tasks_blocked()
        setting.search(1)
        await trio.sleep(29)
        setting.search(2)
        assert not setting.asker.answers
        await trio.sleep(1 + 2 * OVERDUE_POLL_SECONDS)
        assert list(setting.asker.answers) == [1]
        assert setting.asker.error(1).type == "timeout_exception"
        assert SENT[0].given_up == [True]
        nursery.cancel_scope.cancel()


async def test_a_client_that_leaves_is_answered_no_more(setting: Setting) -> None:
    setting.search(1)
    await setting.dispatcher.connection_closed(setting.peer)
    assert setting.asker.answers == {1: None}
    assert SENT[0].given_up == [False]
    assert setting.event()["event.outcome"] == "unknown"
    assert setting.dispatcher.in_flight.used == 0
    assert not setting.dispatcher.tasks.cancel_child((PARENT.node, PARENT.id), 1, "late")


async def test_too_much_at_once_is_refused(setting: Setting) -> None:
    name = "logs-" + "x" * 40_000
    setting.search(1, name)
    setting.search(2, name)
    assert setting.asker.error(2).type == "circuit_breaking_exception"
    assert len(SENT) == 1
    held = setting.dispatcher.in_flight.used
    SENT[0].answered(answer())
    assert held > 40_000
    assert setting.dispatcher.in_flight.used == 0


async def test_a_bug_is_the_error_of_its_request(setting: Setting) -> None:
    setting.backend.broken = True
    with structlog.testing.capture_logs() as logs:
        assert setting.search(1)
    assert setting.asker.error(1).reason == "internal error of the gateway: RuntimeError"
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["request failed"]
    assert setting.dispatcher.in_flight.used == 0


async def test_what_has_to_wait_or_is_the_gateways_own_business_is_not_started(setting: Setting) -> None:
    message = CancelChildRequest(task=PARENT, child_request_id=1, reason="by user").encode(V_8_19)
    assert not setting.dispatcher.start(setting.request(1, CANCEL_CHILD, message), setting.peer, setting.asker)
    setting.backend.taking = False
    assert not setting.search(2)
    assert not setting.asker.answers
    assert not setting.events
