"""Who asks on the local cluster: what the local cluster lets each see of remote ones, and how each proves who it is.

A user asks with a password, with an API key of its own, or through another user who may run as it. For the certificate model there is
the same user once more for each set of remote roles, named ``u-USER--SET``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.elasticsearch.equivalence.roles import ROLE_SETS
from tests.elasticsearch.equivalence.roles import ROLES as REMOTE_ROLES

PASSWORD = "equivalence-password"
_READ = ["read", "read_cross_cluster", "view_index_metadata"]


def _on(*names: str, privileges: list[str] | None = None, **rules: Any) -> dict[str, Any]:
    return {"clusters": ["*"], "names": list(names), "privileges": _READ if privileges is None else privileges, **rules}


LOCAL_ROLES: dict[str, dict[str, Any]] = {
    "u_wide": {"remote_indices": [_on("*")]},
    "u_wide_restricted": {"remote_indices": [_on("*", privileges=["all"], allow_restricted_indices=True)]},
    "u_narrow": {"remote_indices": [_on("sales-eu", "sales", "people", "missing-*", "archive-*")]},
    "u_documents": {"remote_indices": [_on("sales-*", query={"term": {"status": "open"}}), _on("hr-*", "metrics-*", "sales")]},
    "u_more_documents": {
        "remote_indices": [_on("sales-eu", "sales-u*", query={"range": {"quantity": {"gte": 5}}}), _on("daily-*", ".ds-*")]
    },
    "u_fields": {
        "remote_indices": [
            _on("*", field_security={"grant": ["*"], "except": ["customer.*", "level", "host", "items.price"]}),
            _on("sales-us", field_security={"grant": ["customer.email", "secret"]}),
        ]
    },
    "u_both": {
        "remote_indices": [
            _on("sales-*", query={"terms": {"tenant": ["a", "b"]}}, field_security={"grant": ["*"], "except": ["secret"]}),
            _on("sales-*", query={"term": {"tenant": "c"}}, field_security={"grant": ["secret", "tenant"]}),
            _on("/hr-.*/", field_security={"grant": ["name", "name.*", "salary"]}),
        ]
    },
    "u_metadata": {"remote_indices": [_on("*", privileges=["view_index_metadata", "monitor", "read_cross_cluster"])]},
    "u_read": {"remote_indices": [_on("sales-*", "hidden-*", ".dotted-*", "unicode-*", privileges=["read"])]},
    "u_elsewhere": {"remote_indices": [{**_on("*"), "clusters": ["elsewhere"]}]},
    "u_runner": {"run_as": ["u-*"], "remote_indices": [_on("hr-*")]},
    "u_keys": {"cluster": ["manage_own_api_key"]},
    "u_local": {"indices": [{"names": ["only-local"], "privileges": ["read"]}]},
}
"""Every user has ``u_local``: an msearch must be allowed on some index of the local cluster."""


@dataclass(frozen=True)
class User:
    """``key``: the role descriptors of the API key that the user asks with (an empty one has the owner's rights). ``through``: who asks
    for it."""

    name: str
    roles: tuple[str, ...]
    key: Mapping[str, Any] | None = None
    through: str | None = None

    def login(self, role_set: str | None) -> str:
        return self.name if role_set is None else f"{self.name}--{role_set}"


USERS: dict[str, User] = {
    user.name: user
    for user in (
        User("u-superuser", ("superuser",)),
        User("u-wide", ("u_wide_restricted",)),
        User("u-narrow", ("u_narrow",)),
        User("u-documents", ("u_documents",)),
        User("u-two-documents", ("u_documents", "u_more_documents")),
        User("u-fields", ("u_fields",)),
        User("u-both", ("u_both",)),
        User("u-metadata", ("u_metadata",)),
        User("u-read", ("u_read",)),
        User("u-elsewhere", ("u_elsewhere",)),
        User("u-owner", ("u_wide", "u_keys"), key={}),
        User(
            "u-limited",
            ("u_documents", "u_fields", "u_keys"),
            key={
                "limited": {
                    "indices": [{"names": ["sales-*"], "privileges": _READ, "query": {"term": {"tenant": "b"}}}],
                    "remote_indices": [
                        _on("sales-*", "daily-*", query={"term": {"tenant": "b"}}, field_security={"grant": ["t*", "a*", "s*"]}),
                        _on("hr-people"),
                    ],
                }
            },
        ),
        User("u-lent", ("u_documents",), through="u-runner"),
    )
}
RUNNER = User("u-runner", ("u_runner",))


def logins() -> Iterator[tuple[str, tuple[str, ...]]]:
    """All names with their roles: without remote roles, and with each set of them. The superuser is one of the remote roles then."""
    for user in (*USERS.values(), RUNNER):
        yield user.login(None), (*user.roles, "u_local")
        for name, roles in ROLE_SETS.items():
            own = tuple(role for role in user.roles if role != "superuser")
            yield user.login(name), (*own, "u_local", *roles)


def local_roles() -> dict[str, dict[str, Any]]:
    """For ``roles.yml`` of the local clusters: what an API key is limited by there are its owner's roles as they are there."""
    return {**REMOTE_ROLES, **LOCAL_ROLES}
