"""Roles of the remote cluster, for the certificate model, and the sets of them that a local user may have.

The same ``roles.yml`` is given to the real remote cluster and to the gateway.
"""

from __future__ import annotations

from typing import Any

Role = dict[str, Any]

_READ = ["read", "read_cross_cluster", "view_index_metadata"]


def _role(*entries: dict[str, Any], **rest: Any) -> Role:
    return {"indices": list(entries), **rest}


def _on(*names: str, privileges: list[str] | None = None, **rules: Any) -> dict[str, Any]:
    return {"names": list(names), "privileges": _READ if privileges is None else privileges, **rules}


ROLES: dict[str, Role] = {
    "r_sales": _role(_on("sales-*", "daily-*")),
    "r_aliases": _role(_on("sales", "people", "archive*", "metrics-all")),
    "r_tenant_a": _role(_on("sales-*", "dynamic-*", query='{"term": {"tenant": "a"}}')),
    "r_tenant_b": _role(_on("sales-*", query={"term": {"tenant": "b"}}), _on("hr-people", query={"match_all": {}})),
    "r_fields": _role(
        _on("sales-*", "hr-*", field_security={"grant": ["*"], "except": ["secret", "customer.email", "ssn", "salary"]}),
        _on("metrics-*", field_security={"grant": ["@timestamp", "cpu"]}),
    ),
    "r_narrow_fields": _role(_on("sales-eu", "hr-*", field_security={"grant": ["region", "customer.name*", "name"]})),
    "r_both": _role(
        _on(
            "sales-eu",
            "sales-us",
            query={"range": {"amount": {"gte": 30}}},
            field_security={"grant": ["amount", "region", "notes", "@timestamp"]},
        )
    ),
    "r_restricted": _role(_on("*", allow_restricted_indices=True, privileges=["read", "view_index_metadata"])),
    "r_hidden": _role(_on("hidden-*", ".dotted-*", "/[^.].*-(notes|things)/")),
    "r_metadata_only": _role(_on("*", privileges=["view_index_metadata", "monitor"]), cluster=["monitor"]),
    "r_read_only": _role(_on("sales-*", "hr-*", privileges=["read"])),
    "r_stream": _role(_on("metrics-app", "unicode-*", "plus+*")),
    "r_backing": _role(_on(".ds-metrics-app-*-000002")),
    "r_index_all": _role(_on("sales-*", "archive-*", privileges=["all"]), cluster=["all"]),
    "r_run_as": _role(_on("sales-us"), run_as=["u-*"]),
    "u_narrow": _role(_on("hr-people")),
}
"""``u_narrow`` is a local role's name: who has it here has it there, with another meaning."""

ROLE_SETS: dict[str, tuple[str, ...]] = {
    "superuser": ("superuser",),
    "viewer": ("viewer",),
    "unknown": ("no_such_role",),
    "none": (),
    "sales": ("r_sales",),
    "aliases": ("r_aliases", "r_backing"),
    "documents": ("r_tenant_a",),
    "two-documents": ("r_tenant_a", "r_tenant_b"),
    "fields": ("r_fields",),
    "two-fields": ("r_fields", "r_narrow_fields"),
    "documents-and-fields": ("r_both",),
    "mixed": ("r_both", "r_tenant_a", "r_narrow_fields"),
    "restricted": ("r_restricted",),
    "hidden": ("r_hidden", "r_stream"),
    "metadata-only": ("r_metadata_only",),
    "read-only": ("r_read_only", "unknown_too"),
    "index-all": ("r_index_all",),
    "run-as": ("r_run_as",),
}
