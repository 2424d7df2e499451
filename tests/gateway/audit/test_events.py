"""What each kind of request leaves in the audit."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import logs
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import RESOLVE_INDEX
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_ID,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_NAME,
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    User,
)
from protocol.versions import V_8_19
from tests.gateway.audit.auditing import CERTIFICATE, REALM, SUPERUSER, Audited, audited, by_certificate, by_key

ROLES = """
reader:
  indices:
    - names: ["logs-app*"]
      privileges: [read]
      query: '{"term": {"level": "error"}}'
    - names: ["products"]
      privileges: [read]
      field_security: {grant: [name]}
admin:
  run_as: [bob]
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Audited]:
    with audited(tmp_path, ROLES) as made:
        yield made


def only(gateway: Audited) -> dict[str, Any]:
    (event,) = gateway.take()
    return event


async def test_an_allowed_request_with_a_key(gateway: Audited) -> None:
    credentials = gateway.key()
    headers = by_key(credentials) | {
        "X-Opaque-Id": "find-me",
        "_xpack_audit_request_id": "abcdef",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    assert await gateway.ask(headers, "logs*") is None
    event = only(gateway)
    assert event.pop("@timestamp").endswith("Z")
    for number in ("event.duration", "source.bytes", "destination.bytes", "rcgateway.connection"):
        assert event.pop(number) > 0
    (key,) = gateway.dispatcher.keys.all_keys()
    assert event == {
        "log.level": "info",
        "message": "access_granted",
        "event.kind": "event",
        "event.category": ["database", "network"],
        "event.type": ["access", "allowed"],
        "event.dataset": "rcgateway.audit",
        "event.action": "access_granted",
        "event.outcome": "success",
        "service.node.name": "gw-1",
        "source.address": "10.0.0.1:40000",
        "source.ip": "10.0.0.1",
        "source.port": 40000,
        "rcgateway.interface": "remote_cluster",
        "rcgateway.action": SEARCH,
        "rcgateway.request.id": 5,
        "rcgateway.request.audit_id": "abcdef",
        "rcgateway.opaque_id": "find-me",
        "trace.id": "0af7651916cd43dd8448eb211c80319c",
        "user.name": "alice",
        "user.roles": ["reader"],
        "user.realm": "native1",
        "rcgateway.authentication.type": "REALM",
        "rcgateway.api_key.id": key.id,
        "rcgateway.api_key.name": "main",
        "rcgateway.api_key.owner": "_gateway",
        "rcgateway.indices_requested": ["logs*"],
        "rcgateway.indices": ["logs-all", "logs-app-1", "logs-web-1"],
    }


async def test_document_and_field_rules_are_told_by_index(gateway: Audited) -> None:
    assert await gateway.ask(by_certificate("reader"), "logs-app-1", "products") is None
    event = only(gateway)
    assert (event["rcgateway.document_rules"], event["rcgateway.field_rules"]) == (["logs-app-1"], ["products"])
    assert (event["tls.client.subject"], event["rcgateway.interface"]) == (CERTIFICATE, "transport")
    assert "rcgateway.api_key.id" not in event


async def test_a_denied_request(gateway: Audited) -> None:
    error = await gateway.ask(by_key(gateway.key()), "products")
    event = only(gateway)
    assert error is not None
    assert (event["event.action"], event["event.outcome"], event["event.type"]) == (
        "access_denied",
        "failure",
        ["access", "denied"],
    )
    assert (event["error.type"], event["error.code"], event["error.message"]) == ("security_exception", "403", error.reason)
    assert event["rcgateway.indices_requested"] == ["products"]
    assert "rcgateway.indices" not in event


async def test_a_missing_index(gateway: Audited) -> None:
    """A name that may be read is allowed, there or not; a wildcard that must match something and does not is denied."""
    headers = by_key(gateway.key())
    await gateway.ask(headers, "logs-nowhere")
    event = only(gateway)
    assert (event["event.action"], event["event.outcome"], event["error.code"]) == ("access_granted", "failure", "404")
    options = IndicesOptions(allow_no_indices=False)
    await gateway.ask(headers, payload=SearchRequest(indices=["nowhere*"], indices_options=options).encode(V_8_19))
    event = only(gateway)
    assert (event["event.action"], event["error.message"]) == ("access_denied", "no such index [nowhere*]")


async def test_a_subject_that_can_have_no_role(gateway: Audited) -> None:
    await gateway.ask(by_key(gateway.key(), sets=(b'{"r":{"cluster":["all"]}}',)), "logs*")
    event = only(gateway)
    assert (event["event.action"], event["error.type"], event["user.name"]) == (
        "access_denied",
        "illegal_argument_exception",
        "alice",
    )


async def test_what_fails_after_it_was_allowed_says_nothing_of_what_was_looked_for(gateway: Audited) -> None:
    error = await gateway.ask(by_key(gateway.key()), "logs*", query={"range": {"@timestamp": {"gte": "kafka-secret"}}})
    assert error is not None
    assert "kafka" in repr(error) + repr(error.details) + repr(error.cause)
    event = only(gateway)
    assert (event["event.action"], event["event.outcome"], event["error.type"]) == ("access_granted", "failure", error.type)
    assert "kafka" not in json.dumps(event)


@pytest.mark.parametrize(
    ("action", "payload", "told"),
    [
        ("indices:data/read/nonsense", b"", "action_not_found_transport_exception"),
        (SEARCH, b"\xffkafka", "transport_serialization_exception"),
    ],
)
async def test_what_is_not_understood(gateway: Audited, action: str, payload: bytes, told: str) -> None:
    await gateway.ask(by_key(gateway.key()), action=action, payload=payload)
    event = only(gateway)
    assert (event["event.action"], event["event.outcome"], event["error.type"]) == ("request_refused", "failure", told)
    assert (event["user.name"], event["rcgateway.action"]) == ("alice", action)
    assert "kafka" not in json.dumps(event)


async def test_a_wrong_secret_names_the_claimed_key_and_user_and_tells_no_secret(gateway: Audited) -> None:
    key_id = base64.b64decode(gateway.key().removeprefix("ApiKey ")).decode().partition(":")[0]
    wrong = base64.b64encode(f"{key_id}:{'s' * 22}".encode()).decode()
    await gateway.ask(by_key(f"ApiKey {wrong}"), "logs*")
    event = only(gateway)
    assert (event["event.action"], event["event.category"]) == ("authentication_failed", ["authentication"])
    assert (event["rcgateway.api_key.id"], event["user.name"], event["user.realm"]) == (key_id, "alice", "native1")
    assert event["rcgateway.error.credentials"] == [f"API key: invalid credentials for API key [{key_id}]"]
    text = json.dumps(event)
    assert "s" * 22 not in text
    assert wrong not in text


SECRET = "t0p-secret"


@pytest.mark.parametrize(
    ("credentials", "subject_info", "key_id", "user"),
    [
        (f"ApiKey {base64.b64encode(f'id:{SECRET}'.encode()).decode()}", None, "id", None),
        (f"ApiKey {base64.b64encode(SECRET.encode()).decode()}", "%%%", None, None),
        (f"ApiKey {SECRET}", "AAAA", None, None),
        (f"Bearer {SECRET}", "", None, None),
        (f"ApiKey {base64.b64encode(b'x' * 1000 + b':y').decode()}", None, None, None),
    ],
)
async def test_headers_that_make_no_sense(
    gateway: Audited, credentials: str, subject_info: str | None, key_id: str | None, user: str | None
) -> None:
    headers = {CREDENTIALS_HEADER: credentials} | ({} if subject_info is None else {SUBJECT_INFO_HEADER: subject_info})
    assert await gateway.ask(headers, "logs*") is not None
    event = only(gateway)
    assert event["event.action"] == "authentication_failed"
    assert (event.get("rcgateway.api_key.id"), event.get("user.name")) == (key_id, user)
    assert SECRET not in json.dumps(event)
    assert base64.b64encode(SECRET.encode()).decode() not in json.dumps(event)


async def test_the_certificate_model_without_a_user_and_with_one_that_cannot_be_read(gateway: Audited) -> None:
    await gateway.ask({}, "logs*")
    event = only(gateway)
    assert (event["event.action"], event["error.code"], event["tls.client.subject"]) == (
        "anonymous_access_denied",
        "401",
        CERTIFICATE,
    )
    await gateway.ask({AUTHENTICATION_HEADER: "AAAA"}, "logs*")
    assert only(gateway)["event.action"] == "tampered_request"
    contradiction = Authentication(User("bob"), REALM, type=AuthenticationType.ANONYMOUS, version=V_8_19)
    await gateway.ask({AUTHENTICATION_HEADER: contradiction.encode()}, "logs*")
    event = only(gateway)
    assert (event["event.action"], event["user.name"]) == ("authentication_failed", "bob")


async def test_run_as(gateway: Audited) -> None:
    await gateway.ask(by_certificate("reader", acting=User("al", roles=["admin"])), "logs-app-1")
    granted, access = gateway.take()
    assert (granted["event.action"], granted["user.name"], granted["user.run_as.name"]) == ("run_as_granted", "al", "bob")
    assert (granted["user.realm"], granted["user.run_as.realm"], granted["event.outcome"]) == ("native1", "ldap1", "success")
    assert (access["event.action"], access["user.name"], access["user.realm"]) == ("access_granted", "bob", "ldap1")
    assert (access["user.run_by.name"], access["user.run_by.realm"], access["user.run_by.roles"]) == ("al", "native1", ["admin"])

    await gateway.ask(by_certificate("reader", acting=User("mallory", roles=["reader"])), "logs-app-1")
    denied = only(gateway)
    assert (denied["event.action"], denied["user.name"], denied["user.run_as.name"]) == ("run_as_denied", "mallory", "bob")
    assert "unauthorized to run as [bob]" in denied["error.message"]

    await gateway.ask(by_certificate("reader", acting=User("al", roles=["admin"])), "events")
    assert [event["event.action"] for event in gateway.take()] == ["run_as_granted", "access_denied"]


async def test_a_user_with_an_api_key_of_the_local_cluster(gateway: Audited) -> None:
    realm = RealmRef(node_name="n", name="_es_api_key", type="_es_api_key")
    metadata = {
        API_KEY_ID: "k7",
        API_KEY_NAME: "jenkins",
        API_KEY_CREATOR_REALM_NAME: "ldap9",
        API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: SUPERUSER,
    }
    authentication = Authentication(User("carol"), realm, AuthenticationType.API_KEY, metadata=metadata, version=V_8_19)
    assert await gateway.ask({AUTHENTICATION_HEADER: authentication.encode()}, "logs*") is None
    event = only(gateway)
    assert (event["user.name"], event["user.realm"], event["rcgateway.authentication.type"]) == ("carol", "ldap9", "API_KEY")
    assert (event["rcgateway.user_api_key.id"], event["rcgateway.user_api_key.name"]) == ("k7", "jenkins")


async def test_elasticsearch_itself_is_a_kind_of_its_own(gateway: Audited) -> None:
    system = Authentication(
        User("_system", internal=True),
        RealmRef(node_name="n", name="__attach", type="__attach"),
        AuthenticationType.INTERNAL,
        version=V_8_19,
    )
    headers = {AUTHENTICATION_HEADER: system.encode()}
    await gateway.ask(headers, "logs*")
    assert only(gateway)["event.action"] == "access_granted"
    gateway.audit(xpack__security__audit__logfile__events__exclude=["system_access_granted"])
    await gateway.ask(headers, "logs*")
    await gateway.ask(by_certificate("reader"), "logs-app-1")
    assert [event["user.name"] for event in gateway.take()] == ["bob"]


async def test_filters_are_asked(gateway: Audited) -> None:
    events = "xpack__security__audit__logfile__events"
    gateway.audit(**{f"{events}__ignore_filters__p__users": ["al*"], f"{events}__ignore_filters__p__indices": ["logs-*"]})
    headers = by_key(gateway.key())
    await gateway.ask(headers, "logs*")
    assert gateway.take() == []
    await gateway.ask(headers, "products")
    assert only(gateway)["event.action"] == "access_denied"
    gateway.audit(**{f"{events}__include": ["authentication_success"]})
    await gateway.ask(headers, "products")
    assert only(gateway)["event.action"] == "authentication_success"
    gateway.audit(xpack__security__audit__enabled="false")
    await gateway.ask(headers, "products")
    assert gateway.take() == []


async def test_long_lists_and_names_are_cut(gateway: Audited) -> None:
    gateway.audit(audit__max_indices="3")
    names = ["logs-app-1", "logs-web-1", "products", "logs-" + "x" * 10_000]
    await gateway.ask(by_key(gateway.key()), *reversed(names))
    event = only(gateway)
    assert [len(name) for name in event["rcgateway.indices_requested"]] == [4097, 8, 10]
    assert event["rcgateway.indices_requested_count"] == 4
    assert len(event["error.message"]) <= 4097


async def test_a_request_that_nobody_waits_for(gateway: Audited) -> None:
    with trio.move_on_after(0) as scope:
        await gateway.ask(by_key(gateway.key()), "logs*")
    assert scope.cancelled_caught
    assert only(gateway)["event.outcome"] == "unknown"


def refused(headers: dict[str, str]) -> Header:
    return Header(5, Status(0), V_8_19, 100, SEARCH, headers)


async def test_a_header_that_is_refused_before_its_payload_is_there_has_one_event(gateway: Audited) -> None:
    peer = Peer(REMOTE_CLUSTER, "10.0.0.1", 40000)
    header = refused(by_key("ApiKey " + base64.b64encode(b"nobody:" + b"s" * 22).decode()))
    with pytest.raises(ElasticsearchException, match="unable to find apikey with id nobody"):
        gateway.dispatcher.check_header(header, peer)
    assert gateway.take() == []
    await gateway.dispatcher.connection_closed(peer)
    event = only(gateway)
    assert (event["event.action"], event["rcgateway.api_key.id"], event["user.name"]) == (
        "authentication_failed",
        "nobody",
        "alice",
    )
    await gateway.dispatcher.connection_closed(peer)
    assert gateway.take() == []


async def test_trouble_with_an_event_is_no_trouble_of_the_request(gateway: Audited) -> None:
    def broken(_event: Any) -> None:
        raise RuntimeError("no")

    gateway.dispatcher.audit._write = broken
    with structlog.testing.capture_logs() as captured:
        assert await gateway.ask(by_key(gateway.key()), "logs*") is None
    assert [entry["event"] for entry in captured] == ["audit event lost"]


def test_connections(gateway: Audited) -> None:
    peer = Peer(REMOTE_CLUSTER, "10.0.0.1", 40000)
    gateway.dispatcher.audit.connection_denied(peer, "the IP filter denies it", rule="deny 10.0.0.0/8")
    event = only(gateway)
    assert (event["event.action"], event["event.type"], event["event.outcome"]) == (
        "connection_denied",
        ["connection", "denied"],
        "failure",
    )
    assert (event["error.message"], event["rule.name"]) == ("the IP filter denies it", "deny 10.0.0.0/8")
    gateway.dispatcher.audit.connection_granted(peer, rule="allow _all")
    assert gateway.take() == []
    gateway.audit(xpack__security__audit__logfile__events__include=["_all"])
    gateway.dispatcher.audit.connection_granted(peer, rule="allow _all")
    assert only(gateway)["event.outcome"] == "success"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=st.text("abcdefghijklmnop", min_size=22, max_size=22),
    key_id=st.text(st.characters(exclude_characters="abcdefghijklmnop"), max_size=80),
    mangled=st.tuples(st.integers(0, 400), st.binary(max_size=8)),
    by_key_model=st.booleans(),
)
def test_headers_of_any_kind_leave_an_event_without_the_secret(
    gateway: Audited, secret: str, key_id: str, mangled: tuple[int, bytes], by_key_model: bool
) -> None:
    encoded = base64.b64encode(f"{key_id}:{secret}".encode("utf-8", "surrogatepass")).decode()
    headers = by_key(f"ApiKey {encoded}") if by_key_model else by_certificate("reader")
    name = SUBJECT_INFO_HEADER if by_key_model else AUTHENTICATION_HEADER
    place, put = mangled
    data = base64.b64decode(headers[name])
    headers[name] = base64.b64encode(data[:place] + put + data[place + len(put) :]).decode()
    peer = Peer(REMOTE_CLUSTER if by_key_model else "transport", "10.0.0.1", 40000)
    with structlog.testing.capture_logs() as captured:
        gateway.dispatcher.audit.refused_header(
            refused(headers), peer, ElasticsearchException("security_exception", "no", status=401)
        )
    assert captured == []
    text = logs.render(only(gateway)).decode()
    assert secret not in text
    assert encoded not in text


async def test_events_hold_nothing_that_logs_would_take_for_a_secret(gateway: Audited) -> None:
    await gateway.ask(by_certificate("reader", acting=User("al", roles=["admin"])), "logs-app-1")
    await gateway.ask(by_key(gateway.key()), "products")
    for event in gateway.take():
        assert logs.redact(None, "", dict(event)) == event


async def test_resolving_without_names(gateway: Audited) -> None:
    await gateway.ask(by_key(gateway.key()), action=RESOLVE_INDEX, payload=b"\x00")
    assert only(gateway)["rcgateway.action"] == RESOLVE_INDEX


async def test_a_subject_info_is_decoded_where_only_the_key_is_wrong(gateway: Audited) -> None:
    info = SubjectInfo(Authentication(User("dave"), REALM, version=V_8_19), [SUPERUSER])
    await gateway.ask({CREDENTIALS_HEADER: "ApiKey eA==", SUBJECT_INFO_HEADER: info.encode()}, "logs*")
    event = only(gateway)
    assert (event["event.action"], event["user.name"]) == ("authentication_failed", "dave")
