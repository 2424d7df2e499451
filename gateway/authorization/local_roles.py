"""What a local cluster makes of its user's roles and sends along: descriptors for one remote cluster.

From ``SimpleRole.getRoleDescriptorsIntersectionForRemoteCluster`` and ``RemoteClusterPermissions`` of x-pack core 8.19.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.authorization.descriptors import SUPPORTED_REMOTE_CLUSTER_PRIVILEGES, RoleDescriptor
from gateway.authorization.patterns import NamePatterns

REMOTE_USER = "_remote_user"


def as_sent(roles: Iterable[RoleDescriptor], alias: str) -> RoleDescriptor | None:
    """The one descriptor of a set for the remote cluster that is called ``alias`` there; ``None`` where the roles give nothing on it, and
    the local cluster refuses the request itself."""
    roles = tuple(roles)
    indices = tuple(
        replace(entry.indices, names=tuple(sorted(entry.indices.names)), privileges=tuple(sorted(entry.indices.privileges)))
        for role in roles
        for entry in role.remote_indices
        if NamePatterns(entry.clusters)(alias)
    )
    wanted = {
        privilege.lower()
        for role in roles
        for entry in role.remote_cluster
        if NamePatterns(entry.clusters)(alias)
        for privilege in entry.privileges
    }
    if not indices and not wanted:
        return None
    cluster = tuple(name for name in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES if name in wanted)
    return RoleDescriptor(REMOTE_USER, cluster=cluster, indices=indices)
