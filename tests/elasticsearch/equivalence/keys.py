"""The ``access`` of the cross-cluster keys: what each lets another cluster see."""

from __future__ import annotations

from typing import Any

Access = dict[str, Any]


def _search(*entries: dict[str, Any]) -> Access:
    return {"search": list(entries)}


def _names(*names: str, **rules: Any) -> dict[str, Any]:
    return {"names": list(names), **rules}


_TENANT_A = {"term": {"tenant": "a"}}
_AMOUNT = {"bool": {"filter": [{"range": {"amount": {"gte": 40, "lt": 150}}}], "must_not": [{"term": {"status": "cancelled"}}]}}

KEYS: dict[str, Access] = {
    # by names only
    "everything": _search(_names("*")),
    "restricted": _search(_names("*"), _names(".async-search*", ".dotted*", allow_restricted_indices=True)),
    "sales": _search(_names("sales-*")),
    "exact": _search(_names("sales-eu", "hr-people", "missing-one")),
    "aliases": _search(_names("sales", "people", "archive", "metrics-all")),
    "filtered-alias": _search(_names("sales-north", "sales-open")),
    "backing": _search(_names(".ds-metrics-app-*-000001", "archive-2024")),
    "stream": _search(_names("metrics-*", "daily-*", "empty-*")),
    "regex": _search(_names("/sales-(eu|us)/", "/[^.].*-notes/", "/@&~(h.+)&~(\\..+)&~(s.+)/")),
    "hidden": _search(_names("hidden-*", ".dotted-*", "notes-*"), _names("dynamic-?hings")),
    "odd": _search(_names("unicode-*", "plus+*", "archive-*", "ünï", "sales-??")),
    "nothing": _search(_names("nothing-*")),
    "replication": {"replication": [_names("*")]},
    "both": {"search": [_names("sales-*")], "replication": [_names("hr-*", "daily-*")]},
    # documents
    "documents": _search(_names("sales-*", "hr-*", query={"term": {"region": "north"}}), _names("daily-*")),
    "documents-text": _search(
        _names("*", query='{"bool":{"should":[{"match":{"notes":"paid gift"}},{"exists":{"field":"level"}}]}}')
    ),
    "documents-overlapping": _search(
        _names("sales-*", query=_TENANT_A),
        _names("sales-eu", "sales", query=_AMOUNT),
        _names("*", query={"terms": {"owner": ["a", "b"]}}),
    ),
    "documents-opened": _search(_names("sales-*", "metrics-*", query=_TENANT_A), _names("sales-us", "hr-people")),
    "documents-nested": _search(
        _names("sales-*", query={"nested": {"path": "items", "query": {"range": {"items.price": {"gte": 25}}}}}),
        _names("hr-*", query={"bool": {"should": [{"prefix": {"ssn": "1"}}, {"match_phrase": {"name": "grace hopper"}}]}}),
    ),
    # fields
    "granted": _search(
        _names(
            "sales-*",
            "hr-*",
            "metrics-*",
            field_security={"grant": ["@timestamp", "amount", "customer.*", "region", "name", "department", "t*"]},
        )
    ),
    "excepted": _search(
        _names(
            "*", field_security={"grant": ["*"], "except": ["secret", "customer.email", "ssn", "notes", "review.*", "items.sku"]}
        )
    ),
    "no-fields": _search(_names("sales-*", field_security={"grant": []}), _names("daily-*")),
    # both
    "documents-and-fields": _search(
        _names(
            "sales-*",
            query=_AMOUNT,
            field_security={"grant": ["*"], "except": ["amount", "customer.ip", "secret"]},
        ),
        _names("hr-people", query={"range": {"salary": {"lt": 100000}}}, field_security={"grant": ["name*", "department"]}),
    ),
    "overlapping": _search(
        _names("sales-*", query=_TENANT_A, field_security={"grant": ["tenant", "region", "amount", "items.*"]}),
        _names("sales-eu", query={"term": {"region": "south"}}, field_security={"grant": ["customer.name", "region", "status"]}),
        _names("sales-us", field_security={"grant": ["status", "secret"]}),
        _names("hr-*", query={"term": {"manager": True}}),
    ),
}
