"""Documents, roles and searches for significant_terms and rare_terms, answered by a real node (tests/vectors/engine/unusual.jsonl.gz)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_PROPERTIES: Json = {
    "tenant": {"type": "keyword"},
    "level": {"type": "keyword"},
    "code": {"type": "keyword"},
    "tags": {"type": "keyword"},
    "secret": {"type": "keyword"},
    "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "n": {"type": "long"},
    "b": {"type": "byte"},
    "many": {"type": "integer"},
    "price": {"type": "double"},
    "ok": {"type": "boolean"},
    "day": {"type": "date"},
    "days": {"type": "date"},
    "month": {"type": "date", "format": "yyyy-MM"},
    "nanos": {"type": "date_nanos"},
    "ip": {"type": "ip"},
    "stored": {"type": "keyword", "index": False},
    "plain": {"type": "long", "index": False},
    "flag": {"type": "boolean", "index": False},
    "nodv": {"type": "keyword", "doc_values": False},
    "lower": {"type": "keyword", "null_value": "none"},
    "code_alias": {"type": "alias", "path": "code"},
}
_ITEMS: Json = {
    "type": "nested",
    "properties": {
        "sku": {"type": "keyword"},
        "qty": {"type": "long"},
        "parts": {"type": "nested", "properties": {"x": {"type": "keyword"}}},
    },
}

MAPPINGS: dict[str, Json] = {
    "flat": {"properties": _PROPERTIES},
    "deep": {"properties": {**_PROPERTIES, "items": _ITEMS}},
    "changed": {"properties": _PROPERTIES},
    "other": {"properties": {"level": {"type": "keyword"}, "n": {"type": "keyword"}}},
}
"""By the index's name, without the prefix that it has on the node. With a nested field Elasticsearch counts the background otherwise."""


def _document(number: int, *, deep: bool = False) -> Json:
    level = ["info", "warn", "error", "debug"][number * number % 7 % 4]
    tenant = "abc"[number % 3]
    document: Json = {
        "tenant": tenant,
        "level": level,
        "code": f"c{number % 9}" if level != "error" else f"c{number % 2}",
        "tags": [f"t{number % 5}", f"t{number % 8}"] + ([f"only-{tenant}"] if number % 4 else []),
        "secret": f"s{number % 6}" if tenant == "a" else f"h{number % 11}",
        "title": f"Report {number % 6}",
        "n": number % 13 if level != "warn" else number % 3,
        "b": number % 5,
        "many": [number % 4, number % 6, number % 4],
        "price": number / 4,
        "ok": number % 3 == 0 or level == "warn",
        "day": f"2024-0{1 + number % 4}-{1 + number % 6:02d}",
        "days": [f"2024-01-0{1 + number % 6}T0{number % 3}:00:00Z", f"2024-01-0{1 + number % 4}T00:00:00Z"],
        "month": f"2024-{1 + number % 5:02d}",
        "nanos": f"2024-01-01T00:00:00.{number % 6:09d}Z",
        "ip": f"10.0.{number % 3}.{number % 7}",
        "stored": f"k{number % 4}",
        "plain": number % 6,
        "flag": number % 4 == 0,
        "nodv": "x",
    }
    if number % 10 == 0:
        document["lower"] = None
    if number % 10 < 4:
        document["lower"] = f"l{number % 7}"
    if number % 17 == 0:
        document["code"] = f"rare{number}"
        document["n"] = 1000 + number
    if deep:
        document["items"] = [
            {"sku": f"s{(number + at) % 7}", "qty": (number * 3 + at) % 5, "parts": [{"x": f"x{(number + at) % 3}"}]}
            for at in range(number % 4)
        ]
    return document


DOCUMENTS: dict[str, list[Json]] = {
    "flat": [_document(number) for number in range(150)],
    "deep": [_document(number, deep=True) for number in range(150)],
    "changed": [_document(number) for number in range(60)],
    "other": [{"level": "error" if number % 2 else "warn", "n": str(number)} for number in range(8)],
}
REPLACED: dict[str, list[int]] = {"changed": [4, 9, 13, 20, 21, 33]}
"""What is indexed once more afterwards, with another ``level``; what was there before stays in the statistics. (A deletion would leave a
tombstone in the node's index, which counts as well.)"""
ALIASES: dict[str, Json] = {"flat": {"early": {"filter": {"range": {"day": {"lt": "2024-03-01"}}}}}}


def replacement(number: int) -> Json:
    """The document that takes the place of another."""
    return {**_document(number), "level": "info"}


_A = {"term": {"tenant": "a"}}
ACCESS: dict[str, Json] = {
    "whole": {},
    "one_tenant": {"query": _A},
    "two_tenants": {"query": {"terms": {"tenant": ["a", "b"]}}},
    "no_document": {"query": {"match_none": {}}},
    "some_fields": {"fields": {"grant": ["*"], "except": ["secret", "code", "items.sku"]}},
    "both": {"query": _A, "fields": {"grant": ["level", "tags", "n", "items.*"]}},
}

_ERROR: Json = {"term": {"level": "error"}}
_WARN: Json = {"term": {"level": "warn"}}


def _ask(
    aggregation: Json, query: Json | None = _ERROR, *, on: str = "flat", aggs_beside: Json | None = None
) -> tuple[str, Json]:
    body: Json = {"size": 0, "aggs": {"a": aggregation, **(aggs_beside or {})}}
    return on, body if query is None else {**body, "query": query}


def _significant(
    field: str, query: Json | None = _ERROR, *, on: str = "flat", aggs: Json | None = None, **more: Any
) -> tuple[str, Json]:
    aggregation: Json = {"significant_terms": {"field": field, **more}}
    return _ask(aggregation if aggs is None else {**aggregation, "aggs": aggs}, query, on=on)


def _rare(field: str, query: Json | None = None, *, on: str = "flat", aggs: Json | None = None, **more: Any) -> tuple[str, Json]:
    aggregation: Json = {"rare_terms": {"field": field, **more}}
    return _ask(aggregation if aggs is None else {**aggregation, "aggs": aggs}, query, on=on)


_HEURISTICS: dict[str, Any] = {
    "jlh": {},
    "gnd": {},
    "gnd_apart": {"background_is_superset": False},
    "chi_square": {},
    "chi_square_negatives": {"include_negatives": True},
    "chi_square_apart": {"background_is_superset": False, "include_negatives": True},
    "mutual_information": {},
    "mutual_information_negatives": {"include_negatives": True},
    "mutual_information_apart": {"background_is_superset": False},
    "percentage": {},
}
_KINDS = ("_apart", "_negatives")


def _heuristic(name: str) -> str:
    for kind in _KINDS:
        name = name.removesuffix(kind)
    return name


_EARLY: Json = {"range": {"day": {"lt": "2024-03-01"}}}
_MAX: Json = {"m": {"max": {"field": "n"}}}

SEARCHES: dict[str, tuple[str, Json]] = {
    **{f"code_{name}": _significant("code", **{_heuristic(name): options}) for name, options in _HEURISTICS.items()},
    **{f"n_{name}": _significant("n", _WARN, **{_heuristic(name): options}) for name, options in _HEURISTICS.items()},
    **{
        f"background_{name}": _significant("code", background_filter=_EARLY, **{_heuristic(name): options})
        for name, options in _HEURISTICS.items()
    },
    **{
        f"of_{field}": _significant(field, min_doc_count=1)
        for field in ("level", "secret", "title.raw", "b", "many", "ok", "tags")
    },
    **{f"of_{field}": _significant(field, _WARN, min_doc_count=1) for field in ("day", "month", "nanos", "ip", "lower")},
    **{
        f"of_{field}": _significant(field, _WARN, min_doc_count=1)
        for field in ("stored", "plain", "flag", "code_alias", "_index")
    },
    **{f"refused_{field}": _significant(field) for field in ("title", "price", "nodv", "_id", "nothing")},
    **{
        f"deep_{field}": _significant(field, on="deep", min_doc_count=1)
        for field in ("code", "n", "ip", "day", "ok", "items.sku")
    },
    "deep_background": _significant("code", on="deep", background_filter=_EARLY),
    "deep_background_nested": _significant(
        "code", on="deep", background_filter={"nested": {"path": "items", "query": {"match_all": {}}}}
    ),
    "changed_code": _significant("code", on="changed", min_doc_count=1),
    "changed_n": _significant("n", _WARN, on="changed", min_doc_count=1),
    "changed_ok": _significant("ok", _WARN, on="changed", min_doc_count=1),
    "changed_background": _significant("code", on="changed", min_doc_count=1, background_filter={"match_all": {}}),
    "alias": _significant("code", on="early", min_doc_count=1),
    "alias_n": _significant("n", _WARN, on="early", min_doc_count=1),
    "everything": _significant("code", None),
    "nothing_found": _significant("code", {"term": {"level": "never"}}),
    "match_none": _significant("n", {"match_none": {}}),
    "several": _significant("code", on="flat,changed", min_doc_count=1),
    "several_n": _significant("n", _WARN, on="flat,changed", min_doc_count=2),
    "several_chi": _significant("code", on="flat,deep,changed", chi_square={}),
    "some_unmapped": _significant("code", on="flat,other", min_doc_count=1),
    "types_differ": _significant("n", on="flat,other", min_doc_count=1),
    "min_doc_count": _significant("tags", min_doc_count=6),
    "shard_min_doc_count": _significant("tags", min_doc_count=4, shard_min_doc_count=9),
    "zero": _significant("code", min_doc_count=0, size=40),
    "zero_chi": _significant("code", min_doc_count=0, size=40, chi_square={"include_negatives": True}),
    "zero_chi_secret": _significant("secret", _WARN, min_doc_count=0, size=40, chi_square={"include_negatives": True}),
    "zero_chi_map": _significant("code", min_doc_count=0, size=40, chi_square={"include_negatives": True}, execution_hint="map"),
    "zero_chi_n": _significant("n", min_doc_count=0, size=40, chi_square={"include_negatives": True}),
    "zero_chi_ip": _significant("ip", min_doc_count=0, size=40, chi_square={"include_negatives": True}),
    "zero_chi_subs": _significant("code", min_doc_count=0, size=40, chi_square={"include_negatives": True}, aggs=_MAX),
    "zero_percentage": _significant("secret", min_doc_count=0, size=40, percentage={}),
    "size": _significant("code", size=1, min_doc_count=1),
    "shard_size": _significant("code", size=1, shard_size=2, min_doc_count=1),
    "shard_size_least": _significant("tags", size=5, shard_size=1, min_doc_count=1),
    "size_zero": _significant("code", size=0),
    "shard_size_zero": _significant("code", shard_size=0),
    "hint_map": _significant("code", execution_hint="map"),
    "hint_ordinals": _significant("code", execution_hint="global_ordinals"),
    "include": _significant("code", include="c[0-3]", min_doc_count=1),
    "include_list": _significant("code", include=["c0", "c1", "never"], min_doc_count=1),
    "exclude": _significant("code", exclude=["c0"], min_doc_count=1),
    "include_n": _significant("n", _WARN, include=[0, 1], min_doc_count=1),
    "include_n_pattern": _significant("n", _WARN, include="1.*"),
    "include_ip_pattern": _significant("ip", include="10.*"),
    "missing": _significant("lower", _WARN, missing="l1", min_doc_count=1),
    "missing_new": _significant("lower", _WARN, missing="absent", min_doc_count=1),
    "missing_map": _significant("lower", _WARN, missing="l1", execution_hint="map", min_doc_count=1),
    "missing_new_map": _significant("lower", _WARN, missing="absent", execution_hint="map", min_doc_count=1),
    "missing_n": _significant("n", _WARN, missing=3, min_doc_count=1),
    "missing_unmapped": _significant("nothing", missing="x", min_doc_count=1),
    "format_month": _significant("day", _WARN, format="yyyy-MM", min_doc_count=1),
    "format_millis": _significant("day", _WARN, format="epoch_millis", min_doc_count=1),
    "format_days": _significant("days", _WARN, format="yyyy-MM-dd'T'HH:mm", size=40, min_doc_count=1),
    "format_nanos": _significant("nanos", _WARN, format="epoch_millis", min_doc_count=1),
    "format_background": _significant("day", _WARN, format="epoch_millis", background_filter=_EARLY, min_doc_count=1),
    "format_deep": _significant("day", _WARN, on="deep", format="yyyy-MM-dd", min_doc_count=1, size=40),
    "missing_n_new": _significant("n", _WARN, missing=77, min_doc_count=1, size=40),
    "missing_ok": _significant("flag", _WARN, missing=True, min_doc_count=1),
    "missing_where_nothing_is": _significant("lower", {"term": {"level": "never"}}, missing="x", execution_hint="map"),
    "format_unreadable": _significant("day", _WARN, format="dd/MM/yyyy", min_doc_count=1),
    "format_number": _significant("n", _WARN, format="000", min_doc_count=1),
    "format_number_unreadable": _significant("n", _WARN, format="#x", min_doc_count=1),
    "subs": _significant("code", aggs={**_MAX, "t": {"terms": {"field": "tenant"}}}),
    "subs_n": _significant("n", _WARN, aggs=_MAX),
    "under_terms": _ask(
        {"terms": {"field": "level"}, "aggs": {"s": {"significant_terms": {"field": "code", "min_doc_count": 1}}}}, None
    ),
    "under_terms_n": _ask(
        {"terms": {"field": "level"}, "aggs": {"s": {"significant_terms": {"field": "n", "min_doc_count": 1, "size": 40}}}}, None
    ),
    "under_filters": _ask(
        {
            "filters": {"filters": {"e": _ERROR, "none": {"term": {"level": "never"}}, "w": _WARN}},
            "aggs": {"s": {"significant_terms": {"field": "tags", "mutual_information": {}}}},
        },
        None,
    ),
    "under_range": _ask(
        {
            "range": {"field": "price", "ranges": [{"to": 10}, {"from": 10}]},
            "aggs": {"s": {"significant_terms": {"field": "many", "min_doc_count": 2, "percentage": {}}}},
        }
    ),
    "under_global": _ask({"global": {}, "aggs": {"s": {"significant_terms": {"field": "code", "gnd": {}}}}}),
    "under_nested": _ask(
        {"nested": {"path": "items"}, "aggs": {"s": {"significant_terms": {"field": "items.sku", "min_doc_count": 1}}}}, on="deep"
    ),
    "under_nested_qty": _ask(
        {"nested": {"path": "items"}, "aggs": {"s": {"significant_terms": {"field": "items.qty", "min_doc_count": 1}}}}, on="deep"
    ),
    "under_nested_twice": _ask(
        {"nested": {"path": "items.parts"}, "aggs": {"s": {"significant_terms": {"field": "items.parts.x", "min_doc_count": 1}}}},
        on="deep",
    ),
    "under_nested_chi": _ask(
        {"nested": {"path": "items"}, "aggs": {"s": {"significant_terms": {"field": "items.sku", "chi_square": {}}}}}, on="deep"
    ),
    "under_reverse": _ask(
        {
            "nested": {"path": "items"},
            "aggs": {
                "f": {
                    "filter": {"term": {"items.sku": "s2"}},
                    "aggs": {
                        "r": {"reverse_nested": {}, "aggs": {"s": {"significant_terms": {"field": "code", "min_doc_count": 1}}}}
                    },
                }
            },
        },
        None,
        on="deep",
    ),
    "outside_superset": _significant("code", background_filter={"term": {"level": "warn"}}, chi_square={}),
    "outside_jlh": _significant("code", background_filter={"term": {"level": "warn"}}, min_doc_count=1),
    "outside_apart": _significant("code", background_filter={"term": {"level": "warn"}}, gnd={"background_is_superset": False}),
    "background_none": _significant("code", background_filter={"match_none": {}}),
    "background_secret": _significant("code", background_filter={"term": {"secret": "h1"}}, min_doc_count=1),
    "background_wrong": _significant("code", background_filter={"range": {"day": {"lt": "never"}}}),
    "two_heuristics": _significant("code", jlh={}, gnd={}),
    **{
        f"pipeline_{name}": _ask(
            {kind: {"field": field, **options}, "aggs": _MAX}, aggs_beside={"p": {"max_bucket": {"buckets_path": path}}}
        )
        for name, kind, field, options, path in (
            ("count", "significant_terms", "code", {}, "a>_count"),
            ("metric", "significant_terms", "n", {"min_doc_count": 1}, "a>m"),
            ("key", "significant_terms", "code", {}, "a['c1']>m"),
            ("unmapped", "significant_terms", "nothing", {}, "a>_count"),
            ("rare", "rare_terms", "code", {"max_doc_count": 2}, "a>m"),
            ("rare_count", "rare_terms", "n", {"max_doc_count": 3}, "a>_count"),
            ("rare_unmapped", "rare_terms", "nothing", {}, "a>_count"),
        )
    },
    # rare_terms
    **{
        f"rare_{field}": _rare(field, max_doc_count=3)
        for field in ("code", "secret", "n", "many", "ok", "ip", "tags", "title.raw")
    },
    **{f"rare_{field}": _rare(field, max_doc_count=30) for field in ("day", "month", "nanos", "stored", "plain", "lower")},
    **{f"rare_refused_{field}": _rare(field) for field in ("title", "price", "nodv", "nothing")},
    "rare": _rare("code"),
    "rare_found": _rare("tags", _ERROR, max_doc_count=12),
    "rare_several": _rare("code", on="flat,changed", max_doc_count=2),
    "rare_several_n": _rare("n", on="flat,deep,changed", max_doc_count=20),
    "rare_unmapped": _rare("code", on="flat,other", max_doc_count=1),
    "rare_types_differ": _rare("n", on="flat,other"),
    "rare_too_many": _rare("code", max_doc_count=101),
    "rare_none": _rare("code", max_doc_count=0),
    "rare_precision": _rare("code", precision=0.01),
    "rare_precision_low": _rare("code", precision=0.000001),
    "rare_include": _rare("code", include="rare[0-9]*", exclude=["rare17"]),
    "rare_include_n": _rare("n", include=[1000, 1017], max_doc_count=2),
    "rare_include_n_pattern": _rare("n", include="1.*"),
    "rare_missing": _rare("lower", missing="absent", max_doc_count=100),
    "rare_missing_few": _rare("code", {"range": {"price": {"lt": 5}}}, missing="absent", max_doc_count=4),
    "rare_format": _rare("day", format="yyyy-MM-dd", max_doc_count=20),
    "rare_subs": _rare("code", aggs={**_MAX, "t": {"terms": {"field": "tenant"}}}, max_doc_count=3),
    "rare_under_terms": _ask(
        {"terms": {"field": "level"}, "aggs": {"r": {"rare_terms": {"field": "code", "max_doc_count": 2}}}}, None
    ),
    "rare_under_filters": _ask(
        {"filters": {"filters": {"e": _ERROR, "none": {"match_none": {}}}}, "aggs": {"r": {"rare_terms": {"field": "n"}}}}, None
    ),
    "rare_under_nested": _ask(
        {"nested": {"path": "items"}, "aggs": {"r": {"rare_terms": {"field": "items.sku", "max_doc_count": 35}}}}, None, on="deep"
    ),
    "rare_scores_nested": _ask(
        {
            "nested": {"path": "items"},
            "aggs": {"r": {"rare_terms": {"field": "items.sku"}, "aggs": {"h": {"top_hits": {"size": 1}}}}},
        },
        None,
        on="deep",
    ),
    "rare_nested_from_root": _rare("items.sku", on="deep"),
}
"""By name: the indices and the body."""
