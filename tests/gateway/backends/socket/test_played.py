"""A program that answers as it should, or does not: what the gateway asks it, and what it lets through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.backends.socket import pool
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import RESOLVE_INDEX, ResolveIndexRequest, ResolveIndexResponse
from protocol.versions import V_8_19
from tests.gateway.backends.socket.played import (
    DESCRIPTION,
    Answer,
    Connection,
    Gateway,
    Program,
    always,
    frame,
    gateway,
    hit,
    hits,
)

SECONDS = 20
FIELDS = {"field_security": {"grant": ["*"], "except": ["secret"]}}


@asynccontextmanager
async def playing(folder: Path, answer: Answer, **settings: str) -> AsyncIterator[tuple[Program, Gateway]]:
    """A program, and a gateway that knows it already."""
    program = Program(folder / "program.sock", answer)
    with trio.fail_after(SECONDS):
        async with program.running(), gateway(folder, **settings) as made:
            await described(made)
            yield program, made


async def described(made: Gateway) -> None:
    """Returns when the gateway knows which indices there are."""
    payload = ResolveIndexRequest(names=["*"], options=IndicesOptions()).encode(V_8_19)
    while (error := await failure(made.user().ask(RESOLVE_INDEX, payload))) is not None:
        assert (error.type, error.status) == ("status_exception", 503), error
        assert "has not described its indices yet" in str(error.reason)
        await trio.sleep(0.01)


async def failure(asked: Awaitable[object]) -> ElasticsearchException | None:
    try:
        await asked
    except ElasticsearchException as error:
        return error
    return None


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what the program sees of it has no event
        await trio.sleep(0.01)


async def test_a_search_is_asked_index_by_index_with_the_filters_of_aliases_and_roles(tmp_path: Path) -> None:
    async with playing(tmp_path, always(hits(hit("1")))) as (program, made):
        found = await made.user("orders", "small", query={"term": {"team": "a"}}).search(
            "small", query={"match": {"text": {"query": "t"}}}
        )
    (asked,) = program.asked
    role, alias = {"term": {"team": {"value": "a"}}}, {"range": {"size": {"boost": 1.0, "lt": 5}}}
    assert asked["targets"] == [{"index": "orders", "filter": {"bool": {"filter": [role, alias]}}}]
    assert asked["body"] == {"query": {"match": {"text": {"query": "t"}}}}
    assert asked["now_millis"] > 0
    (got,) = found.hits.hits
    assert got.shard is not None
    assert (got.shard.shard_id.index, got.shard.cluster_alias, got.id) == ("orders", "far", "1")
    assert found.total_shards == 1


async def test_wildcards_are_those_of_what_may_be_read(tmp_path: Path) -> None:
    async with playing(tmp_path, always(hits(hit("1"), hit("1", "stock")))) as (program, made):
        await made.user().search("*")
        with pytest.raises(ElasticsearchException) as caught:
            await made.user().search("vault")
        with pytest.raises(ElasticsearchException) as absent:
            await made.user("*").search("absent")
    assert [target["index"] for target in program.asked[0]["targets"]] == ["orders", "stock"]
    assert (caught.value.type, absent.value.type) == ("security_exception", "index_not_found_exception")
    assert len(program.asked) == 1


async def test_what_is_about_names_and_mappings_does_not_reach_the_program(tmp_path: Path) -> None:
    async with playing(tmp_path, always(None)) as (program, made):
        payload = FieldCapsRequest(indices=["both"], fields=["*"], options=IndicesOptions(), merge_results=False).encode(V_8_19)
        caps = FieldCapsResponse.decode(await made.user(**FIELDS).ask(FIELD_CAPS, payload), V_8_19)
        payload = ResolveIndexRequest(names=["*"], options=IndicesOptions()).encode(V_8_19)
        names = ResolveIndexResponse.decode(await made.user().ask(RESOLVE_INDEX, payload), V_8_19)
    assert [each.index for each in caps.index_responses] == ["orders", "stock"]
    assert {"team", "text", "size"} <= set(caps.index_responses[0].fields)
    assert "secret" not in caps.index_responses[0].fields
    assert [each.name for each in names.indices] == ["orders", "stock"]
    assert program.asked == []


async def test_fields_that_may_not_be_seen_are_neither_shown_nor_asked_for(tmp_path: Path) -> None:
    full = hit("1", fields={"secret": ["s"], "team": ["a"]}, highlight={"secret": ["s"], "text": ["t"]}, _ignored=["size"])
    query = {"bool": {"must": [{"term": {"secret": {"value": "s"}}}], "must_not": [{"exists": {"field": "team"}}]}}
    async with playing(tmp_path, always(hits(full))) as (program, made):
        user = made.user(**FIELDS)
        (got,) = (await user.search("orders", query=query)).hits.hits
        assert got.source == b'{"team":"a","text":"t"}'
        assert (set(got.fields), set(got.highlight)) == ({"team"}, {"text"})
        asked = program.asked[0]["body"]["query"]["bool"]
        assert asked["must"] == [{"match_none": {}}]
        assert asked["must_not"][0]["exists"]["field"] == "team"
        for refused in (
            {"query": {"query_string": {"query": "s"}}},
            {"query": {"multi_match": {"query": "s", "fields": ["*^1.0"]}}},
            {"sort": [{"secret": {"order": "asc"}}]},
            {"aggs": {"a": {"terms": {"field": "secret"}}}},
        ):
            with pytest.raises(ElasticsearchException) as caught:
                await user.search("orders", **refused)
            assert caught.value.type == "illegal_argument_exception"
            assert "where the user's roles show some fields only" in str(caught.value.reason)
        await made.user().search("orders", query={"query_string": {"query": "s"}})
    assert len(program.asked) == 2


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"query": {"term": {"_index": {"value": "vault"}}}}, "a query on [_index]"),
        ({"aggs": {"a": {"avg": {"field": "size"}}}}, "aggregation [a] of type [avg]"),
        ({"aggs": {"a": {"terms": {"field": "_index"}}}}, "an aggregation on [_index]"),
        ({"suggest": {"s": {"text": "t", "term": {"field": "text"}}}}, "[suggest] of a search"),
        ({"collapse": {"field": "team"}}, "[collapse] of a search"),
    ],
)
async def test_what_may_read_more_than_is_granted_is_refused_by_its_name(
    tmp_path: Path, source: dict[str, Any], named: str
) -> None:
    async with playing(tmp_path, always(hits())) as (program, made):
        with pytest.raises(ElasticsearchException) as caught:
            await made.user().search("orders", **source)
    assert caught.value.reason == f"{named} is not supported by the gateway's backend"
    assert program.asked == []


BUCKET = {"key": "a", "doc_count": 1}
TERMS = {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [BUCKET]}
GROUPED = {"aggs": {"t": {"terms": {"field": "team"}}}}


@pytest.mark.parametrize(
    ("body", "source", "wrong"),
    [
        (hits(hit("1", "vault")), {}, "a hit of the index [vault], which was not asked for"),
        (hits(hit("1", "stock")), {}, "a hit of the index [stock], which was not asked for"),
        (hits(hit("1", "far:orders")), {}, "a hit of the index [far:orders], which was not asked for"),
        (hits(hit("1"), hit("2")), {"size": 1}, "[2] hits, where [1] were asked for"),
        (hits(*(hit(str(number)) for number in range(11))), {}, "[11] hits, where [10] were asked for"),
        (hits(hit("1"), total=0), {}, "a total of [0] with [1] hits"),
        (hits(hit("1", inner_hits={})), {}, "a member [inner_hits] in a hit that is not known"),
        (hits(hit("1", _source="text")), {}, "a [_source] that is no map"),
        ({"hits": {"hits": []}}, {}, "no [hits.total]"),
        ({"hits": {"hits": 1}}, {}, "[hits.hits] is not a list"),
        (hits(hit("1", sort=[1])), {}, "a hit with a [sort], which was not asked for"),
        (hits(hit("1")), {"sort": [{"size": {"order": "asc"}}]}, "a hit without its [sort]"),
        ([], {}, "it is no map"),
        (None, {}, "it is no map"),
        ({**hits(), "suggest": {}}, {}, "a member [suggest] of a search that is not known"),
        ({**hits(), "aggregations": {"sterms#u": TERMS}}, GROUPED, "an aggregation [sterms#u]"),
        ({**hits(), "aggregations": {"max#t": {"value": 1.0}}}, GROUPED, "a result [max#t] of aggregation [t]"),
        (
            {**hits(), "aggregations": {"sterms#t": {**TERMS, "buckets": [BUCKET] * 11}}},
            GROUPED,
            "[11] buckets in [aggregations.t]",
        ),
        (hits(), GROUPED, "[aggregations] without [t]"),
        (
            {**hits(), "_shards": {"total": 1, "failed": 1, "failures": [{"shard": 0, "index": "vault", "reason": {}}]}},
            {},
            "a failure of the index [vault], which was not asked for",
        ),
    ],
)
async def test_an_answer_that_may_not_be_is_not_passed_on(tmp_path: Path, body: Any, source: dict[str, Any], wrong: str) -> None:
    async with playing(tmp_path, always(body)) as (_, made):
        with pytest.raises(ElasticsearchException) as caught:
            await made.user("*").search("orders", **source)
    assert (caught.value.type, caught.value.status) == ("status_exception", 502)
    assert str(caught.value.reason).startswith(f"the backend [unix:{tmp_path}/program.sock] gave a wrong answer: {wrong}")


async def test_aggregations_go_through(tmp_path: Path) -> None:
    body = {**hits(), "aggregations": {"sterms#t": {**TERMS, "buckets": [{**BUCKET, "sum#s": {"value": 3.0}}]}}}
    async with playing(tmp_path, always(body)) as (_, made):
        aggs = {"t": {"terms": {"field": "team"}, "aggs": {"s": {"sum": {"field": "size"}}}}}
        found = await made.user().search("orders", aggs=aggs)
    assert found.aggregations is not None
    assert [each.name for each in found.aggregations] == ["t"]


async def test_a_get_shows_one_document_or_none(tmp_path: Path) -> None:
    found = {"found": True, "_source": {"team": "a", "secret": "s"}, "_version": 3}
    async with playing(tmp_path, always(found)) as (program, made):
        got = await made.user(query={"term": {"team": "a"}}, **FIELDS).get("orders", "1")
        program.answer = always({"found": False})
        absent = await made.user().get("orders", "2")
        program.answer = always({**found, "_index": "vault"})
        with pytest.raises(ElasticsearchException) as caught:
            await made.user().get("orders", "3")
    assert (got.exists, got.source, got.version) == (True, b'{"team":"a"}', 3)
    assert not absent.exists
    assert program.asked[0] == {"target": {"index": "orders", "filter": {"term": {"team": {"value": "a"}}}}, "id": "1"}
    assert caught.value.status == 502


async def test_the_programs_own_errors_are_the_answer(tmp_path: Path) -> None:
    async def refuses(connection: Connection, header: dict[str, Any], _: Any) -> None:
        error = {"type": "illegal_argument_exception", "reason": "query [range] is not for me"}
        body = {"error": {**error, "root_cause": [error]}, "status": 400}
        await connection.stream.send_all(frame({"kind": "error", "id": header["id"], "status": 400}, body))

    async with playing(tmp_path, refuses) as (_, made):
        with pytest.raises(ElasticsearchException, match="is not for me"):
            await made.user().search("orders")


async def test_one_that_is_slow_is_cancelled(tmp_path: Path) -> None:
    async def hangs(connection: Connection, header: dict[str, Any], _: Any) -> None:
        await trio.sleep_forever()

    async with playing(tmp_path, hangs, timeout="100ms") as (program, made):
        with pytest.raises(ElasticsearchException) as caught:
            await made.user().search("orders")
        await until(lambda: bool(program.other))
    assert caught.value.type == "timeout_exception"
    assert program.other[0]["kind"] == "cancel"


@pytest.mark.parametrize(
    "bad",
    [
        frame({"kind": "response", "id": 999}, hits()),
        frame({"kind": "request", "id": 1, "method": "search"}),
        b"\xff\xff\xff\xff\x00\x00\x00\x01",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_bytes_that_may_not_come_end_the_connection_and_what_is_asked_over_it(tmp_path: Path, bad: bytes) -> None:
    async def answer(connection: Connection, header: dict[str, Any], _: Any) -> None:
        await connection.stream.send_all(bad)

    async with playing(tmp_path, answer, connections="1") as (program, made):
        with pytest.raises(ElasticsearchException) as caught:
            await made.user().search("orders")
        program.answer = always(hits(hit("1")))
        after = await made.user().search("orders")
    assert caught.value.type == "node_disconnected_exception"
    assert len(after.hits.hits) == 1
    assert program.connections == 2


async def test_an_answer_in_parts_is_refused(tmp_path: Path) -> None:
    async def parts(connection: Connection, header: dict[str, Any], _: Any) -> None:
        await connection.stream.send_all(frame({"kind": "response", "id": header["id"], "last": False}, hits()))

    async with playing(tmp_path, parts) as (_, made):
        with pytest.raises(ElasticsearchException, match="in parts, which nobody asked for"):
            await made.user().search("orders")


async def test_a_program_that_goes_fails_what_is_under_way_and_nothing_after(tmp_path: Path) -> None:
    caught: list[ElasticsearchException] = []
    asked = trio.Event()

    async def hangs(connection: Connection, header: dict[str, Any], _: Any) -> None:
        asked.set()
        await trio.sleep_forever()

    async def search(made: Gateway) -> None:
        with pytest.raises(ElasticsearchException) as error:
            await made.user().search("orders")
        caught.append(error.value)

    with trio.fail_after(SECONDS):
        async with gateway(tmp_path) as made:
            with pytest.raises(ElasticsearchException, match="has not described its indices yet"):
                await made.user().search("absent")
            async with trio.open_nursery() as nursery, Program(tmp_path / "program.sock", hangs).running():
                await described(made)
                nursery.start_soon(search, made)
                await asked.wait()
            (error,) = caught
            assert error.type == "node_disconnected_exception"
            async with Program(tmp_path / "program.sock", always(hits(hit("1")))).running():
                assert len((await made.user().search("orders")).hits.hits) == 1


async def test_without_a_program_a_request_waits_only_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)
    with trio.fail_after(SECONDS):
        async with gateway(tmp_path) as made:
            async with Program(tmp_path / "program.sock", always(hits())).running():
                await described(made)
            error = await failure(made.user().search("orders"))
            while error is not None and error.type == "node_disconnected_exception":
                error = await failure(made.user().search("orders"))
            assert error is not None
            assert error.type == "node_not_connected_exception"


@pytest.mark.parametrize(
    "description",
    [
        None,
        {},
        {"indices": {"Upper": {}}},
        {"indices": {"a": {"mappings": {"properties": {"f": {"type": "unheard_of"}}}}}},
        {"indices": {"a": {"mappings": 1}}},
        {"indices": {"a": {"aliases": {"b": {}}}, "b": {}}},
        {"indices": {}, "data_streams": {}},
    ],
)
async def test_a_program_that_does_not_describe_itself_is_asked_nothing(tmp_path: Path, description: Any) -> None:
    program = Program(tmp_path / "program.sock", always(hits()), description)
    with trio.fail_after(SECONDS):
        async with program.running(), gateway(tmp_path) as made:
            await until(lambda: program.connections >= 3)
            with pytest.raises(ElasticsearchException) as caught:
                await made.user("*").search("a")
    assert caught.value.status == 503
    assert program.asked == []


async def test_another_description_takes_the_place_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "DESCRIBE_SECONDS", 0.01)
    async with playing(tmp_path, always(hits())) as (program, made):
        program.description = {"indices": {**DESCRIPTION["indices"], "new": {}}}
        while (error := await failure(made.user("*").search("new"))) is not None:
            assert error.type == "index_not_found_exception"
            await trio.sleep(0.01)
    assert program.asked[-1]["targets"] == [{"index": "new"}]


async def test_one_that_answers_no_pings_is_connected_to_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PING_SECONDS", 0.01)
    monkeypatch.setattr(pool, "PONG_SECONDS", 0.05)

    class Silent(Program):
        async def _take(self, connection: Connection, header: dict[str, Any], body: Any) -> None:
            if header["kind"] != "ping":
                await super()._take(connection, header, body)

    program = Silent(tmp_path / "program.sock", always(hits()))
    with trio.fail_after(SECONDS):
        async with program.running(), gateway(tmp_path, connections="1"):
            await until(lambda: program.connections >= 2)
