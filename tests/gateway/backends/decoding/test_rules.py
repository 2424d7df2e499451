"""Attempts to see by a search what the user's roles hide: the program is asked nothing, or answers with nothing of it.

Scripts, runtime fields and lookups are not here: the gateway reads no message that has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from tests.gateway.backends.socket.played import always, hit, hits
from tests.gateway.backends.socket.test_played import FIELDS, playing

HIDDEN = {"term": {"secret": {"value": "s"}}}


@pytest.mark.parametrize(
    "source",
    [
        {"query": {"bool": {"filter": [HIDDEN]}}},
        {"query": {"constant_score": {"filter": HIDDEN}}},
        {"query": {"dis_max": {"queries": [HIDDEN]}}},
        {"query": {"boosting": {"positive": {"match_all": {}}, "negative": HIDDEN, "negative_boost": 0.5}}},
        {"query": {"exists": {"field": "secret"}}},
        {"query": {"terms": {"secret": ["s"]}}},
        {"query": {"wildcard": {"secret": {"wildcard": "s*"}}}},
        {"query": {"term": {"_field_names": {"value": "secret"}}}},
        {"query": {"term": {"_source": {"value": "secret"}}}},
        {"query": {"term": {"undescribed": {"value": "s"}}}},
        {"post_filter": HIDDEN},
        {"aggs": {"a": {"filter": HIDDEN}}},
        {"aggs": {"a": {"filters": {"filters": {"one": HIDDEN}}}}},
        {"aggs": {"a": {"terms": {"field": "team"}, "aggs": {"b": {"filter": HIDDEN}}}}},
    ],
)
async def test_no_query_reaches_a_field_that_may_not_be_seen(tmp_path: Path, source: dict[str, Any]) -> None:
    async with playing(tmp_path, always(hits())) as (program, made):
        try:
            await made.user(**FIELDS).search("orders", **source)
        except ElasticsearchException as error:
            # The played program answers no aggregations.
            assert error.status == 502, error  # noqa: PT017
    (asked,) = program.asked
    assert "match_none" in json.dumps(asked)
    for name in ("secret", "_field_names", "undescribed"):
        assert name not in json.dumps(asked)


@pytest.mark.parametrize(
    "source",
    [
        {"query": {"exists": {"field": "*"}}},
        {"query": {"exists": {"field": "sec*"}}},
        {"query": {"simple_query_string": {"query": "s", "fields": ["text^1.0"]}}},
        {"query": {"multi_match": {"query": "s", "fields": ["text^1.0", "secret^1.0"]}}},
        {"query": {"nested": {"path": "n", "query": HIDDEN}}},
        {"sort": [{"_field_names": {"order": "asc"}}]},
        {"sort": [{"undescribed": {"order": "asc"}}]},
        {"aggs": {"a": {"terms": {"field": "_field_names"}}}},
        {"aggs": {"a": {"terms": {"field": "team"}, "aggs": {"b": {"max": {"field": "secret"}}}}}},
        {"aggs": {"a": {"global": {}, "aggs": {"b": {"missing": {"field": "secret"}}}}}},
        {"aggs": {"a": {"top_hits": {}}}},
        {"fields": [{"field": "_source"}]},
        {"docvalue_fields": [{"field": "_source"}]},
        {"highlight": {"fields": {"text": {"matched_fields": ["text", "secret"]}}}},
        {"highlight": {"fields": {"text": {"highlight_query": HIDDEN}}}},
        {"explain": True},
    ],
)
async def test_what_could_read_it_is_refused(tmp_path: Path, source: dict[str, Any]) -> None:
    async with playing(tmp_path, always(hits())) as (program, made):
        with pytest.raises(ElasticsearchException) as caught:
            await made.user(**FIELDS).search("orders", **source)
    assert caught.value.type == "illegal_argument_exception"
    assert program.asked == []


async def test_of_an_object_with_hidden_fields_nobody_can_tell_whether_it_is_there(tmp_path: Path) -> None:
    rules = {"field_security": {"grant": ["*"], "except": ["user.secret"]}}
    found = hit("1", "people", _source={"user": {"secret": "s"}, "user.secret": "s"})
    async with playing(tmp_path, always(hits(found))) as (program, made):
        user = made.user("people", **rules)
        assert (await user.search("people")).hits.hits[0].source == b"{}"
        with pytest.raises(ElasticsearchException, match=r"query \[exists\] on the object \[user\]"):
            await user.search("people", query={"exists": {"field": "user"}})
    assert len(program.asked) == 1


async def test_nothing_hidden_comes_with_a_hit(tmp_path: Path) -> None:
    rules = {"field_security": {"grant": ["team", "text"], "except": ["_version", "_ignored", "_seq_no"]}}
    full = hit(
        "1",
        _version=7,
        _seq_no=8,
        _primary_term=1,
        _ignored=["secret"],
        ignored_field_values={"secret": ["s"]},
        fields={"secret": ["s"], "size": [1], "undescribed": ["s"], "team": ["a"]},
        highlight={"secret": ["<em>s</em>"], "undescribed": ["s"]},
    )
    asked = {"version": True, "seq_no_primary_term": True, "fields": [{"field": "*"}], "_source": {"includes": ["*"]}}
    async with playing(tmp_path, always(hits(full))) as (_, made):
        (got,) = (await made.user(**rules).search("orders", **asked)).hits.hits
    assert got.source == b'{"team":"a","text":"t"}'
    assert set(got.fields) == {"team"}
    assert got.highlight == {}
    assert "_ignored" not in got.meta_fields
    assert got.version != 7


async def test_values_of_hidden_documents_are_not_listed_by_terms_without_documents(tmp_path: Path) -> None:
    aggs = {"a": {"terms": {"field": "team", "min_doc_count": 0}}}
    async with playing(tmp_path, always(hits())) as (program, made):
        with pytest.raises(ElasticsearchException, match=r"\[min_doc_count\] 0 of aggregation \[a\]"):
            await made.user("orders", query={"term": {"team": "a"}}).search("orders", aggs=aggs)
    assert program.asked == []


async def test_without_its_id_a_document_is_not_found(tmp_path: Path) -> None:
    rules = {"field_security": {"grant": ["*"], "except": ["_id"]}}
    async with playing(tmp_path, always(hits(hit("1")))) as (program, made):
        with pytest.raises(ElasticsearchException, match="a search without"):
            await made.user(**rules).search("orders")
        program.answer = always({"found": True, "_source": {"team": "a"}})
        assert not (await made.user(**rules).get("orders", "1")).exists


async def test_a_roles_query_with_the_current_time_refuses_all_reading(tmp_path: Path) -> None:
    async with playing(tmp_path, always(hits())) as (program, made):
        user = made.user("dated", query={"range": {"at": {"lt": "now"}}})
        for asked in (user.search("dated"), user.get("dated", "1")):
            with pytest.raises(ElasticsearchException) as caught:
                await asked
            assert caught.value.cause is not None
            assert "not allowed to use the current timestamp" in str(caught.value.cause.cause)
        await made.user("dated").search("dated", query={"range": {"at": {"lt": "now"}}})
    assert len(program.asked) == 1


async def test_a_filtered_alias_beside_its_index_hides_nothing_and_alone_it_does(tmp_path: Path) -> None:
    async with playing(tmp_path, always(hits())) as (program, made):
        await made.user().search("small")
        await made.user().search("small", "stock")
        await made.user("small").search("small")
    alias = {"range": {"size": {"boost": 1.0, "lt": 5}}}
    assert [target.get("filter") for target in program.asked[0]["targets"]] == [alias]
    assert [(target["index"], target.get("filter")) for target in program.asked[1]["targets"]] == [
        ("orders", alias),
        ("stock", None),
    ]
    assert [target.get("filter") for target in program.asked[2]["targets"]] == [alias]
