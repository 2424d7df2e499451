"""What a search gives is what every descriptor set shows: no more, by each set alone, and no less, by brute force over documents.

The brute force knows nothing of the gateway: queries are small Python predicates beside their JSON, patterns are ``fnmatch``'s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import orjson
import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authorization.grant import Denied
from gateway.demo.documents import DemoIndex
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.hits import SearchHits, TotalHits
from protocol.messages.search_request import SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.versions import V_8_19
from tests.gateway.exported import Asking, Remote, exported

Document = dict[str, Any]
Set = list[dict[str, Any]]
"""Index entries of one descriptor set."""

MAPPINGS = {
    "dynamic": False,
    "properties": {
        "tenant": {"type": "keyword"},
        "level": {"type": "integer"},
        "text": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "user": {"properties": {"name": {"type": "keyword"}, "mail": {"type": "keyword"}}},
        "steps": {"type": "nested", "properties": {"kind": {"type": "keyword"}}},
    },
}
WORDS = ("red", "green", "blue")


def _documents(seed: int) -> tuple[tuple[str, Document], ...]:
    made = []
    for number in range(24):
        at = number * 7 + seed
        document: Document = {"tenant": "abc"[at % 3], "text": f"{WORDS[at % 3]} {WORDS[at // 3 % 3]}"}
        if at % 4:
            document["level"] = at % 5
        if at % 5:
            document["user"] = {"name": "uv"[at % 2], "mail": f"m{at % 3}"}
        document["steps"] = [{"kind": kind} for kind in ("x", "y")[: at % 3]]
        made.append((f"{seed}-{number}", document))
    return tuple(made)


INDICES = [
    DemoIndex(name, {"mappings": MAPPINGS, "settings": {}}, _documents(seed)) for seed, name in enumerate(("a1", "a2", "b1"))
]
DOCUMENTS = {index.name: dict(index.documents) for index in INDICES}


@dataclass(frozen=True)
class Filter:
    query: dict[str, Any]
    accepts: Callable[[str, Document], bool]


def _one_of(field: str, *values: Any) -> Filter:
    def accepts(_: str, document: Document) -> bool:
        value: Any = document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value in values

    return Filter({"terms": {field: list(values)}}, accepts)


def _all(*parts: Filter) -> Filter:
    return Filter(
        {"bool": {"filter": [part.query for part in parts]}}, lambda _id, d: all(part.accepts(_id, d) for part in parts)
    )


def _any(*parts: Filter) -> Filter:
    return Filter(
        {"bool": {"should": [part.query for part in parts]}}, lambda _id, d: any(part.accepts(_id, d) for part in parts)
    )


def _not(part: Filter) -> Filter:
    return Filter({"bool": {"must_not": [part.query]}}, lambda _id, d: not part.accepts(_id, d))


LEAVES = st.sampled_from(
    [
        Filter({"match_all": {}}, lambda _id, d: True),
        Filter({"match_none": {}}, lambda _id, d: False),
        _one_of("tenant", "a"),
        _one_of("tenant", "b", "c"),
        _one_of("level", 1, 2),
        _one_of("user.name", "u"),
        Filter({"range": {"level": {"gte": 2, "lt": 4}}}, lambda _id, d: 2 <= d.get("level", -1) < 4),
        Filter({"exists": {"field": "level"}}, lambda _id, d: "level" in d),
        Filter({"match": {"text": "red"}}, lambda _id, d: "red" in d["text"].split()),
        Filter({"prefix": {"text.raw": "green"}}, lambda _id, d: d["text"].startswith("green")),
        Filter({"ids": {"values": ["0-1", "0-2", "1-3", "2-5"]}}, lambda _id, d: _id in {"0-1", "0-2", "1-3", "2-5"}),
        Filter(
            {"nested": {"path": "steps", "query": {"term": {"steps.kind": "y"}}}},
            lambda _id, d: any(step["kind"] == "y" for step in d["steps"]),
        ),
    ]
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.builds(_all, inner, inner) | st.builds(_any, inner, inner) | st.builds(_not, inner),
    max_leaves=4,
)
PATTERNS = ["*", "tenant", "level", "text*", "text", "user.*", "user.name", "*.name", "steps.*", "t*", "le?el", "nothing"]
NAMES = ["*", "a*", "a1", "b1", "?1", "missing"]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "names": draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)),
        "privileges": draw(st.sampled_from([["read"], ["all"], ["read", "view_index_metadata"], ["view_index_metadata"]])),
    }
    if draw(st.booleans()):
        entry["filter"] = draw(FILTERS)
    if draw(st.booleans()):
        entry["grant"] = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3, unique=True))
        if "*" in entry["grant"] and draw(st.booleans()):
            entry["except"] = draw(st.lists(st.sampled_from(PATTERNS[1:]), min_size=1, max_size=2, unique=True))
    return entry


SETS = st.lists(entries(), min_size=1, max_size=3)


def as_json(entries_of: Set) -> bytes:
    """The descriptor set as a local cluster would send it."""
    return json.dumps({"d": {"indices": [_entry_json(entry) for entry in entries_of]}}).encode()


def _entry_json(entry: dict[str, Any]) -> dict[str, Any]:
    body = {"names": entry["names"], "privileges": entry["privileges"]}
    if "filter" in entry:
        body["query"] = json.dumps(entry["filter"].query)
    if "grant" in entry:
        body["field_security"] = {"grant": entry["grant"], **({"except": entry["except"]} if "except" in entry else {})}
    return body


# What a set shows, by hand


READ = {"read", "all"}
DESCRIBE = {"read", "all", "view_index_metadata"}
"""Privileges that allow a search, and those that allow to ask for field capabilities."""


def _reads(entry: dict[str, Any], index: str, privileges: set[str]) -> bool:
    return bool(privileges & set(entry["privileges"])) and any(fnmatchcase(index, name) for name in entry["names"])


def _shows(entry: dict[str, Any], field: str) -> bool:
    if "grant" not in entry:
        return True
    return any(fnmatchcase(field, one) for one in entry["grant"]) and not any(
        fnmatchcase(field, one) for one in entry.get("except", ())
    )


def _filtered(document: Document, visible: Callable[[str], bool], prefix: str = "") -> Document:
    kept: Document = {}
    for key, value in document.items():
        path = prefix + key
        if isinstance(value, dict):
            if inner := _filtered(value, visible, f"{path}."):
                kept[key] = inner
        elif isinstance(value, list):
            if inner_list := [one for item in value if (one := _filtered(item, visible, f"{path}."))]:
                kept[key] = inner_list
        elif visible(path):
            kept[key] = value
    return kept


def _joined(entries_of: Set) -> Set:
    """Entries of a set for the very same names are one, as Elasticsearch has it: with all their privileges, and without a rule where
    one of them has none, whatever that one's privileges are."""
    joined: dict[frozenset[str], dict[str, Any]] = {}
    for entry in entries_of:
        names = frozenset(entry["names"])
        before = joined.get(names)
        if before is None:
            joined[names] = {**entry, "fields": [entry]}
            continue
        before["privileges"] = [*before["privileges"], *entry["privileges"]]
        before["fields"].append(entry)
        if "filter" in before and "filter" in entry:
            before["filter"] = _any(before["filter"], entry["filter"])
        else:
            before.pop("filter", None)
    return list(joined.values())


@dataclass(frozen=True)
class Shown:
    """Of one index: which of its documents are seen, and which fields of them."""

    ids: frozenset[str]
    field: Callable[[str], bool]


def by_hand(sets: list[Set], privileges: set[str] = READ) -> dict[str, Shown]:
    """What every set shows, by index."""
    shown: dict[str, Shown] = {}
    for index, documents in DOCUMENTS.items():
        reading = [[entry for entry in _joined(one) if _reads(entry, index, privileges)] for one in sets]
        if not all(reading):
            continue

        def visible(field: str, reading: list[Set] = reading) -> bool:
            return all(any(_shows(part, field) for entry in one for part in entry["fields"]) for one in reading)

        ids = {
            _id
            for _id, document in documents.items()
            if all(any("filter" not in entry or entry["filter"].accepts(_id, document) for entry in one) for one in reading)
        }
        shown[index] = Shown(frozenset(ids), visible)
    return shown


def documents_of(shown: dict[str, Shown]) -> dict[str, dict[str, Document]]:
    return {
        index: {_id: _filtered(DOCUMENTS[index][_id], one.field) for _id in one.ids} for index, one in shown.items() if one.ids
    }


def values_of(shown: dict[str, Shown], field: str) -> Counter[Any]:
    """How many documents show which value of a field."""
    counts: Counter[Any] = Counter()
    for index, one in shown.items():
        if one.field(field):
            for _id in one.ids:
                value: Any = DOCUMENTS[index][_id]
                for part in field.removesuffix(".raw").split("."):
                    value = value.get(part) if isinstance(value, dict) else None
                counts.update([] if value is None else [value])
    return counts


def pruned(document: Document) -> Document:
    """Without the empty objects and lists, which say nothing of any value."""
    return _filtered(document, lambda _: True)


# What the gateway gives


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with exported(tmp_path_factory.mktemp("seen"), INDICES) as remote:
        yield remote


@pytest.fixture(autouse=True)
def quiet(unconfigured_logs: None) -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def seen_by(remote: Remote, sets: list[Set], credentials: str | None = None) -> Asking:
    return remote.user(*map(as_json, sets), credentials=credentials)


def search(who: Asking, **source: Any) -> SearchResponse:
    """No document at all where the action is allowed on no index."""
    try:
        return who.search("*", size=100, **source)
    except Denied:
        return SearchResponse(hits=SearchHits(total=TotalHits(value=0)))


def documents(who: Asking) -> dict[str, dict[str, Document]]:
    found: dict[str, dict[str, Document]] = {}
    for hit in search(who).hits.hits:
        found.setdefault(str(hit.index), {})[str(hit.id)] = pruned(orjson.loads(hit.source or b"{}"))
    return found


def is_within(small: Any, large: Any) -> bool:
    """Whether a document (or what is in it) holds nothing that the other does not."""
    if isinstance(small, dict):
        return isinstance(large, dict) and all(key in large and is_within(value, large[key]) for key, value in small.items())
    if isinstance(small, list):
        return isinstance(large, list) and all(any(is_within(one, other) for other in large) for one in small)
    return bool(small == large)


EXAMPLES = settings(max_examples=100, deadline=None)


@EXAMPLES
@given(sets=st.lists(SETS, min_size=1, max_size=3))
def test_a_search_shows_exactly_what_all_sets_show(remote: Remote, sets: list[Set]) -> None:
    assert documents(seen_by(remote, sets)) == documents_of(by_hand(sets))


@EXAMPLES
@given(sets=st.lists(SETS, min_size=2, max_size=3))
def test_a_further_set_only_takes_away(remote: Remote, sets: list[Set]) -> None:
    together = documents(seen_by(remote, sets))
    for one in sets:
        assert is_within(together, documents(seen_by(remote, [one])))


@settings(max_examples=30, deadline=None)
@given(access=SETS, user=SETS)
def test_a_keys_own_access_limits_like_any_set(remote: Remote, access: Set, user: Set) -> None:
    key = remote.key(*map(_without_privileges, access))
    reading = [{**entry, "privileges": ["read"]} for entry in access]
    assert documents(seen_by(remote, [user], key)) == documents_of(by_hand([reading, user]))


@EXAMPLES
@given(
    sets=st.lists(SETS, min_size=1, max_size=2), field=st.sampled_from(["tenant", "level", "text.raw", "user.name", "user.mail"])
)
def test_nothing_else_tells_of_what_is_not_shown(remote: Remote, sets: list[Set], field: str) -> None:
    """Queries, sorting, aggregations (one of them global), doc values, retrieved fields, and field capabilities."""
    shown = by_hand(sets)
    expected = values_of(shown, field)
    who = seen_by(remote, sets)
    answer = search(
        who,
        query={"exists": {"field": field}},
        aggs={
            "values": {"terms": {"field": field, "size": 100}},
            "missing": {"missing": {"field": field}},
            "every": {"global": {}, "aggs": {"values": {"terms": {"field": field, "size": 100, "min_doc_count": 1}}}},
        },
        sort=[{field: "asc"}],
        docvalue_fields=[field],
        fields=["*"],
    )
    assert answer.hits.total is not None
    assert answer.hits.total.value == expected.total()
    plain = {name: aggregation for aggregation in answer.aggregations or [] for name in [aggregation.name]}
    if expected:
        assert _buckets(plain["values"]) == expected
        assert _buckets(plain["every"].aggregations[0]) == expected  # type: ignore[attr-defined]
    values = Counter(hit.fields[field].values[0] for hit in answer.hits.hits)
    assert values == expected
    everything = {name for hit in answer.hits.hits for name in (*hit.fields, *hit.meta_fields)}
    # A multi-field is read from the source of its field, so that is what must be shown, as in Elasticsearch; nested objects come whole.
    sources = {"steps.kind" if name == "steps" else name.removesuffix(".raw") for name in everything}
    assert all(any(one.field(name) for one in shown.values()) for name in sources)
    names = {hit.index for hit in answer.hits.hits}
    assert all(shown[str(index)].field(field) for index in names)


@EXAMPLES
@given(sets=st.lists(SETS, min_size=1, max_size=2))
def test_field_capabilities_name_the_fields_that_all_sets_show(remote: Remote, sets: list[Set]) -> None:
    payload = FieldCapsRequest(indices=["*"], options=SearchRequest().indices_options, fields=["*"], merge_results=False).encode(
        V_8_19
    )
    shown = by_hand(sets, DESCRIBE)
    try:
        answer = FieldCapsResponse.decode(seen_by(remote, sets).call(FIELD_CAPS, payload), V_8_19)
    except Denied:
        assert not shown
        return
    leaves = {"tenant", "level", "text", "text.raw", "user.name", "user.mail", "steps.kind"}
    found = {response.index: leaves & set(response.fields) for response in answer.index_responses}
    assert found == {index: {name for name in leaves if one.field(name)} for index, one in shown.items()}


def _without_privileges(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _entry_json(entry).items() if name != "privileges"}


def _buckets(aggregation: InternalAggregation) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for bucket in aggregation.buckets:  # type: ignore[attr-defined]
        found[bucket.term.decode() if isinstance(bucket.term, bytes) else bucket.term] = bucket.doc_count
    return found
