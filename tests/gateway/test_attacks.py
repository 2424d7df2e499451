"""What somebody may try who wants to see more. Each attempt is made on two clusters: one holds the secrets, the other never had them.

An answer that tells anything of a secret would differ between the two.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog.testing

from gateway.demo.documents import DemoIndex
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations import AGGREGATIONS
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_source import SEARCH_SOURCE
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.gateway.exported import Remote, exported
from tests.vectors import read_lines

MAPPINGS: dict[str, Any] = {
    "properties": {
        "tenant": {"type": "keyword"},
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "size": {"type": "integer"},
        "when": {"type": "date"},
        "parts": {"type": "nested", "properties": {"name": {"type": "keyword"}, "code": {"type": "keyword"}}},
        "secret": {"type": "keyword"},
        "notes": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "salary": {"type": "integer"},
        "born": {"type": "date"},
        "person": {"properties": {"name": {"type": "keyword"}, "mail": {"type": "keyword"}}},
        "shortcut": {"type": "alias", "path": "secret"},
        "way": {"type": "alias", "path": "salary"},
    }
}
PUBLIC = ["tenant", "title", "title.raw", "size", "when", "parts", "parts.name", "person.name", "shortcut", "way"]
HIDDEN_FIELDS = ("secret", "notes", "salary", "born")


def _document(number: int) -> dict[str, Any]:
    return {
        "tenant": "ab"[number % 2],
        "title": f"report {number} for everybody",
        "size": number,
        "when": f"2026-01-{number + 1:02}",
        "parts": [{"name": f"part{number % 3}", "code": f"code{number}"}],
        "secret": f"needle{number % 4}",
        "notes": f"a hidden remark about needle{number % 4} and more",
        "salary": 1000 * number,
        "born": f"19{50 + number}-05-05",
        "person": {"name": f"name{number % 5}", "mail": f"mail{number}"},
    }


def _without_fields(document: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in document.items() if name not in HIDDEN_FIELDS}
    kept["parts"] = [{"name": part["name"]} for part in document["parts"]]
    kept["person"] = {"name": document["person"]["name"]}
    return kept


DOCUMENTS = tuple((f"id{number}", _document(number)) for number in range(20))
OF_TENANT_A = tuple(each for each in DOCUMENTS if each[1]["tenant"] == "a")


def _stripped(documents: tuple[tuple[str, dict[str, Any]], ...]) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple((_id, _without_fields(document)) for _id, document in documents)


def _indices(
    documents: tuple[tuple[str, dict[str, Any]], ...], elsewhere: tuple[tuple[str, dict[str, Any]], ...]
) -> list[DemoIndex]:
    body = {"mappings": MAPPINGS, "settings": {}}
    return [
        DemoIndex("open", {**body, "aliases": {"both": {}}}, documents),
        DemoIndex("vault", {**body, "aliases": {"pointer": {}, "both": {}, "open-looking": {}}}, elsewhere),
    ]


QUERY = json.dumps({"term": {"tenant": "a"}})
FIELDS = {"grant": PUBLIC}
CLUSTERS = {
    "secrets": _indices(DOCUMENTS, DOCUMENTS),
    "documents": _indices(OF_TENANT_A, ()),
    "fields": _indices(_stripped(DOCUMENTS), ()),
    "both": _indices(_stripped(OF_TENANT_A), ()),
}
RULES: dict[str, dict[str, Any]] = {
    "documents": {"query": QUERY},
    "fields": {"field_security": FIELDS},
    "both": {"query": QUERY, "field_security": FIELDS},
}
KINDS = pytest.mark.parametrize("kind", list(RULES))


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Remote]]:
    """Each is made when it is first asked for."""
    with ExitStack() as stack:
        made: dict[str, Remote] = {}

        def get(name: str) -> Remote:
            if name not in made:
                made[name] = stack.enter_context(exported(tmp_path_factory.mktemp(name), CLUSTERS[name]))
            return made[name]

        yield get


@pytest.fixture(autouse=True)
def quiet(unconfigured_logs: None) -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def descriptors(kind: str) -> bytes:
    entry = {"names": ["open"], "privileges": ["read", "view_index_metadata"], **RULES[kind]}
    return json.dumps({"r": {"indices": [entry]}}).encode()


def _plain(answer: Any) -> str:
    """Without what differs between any two clusters."""
    text = re.sub(r"took=\d+", "took=0", repr(answer))
    text = re.sub(r"doc=\d+, score", "doc=0, score", text)  # Lucene's document numbers
    text = re.sub(r"(node_id|uuid|id|node|index_uuid)='[A-Za-z0-9_-]{22}'", r"\1='…'", text)
    return re.sub(r"mapping_hash='[^']*'", "mapping_hash='…'", text)


def attempt(ask: Callable[[], Any]) -> str:
    try:
        return _plain(ask())
    except ElasticsearchException as error:
        # The ids of keys are in the words of denials.
        reason = re.sub(r"API key id \[[^]]*\]", "API key id […]", str(error.reason))
        causes = [(cause.type, cause.reason) for cause in [error.cause] if cause is not None]
        return f"{error.type} {error.status} {reason} {causes}"


QUERIES: dict[str, dict[str, Any]] = {
    "term": {"term": {"secret": "needle1"}},
    "terms": {"terms": {"secret": ["needle1", "needle2"]}},
    "range": {"range": {"salary": {"gte": 5000}}},
    "range of dates": {"range": {"born": {"lt": "1960"}}},
    "exists": {"exists": {"field": "secret"}},
    "exists of an object": {"exists": {"field": "person"}},
    "exists by pattern": {"query_string": {"query": "_exists_:sec*"}},
    "absent": {"bool": {"must_not": [{"exists": {"field": "secret"}}]}},
    "prefix": {"prefix": {"secret": "needle"}},
    "wildcard": {"wildcard": {"secret": "*1"}},
    "regexp": {"regexp": {"secret": "n.*"}},
    "fuzzy": {"fuzzy": {"secret": "needel1"}},
    "match": {"match": {"notes": "hidden"}},
    "match_phrase": {"match_phrase": {"notes": "hidden remark"}},
    "match_phrase_prefix": {"match_phrase_prefix": {"notes": "hidden rem"}},
    "match_bool_prefix": {"match_bool_prefix": {"notes": "hidden rem"}},
    "multi_match": {"multi_match": {"query": "needle1", "fields": ["*"], "lenient": True}},
    "multi_match cross_fields": {
        "multi_match": {"query": "hidden everybody", "fields": ["notes", "title"], "type": "cross_fields"}
    },
    "query_string": {"query_string": {"query": "needle1"}},
    "query_string by name": {"query_string": {"query": "secret:needle1 OR salary:>3000 OR notes.raw:*"}},
    "simple_query_string": {"simple_query_string": {"query": "needle1 | hidden", "fields": ["*"], "lenient": True}},
    "alias": {"term": {"shortcut": "needle1"}},
    "alias range": {"range": {"way": {"gte": 5000}}},
    "alias exists": {"exists": {"field": "shortcut"}},
    "nested": {"nested": {"path": "parts", "query": {"term": {"parts.code": "code2"}}}},
    "nested with inner hits": {
        "nested": {"path": "parts", "query": {"match_all": {}}, "inner_hits": {"docvalue_fields": ["parts.code"]}}
    },
    "sub-object": {"term": {"person.mail": "mail2"}},
    "multi-field": {"prefix": {"notes.raw": "a hidden"}},
    "dis_max": {"dis_max": {"queries": [{"term": {"secret": "needle1"}}, {"term": {"salary": 2000}}]}},
    "boosting": {"boosting": {"positive": {"match_all": {}}, "negative": {"term": {"secret": "needle1"}}, "negative_boost": 0.5}},
    "named": {"bool": {"should": [{"match_all": {}}, {"term": {"secret": {"value": "needle1", "_name": "told"}}}]}},
    "constant": {"constant_score": {"filter": {"terms": {"secret": ["needle0"]}}}},
    "hidden document": {"ids": {"values": ["id1", "id2", "id3"]}},
    "other tenant": {"term": {"tenant": "b"}},
    "index": {"terms": {"_index": ["vault", "open"]}},
}
SUMMARIES: dict[str, dict[str, Any]] = {
    "terms": {"terms": {"field": "secret"}},
    "terms of a multi-field": {"terms": {"field": "notes.raw"}},
    "terms through an alias": {"terms": {"field": "shortcut"}},
    "terms without documents": {"terms": {"field": "tenant", "min_doc_count": 0}},
    "terms with missing": {"terms": {"field": "secret", "missing": "none"}},
    "terms by a hidden sum": {"terms": {"field": "tenant", "order": {"s": "desc"}}, "aggs": {"s": {"sum": {"field": "salary"}}}},
    "significant_terms": {"significant_terms": {"field": "title.raw", "min_doc_count": 1}},
    "significant_terms of a secret": {"significant_terms": {"field": "secret", "min_doc_count": 1}},
    "significant_terms without documents": {
        "significant_terms": {"field": "title.raw", "min_doc_count": 0, "size": 50, "chi_square": {"include_negatives": True}}
    },
    "significant_terms against a secret": {
        "significant_terms": {"field": "tenant", "min_doc_count": 1, "background_filter": {"term": {"secret": "needle1"}}}
    },
    "significant_terms of nested objects": {
        "nested": {"path": "parts"},
        "aggs": {"c": {"significant_terms": {"field": "parts.name", "min_doc_count": 1, "percentage": {}}}},
    },
    "rare_terms": {"rare_terms": {"field": "secret"}},
    "rare_terms of titles": {"rare_terms": {"field": "title.raw"}},
    "min": {"min": {"field": "salary"}},
    "max": {"max": {"field": "way"}},
    "stats": {"stats": {"field": "salary"}},
    "value_count": {"value_count": {"field": "secret"}},
    "cardinality": {"cardinality": {"field": "secret"}},
    "percentiles": {"percentiles": {"field": "salary"}},
    "histogram": {"histogram": {"field": "salary", "interval": 5000}},
    "date_histogram": {"date_histogram": {"field": "born", "calendar_interval": "year"}},
    "range": {"range": {"field": "salary", "ranges": [{"to": 5000}, {"from": 5000}]}},
    "missing": {"missing": {"field": "secret"}},
    "filter": {"filter": {"term": {"secret": "needle1"}}},
    "filters": {
        "filters": {"filters": {"one": {"term": {"secret": "needle1"}}, "two": {"term": {"tenant": "b"}}}, "other_bucket": True}
    },
    "global": {"global": {}, "aggs": {"t": {"terms": {"field": "tenant"}}, "s": {"terms": {"field": "secret"}}}},
    "composite": {"composite": {"sources": [{"s": {"terms": {"field": "secret"}}}]}},
    "composite with missing": {"composite": {"sources": [{"s": {"terms": {"field": "secret", "missing_bucket": True}}}]}},
    "nested": {"nested": {"path": "parts"}, "aggs": {"c": {"terms": {"field": "parts.code"}}}},
    "reverse": {
        "nested": {"path": "parts"},
        "aggs": {"r": {"reverse_nested": {}, "aggs": {"s": {"terms": {"field": "secret"}}}}},
    },
    "top_hits": {"top_hits": {"size": 3, "_source": ["secret"], "docvalue_fields": ["secret"], "sort": [{"size": "asc"}]}},
    "weighted": {"weighted_avg": {"value": {"field": "size"}, "weight": {"field": "salary"}}},
    "of indices": {"terms": {"field": "_index"}},
}
FETCHES: dict[str, dict[str, Any]] = {
    "source": {},
    "source by name": {"_source": ["secret", "person.*"]},
    "source but": {"_source": {"excludes": ["title"]}},
    "no source": {"_source": False, "fields": ["secret", "sal*"]},
    "fields": {"fields": ["*"]},
    "fields of an alias": {"fields": ["shortcut", "way"]},
    "docvalue_fields": {"docvalue_fields": ["secret", "salary", "notes.raw", "shortcut"]},
    "stored_fields": {"stored_fields": ["_source", "secret"]},
    "highlight": {"highlight": {"fields": {"*": {}}, "highlight_query": {"query_string": {"query": "needle* hidden everybody"}}}},
    "highlight without match": {
        "highlight": {"require_field_match": False, "fields": {"notes": {"no_match_size": 50}, "title": {"no_match_size": 50}}},
        "query": {"match": {"title": "everybody"}},
    },
    "plain highlight": {
        "highlight": {"type": "plain", "fields": {"notes": {}}, "highlight_query": {"match": {"notes": "hidden"}}}
    },
    "sort": {"sort": [{"secret": "asc"}, {"size": "asc"}]},
    "sort by number": {"sort": [{"salary": {"order": "desc", "missing": "_first"}}, {"size": "asc"}]},
    "sort through an alias": {"sort": [{"way": "desc"}, {"size": "asc"}]},
    "sort by nested": {"sort": [{"parts.code": {"order": "desc", "nested": {"path": "parts"}}}, {"size": "asc"}]},
    "after": {"sort": [{"salary": "asc"}, {"size": "asc"}], "search_after": [5000, 0]},
    "collapse": {"collapse": {"field": "secret"}},
    "collapse with inner hits": {"collapse": {"field": "tenant", "inner_hits": {"name": "i", "docvalue_fields": ["secret"]}}},
    "post_filter": {"post_filter": {"term": {"secret": "needle1"}}},
    "version": {"version": True},
    "terminate": {"terminate_after": 3, "size": 0},
    "count": {"size": 0, "track_total_hits": True},
    "suggest": {"suggest": {"s": {"text": "hiden remrk", "term": {"field": "notes", "suggest_mode": "always"}}}},
    "profile": {"profile": True},
    "explain": {"explain": True},
    "slice": {"slice": {"field": "salary", "id": 0, "max": 2}},
}


def _bodies() -> Iterator[Any]:
    for name, query in QUERIES.items():
        yield pytest.param({"query": query}, id=f"query {name}")
    for name, aggregation in SUMMARIES.items():
        yield pytest.param({"size": 0, "aggs": {"a": aggregation}}, id=f"aggregation {name}")
    for name, body in FETCHES.items():
        yield pytest.param(body, id=f"fetch {name}")


def _in_order(body: dict[str, Any]) -> dict[str, Any]:
    """By a public field: with document rules scores still follow from how often a term occurs in all documents, as in Elasticsearch."""
    return {"size": 100, "sort": [{"size": "asc"}], **body}


@KINDS
@pytest.mark.parametrize("body", list(_bodies()))
def test_no_answer_differs_by_a_secret(clusters: Callable[[str], Remote], kind: str, body: dict[str, Any]) -> None:
    source = _in_order(body)

    def ask(name: str) -> str:
        return attempt(lambda: clusters(name).user(descriptors(kind)).search("*", **source))

    with_secrets, without = ask("secrets"), ask(kind)
    assert with_secrets == without


def _refused_bodies() -> Iterator[Any]:
    """What is not done, scripts and runtime fields among it, as Elasticsearch writes it."""
    for case in read_lines("search_sources.jsonl.gz"):
        if case["refused"] or "pit" in case["request"]:  # which the in-memory cluster alone does not do
            yield pytest.param(base64.b64decode(case["bytes"]), id=json.dumps(case["request"])[:70])
    plain, whole = Writer(V_8_19), Writer(V_8_19)
    aggregation = {"r": {"avg": {"field": "size"}}}
    AGGREGATIONS.write(plain, aggregation)
    SEARCH_SOURCE.write(whole, {"size": 0, "aggs": aggregation})
    for case in read_lines("aggregations_requests.jsonl.gz"):
        if case.get("refused"):
            source = whole.getvalue().replace(plain.getvalue(), base64.b64decode(case["bytes"]))
            yield pytest.param(source, id=json.dumps(case["aggs"])[:70])


@pytest.mark.parametrize("source", list(_refused_bodies()))
def test_code_and_what_is_not_done_is_refused_by_name(clusters: Callable[[str], Remote], source: bytes) -> None:
    plain = Writer(V_8_19)
    SEARCH_SOURCE.write(plain, {})
    payload = SearchRequest(indices=["open"], source={}).encode(V_8_19)
    assert payload.count(plain.getvalue()) == 1
    with pytest.raises(ElasticsearchException) as raised:
        clusters("secrets").user(descriptors("both")).call(SEARCH, payload.replace(plain.getvalue(), source))
    assert raised.value.type in ("illegal_argument_exception", "security_exception")
    assert "not supported" in str(raised.value.reason) or "document level security" in str(raised.value.reason)


INDEX_FILTERS: list[dict[str, Any] | None] = [
    None,
    {"range": {"salary": {"gte": 1}}},
    {"term": {"secret": "needle1"}},
    {"term": {"secret": "never"}},
    {"term": {"tenant": "b"}},
    {"range": {"size": {"gte": 19}}},
]


@KINDS
@pytest.mark.parametrize("include_empty", [True, False])
@pytest.mark.parametrize("index_filter", INDEX_FILTERS, ids=lambda f: json.dumps(f))
def test_field_capabilities_tell_nothing(
    clusters: Callable[[str], Remote], kind: str, include_empty: bool, index_filter: dict[str, Any] | None
) -> None:
    payload = FieldCapsRequest(
        indices=["*"],
        options=SearchRequest().indices_options,
        fields=["*"],
        merge_results=False,
        include_empty_fields=include_empty,
        index_filter=index_filter,
    ).encode(V_8_19)
    answers = [
        FieldCapsResponse.decode(clusters(name).user(descriptors(kind)).call(FIELD_CAPS, payload), V_8_19)
        for name in ("secrets", kind)
    ]
    assert _plain(answers[0]) == _plain(answers[1])
    if kind != "documents":
        named = {name for response in answers[0].index_responses for name in response.fields}
        assert not named & {"secret", "notes", "notes.raw", "salary", "born", "person.mail", "parts.code"}


NAMES = {
    "a list in one name": ["open*,-x"],
    "an exclusion first": ["-open", "vault"],
    "another index": ["vault"],
    "both": ["open", "vault"],
    "an alias of the other": ["pointer"],
    "an alias of both": ["both"],
    "a looking alike": ["open\u2024"],
    "full width": ["\uff4fpen", "vau\u200blt"],
    "dots": [".."],
    "a path": ["open/../vault"],
    "encoded": ["%76ault"],
    "date math": ["<vault>"],
    "date math with a date": ["<vault{now/d{||}}>"],
    "cluster": ["x:vault"],
    "self": [":vault"],
    "all": ["_all"],
    "all and more": ["_all", "vault"],
    "selector": ["vault::data"],
    "two selectors": ["vault::data::data"],
    "nothing": [""],
    "upper case": ["VAULT"],
    "regular expression": ["/vault/"],
    "question mark": ["vaul?"],
    "wildcard of both": ["*pen", "*ault"],
    "zero": ["vault\0"],
    "surrogate": ["vault\ud800"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize("action", ["search", "field_caps"])
def test_no_way_of_writing_a_name_leads_elsewhere(clusters: Callable[[str], Remote], names: list[str], action: str) -> None:
    """The forbidden index holds documents in the one cluster, and none in the other."""

    def ask(remote: Remote) -> Any:
        who = remote.user(descriptors("both"))
        if action == "search":
            return who.search(*names, **_in_order({"aggs": {"i": {"terms": {"field": "_index"}}}}))
        payload = FieldCapsRequest(
            indices=names, options=SearchRequest().indices_options, fields=["*"], merge_results=False, include_empty_fields=False
        )
        return FieldCapsResponse.decode(who.call(FIELD_CAPS, payload.encode(V_8_19)), V_8_19)

    first, second = attempt(lambda: ask(clusters("secrets"))), attempt(lambda: ask(clusters("both")))
    assert first == second
    assert "index='vault'" not in first
