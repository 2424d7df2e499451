"""``cluster:internal/remote_cluster/nodes``: where a sniffing client may connect to."""

from __future__ import annotations

from protocol.messages.common import DiscoveryNode, Request
from protocol.schema import Boolean, Message

REMOTE_CLUSTER_NODES = "cluster:internal/remote_cluster/nodes"


class RemoteClusterNodesRequest(Request):
    """Sniffing asks with ``remote_cluster_server``: nodes with the addresses of their remote cluster ports."""

    remote_cluster_server: Boolean = True


class RemoteClusterNodesResponse(Message):
    nodes: list[DiscoveryNode]
