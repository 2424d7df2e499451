"""What this project writes of a search is read by Elasticsearch's own classes, and means the same to them."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.messages.common import SearchShardTarget, ShardId, TaskId
from protocol.messages.hits import (
    DocumentField,
    SearchHit,
    SearchHits,
    SortField,
    SortFieldType,
    SortValues,
    StringMissing,
    TotalHits,
)
from protocol.messages.search_request import SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.messages.search_source import SEARCH_SOURCE
from protocol.schema import Message
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.elasticsearch.oracle import Oracle
from tests.protocol.messages.test_search_source import DONE, canonical, decode


@pytest.fixture(scope="module")
def oracle(peers: None) -> Iterator[Oracle]:
    with Oracle("SearchOracle") as oracle:
        yield oracle


def asked(oracle: Oracle, operation: str, data: bytes) -> dict[str, Any]:
    answer = oracle.ask(op=operation, version=V_8_19.id, bytes=base64.b64encode(data).decode())
    assert "error" not in answer, answer["error"]
    return answer


def mixed(generator: random.Random, queries: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    """Some of the queries within compound ones, at random."""

    def some(most: int) -> list[dict[str, Any]]:
        return [mixed(generator, queries, depth - 1) for _ in range(generator.randint(1, most))]

    boost = {"boost": round(generator.uniform(0.1, 9), 2)}
    match generator.randint(0, 4) if depth else 9:
        case 0:
            occurs = generator.sample(("must", "should", "filter", "must_not"), 2)
            return {"bool": {**{occur: some(3) for occur in occurs}, **boost}}
        case 1:
            return {"dis_max": {"queries": some(3), "tie_breaker": 0.3, **boost}}
        case 2:
            return {"constant_score": {"filter": some(1)[0], **boost}}
        case 3:
            return {"boosting": {"positive": some(1)[0], "negative": some(1)[0], "negative_boost": 0.5, **boost}}
        case 4:
            path = {"path": "c", "score_mode": "max", "ignore_unmapped": False}
            return {"nested": {"query": some(1)[0], **path, **boost}}
        case _:
            return generator.choice(queries)


def test_searches_of_random_parts_mean_the_same(oracle: Oracle) -> None:
    generator = random.Random(3)
    sources = [decode(base64.b64decode(case["bytes"])) for case in DONE]
    queries = [source["query"] for source in sources if "query" in source]
    parts = [(name, value) for source in sources for name, value in source.items() if name not in ("query", "aggs")]
    for _ in range(400):
        source = dict(generator.sample(parts, 4)) | {"query": mixed(generator, queries, 4)}
        writer = Writer(V_8_19)
        SEARCH_SOURCE.write(writer, source)
        answer = asked(oracle, "decode_source", writer.getvalue())
        assert canonical(answer["body"]) == source
        if "options" not in str(source):  # Elasticsearch writes hash maps in an order of its own
            assert base64.b64decode(answer["bytes"]) == writer.getvalue()


def written_back(oracle: Oracle, operation: str, message: Message) -> dict[str, Any]:
    data = message.encode(V_8_19)
    answer = asked(oracle, operation, data)
    assert base64.b64decode(answer["bytes"]) == data
    return answer


def test_a_request_is_read(oracle: Oracle) -> None:
    request = SearchRequest(
        parent_task=TaskId("n", 3),
        indices=["logs-*"],
        source={"query": {"match": {"m": {"query": "x"}}}},
        local_cluster_alias="rem",
        absolute_start_millis=5,
        final_reduce=False,
    )
    text = written_back(oracle, "decode_request", request)["text"]
    assert "indices=[logs-*]" in text
    assert "getOrCreateAbsoluteStartMillis=5" in text
    assert 'source={"query":{"match":{"m":{"query":"x"}}}}' in text


def test_a_response_is_read(oracle: Oracle) -> None:
    target = SearchShardTarget(node_id="n", shard_id=ShardId(index="logs-1", uuid="u", shard=0), cluster_alias="rem")
    hit = SearchHit(
        id="1",
        source=b'{"a":"\xc3\xb6"}',
        fields={"d": DocumentField(name="d", values=["2026-01-01T00:00:00.000Z", 5, 1.5, True])},
        highlight={"a": ["<em>x</em>"]},
        sort=SortValues(formatted=["k", 5], raw=[b"k", 5]),
        shard=target,
    )
    sort = [
        SortField(field="k", type=SortFieldType.STRING, missing=StringMissing.LAST),
        SortField(field="n", type=SortFieldType.LONG, missing=(1 << 63) - 1),
    ]
    hits = SearchHits(total=TotalHits(value=1), hits=[hit], sort_fields=sort)
    body = written_back(oracle, "decode_response", SearchResponse(hits=hits, took=3, total_shards=1, successful_shards=1))["body"]
    assert body["hits"] == {
        "total": {"value": 1, "relation": "eq"},
        "max_score": None,
        "hits": [
            {
                "_index": "rem:logs-1",
                "_id": "1",
                "_score": None,
                "_source": {"a": "ö"},
                "fields": {"d": ["2026-01-01T00:00:00.000Z", 5, 1.5, True]},
                "highlight": {"a": ["<em>x</em>"]},
                "sort": ["k", 5],
            }
        ],
    }
