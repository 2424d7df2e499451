"""What the upstream's errors become. The messages of its denials are a real 8.19.21's."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from gateway.authorization.subject_roles import build_role
from gateway.backends.relay.failures import MAX_ERROR, UNREAD, denial, understood
from protocol.compression import Compression, compress
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import sent_by, write_exception
from protocol.frames import Status
from protocol.security import User
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.gateway.authorization.support import entry
from tests.gateway.backends.relay.played import Played, PlayedConnection, call, relay, whole
from tests.gateway.backends.relay.test_headers import USER, Known, Roles, certified, keyed

TO_KEY = (
    "action [indices:data/read/search] towards remote cluster is unauthorized for user [u-runner] run as [u-lent] with assigned roles"
    " [u_local,u_documents] authenticated by API key id [hh1PDqIB6EHEfyVCVzeR] of user [elastic] on indices [-sales-eu]"
)
TO_CERTIFICATE = (
    "action [indices:data/read/search] is unauthorized for API key id [XMwx_1lfsWmSejd0tcua:file:default_file:u-narrow] of user [u-narrow]"
    " on indices [-sales-eu]"
)
REST = ", this action is granted by the index privileges [read,all]"
FOR_KEY = (
    "action [indices:data/read/search] towards remote cluster is unauthorized for user [alice] with assigned roles []"
    " authenticated by API key id [ID] of user [creator]"
)
FOR_CERTIFICATE = "action [indices:data/read/search] is unauthorized for user [bob] with effective roles [reader]"
KEYED = build_role(keyed(USER), Roles())
CERTIFIED = build_role(certified(User("bob", roles=["reader"])), Known(reader={"indices": [entry("logs*")]}))


def refused(reason: str, **more: Any) -> ElasticsearchException:
    return ElasticsearchException("security_exception", reason, status=403, **more)


@pytest.mark.parametrize("upstream", [TO_KEY, TO_CERTIFICATE])
@pytest.mark.parametrize(("role", "words"), [(KEYED, FOR_KEY), (CERTIFIED, FOR_CERTIFICATE)])
def test_a_denial_is_told_for_the_client_that_asked(upstream: str, role: Any, words: str) -> None:
    told = denial(refused(upstream + REST), role)
    assert told is not None
    assert told.reason == f"{words} on indices [-sales-eu]{REST}"
    assert (told.type, told.status) == ("security_exception", 403)


@pytest.mark.parametrize(
    "rest",
    ["", REST, " on restricted indices [.security-7]" + REST, " on indices [a,b] and restricted indices [.c]" + REST],
)
def test_what_a_denial_says_besides_for_whom_stays(rest: str) -> None:
    told = denial(refused(TO_KEY.removesuffix(" on indices [-sales-eu]") + rest), KEYED)
    assert told is not None
    assert told.reason == FOR_KEY + rest


def test_the_cause_of_a_denial_stays() -> None:
    cause = ElasticsearchException("illegal_state_exception", "why")
    told = denial(refused(TO_KEY, cause=cause), KEYED)
    assert told is not None
    assert told.cause is cause


@pytest.mark.parametrize(
    "error",
    [
        refused("Suggest isn't supported if document level security is enabled"),
        ElasticsearchException("index_not_found_exception", "no such index [x]"),
        refused(""),
    ],
)
def test_other_errors_are_none(error: ElasticsearchException) -> None:
    assert denial(error, KEYED) is None


def test_the_gateways_own_key_is_not_taken_for_the_clients() -> None:
    """In the words of a real 8.19.21 whose key was invalidated."""
    upstream = "unable to authenticate user [-PVZDqIBIH10u4H9EXmq] for action [indices:data/read/search]"
    told = denial(ElasticsearchException("security_exception", upstream, status=401), KEYED)
    assert told is not None
    assert (told.type, told.status) == ("security_exception", 401)
    assert told.reason == "the upstream cluster refuses the gateway's own credentials"


def payload(error: ElasticsearchException) -> bytes:
    writer = Writer(V_8_19)
    write_exception(writer, sent_by("node", "127.0.0.1:9443", "action", error))
    return writer.getvalue()


@pytest.mark.parametrize("scheme", [None, *Compression])
def test_an_error_is_read_without_what_wraps_it(scheme: Compression | None) -> None:
    plain = payload(ElasticsearchException("index_not_found_exception", "no such index [x]"))
    status = Status.RESPONSE | Status.ERROR
    read = (
        understood(plain, status, V_8_19)
        if scheme is None
        else understood(compress(plain, scheme), status | Status.COMPRESSED, V_8_19)
    )
    assert (read.type, read.reason) == ("index_not_found_exception", "no such index [x]")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", Status.ERROR),
        (b"\x01\xff\xff", Status.ERROR),
        (b"nonsense", Status.ERROR | Status.COMPRESSED),
        (compress(bytes(MAX_ERROR + 1), Compression.DEFLATE), Status.ERROR | Status.COMPRESSED),
    ],
)
def test_an_error_that_is_not_understood_is_still_one(data: bytes, status: Status) -> None:
    assert understood(data, status, V_8_19) is UNREAD


def failing(error: ElasticsearchException) -> Played:
    async def fail(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.stream.send_all(connection.machine.error_response(request.header, error))

    return Played(fail)


async def test_the_upstreams_denial_is_the_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay(failing(refused(TO_KEY + REST)), monkeypatch) as backend:
        with pytest.raises(ElasticsearchException) as raised:
            await backend.execute(call())
    assert raised.value.reason == f"{FOR_KEY} on indices [-sales-eu]{REST}"


async def test_another_error_passes_byte_for_byte_and_the_audit_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay(failing(ElasticsearchException("index_not_found_exception", "no such index [x]")), monkeypatch) as backend:
        answer = await backend.execute(call())
        assert answer.error is not None
        assert (answer.error.type, answer.error.reason) == ("index_not_found_exception", "no such index [x]")
        data = await whole(answer)
        assert len(data) == answer.size
        assert understood(data, answer.status, V_8_19).type == "index_not_found_exception"


async def test_an_error_that_is_too_long_to_read_passes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    long = ElasticsearchException("index_not_found_exception", "x" * MAX_ERROR)
    async with relay(failing(long), monkeypatch) as backend:
        answer = await backend.execute(call())
        assert answer.error is UNREAD
        with trio.fail_after(5):
            assert len(await whole(answer)) == answer.size > MAX_ERROR
