"""The searches of tests/vectors/engine/search.jsonl.gz: the indices that they ran on, and answers in REST form to compare with."""

from __future__ import annotations

import functools
import gzip
import json
import math
from pathlib import Path
from typing import Any

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.search import Target, search
from protocol.errors import ElasticsearchException
from protocol.messages.hits import SearchHit
from protocol.messages.search_response import SearchResponse
from protocol.messages.suggestions import PhraseSuggestion, Suggestion, TermOption, TermSuggestion
from protocol.rest.aggregations import render
from protocol.versions import V_8_19

ENGINE = Path(__file__).parents[3] / "vectors" / "engine"
NOW = 1732400000000


@functools.cache
def cases() -> dict[str, dict[str, Any]]:
    """The recorded calls by name."""
    with gzip.open(ENGINE / "search.jsonl.gz") as lines:
        return {case["name"]: case for case in map(json.loads, lines)}


def _index(name: str, mappings: dict[str, Any], documents: list[tuple[str, dict[str, Any]]], aliases: dict[str, Any]) -> Index:
    index = Index(name, mapping=parse_mappings(mappings), mappings=mappings, aliases=aliases)
    for _id, document in documents:
        index.add(_id, json.dumps(document).encode())
    return index


@functools.cache
def indices() -> dict[str, Index]:
    """feat, big, one and two, as they were when the answers were recorded (eval-main is a fixture of its own)."""
    features = json.loads((ENGINE / "features.json").read_text())["feat"]
    features["mappings"]["properties"]["geo"] = {"type": "object", "enabled": False}
    found = [_index("feat", features["mappings"], [(str(n), document) for n, document in enumerate(features["documents"])], {})]
    numbers = [(str(n), {"n": n * 7919 % 30000, "k": f"k{n % 3}", "t": f"word{n % 2} common"}) for n in range(30000)]
    big = {"properties": {"n": {"type": "long"}, "k": {"type": "keyword"}, "t": {"type": "text"}}}
    found.append(_index("big", big, numbers, {}))
    for name in ("one", "two"):
        mappings = {"properties": {**big["properties"], "conf": {"type": "text" if name == "one" else "keyword"}}}
        if name == "two":
            mappings["properties"]["only_two"] = {"type": "keyword"}
        filter_ = {"term": {"k": "a"}} if name == "one" else {"range": {"n": {"gte": 3}}}
        documents = [
            (f"{name[0]}{n}", {"n": n, "k": "ab"[n % 2], "t": "hello world" if n % 3 == 0 else "hello", "conf": f"c{n}"})
            for n in range(6)
        ]
        found.append(_index(name, mappings, documents, {"both": {}, "filtered": {"filter": filter_}}))
    return {index.name: index for index in found}


def run(targets: list[Target], body: dict[str, Any]) -> dict[str, Any]:
    """The answer in REST form, or ``{"error": …}``."""
    try:
        return rest(search(targets, body, now_millis=NOW, node_id="node"))
    except ElasticsearchException as error:
        return {"error": error}


def rest(response: SearchResponse) -> dict[str, Any]:
    """The REST form of what the tests compare, after the answer has travelled."""
    response = SearchResponse.decode(response.encode(V_8_19), V_8_19)
    hits: dict[str, Any] = {"max_score": _float(response.hits.max_score), "hits": [_hit(hit) for hit in response.hits.hits]}
    if response.hits.total is not None:
        relation = "eq" if response.hits.total.relation.value == 0 else "gte"
        hits["total"] = {"value": response.hits.total.value, "relation": relation}
    shards = {
        "total": response.total_shards,
        "successful": response.successful_shards,
        "skipped": response.skipped_shards,
        "failed": len(response.failures),
    }
    shown: dict[str, Any] = {"timed_out": response.timed_out, "_shards": shards, "hits": hits}
    if response.aggregations is not None:
        shown["aggregations"] = json.loads(json.dumps(render(response.aggregations)))
    if response.terminated_early is not None:
        shown["terminated_early"] = response.terminated_early
    if response.suggest is not None:
        shown["suggest"] = {one.name: _entries(one) for one in response.suggest}
    return shown


def _entries(suggestion: Suggestion) -> list[dict[str, Any]]:
    assert isinstance(suggestion, TermSuggestion | PhraseSuggestion)
    return [
        {
            "text": entry.text,
            "offset": entry.offset,
            "length": entry.length,
            "options": [
                {
                    "text": option.text,
                    "score": option.score,
                    **({"freq": option.freq} if isinstance(option, TermOption) else {}),
                    **({} if option.highlighted is None else {"highlighted": option.highlighted}),
                }
                for option in entry.options
            ],
        }
        for entry in suggestion.entries
    ]


def _float(value: float) -> float | None:
    return None if math.isnan(value) else value


def _hit(hit: SearchHit) -> dict[str, Any]:
    shown: dict[str, Any] = {"_index": hit.index, "_score": _float(hit.score)}
    if hit.id is not None:
        shown["_id"] = hit.id
    if hit.version != -1:
        shown["_version"] = hit.version
    if hit.seq_no != -2:
        shown |= {"_seq_no": hit.seq_no, "_primary_term": hit.primary_term}
    for name, field in hit.meta_fields.items():
        shown[name] = field.values if name == "_ignored" else field.values[0]
    if hit.source:
        shown["_source"] = json.loads(hit.source)
    fields = {name: field.values for name, field in hit.fields.items() if field.values}
    if fields:
        shown["fields"] = fields
    left_out = {name: field.ignored_values for name, field in hit.fields.items() if field.ignored_values}
    if left_out:
        shown["ignored_field_values"] = left_out
    if hit.highlight:
        shown["highlight"] = hit.highlight
    if hit.sort.formatted:
        shown["sort"] = [_infinite(value) for value in hit.sort.formatted]
    if hit.matched_queries:
        shown["matched_queries"] = list(hit.matched_queries)
    return shown


def _infinite(value: Any) -> Any:
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, value) if isinstance(value, float) else value


def same(left: Any, right: Any, path: str = "") -> str | None:
    """Where two answers differ, numbers compared within single precision; None where they do not."""
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return f"{path}: keys {sorted(left.keys() ^ right.keys())}"
        return next((found for key in left if (found := same(left[key], right[key], f"{path}.{key}"))), None)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{path}: {len(left)} and {len(right)} items: {left} {right}"
        return next(
            (found for n, pair in enumerate(zip(left, right, strict=True)) if (found := same(*pair, f"{path}[{n}]"))), None
        )
    if isinstance(left, float) and isinstance(right, int | float) and not isinstance(right, bool):
        return None if math.isclose(left, right, rel_tol=2e-6, abs_tol=1e-12) else f"{path}: {left} and {right}"
    return None if left == right and isinstance(left, bool) == isinstance(right, bool) else f"{path}: {left!r} and {right!r}"
