"""A gateway process and native clients at both ports: the same answers and refusals as over the transport protocol."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.native.client import connect
from gateway.tls_stream import TlsStream
from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.native.messages import Hello
from protocol.native.values import ALPN
from protocol.rest import render_search, search_request
from protocol.security import Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.gateway.native.served import ALL, NativeSetting

APPS = {"r": {"indices": [{"names": ["logs-app*"], "privileges": ["read"]}]}}
ERRORS_ONLY = {
    "r": {
        "indices": [
            {
                "names": ["logs-*"],
                "privileges": ["read"],
                "query": '{"term":{"level":"ERROR"}}',
                "field_security": {"grant": ["level", "service"]},
            }
        ]
    }
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeSetting]:
    made = NativeSetting(tmp_path_factory.mktemp("gateway"))
    yield made
    assert made.gateway.stop() == 0


async def refusal(client: Any, method: str, *arguments: Any, **more: Any) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as raised:
        await client.call(method, *arguments, **more)
    return raised.value


def over_transport(setting: NativeSetting, sets: list[dict[str, Any]], requests: list[SearchRequest]) -> list[dict[str, Any]]:
    """The answers to searches, or their errors, as a local cluster would show them."""
    subject = SubjectInfo(
        Authentication(User("alice"), RealmRef(node_name="tests", name="rcgw", type="rcgw"), version=V_8_19),
        [json.dumps(one).encode() for one in sets],
    )
    headers = {**setting.headers(), "_cross_cluster_access_subject_info": subject.encode()}
    with setting.client() as client:
        client.shake_hands()
        answers = [client.call(SEARCH, request.encode(V_8_19), headers) for request in requests]
    return [
        rest_error(answer)
        if isinstance(answer, ElasticsearchException)
        else {**render_search(SearchResponse.decode(answer, V_8_19)), "took": 0}
        for answer in answers
    ]


NAMES = [["logs-*"], ["logs-app-1"], ["*"], ["logs-web-1"], ["products"], ["logs-missing"], ["logs-*", "-logs-web*"], []]


@pytest.mark.parametrize("sets", [[ALL], [APPS], [ALL, ERRORS_ONLY], [APPS, ERRORS_ONLY], [{}]])
async def test_the_same_as_over_the_transport_protocol(setting: NativeSetting, sets: list[dict[str, Any]]) -> None:
    body = {"size": 5, "sort": [{"@timestamp": "asc"}], "aggs": {"levels": {"terms": {"field": "level"}}}}
    native: list[dict[str, Any]] = []
    async with setting.keyed(*sets) as client:
        for names in NAMES:
            try:
                native.append({**(await client.call("search", names, body)).body, "took": 0})
            except ElasticsearchException as error:
                native.append(rest_error(error))
    requests = [search_request(names, body) for names in NAMES]
    assert native == await trio.to_thread.run_sync(over_transport, setting, sets, requests)


async def test_document_and_field_rules_hold(setting: NativeSetting) -> None:
    async with setting.keyed(ERRORS_ONLY) as client:
        async with client.stream("search", ["logs-*"], {"size": 100}, window=500) as stream:
            sources = [hit["_source"] async for hit in stream]
        assert sources
        assert {source["level"] for source in sources} == {"ERROR"}
        assert all(source.keys() <= {"level", "service"} for source in sources)
        assert (await client.call("count", ["logs-*"])).body["count"] == len(sources)
        assert (await client.call("field_caps", ["logs-*"], params={"fields": "*"})).body["fields"].keys() >= {"level", "service"}
        assert "message" not in (await client.call("field_caps", ["logs-*"], params={"fields": "*"})).body["fields"]


async def test_the_certificate_model_looks_roles_up(setting: NativeSetting) -> None:
    async with setting.certified("analyst") as client:
        assert (await client.call("count", ["*"])).body["count"] == 30
        error = await refusal(client, "count", ["products"])
        assert (error.type, error.status) == ("security_exception", 403)
        assert (await client.call("info")).body["version"]["number"] == "8.19.21"
        error = await refusal(client, "count", ["*"], user={"username": "eve", "roles": ["nobody"]})
        assert error.status == 403


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"credentials": "bm9ib2R5OmFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="}, 401),
        ({"credentials": "garbage"}, 401),
        ({"credentials": None}, 401),
        ({"user": None}, 401),
    ],
)
async def test_who_cannot_be_believed_is_told_and_closed(setting: NativeSetting, more: dict[str, Any], status: int) -> None:
    async with setting.keyed(**more) as client:
        assert (await refusal(client, "count", ["logs-*"])).status == (status if more != {"user": None} else 400)


async def test_what_is_not_there_is_told_as_rest_tells_it(setting: NativeSetting) -> None:
    async with setting.keyed() as client:
        missing = await client.call("get", ["logs-app-1"], params={"id": "nowhere"})
        assert (missing.status, missing.body) == (404, {"_index": "logs-app-1", "_id": "nowhere", "found": False})
        error = await refusal(client, "search", ["logs-missing"])
        assert (error.type, error.status) == ("index_not_found_exception", 404)
        error = await refusal(client, "scroll", None, {"scroll_id": "x"})
        assert error.type == "action_not_found_transport_exception"
        error = await refusal(client, "get", ["logs-app-1"], params={"id": 7})
        assert error.reason == "parameter [id] is not a text"


async def test_many_searches_in_one(setting: NativeSetting) -> None:
    searches = [
        {"indices": ["logs-app-1"], "body": {"size": 0}},
        {"indices": ["products"]},
        {"body": {"size": -3}},
        {"index": "x"},
        {"params": {"size": 1, "rest_total_hits_as_int": True}},
    ]
    async with setting.keyed() as client:
        answer = (await client.call("msearch", ["logs-*"], searches)).body["responses"]
        assert [one["status"] for one in answer] == [200, 403, 400, 400, 200]
        assert answer[0]["hits"]["total"]["value"] == 30
        assert (answer[4]["hits"]["total"], len(answer[4]["hits"]["hits"])) == (45, 1)
        assert answer[3]["error"]["reason"] == "a search is a map with [indices], [params] and [body]"
        assert "no requests added" in str((await refusal(client, "msearch")).reason)


async def test_each_native_request_leaves_its_audit_event(setting: NativeSetting) -> None:
    async with setting.keyed() as client:
        await client.call("count", ["logs-app-1"])
    with trio.fail_after(20):
        while not (events := _events(setting, ["logs-app-1"])):  # noqa: ASYNC110 - another process writes them
            await trio.sleep(0.05)
    event = events[-1]
    assert (event["event.action"], event["user.name"], event["user.realm"]) == ("access_granted", "alice", "rcgw")


def _events(setting: NativeSetting, asked: list[str]) -> list[dict[str, Any]]:
    lines = setting.gateway.log.read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [event for event in events if event.get("rcgateway.indices_requested") == asked]


async def test_without_the_protocols_name_it_is_the_transport_protocol(setting: NativeSetting) -> None:
    context = setting.context()
    context.set_alpn_protocols(["h2"])
    socket = await trio.open_tcp_stream("127.0.0.1", setting.gateway.port(REMOTE_CLUSTER))
    stream = TlsStream(socket, context, server_hostname="127.0.0.1")
    try:
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() is None
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with trio.fail_after(10):
            assert await stream.receive_some() == b"This is not an HTTP port"
    finally:
        await trio.aclose_forcefully(stream)


async def test_a_server_that_does_not_speak_it(setting: NativeSetting) -> None:
    listeners: list[Any] = list(await trio.open_ssl_over_tcp_listeners(0, _server_context(setting), host="127.0.0.1"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, _shake_hands, listeners)
        port = listeners[0].transport_listener.socket.getsockname()[1]
        with pytest.raises(ElasticsearchException, match=f"does not speak \\[{ALPN}\\]"):
            async with connect("127.0.0.1", port, setting.context(), Hello([1])):
                raise AssertionError
        nursery.cancel_scope.cancel()


def _server_context(setting: NativeSetting) -> Any:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(setting.folder / "server.crt", setting.folder / "server.key")
    return context


async def _shake_hands(stream: Any) -> None:
    try:
        await stream.do_handshake()
        await stream.receive_some()
    except trio.BrokenResourceError:
        return
