"""What several clusters have, merged as by a coordinating node: fields, names, terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio.testing

from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import unwrap
from protocol.messages.field_caps import (
    FieldCapsFailure,
    FieldCapsRequest,
    FieldCapsResponse,
    IndexFieldCaps,
    IndexResponse,
    MetricType,
)
from protocol.messages.resolve import ResolvedAlias, ResolvedIndex, ResolveIndexResponse
from protocol.messages.terms_enum import TermsEnumResponse
from protocol.schema import Message
from protocol.versions import V_8_19
from tests.gateway.backends.relay.played import Handler, PlayedConnection
from tests.gateway.client.played import local_cluster, refusing
from tests.gateway.client.test_requests import BOTH, ONE, STRICT, two_clusters

DENIED = ElasticsearchException("security_exception", "no", status=403)


def says(answer: Message) -> Handler:
    async def handler(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.answer(request, answer.encode(V_8_19))

    return handler


def caps(name: str, kind: str = "long", **rest: Any) -> IndexFieldCaps:
    return IndexFieldCaps(name=name, type=kind, **{"searchable": True, "aggregatable": True, **rest})


def index(name: str, *fields: IndexFieldCaps) -> IndexResponse:
    return IndexResponse(index=name, fields={each.name: each for each in fields})


def fields_of(*indices: IndexResponse, **rest: Any) -> Handler:
    return says(FieldCapsResponse(index_responses=list(indices), **rest))


async def field_caps(
    monkeypatch: pytest.MonkeyPatch, handlers: Mapping[str, Handler], flat: Mapping[str, str] = BOTH, **params: Any
) -> Any:
    async with local_cluster(two_clusters(**handlers), monkeypatch, flat) as local:
        return await local.field_caps("root", "*:*", fields="*", **params)


async def test_fields_that_are_alike_everywhere_name_no_indices(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    answer = await field_caps(
        monkeypatch, {"one": fields_of(index("b", caps("f"))), "two": fields_of(index("a", caps("f")), index("c", caps("g")))}
    )
    assert answer == {
        "indices": ["one:b", "two:a", "two:c"],
        "fields": {
            name: {"long": {"type": "long", "metadata_field": False, "searchable": True, "aggregatable": True}} for name in "fg"
        },
    }


async def test_fields_that_differ_name_where(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    one = fields_of(
        index("a", caps("f", "keyword", searchable=False, meta={"unit": "ms"})),
        index("b", caps("f", "keyword", aggregatable=False, meta={"unit": "s"}), caps("m", metric=MetricType.GAUGE)),
    )
    two = fields_of(index("a", caps("f", "text")), index("b", caps("m", dimension=True, metric=MetricType.COUNTER)))
    answer = await field_caps(monkeypatch, {"one": one, "two": two}, include_unmapped=True)
    assert answer["fields"]["f"] == {
        "keyword": {
            "type": "keyword",
            "metadata_field": False,
            "searchable": False,
            "aggregatable": False,
            "indices": ["one:a", "one:b"],
            "non_searchable_indices": ["one:a"],
            "non_aggregatable_indices": ["one:b"],
            "meta": {"unit": ["ms", "s"]},
        },
        "text": {"type": "text", "metadata_field": False, "searchable": True, "aggregatable": True, "indices": ["two:a"]},
        "unmapped": {
            "type": "unmapped",
            "metadata_field": False,
            "searchable": False,
            "aggregatable": False,
            "indices": ["two:b"],
        },
    }
    metric = answer["fields"]["m"]["long"]
    assert metric["indices"] == metric["metric_conflicts_indices"] == ["one:b", "two:b"]
    assert metric["non_dimension_indices"] == ["one:b"]
    assert "time_series_metric" not in metric


async def test_a_cluster_that_fails_is_among_the_failures(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    closed = ElasticsearchException("index_closed_exception", "closed")
    one = fields_of(index("a", caps("f")), failures=[FieldCapsFailure(indices=["x", "a"], exception=closed)])
    answer = await field_caps(monkeypatch, {"one": one, "two": refusing(DENIED)}, STRICT)
    assert answer["indices"] == ["one:a"]
    assert {tuple(each["indices"]): each["failure"]["error"]["type"] for each in answer["failures"]} == {
        ("one:x",): "index_closed_exception",
        ("two:*",): "security_exception",
    }


async def test_where_no_index_has_answered_the_first_failure_is_the_answer(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters(one=refusing(DENIED), two=refusing(DENIED))
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        with pytest.raises(ElasticsearchException) as failed:
            await local.field_caps("root", "*:*", fields="*")
    assert unwrap(failed.value).reason == "no"


async def test_each_cluster_is_asked_for_its_indices_one_by_one(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    remotes = two_clusters(one=fields_of(index("a", caps("f"))), two=fields_of())
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        await local.field_caps("root", "one:a,two:b*,one:-c", fields="f", include_unmapped=True)
    sent = FieldCapsRequest.decode(remotes[ONE].requests[0], V_8_19)
    assert (sent.indices, sent.merge_results, sent.include_unmapped, sent.cluster_alias) == (["a", "-c"], False, False, "one")
    assert sent.now is not None


def names(*indices: str, aliases: tuple[str, ...] = ()) -> Handler:
    return says(
        ResolveIndexResponse(
            indices=[ResolvedIndex(name=each, aliases=list(aliases), attributes=["open"]) for each in indices],
            aliases=[ResolvedAlias(name=each, indices=list(indices)) for each in aliases],
        )
    )


async def test_names_are_in_order_of_clusters(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    remotes = two_clusters(two=names("a", aliases=("x",)), one=names("b"))
    async with local_cluster(remotes, monkeypatch, BOTH) as local:
        answer = await local.resolve_index("root", "two:*,one:*")
    assert [each["name"] for each in answer["indices"]] == ["one:b", "two:a"]
    assert answer["indices"][1]["aliases"] == ["x"]
    assert answer["aliases"] == [{"name": "two:x", "indices": ["a"]}]


async def test_names_of_a_cluster_that_may_not_be_skipped_are_not_left_out(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    for flat, told in ((BOTH, None), (STRICT, "no")):
        async with local_cluster(two_clusters(one=names("b"), two=refusing(DENIED)), monkeypatch, flat) as local:
            if told is None:
                answer = await local.resolve_index("root", "*:*")
                assert [each["name"] for each in answer["indices"]] == ["one:b"]
                with pytest.raises(ElasticsearchException):
                    await local.resolve_index("root", "two:*")
            else:
                with pytest.raises(ElasticsearchException) as failed:
                    await local.resolve_index("root", "*:*")
                assert unwrap(failed.value).reason == told


async def test_terms_are_merged_each_once_up_to_the_size(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    one = says(TermsEnumResponse(total_shards=2, successful_shards=2, terms=["a", "c", "e"]))
    two = says(TermsEnumResponse(total_shards=1, successful_shards=1, terms=["b", "c", "d"], complete=False))
    async with local_cluster(two_clusters(one=one, two=two), monkeypatch, BOTH) as local:
        answer = await local.terms_enum("root", "*:*", {"field": "f", "size": 4})
    assert answer == {"_shards": {"total": 3, "successful": 3, "failed": 0}, "terms": ["a", "b", "c", "d"], "complete": False}


async def test_terms_are_not_complete_where_a_cluster_is_skipped(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    one = says(TermsEnumResponse(total_shards=1, successful_shards=1, terms=["a"]))
    async with local_cluster(two_clusters(one=one, two=refusing(DENIED)), monkeypatch, BOTH) as local:
        answer = await local.terms_enum("root", "*:*", {"field": "f"})
    assert (answer["terms"], answer["complete"]) == (["a"], False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DENIED, {"connected": False, "skip_unavailable": True, "error": "no"}),
        (
            ElasticsearchException("index_not_found_exception", "no such index [x]"),
            {"connected": True, "skip_unavailable": True, "error": "no such index [x]"},
        ),
        (ElasticsearchException("connect_transport_exception", "away"), {"connected": False, "skip_unavailable": True}),
    ],
)
async def test_what_a_cluster_says_of_itself_is_told_in_place_of_an_error(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock, error: ElasticsearchException, expected: Any
) -> None:
    async with local_cluster(two_clusters(one=refusing(error)), monkeypatch, BOTH) as local:
        answer = await local.resolve_cluster("root", "one:x")
    assert answer["one"] == expected
