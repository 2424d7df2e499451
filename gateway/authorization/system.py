"""What Elasticsearch itself (``_system``) may do on another cluster in certificate mode: a fixed list of actions, on any index.

Data, from ``SystemPrivilege`` of x-pack core 8.19.
"""

from __future__ import annotations

from gateway.authorization.actions import PROXY_PREFIX, is_proxy_action
from gateway.authorization.grant import Check, Rule
from gateway.authorization.patterns import compile_pattern

ORIGIN = "the system user"

_ACTIONS = (
    "internal:*",
    "indices:monitor/*",
    "cluster:monitor/*",
    "cluster:admin/bootstrap/*",
    "cluster:admin/reroute",
    "indices:admin/mapping/put",
    "indices:admin/mapping/auto_put",
    "indices:admin/template/put",
    "indices:admin/template/delete",
    "indices:admin/seq_no/global_checkpoint_sync*",
    "indices:admin/seq_no/retention_lease_sync*",
    "indices:admin/seq_no/retention_lease_background_sync*",
    "indices:admin/seq_no/add_retention_lease*",
    "indices:admin/seq_no/remove_retention_lease*",
    "indices:admin/seq_no/renew_retention_lease*",
    "indices:admin/settings/update*",
    "cluster:admin/persistent/completion",
    "indices:data/write/*",
    "indices:data/read/*",
    "indices:admin/refresh",
    "indices:admin/aliases",
    "indices:admin/create*",
    "indices:admin/block/add*",
    "indices:admin/search/search_shards",
    "cluster:admin/nodes/reload_secure_settings/security/remote_cluster_credentials",
)


def check_system(action: str) -> Check:
    """A proxied action is allowed when the action within is."""
    inner = action[len(PROXY_PREFIX) :] if is_proxy_action(action) else action
    pattern = next((pattern for pattern in _ACTIONS if compile_pattern(pattern)(inner)), None)
    return Check(None, (ORIGIN,), (None if pattern is None else Rule(ORIGIN, "_system", pattern),))
