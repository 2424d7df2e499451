"""Roles for remote clusters, and users with combinations of them: what do real local clusters send for each?"""

from __future__ import annotations

import random
from typing import Any, Final

ALIAS: Final = "real_unknown"
"""The remote cluster that all searches go to, in the API key model: local clusters have credentials for it."""

CERTIFICATE_ALIAS: Final = "e-recorded"
"""The same without credentials."""

USER: Final = "e-user"

_READ = ["read", "read_cross_cluster"]


def _on(names: Any, privileges: list[str] | None = None, clusters: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"clusters": clusters or ["*"], "names": names, "privileges": privileges or _READ, **more}


def _remote(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"remote_indices": list(entries), **more}


_LEVEL = {"term": {"level": {"value": "error"}}}

ROLES: Final[dict[str, dict[str, Any]]] = {
    # Clusters.
    "all": _remote(_on(["logs-*"])),
    "exact": _remote(_on(["logs-exact"], clusters=[ALIAS])),
    "prefix": _remote(_on(["logs-prefix"], clusters=["real_*"])),
    "letters": _remote(_on(["logs-letters"], clusters=["real_unkno??"])),
    "expression": _remote(_on(["logs-expression"], clusters=["/(real|gw)_u[a-z]+/"])),
    "elsewhere": _remote(_on(["logs-elsewhere"], clusters=["gw_*", "other"])),
    "several": _remote(_on(["logs-several"], clusters=["other", ALIAS, "gw_*"])),
    "upper": _remote(_on(["logs-upper"], clusters=[ALIAS.upper()])),
    "twice": _remote(_on(["logs-twice"], clusters=[ALIAS]), _on(["logs-twice"], clusters=["*"])),
    "twice-same": _remote(_on(["logs-twice"], clusters=["*", ALIAS]), _on(["logs-twice"], clusters=[ALIAS, "*"])),
    "both": _remote(_on(["logs-here"], clusters=["real_*"]), _on(["logs-there"], clusters=["gw_*"])),
    # Names, privileges, and their order.
    "one-name": _remote(_on("logs-1", ["read"])),
    "names": _remote(_on(["b", "a", "b", "A", "_x", "-y", "a*", "é", "\uff5e", "\U0001f40d", "/l[ao]gs-.*/"])),
    "same-names": _remote(_on(["a", "b"], ["read"]), _on(["b", "a"], ["read"])),
    "same-entry": _remote(_on(["a", "b"], ["read"]), _on(["a", "b"], ["read"])),
    "privileges": _remote(_on(["p"], ["view_index_metadata", "READ", "read", "Monitor", "indices:data/write/bulk*"])),
    "more-privileges": _remote(_on(["p"], ["view_index_metadata"]), _on(["p"], ["read"])),
    "every": _remote(_on(["*"], ["all"])),
    "all-and-more": _remote(_on(["logs-*"], ["read", "all", "read_failure_store"])),
    "manage": _remote(_on(["logs-*"], ["manage_data_stream_lifecycle", "manage"])),
    "none": _remote(_on(["logs-*"], ["none"])),
    "none-first": _remote(_on(["logs-*"], ["none", "read"])),
    "none-beside": _remote(_on(["logs-*"], ["none"]), _on(["logs-1"], ["read"])),
    "actions": _remote(_on(["logs-*"], ["indices:data/read/search*", "indices:admin/get"])),
    "restricted": _remote(_on([".security*", "*"], allow_restricted_indices=True)),
    "not-restricted": _remote(_on(["*"], allow_restricted_indices=False)),
    "order": _remote(
        _on(["z"], ["read"]), _on(["a"], ["write"]), _on(["a"], ["read"]), _on(["a"], ["read"], allow_restricted_indices=True),
        _on(["a", "b"], ["read"]), _on(["a"], ["read"], query=_LEVEL), _on(["a"], ["read"], field_security={"grant": ["x"]}),
        _on(["a"], ["read"], field_security={"grant": ["b", "a"]}), _on(["a"], ["read"], query='{"match_all":{}}'),
        _on(["a"], ["read"], field_security={"grant": ["x"], "except": ["x"]}),
    ),
    # Documents and fields.
    "query": _remote(_on(["q"], query=_LEVEL)),
    "query-text": _remote(_on(["q"], query='{ "term" : { "level" : "error" } }')),
    "query-null": _remote(_on(["q"], query=None)),
    "query-empty": _remote(_on(["q"], query="")),
    "query-numbers": _remote(_on(["q"], query={"range": {"n": {"gte": 1.5, "lt": 12345678901, "boost": 2.0}}})),
    "query-letters": _remote(_on(["q"], query={"match": {"text": "a \"quoted\" <é> \U0001f40d\u2028 /tab\t"}})),
    "query-template": _remote(_on(["q"], query={"template": {"source": {"term": {"owner": "{{_user.username}}"}}}})),
    "query-bool": _remote(_on(["q"], query={"bool": {"must": [_LEVEL, {"terms": {"a": [1, None, True]}}]}})),
    "other-query": _remote(_on(["q"], query={"match_all": {}})),
    "grant": _remote(_on(["f"], field_security={"grant": ["b", "a", "b"]})),
    "grant-all": _remote(_on(["f"], field_security={"grant": ["*"]})),
    "grant-all-more": _remote(_on(["f"], field_security={"grant": ["a", "*"]})),
    "grant-none": _remote(_on(["f"], field_security={"grant": []})),
    "grant-halves": _remote(_on(["f"], field_security={"grant": ["/[a-m].*/", "/[^a-m].*/", "/(.{0})/"]})),
    "except": _remote(_on(["f"], field_security={"grant": ["*"], "except": ["secret.*", "b"]})),
    "except-empty": _remote(_on(["f"], field_security={"grant": ["a*"], "except": []})),
    "except-nothing": _remote(_on(["f"], field_security={"grant": ["*"], "except": []})),
    "except-own": _remote(_on(["f"], field_security={"grant": ["a", "b"], "except": ["b"]})),
    "query-and-fields": _remote(_on(["f", "e"], query=_LEVEL, field_security={"grant": ["level"]}, allow_restricted_indices=True)),
    # Cluster privileges, and what counts here alone.
    "enrich": {"remote_cluster": [{"clusters": ["*"], "privileges": ["monitor_enrich"]}]},
    "stats": {"remote_cluster": [{"clusters": [ALIAS], "privileges": ["monitor_stats"]}]},
    "upper-stats": {"remote_cluster": [{"clusters": ["real_*"], "privileges": ["MONITOR_STATS", "monitor_enrich"]}]},
    "enrich-elsewhere": {"remote_cluster": [{"clusters": ["gw_*"], "privileges": ["monitor_enrich"]}]},
    "enrich-and-stats": {
        "remote_cluster": [
            {"clusters": ["gw_*"], "privileges": ["monitor_stats"]},
            {"clusters": ["real_*", "x"], "privileges": ["monitor_enrich"]},
        ]
    },
    "whole": {**_remote(_on(["w"])), "remote_cluster": [{"clusters": ["*"], "privileges": ["monitor_stats", "monitor_enrich"]}]},
    "local": {
        "cluster": ["monitor"], "indices": [{"names": ["local-*"], "privileges": ["read"]}], "run_as": ["bob"],
        "applications": [{"application": "app", "privileges": ["read"], "resources": ["*"]}], "metadata": {"a": 1},
    },
    "empty": {},
}  # fmt: skip
"""By their names without the prefix that they have on the nodes."""

FILE_ROLES: Final[dict[str, dict[str, Any]]] = {
    "failures": _remote(_on(["logs-*"], ["read_failure_store", "read"])),
    "components": _remote(
        _on(["logs-*"], ["manage_failure_store", "manage", "write", "read_failure_store", "view_index_metadata"])
    ),
    "unknown-privilege": _remote(_on(["logs-*"], clusters=["gw_*"]), _on(["logs-*"], ["read", "nothing"], clusters=["gw_*"])),
    "bad-names": _remote(_on(["/logs(/"])),
    "bad-clusters": _remote(_on(["logs-*"]), _on(["logs-*"], clusters=["/real(/"])),
    "bad-elsewhere": _remote(_on(["/logs(/"], clusters=["gw_*"]), _on(["logs-*"])),
    "bad-local": {**_remote(_on(["logs-*"])), "indices": [{"names": ["logs-*"], "privileges": ["nothing"]}]},
    "bad-cluster-privilege": {**_remote(_on(["logs-*"])), "cluster": ["nothing"]},
}
"""Roles that a node takes from ``roles.yml`` alone: the API refuses them. With the same prefix."""

ROLE_PREFIX: Final = "e-"
OTHER_IN_9: Final = frozenset({"kibana_system"})
"""Reserved roles that give more on remote clusters in 9.x than in 8.19, whose roles are the reserved ones here."""

_BUILTIN = ("superuser", "monitoring_user", "kibana_system", "viewer", "e-missing", "missing too")


def _combinations() -> list[list[str]]:
    """Each role alone, the pairs that may be merged, and 60 random ones; at last those with a role of the file."""
    own = [ROLE_PREFIX + name for name in ROLES]
    chosen: list[list[str]] = [[], *([name] for name in (*own, *_BUILTIN))]
    chosen += [[ROLE_PREFIX + one for one in pair] for pair in _PAIRS]
    draw = random.Random(8)
    for _ in range(60):
        roles = draw.sample(own, draw.randint(2, 6)) + draw.sample(_BUILTIN, draw.choice([0, 0, 0, 1, 2]))
        draw.shuffle(roles)
        chosen.append(roles)
    chosen += [[ROLE_PREFIX + name] for name in FILE_ROLES] + [["e-bad-clusters", "e-all", "superuser"], ["e-all", "e-bad-names"]]
    return sorted(chosen, key=lambda roles: any(role in _IN_FILE for role in roles))


_IN_FILE = {ROLE_PREFIX + name for name in FILE_ROLES}

_PAIRS = (
    ("query", "other-query"), ("query", "query-null"), ("query", "query-text"), ("grant", "except"), ("except-empty", "except-own"),
    ("query", "grant"), ("more-privileges", "privileges"), ("same-names", "same-entry"), ("all", "failures"), ("failures", "components"),
    ("all", "bad-elsewhere"),
    ("none", "all"), ("none", "elsewhere"), ("elsewhere", "enrich"), ("stats", "enrich"), ("empty", "local"), ("twice", "twice-same"),
    ("restricted", "not-restricted"), ("elsewhere", "enrich-elsewhere"), ("order", "order"), ("upper", "local"),
)  # fmt: skip

USERS: Final[list[dict[str, Any]]] = [
    *({"roles": roles} for roles in _combinations()),
    {"roles": ["e-all"], "full_name": "Erika \u00dcnl\u00fc \U0001f40d", "email": "erika@example.com"},
    {"roles": ["e-all", "e-grant"], "metadata": {"team": "blue", "level": 3, "share": 0.5, "lead": True, "nothing": None}},
    {
        "roles": ["e-all"],
        "metadata": {"nested": {"a": [1, {"b": "c"}, []], "zz": {}, "k1": 1, "k2": 2}, "big": 12345678901},
    },
]
"""What the one user is, one after the other."""
