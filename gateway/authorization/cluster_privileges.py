"""Cluster privileges: which actions each name allows.

Data, from ``ClusterPrivilegeResolver`` of Elasticsearch 8.19 (x-pack-core), in Elasticsearch's order, from the least to the most that a
privilege allows: denials list the privileges that would help in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gateway.authorization.patterns import compile_pattern
from protocol.errors import ElasticsearchException

_CLUSTER_ACTIONS = ("cluster:*", "indices:admin/template/*", "indices:admin/index_template/*")


@dataclass(frozen=True, slots=True)
class ClusterPrivilege:
    """A named privilege or an action pattern. ``excluded``: actions that match and are not allowed all the same.

    ``by_request``: the privilege also looks into the request (whose API key it is about). No such request comes from a remote cluster, so
    here it allows nothing.
    """

    name: str
    actions: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    by_request: bool = False

    def allows(self, action: str) -> bool:
        return (
            not self.by_request
            and any(compile_pattern(pattern)(action) for pattern in self.actions)
            and not any(compile_pattern(pattern)(action) for pattern in self.excluded)
        )


@lru_cache(512)
def is_cluster_action(action: str) -> bool:
    """Whether cluster privileges decide over this action."""
    return any(compile_pattern(pattern)(action) for pattern in _CLUSTER_ACTIONS)


@lru_cache(4096)
def cluster_privilege(name: str) -> ClusterPrivilege:
    """A privilege by its name, or by an action pattern, which allows all actions that begin so. Unknown: illegal_argument_exception."""
    name = name.lower()
    if is_cluster_action(name):
        return ClusterPrivilege(name, (name + "*",))
    privilege = CLUSTER_PRIVILEGES.get(name) or NEWER_CLUSTER_PRIVILEGES.get(name)
    if privilege is None:
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"unknown cluster privilege [{name}]. a privilege must be either one of the predefined cluster privilege names "
            f"[{','.join(CLUSTER_PRIVILEGES)}] or a pattern over one of the available cluster actions",
            status=400,
        )
    return privilege


def cluster_privileges_that_grant(action: str) -> list[str]:
    """Names of the privileges that would allow the action, from the least to the most powerful."""
    return [name for name, privilege in CLUSTER_PRIVILEGES.items() if privilege.allows(action)]


CLUSTER_PRIVILEGES: dict[str, ClusterPrivilege] = {
    "manage_own_api_key": ClusterPrivilege("manage_own_api_key", ("cluster:admin/xpack/security/api_key/*",), by_request=True),
    "manage_data_stream_global_retention": ClusterPrivilege("manage_data_stream_global_retention", ()),
    "monitor_data_stream_global_retention": ClusterPrivilege("monitor_data_stream_global_retention", ()),
    "none": ClusterPrivilege("none", ()),
    "cancel_task": ClusterPrivilege("cancel_task", ("cluster:admin/tasks/cancel*",)),
    "cross_cluster_replication": ClusterPrivilege(
        "cross_cluster_replication",
        (
            "cluster:internal/remote_cluster/handshake",
            "cluster:internal/remote_cluster/nodes",
            "cluster:internal/admin/tasks/ban",
            "cluster:internal/admin/tasks/cancel_child",
            "cluster:monitor/xpack/info",
            "cluster:monitor/state",
        ),
    ),
    "cross_cluster_search": ClusterPrivilege(
        "cross_cluster_search",
        (
            "cluster:internal/remote_cluster/handshake",
            "cluster:internal/remote_cluster/nodes",
            "cluster:internal/admin/tasks/ban",
            "cluster:internal/admin/tasks/cancel_child",
            "cluster:monitor/xpack/info",
            "cluster:monitor/xpack/enrich/esql/resolve_policy",
            "cluster:internal:data/read/esql/open_exchange",
            "cluster:internal:data/read/esql/exchange",
            "cluster:monitor/stats/remote",
            "cluster:monitor/stats",
            "cluster:monitor/stats[n]",
        ),
    ),
    "delegate_pki": ClusterPrivilege(
        "delegate_pki",
        (
            "cluster:admin/xpack/security/delegate_pki",
            "cluster:admin/xpack/security/token/invalidate",
        ),
    ),
    "grant_api_key": ClusterPrivilege("grant_api_key", ("cluster:admin/xpack/security/api_key/grant*",)),
    "manage_autoscaling": ClusterPrivilege("manage_autoscaling", ("cluster:admin/autoscaling/*",)),
    "manage_index_templates": ClusterPrivilege(
        "manage_index_templates",
        (
            "indices:admin/template/*",
            "indices:admin/index_template/*",
            "cluster:admin/component_template/*",
        ),
    ),
    "manage_logstash_pipelines": ClusterPrivilege("manage_logstash_pipelines", ("cluster:admin/logstash/pipeline/*",)),
    "manage_oidc": ClusterPrivilege("manage_oidc", ("cluster:admin/xpack/security/oidc/*",)),
    "manage_saml": ClusterPrivilege(
        "manage_saml",
        (
            "cluster:admin/xpack/security/saml/*",
            "cluster:admin/xpack/security/token/invalidate",
            "cluster:admin/xpack/security/token/refresh",
            "cluster:monitor/xpack/security/saml/metadata",
        ),
    ),
    "manage_search_application": ClusterPrivilege(
        "manage_search_application", ("cluster:admin/xpack/application/search_application/*",)
    ),
    "manage_search_query_rules": ClusterPrivilege("manage_search_query_rules", ("cluster:admin/xpack/query_rules/*",)),
    "manage_search_synonyms": ClusterPrivilege(
        "manage_search_synonyms",
        (
            "cluster:admin/synonyms/*",
            "cluster:admin/synonyms_sets/*",
            "cluster:admin/synonym_rules/*",
        ),
    ),
    "manage_service_account": ClusterPrivilege("manage_service_account", ("cluster:admin/xpack/security/service_account/*",)),
    "manage_token": ClusterPrivilege("manage_token", ("cluster:admin/xpack/security/token/*",)),
    "manage_user_profile": ClusterPrivilege("manage_user_profile", ("cluster:admin/xpack/security/profile/*",)),
    "monitor_connector": ClusterPrivilege(
        "monitor_connector",
        (
            "cluster:admin/xpack/connector/get",
            "cluster:admin/xpack/connector/list",
            "cluster:admin/xpack/connector/sync_job/get",
            "cluster:admin/xpack/connector/sync_job/list",
        ),
    ),
    "monitor_enrich": ClusterPrivilege(
        "monitor_enrich",
        (
            "cluster:monitor/xpack/enrich/*",
            "cluster:admin/xpack/enrich/get",
        ),
    ),
    "monitor_inference": ClusterPrivilege(
        "monitor_inference",
        (
            "cluster:monitor/xpack/inference*",
            "cluster:monitor/xpack/ml/trained_models/deployment/infer",
        ),
    ),
    "monitor_ml": ClusterPrivilege("monitor_ml", ("cluster:monitor/xpack/ml/*",)),
    "monitor_rollup": ClusterPrivilege("monitor_rollup", ("cluster:monitor/xpack/rollup/*",)),
    "monitor_snapshot": ClusterPrivilege(
        "monitor_snapshot",
        (
            "cluster:admin/snapshot/status*",
            "cluster:admin/snapshot/get",
            "cluster:admin/snapshot/status",
            "cluster:admin/repository/get",
        ),
    ),
    "monitor_stats": ClusterPrivilege("monitor_stats", ("cluster:monitor/stats*",)),
    "monitor_text_structure": ClusterPrivilege("monitor_text_structure", ("cluster:monitor/text_structure/*",)),
    "monitor_watcher": ClusterPrivilege("monitor_watcher", ("cluster:monitor/xpack/watcher/*",)),
    "post_behavioral_analytics_event": ClusterPrivilege(
        "post_behavioral_analytics_event", ("cluster:admin/xpack/application/analytics/post_event",)
    ),
    "read_ccr": ClusterPrivilege(
        "read_ccr",
        (
            "cluster:monitor/state",
            "cluster:admin/xpack/security/user/has_privileges",
        ),
    ),
    "read_connector_secrets": ClusterPrivilege("read_connector_secrets", ("cluster:admin/xpack/connector/secret/get",)),
    "read_fleet_secrets": ClusterPrivilege("read_fleet_secrets", ("cluster:admin/fleet/secrets/get",)),
    "read_ilm": ClusterPrivilege(
        "read_ilm",
        (
            "cluster:admin/ilm/get",
            "cluster:admin/ilm/operation_mode/get",
        ),
    ),
    "read_pipeline": ClusterPrivilege(
        "read_pipeline",
        (
            "cluster:admin/ingest/pipeline/get",
            "cluster:admin/ingest/pipeline/simulate",
        ),
    ),
    "read_security": ClusterPrivilege(
        "read_security",
        (
            "cluster:admin/xpack/security/api_key/get",
            "cluster:admin/xpack/security/api_key/query",
            "cluster:admin/xpack/security/privilege/builtin/get",
            "cluster:admin/xpack/security/privilege/get",
            "cluster:admin/xpack/security/profile/get",
            "cluster:admin/xpack/security/profile/has_privileges",
            "cluster:admin/xpack/security/profile/suggest",
            "cluster:admin/xpack/security/role/get",
            "cluster:admin/xpack/security/role/query",
            "cluster:admin/xpack/security/role_mapping/get",
            "cluster:admin/xpack/security/service_account/get",
            "cluster:admin/xpack/security/service_account/credential/get*",
            "cluster:admin/xpack/security/user/get",
            "cluster:admin/xpack/security/user/query",
            "cluster:admin/xpack/security/user/list_privileges",
            "cluster:admin/xpack/security/user/has_privileges",
            "cluster:admin/xpack/security/settings/get",
        ),
    ),
    "read_slm": ClusterPrivilege(
        "read_slm",
        (
            "cluster:admin/slm/status",
            "cluster:admin/slm/get",
            "cluster:admin/ilm/operation_mode/get",
        ),
    ),
    "transport_client": ClusterPrivilege(
        "transport_client",
        (
            "cluster:monitor/nodes/liveness",
            "cluster:monitor/state",
        ),
    ),
    "write_connector_secrets": ClusterPrivilege(
        "write_connector_secrets",
        (
            "cluster:admin/xpack/connector/secret/delete",
            "cluster:admin/xpack/connector/secret/post",
            "cluster:admin/xpack/connector/secret/put",
        ),
    ),
    "write_fleet_secrets": ClusterPrivilege(
        "write_fleet_secrets",
        (
            "cluster:admin/fleet/secrets/post",
            "cluster:admin/fleet/secrets/delete",
        ),
    ),
    "create_snapshot": ClusterPrivilege(
        "create_snapshot",
        (
            "cluster:admin/snapshot/create",
            "cluster:admin/snapshot/status*",
            "cluster:admin/snapshot/get",
            "cluster:admin/snapshot/status",
            "cluster:admin/repository/get",
        ),
    ),
    "manage_behavioral_analytics": ClusterPrivilege(
        "manage_behavioral_analytics", ("cluster:admin/xpack/application/analytics/*",)
    ),
    "manage_ccr": ClusterPrivilege(
        "manage_ccr",
        (
            "cluster:admin/xpack/ccr/*",
            "cluster:monitor/state",
            "cluster:admin/xpack/security/user/has_privileges",
        ),
    ),
    "manage_connector": ClusterPrivilege(
        "manage_connector",
        ("cluster:admin/xpack/connector/*",),
        excluded=(
            "cluster:admin/xpack/connector/secret/get",
            "cluster:admin/xpack/connector/secret/delete",
            "cluster:admin/xpack/connector/secret/post",
            "cluster:admin/xpack/connector/secret/put",
        ),
    ),
    "manage_enrich": ClusterPrivilege(
        "manage_enrich",
        (
            "cluster:admin/xpack/enrich/*",
            "cluster:monitor/xpack/enrich/*",
        ),
    ),
    "manage_ilm": ClusterPrivilege("manage_ilm", ("cluster:admin/ilm/*",)),
    "manage_inference": ClusterPrivilege(
        "manage_inference",
        (
            "cluster:admin/xpack/inference/*",
            "cluster:monitor/xpack/inference*",
            "cluster:admin/xpack/ml/trained_models/deployment/start",
            "cluster:admin/xpack/ml/trained_models/deployment/stop",
            "cluster:monitor/xpack/ml/trained_models/deployment/infer",
        ),
    ),
    "manage_ml": ClusterPrivilege(
        "manage_ml",
        (
            "cluster:admin/xpack/ml/*",
            "cluster:monitor/xpack/ml/*",
        ),
    ),
    "manage_rollup": ClusterPrivilege(
        "manage_rollup",
        (
            "cluster:admin/xpack/rollup/*",
            "cluster:monitor/xpack/rollup/*",
        ),
    ),
    "manage_slm": ClusterPrivilege(
        "manage_slm",
        (
            "cluster:admin/slm/*",
            "cluster:admin/ilm/start",
            "cluster:admin/ilm/stop",
            "cluster:admin/ilm/operation_mode/get",
        ),
    ),
    "manage_watcher": ClusterPrivilege(
        "manage_watcher",
        (
            "cluster:admin/xpack/watcher/*",
            "cluster:monitor/xpack/watcher/*",
        ),
    ),
    "monitor_data_frame_transforms": ClusterPrivilege(
        "monitor_data_frame_transforms",
        (
            "cluster:monitor/data_frame/*",
            "cluster:monitor/transform/*",
        ),
    ),
    "monitor_transform": ClusterPrivilege(
        "monitor_transform",
        (
            "cluster:monitor/data_frame/*",
            "cluster:monitor/transform/*",
        ),
    ),
    "manage_api_key": ClusterPrivilege("manage_api_key", ("cluster:admin/xpack/security/api_key/*",)),
    "manage_ingest_pipelines": ClusterPrivilege("manage_ingest_pipelines", ("cluster:admin/ingest/pipeline/*",)),
    "manage_pipeline": ClusterPrivilege("manage_pipeline", ("cluster:admin/ingest/pipeline/*",)),
    "manage_data_frame_transforms": ClusterPrivilege(
        "manage_data_frame_transforms",
        (
            "cluster:admin/data_frame/*",
            "cluster:monitor/data_frame/*",
            "cluster:monitor/transform/*",
            "cluster:admin/transform/*",
        ),
    ),
    "manage_transform": ClusterPrivilege(
        "manage_transform",
        (
            "cluster:admin/data_frame/*",
            "cluster:monitor/data_frame/*",
            "cluster:monitor/transform/*",
            "cluster:admin/transform/*",
        ),
    ),
    "manage_security": ClusterPrivilege(
        "manage_security", ("cluster:admin/xpack/security/*",), excluded=("cluster:admin/xpack/security/delegate_pki",)
    ),
    "monitor": ClusterPrivilege(
        "monitor",
        (
            "cluster:monitor/*",
            "indices:admin/template/get",
            "cluster:admin/component_template/get",
            "indices:admin/index_template/get",
        ),
    ),
    "manage": ClusterPrivilege(
        "manage",
        (
            "cluster:*",
            "indices:admin/template/*",
            "indices:admin/index_template/*",
        ),
        excluded=("cluster:admin/xpack/security/*",),
    ),
    "all": ClusterPrivilege(
        "all",
        (
            "cluster:*",
            "indices:admin/template/*",
            "indices:admin/index_template/*",
        ),
    ),
}

_PROJECT_READ = ("cluster:monitor/project/*", "cluster:monitor/project_routing/*")
NEWER_CLUSTER_PRIVILEGES: dict[str, ClusterPrivilege] = {
    privilege.name: privilege
    for privilege in (
        ClusterPrivilege("clone_api_key", ("cluster:admin/xpack/security/api_key/clone*",)),
        ClusterPrivilege("manage_project_routing", ("cluster:admin/project_routing/*", *_PROJECT_READ)),
        ClusterPrivilege("manage_reindex", ("cluster:admin/reindex/*", "cluster:monitor/reindex/*")),
        ClusterPrivilege("monitor_esql", ("cluster:monitor/xpack/esql/*",)),
        ClusterPrivilege("monitor_reindex", ("cluster:monitor/reindex/*",)),
        ClusterPrivilege("read_project_routing", _PROJECT_READ),
    )
}
"""Names that 9.5 has and 8.19 has not: understood in descriptors from newer clusters, and not proposed in denials."""
