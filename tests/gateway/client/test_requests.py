"""Requests of a local cluster: who is told what of failures, cancellation, time, compression; with clusters that the test plays."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
import trio
import trio.testing

from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import unwrap
from protocol.frames import Status
from protocol.messages.contexts import CLOSE_POINT_IN_TIME, OPEN_POINT_IN_TIME, FreedResponse, OpenPointInTimeResponse
from protocol.messages.hits import SearchHit, SearchHits, SortValues, TotalHits
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.security import SUBJECT_INFO_HEADER, SubjectInfo
from protocol.versions import V_8_19
from tests.gateway.backends.relay.played import PlayedConnection, silence
from tests.gateway.client.played import KEY, Remote, answering, local_cluster, refusing, until

ONE, TWO = "10.0.0.1", "10.0.0.2"
DENIED = ElasticsearchException("security_exception", "no", status=403)


def proxy(alias: str, host: str, **rest: str) -> dict[str, str]:
    return {f"{alias}.mode": "proxy", f"{alias}.proxy_address": f"{host}:9443", f"{alias}.proxy_socket_connections": "1"} | {
        f"{alias}.{name}": value for name, value in rest.items()
    }


BOTH = {**proxy("one", ONE), **proxy("two", TWO)}
STRICT = {**proxy("one", ONE, skip_unavailable="false"), **proxy("two", TWO, skip_unavailable="false")}


def two_clusters(**handlers: Any) -> dict[str, Remote]:
    return {
        host: Remote(host=host, cluster_name=alias, handler=handlers.get(alias, answering(alias)))
        for alias, host in (("one", ONE), ("two", TWO))
    }


async def test_a_request_tells_who_asks_and_what_it_is_a_part_of(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters()
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        await local.search("root", "one:logs-*,two:x,one:y", {"size": 3, "from": 2})
        await local.search("root", "one:logs-*", {"size": 3, "from": 2})
    together, alone = remotes[ONE].searches
    assert (together.indices, together.local_cluster_alias, together.final_reduce) == (["logs-*", "y"], "one", False)
    assert together.source == {"from": 0, "size": 5}
    assert remotes[TWO].searches[0].indices == ["x"]
    assert remotes[TWO].searches[0].parent_task == together.parent_task
    assert (alone.local_cluster_alias, alone.final_reduce, alone.source) == ("one", True, {"from": 2, "size": 3})
    assert (alone.parent_task.node, alone.parent_task.id) != (together.parent_task.node, together.parent_task.id)
    headers = remotes[ONE].connections[0].requests[0].header.request_headers
    assert headers["_cross_cluster_access_credentials"] == f"ApiKey {KEY}"
    assert SubjectInfo.decode(headers[SUBJECT_INFO_HEADER]).authentication.user.username == "root"


async def test_a_cluster_that_fails_is_skipped_and_told_of(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async with local_cluster(two_clusters(two=refusing(DENIED)), monkeypatch, BOTH) as local:
        answer = await local.search("root", "*:logs")
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["one"]
    clusters = answer["_clusters"]
    assert (clusters["total"], clusters["successful"], clusters["skipped"]) == (2, 1, 1)
    assert clusters["details"]["two"]["status"] == "skipped"
    assert clusters["details"]["two"]["failures"][0]["reason"] == {"type": "security_exception", "reason": "no"}


async def test_where_all_are_skipped_the_answer_is_empty_and_says_so(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters(one=refusing(DENIED))
    remotes[TWO].refuse = True
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        answer = await local.search("root", "*:logs")
        alone = await local.search("root", "two:logs")
    assert (answer["hits"]["hits"], answer["_clusters"]["skipped"]) == ([], 2)
    failure = alone["_clusters"]["details"]["two"]["failures"][0]
    assert failure["reason"] == {"type": "connect_transport_exception", "reason": "Unable to connect to [two]"}


async def test_a_cluster_that_may_not_be_skipped_fails_the_search_and_stops_the_others(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters(one=silence, two=refusing(DENIED))
    async with local_cluster(remotes, monkeypatch, STRICT) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "*:logs")
        assert failed.value.type == "remote_transport_exception"
        assert failed.value.reason == "error while communicating with remote cluster [two]"
        assert unwrap(failed.value).reason == "no"
        await until(lambda: len(remotes[ONE].cancelled) == 1)


async def test_a_user_without_rights_never_reaches_the_cluster(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters()
    async with local_cluster(remotes, monkeypatch, STRICT) as local:
        with pytest.raises(ElasticsearchException) as refused:
            await local.search("bob", "one:logs")
        assert "because no remote indices privileges apply for the target cluster" in str(unwrap(refused.value).reason)
        with pytest.raises(ElasticsearchException, match=r"unable to authenticate user \[nobody\]"):
            await local.search("nobody", "one:logs")
    assert remotes[ONE].searches == []


async def test_who_is_cancelled_has_the_cluster_told(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters(one=silence)
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        with trio.move_on_after(1):
            await local.search("root", "one:logs")
        await until(lambda: len(remotes[ONE].cancelled) == 1)
        ((request, told),) = [each.requests for each in remotes[ONE].connections]
        cancelled = remotes[ONE].cancelled[0]
        assert cancelled.child_request_id == request.header.request_id
        assert cancelled.task == SearchRequest.decode(request.payload, V_8_19).parent_task
        assert SubjectInfo.decode(told.header.request_headers[SUBJECT_INFO_HEADER]).authentication.user.username == "_system"
        # The connection goes on.
        remotes[ONE].handler = answering("a")
        await local.search("root", "one:logs")
        assert len(remotes[ONE].connections) == 1


async def test_a_request_has_its_time(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    remotes = two_clusters(one=silence)
    async with local_cluster(remotes, monkeypatch, STRICT, request_timeout=4) as local:
        began = trio.current_time()
        with pytest.raises(ElasticsearchException) as late:
            await local.search("root", "one:logs")
        assert trio.current_time() - began == pytest.approx(4)
        told = unwrap(late.value)
        assert told.type == "receive_timeout_transport_exception"
        assert "timed out after [4000ms]" in str(told.reason)
        await until(lambda: len(remotes[ONE].cancelled) == 1)


@pytest.mark.parametrize("scheme", ["lz4", "deflate"])
async def test_requests_are_compressed_where_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, scheme: str
) -> None:
    remotes = two_clusters()
    seen: list[Status] = []
    plain = remotes[ONE].handler

    async def handler(connection: PlayedConnection, request: RequestReceived) -> None:
        seen.append(request.header.status)
        await plain(connection, request)

    remotes[ONE].handler = handler
    flat = {**BOTH, "one.transport.compress": "true", "one.transport.compression_scheme": scheme}
    async with local_cluster(remotes, monkeypatch, flat) as local:
        answer = await local.search("root", "one:logs", {"query": {"match": {"message": "a" * 1000}}})
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["one"]
    assert all(status & Status.COMPRESSED for status in seen)
    assert seen


@pytest.mark.parametrize("compress", ["false", "indexing_data"])
async def test_searches_are_no_indexing_data(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, compress: str
) -> None:
    remotes = two_clusters()
    async with local_cluster(remotes, monkeypatch, {**BOTH, "one.transport.compress": compress}) as local:
        await local.search("root", "one:logs")
    assert not remotes[ONE].connections[0].requests[0].header.status & Status.COMPRESSED


async def test_an_answer_that_cannot_be_read_is_an_error_of_that_cluster(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def nonsense(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.answer(request, b"\x01\x02\x03")

    async with local_cluster(two_clusters(one=nonsense), monkeypatch, STRICT) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.search("root", "one:logs")
    assert unwrap(failed.value).type == "transport_serialization_exception"


async def test_each_of_several_searches_has_its_own_answer(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async with local_cluster(two_clusters(two=refusing(DENIED)), monkeypatch, STRICT) as local:
        answer = await local.msearch(
            "root",
            [({"index": "one:a"}, {}), ({"index": "two:a"}, {}), ({"index": "one:a"}, {"nonsense": 1}), ({"index": "here"}, {})],
        )
    found, denied, malformed, missing = answer["responses"]
    assert (found["status"], found["hits"]["hits"][0]["_id"]) == (200, "one")
    assert (denied["status"], denied["error"]["type"]) == (403, "security_exception")
    assert (malformed["status"], malformed["error"]["type"]) == (400, "parsing_exception")
    assert (missing["status"], missing["error"]["type"]) == (404, "index_not_found_exception")


@pytest.mark.parametrize(
    ("body", "params", "what"),
    [
        ({"profile": True}, {}, "[profile]"),
        ({}, {"ccs_minimize_roundtrips": False}, "[ccs_minimize_roundtrips] false"),
        ({}, {"scroll": "1m"}, "[scroll] over several remote clusters"),
        ({}, {"search_type": "dfs_query_then_fetch"}, "[search_type] dfs_query_then_fetch over several remote clusters"),
    ],
)
async def test_what_is_not_done_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, body: Any, params: Any, what: str
) -> None:
    remotes = two_clusters()
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        with pytest.raises(ElasticsearchException) as refused:
            await local.search("root", "*:logs", body, **params)
    assert refused.value.reason == f"{what} is not supported by this client"
    assert remotes[ONE].searches == []


class Paged:
    """A cluster with points in time; its documents are the numbers below ``count``."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.open: list[bytes] = []
        self.pages = 0

    async def __call__(self, connection: PlayedConnection, request: RequestReceived) -> None:
        if request.header.action == OPEN_POINT_IN_TIME:
            self.open.append(b"pit:%d" % len(self.open))
            await connection.answer(request, OpenPointInTimeResponse(id=self.open[-1]).encode(V_8_19))
        elif request.header.action == CLOSE_POINT_IN_TIME:
            self.open.pop()
            await connection.answer(request, FreedResponse(succeeded=True, freed=1).encode(V_8_19))
        else:
            assert request.header.action == SEARCH
            await connection.answer(request, self.page(SearchRequest.decode(request.payload, V_8_19)).encode(V_8_19))

    def page(self, asked: SearchRequest) -> SearchResponse:
        self.pages += 1
        source = asked.source or {}
        start = source["search_after"][0] + 1 if "search_after" in source else 0
        numbers = range(start, min(self.count, start + source["size"]))
        hits = [SearchHit(id=str(each), sort=SortValues(formatted=[each], raw=[each])) for each in numbers]
        return SearchResponse(hits=SearchHits(total=TotalHits(value=self.count), hits=hits), pit_id=self.open[-1])


async def test_a_scan_turns_page_after_page_and_closes_what_it_opened(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    one, two = Paged(7), Paged(3)
    async with local_cluster(two_clusters(one=one, two=two), monkeypatch, BOTH) as local:
        found = [hit["_id"] async for hit in local.scan("root", "*:logs", page=3)]
        assert sorted(found) == sorted([*"0123456", *"012"])
        assert (one.open, one.pages, two.open, two.pages) == ([], 3, [], 2)
        async with aclosing(local.scan("root", "one:logs", page=3)) as hits:
            async for _ in hits:
                break
        assert (one.open, one.pages) == ([], 4)


async def test_a_point_in_time_finds_back_to_its_cluster(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async with local_cluster(two_clusters(one=Paged(1), two=Paged(2)), monkeypatch, BOTH) as local:
        opened = await local.open_point_in_time("root", "two:logs", "1m")
        page = await local.search("root", (), {"pit": {"id": opened["id"]}, "size": 10})
        assert (len(page["hits"]["hits"]), page["pit_id"]) == (2, opened["id"])
        assert (await local.close_point_in_time("root", opened["id"]))["succeeded"] is True
        with pytest.raises(ElasticsearchException, match="is of none of the remote clusters"):
            await local.search("root", (), {"pit": {"id": "cm9tZTp4"}})
        with pytest.raises(ElasticsearchException, match=r"over \[2\] remote clusters is not supported"):
            await local.open_point_in_time("root", "*:logs", "1m")
        with pytest.raises(ElasticsearchException, match="Cannot parse scroll id"):
            await local.scroll("root", "rome:x")
