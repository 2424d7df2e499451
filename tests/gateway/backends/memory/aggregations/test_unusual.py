"""significant_terms and rare_terms, for users with document and field rules, against the answers of a real 8.19.21 node."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.index_access import FieldAccess, IndexAccess
from gateway.backends.memory.aggregations import pairs
from gateway.backends.memory.aggregations.registry import build
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.backends.memory.aggregations.ties import sorted_ties
from tests.gateway.backends.memory.aggregations.unusual_cases import (
    ACCESS,
    ALIASES,
    DOCUMENTS,
    MAPPINGS,
    REPLACED,
    SEARCHES,
    replacement,
)
from tests.gateway.backends.memory.recorded import NOW, rest, same
from tests.vectors import read_lines

PREFIX = "hs-"


@functools.cache
def cluster() -> MemoryCluster:
    indices = []
    for name, documents in DOCUMENTS.items():
        aliases = {PREFIX + alias: body for alias, body in ALIASES.get(name, {}).items()}
        index = Index(PREFIX + name, mapping=parse_mappings(MAPPINGS[name]), mappings=MAPPINGS[name], aliases=aliases)
        for number, document in enumerate(documents):
            index.add(str(number), json.dumps(document).encode())
        for number in REPLACED.get(name, ()):
            index.add(str(number), json.dumps(replacement(number)).encode())
        indices.append(index)
    return MemoryCluster(indices, name="memory")


def rules(name: str) -> IndexAccess:
    queries = ((ACCESS[name]["query"],),) if "query" in ACCESS[name] else ()
    fields = None
    if "fields" in ACCESS[name]:
        security = FieldSecurity(tuple(ACCESS[name]["fields"]["grant"]), tuple(ACCESS[name]["fields"].get("except", ())))
        fields = FieldAccess((frozenset({security}),))
    return IndexAccess(queries, fields)


def answer(name: str, access: str) -> dict[str, Any]:
    names, body = SEARCHES[name]
    shown = rules(access)
    try:
        response = cluster().search(
            [PREFIX + each for each in names.split(",")],
            IndicesOptions.STRICT_EXPAND_OPEN,
            body,
            now_millis=NOW,
            access=lambda _: shown,
        )
    except ElasticsearchException as error:
        if error.type == "search_phase_execution_exception" and error.details and error.details.get("failures"):
            error = error.details["failures"][0].cause  # type: ignore[index]
        return {"type": error.type, "reason": error.reason}
    found = rest(response)
    return {
        "hits": found["hits"]["total"]["value"],
        "failed": found["_shards"]["failed"],
        "aggregations": found["aggregations"],
    }


@functools.cache
def recorded() -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for line in read_lines("engine/unusual.jsonl.gz"):
        for access in line["access"]:
            found.setdefault(access, {})[line["name"]] = line
    return found


def difference(name: str, access: str) -> str | None:
    line = recorded()[access][name]
    found, expected = answer(name, access), line["answer"]
    if line["status"] == 200:
        return same(sorted_ties(expected), sorted_ties(found))
    if "reason" not in found:
        return f"answered: {found}"
    texts = {f"{expected['type']}: {expected['reason']}", expected.get("caused_by")}
    return None if f"{found['type']}: {found['reason']}" in texts else f"{found}, not {texts}"


_CRASHES = "Elasticsearch fails within its own code"
_CHANCE = "which of several terms comes first is chance"
HIDDEN = "Elasticsearch shows terms that only hidden documents have"
DIFFERENT: dict[str, str] = {
    "missing": _CRASHES,
    "missing_new": _CRASHES,
    "missing_unmapped": _CRASHES,
    "under_terms_n": _CRASHES,
    "under_range": _CRASHES,
    "format_month": _CHANCE,
    "format_unreadable": _CHANCE,
    "format_number_unreadable": _CHANCE,
    "zero_chi": HIDDEN,
    "zero_chi_subs": HIDDEN,
    "zero_chi_secret": HIDDEN,
}
"""By call, why some answers differ."""


@pytest.mark.parametrize("access", ACCESS)
def test_answers_as_elasticsearch(access: str) -> None:
    different = {name: found for name in SEARCHES if (found := difference(name, access)) is not None}
    assert {name: found for name, found in different.items() if name not in DIFFERENT} == {}
    for name in different:
        line = recorded()[access][name]
        match DIFFERENT[name]:
            case text if text == _CRASHES:
                assert line["status"] == 500
            case text if text == HIDDEN:
                assert "query" in ACCESS[access]


def test_every_difference_is_one() -> None:
    assert {name for access in ACCESS for name in SEARCHES if difference(name, access)} == DIFFERENT.keys()


@pytest.mark.parametrize("name", [name for name, why in DIFFERENT.items() if why == HIDDEN])
@pytest.mark.parametrize("access", ["one_tenant", "two_tenants"])
def test_terms_of_hidden_documents_alone_are_left_out(name: str, access: str) -> None:
    """The real node shows them, with a count of 0, where ``min_doc_count`` is 0 and a heuristic scores what is absent."""
    _, body = SEARCHES[name]
    field = body["aggs"]["a"]["significant_terms"]["field"]
    tenants = {"one_tenant": "a", "two_tenants": "ab"}[access]
    visible = {document[field] for document in DOCUMENTS["flat"] if document["tenant"] in tenants}
    real = {bucket["key"]: bucket for bucket in recorded()[access][name]["answer"]["aggregations"]["a"]["buckets"]}
    ours = {bucket["key"]: bucket for bucket in answer(name, access)["aggregations"]["a"]["buckets"]}
    assert ours.keys() == real.keys() & visible
    assert all(same(real[key], bucket) is None for key, bucket in ours.items())


def test_counts_of_the_background_are_those_of_elasticsearch_and_tell_of_hidden_documents() -> None:
    """Without a nested field and without a filter the background is the whole index, for whoever asks: so it is on a real node."""
    found = answer("code_jlh", "one_tenant")["aggregations"]["a"]
    assert found["doc_count"] == 14
    assert found["bg_count"] == len(DOCUMENTS["flat"])
    holders = {code: sum(document["code"] == code for document in DOCUMENTS["flat"]) for code in ("c0", "c1")}
    assert {bucket["key"]: bucket["bg_count"] for bucket in found["buckets"]} == holders
    bounded = answer("changed_background", "one_tenant")["aggregations"]["a"]
    assert bounded["bg_count"] == sum(document["tenant"] == "a" for document in DOCUMENTS["changed"])


def test_terms_that_do_not_occur_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MOST_PAIRS", 10)
    assert answer("zero", "whole")["type"] == "too_many_buckets_exception"
    assert answer("code_jlh", "whole")["failed"] == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"field": "code", "script_heuristic": {"script": "1"}}, "significance heuristic [script_heuristic] is not supported"),
        (
            {"field": "code", "shard_min_doc_count": -1},
            "[shardMinDocCount] must be greater than or equal to 0. Found [-1] in [a]",
        ),
        ({"field": "code", "chi_square": {"unknown": True}}, "unknown"),
    ],
)
def test_what_is_malformed_is_refused(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(ElasticsearchException) as raised:
        build({"a": {"significant_terms": body}})
    assert raised.value.type in ("illegal_argument_exception", "parsing_exception")
    assert reason in str(raised.value.reason)
