"""Search responses against those that Elasticsearch wrote."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import UnsupportedError, WireError
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.messages.hits import (
    DocumentField,
    Relation,
    SearchHit,
    SearchHits,
    SortField,
    SortFieldType,
    SortValues,
    StringMissing,
    TotalHits,
)
from protocol.messages.search_response import SearchResponse
from protocol.values import BigInteger, ByteNumber, Integer, Long, ShortNumber, Single, plain
from protocol.versions import V_8_19
from tests.protocol.messages.samples import recorded, samples

SAMPLES = samples("response")
TRACES = recorded("response")


def decoded(name: str) -> SearchResponse:
    return SearchResponse.decode(base64.b64decode(SAMPLES[name]["bytes"]), V_8_19)


def number(value: float) -> float | None:
    return None if math.isnan(value) else value


def shown(hit: SearchHit) -> dict[str, Any]:
    """What of a hit can be compared with its REST form."""
    return {
        "_id": hit.id,
        "_score": number(hit.score),
        "_source": json.loads(hit.source) if hit.source else None,
        "_version": hit.version if hit.version >= 0 else None,
        "_seq_no": hit.seq_no if hit.seq_no >= 0 else None,
        "_primary_term": hit.primary_term or None,
        "_rank": hit.rank if hit.rank > 0 else None,
        "fields": {name: plain(field.values) for name, field in hit.fields.items()} or None,
        "ignored_field_values": {n: plain(field.ignored_values) for n, field in hit.fields.items() if field.ignored_values}
        or None,
        "highlight": hit.highlight or None,
        "sort": plain(hit.sort.formatted) or None,
        "matched_queries": list(hit.matched_queries) or None,
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_responses_read_to_what_elasticsearch_shows(name: str) -> None:
    response, rest = decoded(name), SAMPLES[name]["rest"]
    assert (response.took, response.timed_out) == (rest["took"], rest["timed_out"])
    assert response.terminated_early == rest.get("terminated_early")
    assert response.reduce_phases == rest.get("num_reduce_phases", 1)
    assert response.scroll_id == rest.get("_scroll_id")
    counts = {
        "total": response.total_shards,
        "successful": response.successful_shards,
        "skipped": response.skipped_shards,
        "failed": len(response.failures),
    }
    assert {count: rest["_shards"][count] for count in counts} == counts
    assert number(response.hits.max_score) == rest["hits"]["max_score"]
    for hit, other in zip(response.hits.hits, rest["hits"]["hits"], strict=True):
        ours = shown(hit)
        assert ours == {member: other.get(member) for member in ours}


@pytest.mark.parametrize("name", SAMPLES)
def test_responses_are_written_back(name: str) -> None:
    data = base64.b64decode(SAMPLES[name]["bytes"])
    if name == "failures and clusters":  # stack traces and the Java classes of wrapped exceptions are not kept
        again = SearchResponse.decode(decoded(name).encode(V_8_19), V_8_19)
        assert [failure.cause for failure in again.failures] == [failure.cause for failure in decoded(name).failures]
    else:
        assert decoded(name).encode(V_8_19) == data


def test_a_total_says_whether_it_is_exact() -> None:
    assert decoded("two hits").hits.total == TotalHits(value=10000, relation=Relation.GREATER_THAN_OR_EQUAL_TO)
    assert decoded("total not counted").hits.total is None
    assert decoded("two hits").pit_id == b"pit"


def test_where_a_hit_comes_from() -> None:
    first, second = decoded("two hits").hits.hits
    shard = ShardId(index="logs-1", uuid="uuid-1", shard=2)
    assert first.shard == SearchShardTarget(node_id="node-1", shard_id=shard, cluster_alias="rem")
    assert (first.index, second.index, second.shard) == ("logs-1", None, None)


def test_what_rest_shows_below_a_hit() -> None:
    (hit,) = decoded("rich hit").hits.hits
    other = SAMPLES["rich hit"]["rest"]["hits"]["hits"][0]
    inner = hit.inner_hits["c"].hits[0]
    assert inner.nested is not None
    assert inner.nested.child is not None
    nested = {"field": "c", "offset": 0, "_nested": {"field": inner.nested.child.field, "offset": inner.nested.child.offset}}
    assert other["inner_hits"]["c"]["hits"]["hits"][0]["_nested"] == nested
    assert hit.meta_fields == {"_routing": DocumentField(name="_routing", values=["r"])}
    assert hit.fields["n"].values == [Long(1), Long(2)]
    assert hit.explanation is not None
    assert hit.explanation.value == other["_explanation"]["value"]
    assert [(type(part.value), part.value) for part in hit.explanation.details] == [(float, 1.25), (int, 3), (int, 0)]
    assert [part.description for part in hit.explanation.details] == ["double", "long", "no"]
    assert hit.matched_queries == {"q1": 1.25, "q2": 0.5}


def test_sort_values_keep_their_classes() -> None:
    hits = decoded("sorted").hits
    raw = [5, Integer(7), Single(1.5), 2.5, "s", b"b", True, None, BigInteger(10**20), ByteNumber(1), ShortNumber(2)]
    assert [(type(value), value) for value in hits.hits[0].sort.raw] == [(type(value), value) for value in raw]
    assert hits.hits[0].sort.formatted[5] == "b"
    assert (hits.collapse_field, hits.collapse_values) == ("k", [b"group"])
    assert hits.sort_fields is not None
    assert hits.sort_fields[:2] == [SortField(type=SortFieldType.SCORE), SortField(type=SortFieldType.DOC)]
    assert [(type(field.missing), field.missing) for field in hits.sort_fields[2:6]] == [
        (int, 1),
        (Long, 2),
        (Single, 3.0),
        (float, 4.0),
    ]
    assert [field.type for field in hits.sort_fields[2:6]] == [
        SortFieldType.INT,
        SortFieldType.LONG,
        SortFieldType.FLOAT,
        SortFieldType.DOUBLE,
    ]
    assert all(field.reverse for field in hits.sort_fields[2:6])
    assert [field.missing for field in hits.sort_fields[6:]] == [StringMissing.FIRST, StringMissing.LAST]
    assert [field.type for field in hits.sort_fields[6:]] == [SortFieldType.STRING, SortFieldType.STRING_VAL]


def test_failures_say_where_and_why() -> None:
    response = decoded("failures and clusters")
    first, second = response.failures
    rest = SAMPLES["failures and clusters"]["rest"]["_shards"]["failures"]
    assert first.cause is not None
    assert first.cause.type == rest[0]["reason"]["type"] == "illegal_argument_exception"
    assert first.cause.cause is not None
    assert first.cause.cause.type == rest[0]["reason"]["caused_by"]["type"]
    assert first.target is not None
    assert (first.target.shard_id.index, second.target) == ("logs-1", None)
    assert (response.clusters.total, response.clusters.successful, response.clusters.skipped) == (2, 1, 1)


@pytest.mark.parametrize("data", TRACES, ids=range(len(TRACES)))
def test_what_real_nodes_answered_is_written_back(data: bytes) -> None:
    try:
        response = SearchResponse.decode(data, V_8_19)
    except UnsupportedError as error:
        assert error.feature == "[profile]"  # noqa: PT017 - the only thing in the recordings that is refused
    else:
        assert response.encode(V_8_19) == data


def test_a_response_needs_only_what_differs_from_the_defaults() -> None:
    hit = SearchHit(id="1", score=1.0, source=b"{}", sort=SortValues(formatted=["a"], raw=[b"a"]))
    response = SearchResponse(hits=SearchHits(total=TotalHits(value=1), max_score=1.0, hits=[hit]), total_shards=1)
    assert SearchResponse.decode(response.encode(V_8_19), V_8_19) == response


def test_what_cannot_be_a_sort_value_is_not_written() -> None:
    with pytest.raises(TypeError, match="list"):
        SearchHit(sort=SortValues(raw=[[]])).encode(V_8_19)


BYTES = [base64.b64decode(sample["bytes"]) for sample in SAMPLES.values()] + TRACES


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(BYTES), st.integers(0, 2000), st.integers(0, 255), st.booleans())
def test_damaged_responses_raise_only_wire_errors(data: bytes, position: int, value: int, cut: bool) -> None:
    position %= len(data)
    with contextlib.suppress(WireError):
        SearchResponse.decode(data[:position] + (b"" if cut else bytes([value]) + data[position + 1 :]), V_8_19)
