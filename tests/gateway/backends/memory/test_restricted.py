"""Views of an index for roles that show some documents or fields: what they keep, what they refuse, and that they are like an index of
nothing but what is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.grant import Grant
from gateway.authorization.index_access import EVERYTHING, FieldAccess, IndexAccess
from gateway.backends import Call
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.restricted import MAX_VIEWS, restricted
from gateway.backends.memory.search import Target, search
from gateway.backends.memory.shown_source import ShownSource
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.versions import V_8_19
from tests.gateway.backends.memory.recorded import NOW, rest

MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "tenant": {"type": "keyword"},
        "body": {"type": "text"},
        "n": {"type": "long"},
        "user": {"properties": {"name": {"type": "keyword"}, "age": {"type": "integer"}}},
        "items": {"type": "nested", "properties": {"sku": {"type": "keyword"}, "qty": {"type": "long"}}},
        "kind": {"type": "constant_keyword", "value": "log"},
    },
}
DOCUMENTS: list[dict[str, Any]] = [
    {
        "tenant": "ab"[number % 2],
        "body": "red green" if number % 3 else "red red blue",
        "n": number,
        "user": {"name": f"u{number % 4}", "age": 20 + number},
        "items": [{"sku": f"s{number % 3}", "qty": number}],
    }
    for number in range(12)
]
TENANT_A = IndexAccess((({"term": {"tenant": "a"}},),))


def _index(name: str = "logs", documents: list[dict[str, Any]] | None = None) -> Index:
    index = Index(name, mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS)
    for number, document in enumerate(DOCUMENTS if documents is None else documents):
        index.add(str(number), json.dumps(document).encode())
    return index


def _fields(*grant: str, exclude: tuple[str, ...] = ()) -> FieldAccess:
    return FieldAccess((frozenset({FieldSecurity(grant, exclude)}),))


def _search(targets: list[Target], body: dict[str, Any]) -> dict[str, Any]:
    return rest(search(targets, body, now_millis=NOW, node_id="node"))


def test_what_is_not_restricted_is_the_index_itself() -> None:
    index = _index()
    assert restricted(index, EVERYTHING) is index
    assert restricted(index, IndexAccess()) is index
    assert not index.views


def test_a_view_is_kept_until_documents_change() -> None:
    index = _index()
    view = restricted(index, TENANT_A)
    assert restricted(index, IndexAccess((({"term": {"tenant": "a"}},),))) is view
    assert restricted(index, IndexAccess((({"term": {"tenant": "b"}},),))) is not view
    assert restricted(index, IndexAccess(TENANT_A.queries, _fields("n"))) is not view
    index.add("new", json.dumps(DOCUMENTS[0]).encode())
    assert restricted(index, TENANT_A) is not view
    assert restricted(index, TENANT_A).doc_count == view.doc_count + 1
    with pytest.raises(RuntimeError, match="have changed"):
        _ = view.live
    index.delete("new")
    index.delete("0")
    assert restricted(index, TENANT_A).doc_count == view.doc_count - 1


def test_views_that_differ_by_a_type_alone_are_different() -> None:
    index = _index(documents=[{"n": 1}])
    assert restricted(index, IndexAccess((({"term": {"n": 1}},),))).doc_count == 1
    with pytest.raises(ElasticsearchException):
        restricted(index, IndexAccess((({"term": {"n": True}},),)))


def test_only_so_many_views_are_kept() -> None:
    index = _index()
    for number in range(MAX_VIEWS + 10):
        restricted(index, IndexAccess((({"term": {"n": number}},),)))
    assert len(index.views) == MAX_VIEWS


def test_a_hidden_document_is_not_there() -> None:
    index = _index()
    view = restricted(index, TENANT_A)
    assert (view.row("0"), view.row("1")) == (0, None)
    assert view.doc_count == 6
    for read in (view.source, view.document, view.id):
        with pytest.raises(ElasticsearchException, match="not among those that may be seen"):
            read(1)


def test_a_hidden_field_is_not_there() -> None:
    view = restricted(_index(), IndexAccess(fields=_fields("n", "user.*", exclude=("user.age",))))
    assert json.loads(view.source(1)) == view.document(1) == {"n": 1, "user": {"name": "u1"}}
    assert [view.shows(name) for name in ("n", "user.name", "user.age", "tenant", "_id")] == [True, True, False, False, True]
    body, tenant = view.text("body"), view.column("tenant")
    assert body is not None
    assert tenant is not None
    assert body.terms == tenant.terms == []
    assert not body.exists.any()
    sku, kind = view.column("items.sku"), view.column("kind")
    assert sku is not None
    assert not sku.exists.any()
    # It is the mapping's, not a document's; Elasticsearch shows it too.
    assert kind is not None
    assert kind.terms == ["log"]


def test_a_view_is_not_written_to_nor_restricted_again() -> None:
    view = restricted(_index(), IndexAccess(TENANT_A.queries, _fields("n")))
    field = view.field("n")
    assert field is not None
    for write in (
        lambda: view.add("x", b"{}"),
        lambda: view.delete("0"),
        view.compact,
        view.root.begin_row,
        lambda: view.root.sink(field),
        lambda: restricted(view, TENANT_A),
    ):
        with pytest.raises(TypeError):
            write()
    assert view.doc_count == 6


def test_a_view_stays_one_under_a_cluster_alias() -> None:
    view = restricted(_index(), TENANT_A).seen_as("remote")
    assert view.qualified_name == "remote:logs"
    assert view.doc_count == 6
    assert not view.all_live


def test_queries_of_roles_see_fields_that_the_role_hides() -> None:
    view = restricted(_index(), IndexAccess(TENANT_A.queries, _fields("n")))
    found = _search([Target(view)], {"query": {"match_all": {}}, "size": 20})
    assert [hit["_source"] for hit in found["hits"]["hits"]] == [{"n": number} for number in range(0, 12, 2)]
    assert _search([Target(view)], {"query": {"term": {"tenant": "a"}}})["hits"]["total"]["value"] == 0


def test_scores_count_hidden_documents() -> None:
    index, body = _index(), {"query": {"match": {"body": "red blue"}}, "size": 20}
    all_scores = {hit["_id"]: hit["_score"] for hit in _search([Target(index)], body)["hits"]["hits"]}
    shown = _search([Target(index, access=TENANT_A)], body)["hits"]["hits"]
    assert len(shown) == 6
    assert all(all_scores[hit["_id"]] == hit["_score"] for hit in shown)


@pytest.mark.parametrize(
    "query",
    [
        {"script": {"script": {"source": "true"}}},
        {"has_child": {"type": "x", "query": {"match_all": {}}}},
        {"percolate": {"field": "n", "document": {}}},
        {"terms": {"tenant": {"index": "other", "id": "1", "path": "x"}}},
        {"bool": {"should": [{"term": {"tenant": "a"}}, {"knn": {"field": "v"}}]}},
        {"term": {"n": "not a number"}},
        {"range": {"n": {"frob": 1}}},
        {},
    ],
)
def test_a_query_that_cannot_be_run_shows_nothing(query: dict[str, Any]) -> None:
    access = IndexAccess(((query,),))
    bodies: list[dict[str, Any]] = [{}, {"aggs": {"g": {"global": {}}}}, {"size": 0, "track_total_hits": True}]
    for body in bodies:
        with pytest.raises(ElasticsearchException) as error:
            _search([Target(_index(), access=access)], body)
        assert error.value.type == "search_phase_execution_exception"
    # It is not kept as if it had worked.
    index = _index()
    for _ in range(2):
        with pytest.raises(ElasticsearchException):
            restricted(index, access)
    assert not index.views


def test_an_index_that_cannot_be_restricted_fails_alone() -> None:
    failing = IndexAccess((({"range": {"n": {"lt": "x"}}},),))
    targets = [Target(_index("bad"), access=failing), Target(_index("good"))]
    for body in ({"size": 50}, {"size": 50, "sort": ["n"]}):
        found = _search(targets, body)
        assert found["_shards"] == {"total": 2, "successful": 1, "skipped": 0, "failed": 1}
        assert {hit["_index"] for hit in found["hits"]["hits"]} == {"good"}
        assert found["hits"]["total"]["value"] == 12
    with pytest.raises(ElasticsearchException, match="Partial shards failure"):
        search(targets, {}, now_millis=NOW, node_id="node", allow_partial_results=False)


async def test_a_grant_restricts_what_the_backend_answers() -> None:
    backend = MemoryBackend(MemoryCluster([_index(), _index("more")], name="memory"))
    access = {"logs": IndexAccess(TENANT_A.queries, _fields("n", "user.name"))}
    names = ("logs", "more")
    grant = Grant(SEARCH, names, frozenset(names), access=access)
    request = SearchRequest(indices=list(names), source={"size": 50, "aggs": {"t": {"terms": {"field": "tenant"}}}})
    payload = await backend.execute(Call(SEARCH, V_8_19, b"", request, grant))
    answer = rest(SearchResponse.decode(payload, V_8_19))
    of = {name: [hit for hit in answer["hits"]["hits"] if hit["_index"] == name] for name in names}
    assert {hit["_id"] for hit in of["logs"]} == {"0", "2", "4", "6", "8", "10"}
    assert all(hit["_source"].keys() == {"n", "user"} and hit["_source"]["user"].keys() == {"name"} for hit in of["logs"])
    assert len(of["more"]) == 12
    assert {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["t"]["buckets"]} == {"a": 6, "b": 6}
    caps = FieldCapsRequest(indices=list(names), fields=["*"], options=IndicesOptions.STRICT_EXPAND_OPEN)
    caps.filters, caps.merge_results = ["-metadata"], False
    response = FieldCapsResponse.decode(
        await backend.execute(Call(FIELD_CAPS, V_8_19, b"", caps, Grant(FIELD_CAPS, names, frozenset(names), access=access))),
        V_8_19,
    )
    shown = {each.index: set(each.fields) for each in response.index_responses}
    assert shown["logs"] == {"n", "user", "user.name"}
    assert {"tenant", "items.sku", "user.age"} <= shown["more"]


# An index of what is shown

_LEAVES = ("tenant", "body", "n", "user.name", "user.age", "items.sku", "items.qty")
_PATTERNS = st.sampled_from([*_LEAVES, "user.*", "items.*", "t*", "u*e", "/.*s\\..*/", "user.n*"])
"""None of them is of metadata fields."""
_QUERIES = st.sampled_from([
    {"term": {"tenant": "a"}},
    {"range": {"n": {"gte": 3}}},
    {"match": {"body": "blue"}},
    {"nested": {"path": "items", "query": {"term": {"items.sku": "s1"}}}},
    {"bool": {"must_not": {"term": {"user.name": "u1"}}}},
    {"match_all": {}},
])  # fmt: skip
_RULES = st.builds(
    FieldSecurity,
    st.one_of(st.none(), st.lists(_PATTERNS | st.just("*"), max_size=3).map(tuple)),
    st.lists(_PATTERNS, max_size=2).map(tuple),
)
_ACCESS = st.builds(
    lambda queries, rules: IndexAccess(tuple(map(tuple, queries)), FieldAccess(tuple(map(frozenset, rules))) if rules else None),
    st.lists(st.lists(_QUERIES, min_size=1, max_size=2), max_size=2),
    st.lists(st.lists(_RULES, min_size=1, max_size=2), max_size=2),
)
_BODIES: list[dict[str, Any]] = [
    {"size": 20},
    *({"size": 20, "query": {"exists": {"field": name}}, "_source": False} for name in _LEAVES),
    {"size": 20, "query": {"bool": {"filter": {"match": {"body": "red"}}}}, "fields": ["*"]},
    {"size": 20, "query": {"bool": {"must_not": {"term": {"tenant": "a"}}}}, "sort": [{"user.age": "desc"}, "_doc"]},
    {"size": 20, "query": {"nested": {"path": "items", "query": {"range": {"items.qty": {"gt": 4}}}, "score_mode": "none"}}},
    {
        "size": 20,
        "sort": [{"items.qty": {"order": "asc", "nested": {"path": "items"}}}, "_doc"],
        "docvalue_fields": ["n", "user.name"],
    },
    {"size": 0, "aggs": {"t": {"terms": {"field": "user.name", "min_doc_count": 0}, "aggs": {"m": {"max": {"field": "n"}}}}}},
    {"size": 0, "query": {"match_none": {}}, "aggs": {"g": {"global": {}, "aggs": {"c": {"cardinality": {"field": "n"}}}}}},
    {"size": 0, "aggs": {"i": {"nested": {"path": "items"}, "aggs": {"s": {"terms": {"field": "items.sku"}}}}}},
    {"size": 5, "collapse": {"field": "tenant"}, "sort": ["_doc"], "_source": False},
]


@settings(max_examples=40, deadline=None)
@given(_ACCESS)
def test_a_view_is_like_an_index_of_what_is_shown(access: IndexAccess) -> None:
    whole = _index()
    seen = [True] * len(DOCUMENTS)
    for queries in access.queries:
        bodies = [{"query": query, "size": 20, "_source": False} for query in queries]
        hits = {hit["_id"] for body in bodies for hit in _search([Target(whole)], body)["hits"]["hits"]}
        seen = [was and str(number) in hits for number, was in enumerate(seen)]
    shown = ShownSource(access.fields) if access.fields is not None else lambda document: document
    other = Index("logs", mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS)
    for number, document in enumerate(DOCUMENTS):
        if seen[number]:
            other.add(str(number), json.dumps(shown(document)).encode())
    target = Target(whole, access=access)
    for body in _BODIES:
        assert _without_doc(_search([target], body)) == _without_doc(_search([Target(other)], body))


def _without_doc(answer: dict[str, Any]) -> dict[str, Any]:
    """Document numbers are those of the whole index, and an object that lost all its fields is an object all the same."""
    for hit in answer["hits"]["hits"]:
        if "sort" in hit:
            hit["sort"] = hit["sort"][:-1]
    for nested in [answer["aggregations"]["i"]] if "i" in answer.get("aggregations", {}) else []:
        nested.pop("doc_count")
    return answer
