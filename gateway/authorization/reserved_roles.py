"""Roles that every Elasticsearch cluster has, and the roles of its internal users.

From ``ReservedRolesStore`` and ``InternalUsers`` of x-pack core 8.19: the roles that a user who comes from another cluster is likely
to have. A reserved role without a descriptor here is an unknown role, which allows nothing. What concerns applications (Kibana) is
left out: no request that a remote cluster gets is decided by it.
"""

from __future__ import annotations

from typing import Any

from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.parsing import parse_role_descriptor

_READ = ["read", "view_index_metadata"]
_STACK = ["/~(([.]|ilm-history-).*)/"]
_SECURITY = [
    ".siem-signals*",
    ".lists-*",
    ".items-*",
    ".reindexed-v8-siem-signals*",
    ".reindexed-v8-lists-*",
    ".reindexed-v8-items-*",
]
_ALERTS = [".alerts*", ".preview.alerts*", ".adhoc.alerts*"]
_ALERTS_BEHIND = [
    ".internal.alerts*",
    ".reindexed-v8-internal.alerts*",
    ".internal.preview.alerts*",
    ".reindexed-v8-internal.preview.alerts*",
    ".internal.adhoc.alerts*",
]
_PROFILING = ["profiling-*", ".profiling-*"]
_MAINTAIN = [*_READ, "write", "maintenance"]

_RESERVED: dict[str, dict[str, Any]] = {
    "superuser": {
        "cluster": ["all"],
        "indices": [
            {"names": ["*"], "privileges": ["all"], "allow_restricted_indices": False},
            {
                "names": ["*"],
                "privileges": ["monitor", "read", "view_index_metadata", "read_cross_cluster"],
                "allow_restricted_indices": True,
            },
        ],
        "applications": [{"application": "*", "privileges": ["*"], "resources": ["*"]}],
        "run_as": ["*"],
        "metadata": {"_reserved": True},
    },
    "viewer": {
        "indices": [
            {"names": _STACK, "privileges": _READ},
            {"names": [".slo-observability.*"], "privileges": _READ},
            {"names": _SECURITY, "privileges": _READ},
            {"names": _ALERTS, "privileges": _READ},
            {"names": _PROFILING, "privileges": _READ},
        ],
        "metadata": {"_reserved": True},
    },
    "editor": {
        "indices": [
            {"names": _STACK, "privileges": _READ},
            {"names": ["observability-annotations"], "privileges": [*_READ, "write"]},
            {"names": [".slo-observability.*"], "privileges": [*_READ, "write", "manage"]},
            {"names": _SECURITY, "privileges": _MAINTAIN},
            {"names": [*_ALERTS_BEHIND, *_ALERTS], "privileges": _MAINTAIN},
            {"names": _PROFILING, "privileges": _READ},
        ],
        "metadata": {"_reserved": True},
    },
    "transport_client": {"cluster": ["transport_client"], "metadata": {"_reserved": True}},
    "ingest_admin": {"cluster": ["manage_index_templates", "manage_pipeline"], "metadata": {"_reserved": True}},
    "snapshot_user": {
        "cluster": ["create_snapshot", "cluster:admin/repository/get"],
        "indices": [{"names": ["*"], "privileges": ["view_index_metadata"], "allow_restricted_indices": True}],
        "metadata": {"_reserved": True},
    },
}

_INTERNAL: dict[str, dict[str, Any]] = {
    "_xpack": {
        "cluster": ["all"],
        "indices": [
            {
                "names": ["/@&~(\\.security.*)&~(\\.async-search.*)/"],
                "privileges": ["all"],
                "allow_restricted_indices": True,
            }
        ],
        "run_as": ["*"],
    },
    "_xpack_security": {
        "cluster": ["all"],
        "indices": [{"names": ["*"], "privileges": ["all"], "allow_restricted_indices": True}],
        "run_as": ["*"],
    },
    "_security_profile": {
        "indices": [
            {
                "names": [".security-profile", "/\\.security-profile-[0-9].*/"],
                "privileges": ["all"],
                "allow_restricted_indices": True,
            }
        ],
    },
    "_async_search": {
        "cluster": ["cancel_task"],
        "indices": [{"names": [".async-search*"], "privileges": ["all"], "allow_restricted_indices": True}],
    },
}

RESERVED_NAMES = frozenset(_RESERVED) | frozenset(
    {
        "apm_system",
        "apm_user",
        "beats_admin",
        "beats_system",
        "data_frame_transforms_admin",
        "data_frame_transforms_user",
        "enrich_user",
        "inference_admin",
        "inference_user",
        "kibana_admin",
        "kibana_system",
        "kibana_user",
        "logstash_admin",
        "logstash_system",
        "machine_learning_admin",
        "machine_learning_user",
        "monitoring_user",
        "remote_monitoring_agent",
        "remote_monitoring_collector",
        "reporting_user",
        "rollup_admin",
        "rollup_user",
        "transform_admin",
        "transform_user",
        "watcher_admin",
        "watcher_user",
    }
)
"""All names that no file may define."""

SYSTEM_CROSS_CLUSTER: RoleDescriptor = parse_role_descriptor(
    "_system_cross_cluster_access",
    {
        "cluster": ["cross_cluster_search", "cross_cluster_replication"],
        "indices": [
            {
                "names": ["*"],
                "privileges": ["cross_cluster_replication", "cross_cluster_replication_internal"],
                "allow_restricted_indices": True,
            }
        ],
    },
)
"""What takes the place of the descriptors of ``_system`` in API key mode, whatever it sends (``SystemUser``)."""

RESERVED_ROLES: dict[str, RoleDescriptor] = {name: parse_role_descriptor(name, body) for name, body in _RESERVED.items()}

INTERNAL_USER_ROLES: dict[str, RoleDescriptor] = {name: parse_role_descriptor(name, body) for name, body in _INTERNAL.items()}
"""Internal users that work across clusters in certificate mode; the others have no business here and are refused."""
