"""Bodies of REST become the bytes that Elasticsearch makes of them, and what it refuses is refused in its words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.messages.aggregations import AGGREGATIONS
from protocol.messages.search_request import SearchRequest
from protocol.messages.search_source import SEARCH_SOURCE
from protocol.rest import search_call, search_request
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

SOURCES = read_lines("search_sources.jsonl.gz")
AGGREGATION_REQUESTS = read_lines("aggregations_requests.jsonl.gz")
REFUSALS = read_lines("rest_refusals.jsonl")
NOT_DECLARED = ("geo_distance", "geohash_grid", "geotile_grid", "scripted_metric", "bucket_script")


def title(line: dict[str, Any]) -> str:
    return json.dumps(line.get("request", line.get("aggs", line)))[:120]


def in_no_order(value: Any) -> Any:
    """Java's hash maps have an order of their own: in a ``meta``, an ``after``, and fields of a simple_query_string."""
    if isinstance(value, dict):
        return {name: in_no_order(entry) for name, entry in value.items()}
    return sorted(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


@pytest.mark.parametrize("line", [line for line in SOURCES if not line.get("refused")], ids=title)
def test_a_body_becomes_what_elasticsearch_sends(line: dict[str, Any]) -> None:
    ours = search_request([], line["request"]) if "slice" not in line["request"] else None
    if ours is None:
        ours = search_request([], line["request"], {"scroll": "1m"})
    writer = Writer(V_8_19)
    SEARCH_SOURCE.write(writer, ours.source or {})
    real = base64.b64decode(line["bytes"])
    if writer.getvalue() != real:
        assert in_no_order(ours.source) == in_no_order(SEARCH_SOURCE.read(Reader(real, V_8_19)))


@pytest.mark.parametrize("line", [line for line in AGGREGATION_REQUESTS if "rest" in line], ids=title)
def test_aggregations_become_what_elasticsearch_sends(line: dict[str, Any]) -> None:
    if any(kind in title(line) for kind in NOT_DECLARED) or "script" in json.dumps(line["aggs"]):
        with pytest.raises(ElasticsearchException, match=r"not supported|does not support|invalid source type"):
            search_request([], {"aggs": line["aggs"]})
        return
    ours = search_request([], {"aggs": line["aggs"]})
    assert ours.source is not None
    assert ours.source["aggs"] == AGGREGATIONS.read(Reader(base64.b64decode(line["bytes"]), V_8_19))


@pytest.mark.parametrize("line", REFUSALS, ids=title)
def test_a_bad_search_is_refused_in_the_words_of_a_real_node(line: dict[str, Any]) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        search_request(["products"], line["body"], line["params"])
    assert [status_of(caught.value), caught.value.type, caught.value.reason] == line["told"]


@pytest.mark.parametrize("line", read_lines("rest_answers.jsonl.gz"), ids=lambda line: line["name"])
def test_a_call_of_a_request_makes_the_same_request(line: dict[str, Any]) -> None:
    request = search_request(line["index"].split(","), line["body"], line["params"])
    call = search_call(request)
    assert search_request(call.indices, call.body, call.params) == request
    # It survives the wire: what is sent is what is meant.
    assert SearchRequest.decode(request.encode(V_8_19), V_8_19) == request


def test_the_position_in_a_text_is_told() -> None:
    text = '{\n  "query": {\n    "match": {"a": {"query": "x", "foo": 1}}\n  }\n}'
    with pytest.raises(ElasticsearchException) as caught:
        search_request([], text)
    assert caught.value.details == {"line": 3, "col": 42}


@pytest.mark.parametrize(
    "body", [{"knn": {"field": "v"}}, {"runtime_mappings": {"a": {"type": "long"}}}, {"query": {"function_score": {}}}]
)
def test_what_the_messages_cannot_carry_is_refused_by_name(body: dict[str, Any]) -> None:
    with pytest.raises(ElasticsearchException, match=r"\[(knn|runtime_mappings|function_score)\] is not supported"):
        search_request([], body)
