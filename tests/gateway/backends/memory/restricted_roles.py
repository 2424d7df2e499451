"""The documents and roles of tests/vectors/engine/restricted.jsonl.gz, which has what a real node answers to users with those roles."""

from __future__ import annotations

from typing import Any

Set = list[dict[str, Any]]
"""The entries of one role: each may have a ``query`` and ``fields`` (``field_security``)."""

MAPPINGS: dict[str, Any] = {
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 24}}},
        "body": {"type": "text"},
        "tenant": {"type": "keyword"},
        "level": {"type": "keyword"},
        "tags": {"type": "keyword"},
        "n": {"type": "long"},
        "i": {"type": "integer"},
        "price": {"type": "double"},
        "f": {"type": "float"},
        "sf": {"type": "half_float"},
        "ok": {"type": "boolean"},
        "ts": {"type": "date"},
        "tn": {"type": "date_nanos"},
        "ip": {"type": "ip"},
        "user": {
            "properties": {
                "name": {"type": "keyword"},
                "email": {"type": "keyword"},
                "age": {"type": "long"},
                "address": {"properties": {"city": {"type": "keyword"}, "zip": {"type": "keyword"}}},
            }
        },
        "secret": {"properties": {"code": {"type": "keyword"}, "note": {"type": "text"}}},
        "items": {
            "type": "nested",
            "properties": {
                "sku": {"type": "keyword"},
                "qty": {"type": "long"},
                "note": {"type": "text"},
                "parts": {"type": "nested", "properties": {"x": {"type": "keyword"}}},
            },
        },
        "src": {"type": "keyword", "copy_to": ["everything"]},
        "everything": {"type": "text"},
        "nodv": {"type": "keyword", "doc_values": False},
        "empty": {"type": "keyword"},
        "nullable": {"type": "keyword", "null_value": "NULL"},
        "short": {"type": "keyword", "ignore_above": 5},
        "bad": {"type": "long", "ignore_malformed": True},
        "off": {"type": "object", "enabled": False},
        "level_alias": {"type": "alias", "path": "level"},
        "code_alias": {"type": "alias", "path": "secret.code"},
        "title_alias": {"type": "alias", "path": "title"},
    }
}

_WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
_LEVELS = ["info", "warn", "error", "debug"]


def _document(number: int) -> dict[str, Any]:
    word = _WORDS[number % 10]
    document: dict[str, Any] = {
        "title": f"{word.capitalize()} {_WORDS[number * 3 % 7]} report"
        + (" with a very long ending" if number % 11 == 0 else ""),
        "body": " ".join(_WORDS[(number + step * step) % 10] for step in range(2 + number % 9)),
        "tenant": "abc"[number % 3],
        "level": _LEVELS[number * number % 4 if number % 5 else 3],
        "tags": [f"t{number % 4}", f"t{number % 6}"] if number % 4 else [],
        "n": number,
        "i": number * 7 % 13,
        "price": number * 1.25,
        "f": number / 3,
        "sf": number / 8,
        "ok": number % 2 == 0,
        "ts": f"2024-01-{1 + number % 28:02d}T{number % 24:02d}:00:00Z",
        "tn": f"2024-02-{1 + number % 28:02d}T00:00:00.{number:09d}Z",
        "ip": f"10.0.{number % 3}.{number}",
        "user": {
            "name": f"u{number % 5}",
            "email": f"u{number % 5}@example.org",
            "age": 20 + number % 30,
            "address": {"city": ["Rome", "Oslo", "Bonn"][number % 3], "zip": f"{10000 + number}"},
        },
        "items": [
            {"sku": f"s{(number + at) % 6}", "qty": number + at, "note": f"{word} item {at}", "parts": [{"x": f"x{number % 3}"}]}
            for at in range(number % 3)
        ],
        "src": f"{word} source",
        "dyn": {"first": f"d{number % 3}", "second": number % 7},
        "off": {"anything": number, "other": {"x": [1, 2]}},
    }
    if number % 4:
        document["secret"] = {"code": f"c{number % 6}", "note": f"secret {_WORDS[number * 7 % 10]} note"}
    if number % 3 == 0:
        document["nodv"] = f"v{number % 4}"
        document["nullable"] = None
        document["short"] = "longer than five" if number % 2 else "abc"
    if number % 5 == 0:
        document["bad"] = "not a number" if number % 2 else number
        document["mixed"] = [{"a": number, "b": "x"}, {"b": "y"}, {"c": [{"d": 1}, {"e": 2}]}]
        document["user.nick"] = f"nick{number}"
        document["hollow"] = {"inner": {}, "list": [], "none": None}
    return document


DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "main": [_document(number) for number in range(60)],
    "other": [{**_document(number), "title": f"Other {_WORDS[number % 4]}", "n": number + 100} for number in range(12)],
}
"""By the index's name, without the prefix that it has on the node."""

DOCUMENTS["changed"] = [_document(number) for number in range(20)]
DELETED: dict[str, list[int]] = {"changed": [2, 4, 9]}
"""What is deleted afterwards, and stays in the statistics."""
REPLACED: dict[str, list[int]] = {"changed": [3, 5]}
"""What is indexed once more, with another ``level``."""
ALIASES: dict[str, dict[str, Any]] = {"main": {"warned": {"filter": {"term": {"level": "warn"}}}}, "other": {"warned": {}}}
"""Aliases by index, without the prefix."""


def replacement(number: int) -> dict[str, Any]:
    """The document that takes the place of another."""
    return {**_document(number), "level": "replaced", "body": "alpha alpha"}


def _fields(*grant: str, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"grant": list(grant), **({"except": exclude} if exclude else {})}


_TENANT_A = {"term": {"tenant": "a"}}

ACCESS: dict[str, list[Set]] = {
    "whole": [[{}]],
    # documents
    "dls_term": [[{"query": _TENANT_A}]],
    "dls_two": [[{"query": _TENANT_A}, {"query": {"term": {"tenant": "b"}}}]],
    "dls_open": [[{"query": _TENANT_A}, {}]],
    "dls_none": [[{"query": {"match_none": {}}}]],
    "dls_all": [[{"query": {"match_all": {}}}]],
    "dls_nested": [[{"query": {"nested": {"path": "items", "query": {"term": {"items.sku": "s2"}}}}}]],
    "dls_bool": [
        [{"query": {"bool": {"must_not": [{"term": {"level": "debug"}}], "filter": [{"range": {"n": {"gte": 10, "lt": 40}}}]}}}]
    ],
    "dls_text": [[{"query": {"match": {"body": "alpha gamma"}}}]],
    "dls_date": [[{"query": {"range": {"ts": {"lt": "2024-01-10"}}}}]],
    "dls_ids": [[{"query": {"ids": {"values": ["1", "2", "3", "50"]}}}]],
    "dls_now": [[{"query": {"range": {"ts": {"lt": "now"}}}}]],
    "dls_alias_field": [[{"query": {"term": {"code_alias": "c2"}}}]],
    "dls_object_exists": [[{"query": {"exists": {"field": "secret"}}}]],
    "dls_index": [[{"query": {"term": {"_index": "hb-main"}}}]],
    # Patterns of fields stand for no field in the query of a role.
    "dls_simple": [[{"query": {"simple_query_string": {"query": "alpha -beta"}}}]],
    "dls_query_string": [[{"query": {"query_string": {"query": "alpha OR title:gamma"}}}]],
    "dls_multi_pattern": [[{"query": {"multi_match": {"query": "alpha", "fields": ["t*"]}}}]],
    "dls_multi_named": [[{"query": {"multi_match": {"query": "alpha", "fields": ["title", "body"]}}}]],
    "dls_limited": [[{"query": _TENANT_A}], [{"query": {"range": {"n": {"lt": 30}}}}, {"query": {"term": {"ok": True}}}]],
    # fields
    "fls_few": [[{"fields": _fields("tenant", "n", "ts")}]],
    "fls_star_except": [[{"fields": _fields("*", exclude=["secret.*", "body", "user.email"])}]],
    "fls_objects": [[{"fields": _fields("user.*", "items.*")}]],
    "fls_object_name": [[{"fields": _fields("user", "items", "secret")}]],
    "fls_multi_only": [[{"fields": _fields("title.raw", "n")}]],
    "fls_parent_only": [[{"fields": _fields("title", "n")}]],
    "fls_prefix": [[{"fields": _fields("t*", "u*", exclude=["t*s", "user.a*"])}]],
    "fls_alias_only": [[{"fields": _fields("level_alias", "code_alias", "n")}]],
    "fls_alias_target": [[{"fields": _fields("level", "secret.code", "n")}]],
    "fls_no_items": [[{"fields": _fields("*", exclude=["items.*", "items"])}]],
    "fls_inner": [[{"fields": _fields("items.parts.x", "mixed.c.*", "user.address.city")}]],
    "fls_copy_target": [[{"fields": _fields("everything", "n")}]],
    "fls_copy_source": [[{"fields": _fields("src", "n")}]],
    "fls_nothing": [[{"fields": {"grant": []}}]],
    "fls_union": [[{"fields": _fields("tenant", "n")}, {"fields": _fields("*", exclude=["n", "secret.*"])}]],
    "fls_regex": [[{"fields": _fields("/(n|i|tag.|user\\.(name|age))/")}]],
    "fls_limited": [[{"fields": _fields("user.*", "n", "title*")}], [{"fields": _fields("*", exclude=["user.e*", "title"])}]],
    "fls_except_id": [[{"fields": _fields("*", exclude=["_id"])}]],
    "fls_except_source": [[{"fields": _fields("*", exclude=["_source"])}]],
    "fls_except_field_names": [[{"fields": _fields("*", exclude=["_field_names"])}]],
    "fls_except_ignored": [[{"fields": _fields("*", exclude=["_ignored"])}]],
    "fls_except_seq_no": [[{"fields": _fields("*", exclude=["_seq_no", "_version"])}]],
    "fls_except_version": [[{"fields": _fields("*", exclude=["_version"])}]],
    "fls_except_nested_path": [[{"fields": _fields("*", exclude=["_nested_path"])}]],
    "fls_except_metadata": [[{"fields": _fields("*", exclude=["_*"])}]],
    "fls_except_bad": [[{"fields": _fields("*", exclude=["bad", "short", "mixed.*", "off.other"])}]],
    # both
    "both_hidden_field": [[{"query": {"term": {"secret.code": "c1"}}, "fields": _fields("*", exclude=["secret.*"])}]],
    "both_few": [[{"query": _TENANT_A, "fields": _fields("n", "title", "level", "items.sku")}]],
    "both_two_entries": [
        [
            {"query": _TENANT_A, "fields": _fields("tenant", "n")},
            {"query": {"term": {"level": "error"}}, "fields": _fields("level", "title*")},
        ]
    ],
    "index_dls": [[{"names": ["main"], "query": _TENANT_A}, {"names": ["other", "changed"]}]],
    "index_fls": [[{"names": ["main"], "fields": _fields("n", "title")}, {"names": ["other", "changed"]}]],
    "index_failing": [[{"names": ["main"], "query": {"range": {"ts": {"lt": "now"}}}}, {"names": ["other", "changed"]}]],
    "both_limited": [
        [{"query": {"terms": {"tenant": ["a", "b"]}}, "fields": _fields("*", exclude=["body"])}],
        [{"query": {"match": {"body": "beta"}}, "fields": _fields("n", "t*", "body", "items.*")}],
    ],
}
"""Roles by name: a user's own entries; a second set is that of an API key of the user, so that both hold."""
