"""What the gateway answers itself, whatever the backend: who it is, its nodes, its licence, and cancellations."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from gateway.node import BUILD_DATE, BUILD_HASH, VERSION_ID, NodeIdentity
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.errors import ElasticsearchException
from protocol.messages.cluster_state import (
    CLUSTER_STATE,
    ClusterState,
    ClusterStateRequest,
    ClusterStateResponse,
    CompatibilityVersions,
    DiscoveryNodes,
)
from protocol.messages.common import NODE_ROLES, DiscoveryNode, Empty, Request, TaskId
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.messages.info import (
    NEVER_EXPIRES,
    XPACK_INFO,
    BuildInfo,
    FeatureSet,
    LicenseInfo,
    XPackInfoRequest,
    XPackInfoResponse,
)
from protocol.messages.nodes import REMOTE_CLUSTER_NODES, RemoteClusterNodesRequest, RemoteClusterNodesResponse
from protocol.messages.tasks import BAN, BAN_INTERNAL, CANCEL_CHILD, CANCEL_CHILD_INTERNAL, BanRequest, CancelChildRequest
from protocol.schema import Message
from protocol.versions import V_8_19

REMOTE_CLUSTER = "remote_cluster"
"""The interface of the API key model."""
TRANSPORT = "transport"
"""The interface of the certificate model."""

_PROFILES = {REMOTE_CLUSTER: "_remote_cluster", TRANSPORT: "default"}


@dataclass(slots=True)
class ClusterActions:
    """``nodes`` is the gateway's node as each open interface publishes it."""

    identity: NodeIdentity
    tasks: TaskRegistry
    nodes: dict[str, DiscoveryNode] = field(default_factory=dict)

    def answer(self, action: str, message: Request, peer: Peer) -> Message | None:
        """The response, or None where the action is not one of these. Raises ElasticsearchException."""
        handler = _HANDLERS.get(action)
        return None if handler is None else handler(self, message, peer)

    def answer_for_upstream(self, action: str, message: Request | None, peer: Peer) -> Message | None:
        """In front of another cluster: what is the gateway's own business; the licence and the state of the cluster are not."""
        if message is None or action == XPACK_INFO or (isinstance(message, ClusterStateRequest) and not message.nodes_only):
            return None
        return self.answer(action, message, peer)

    def asks_for_nodes(self, message: Request | None) -> bool:
        """Whether all nodes are wanted, those too that requests are to go on to: a scroll goes back to the node that it began at."""
        if isinstance(message, ClusterStateRequest):
            return message.nodes_only
        return isinstance(message, RemoteClusterNodesRequest) and not message.remote_cluster_server

    def nodes_with(self, message: Request | None, behind: list[DiscoveryNode], peer: Peer) -> Message:
        """The answer that names the nodes behind the gateway as well. They are reached over the gateway only, so they have its address;
        and they are shown as nodes that are only masters, which a sniffing client does not connect to."""
        own = self.nodes[peer.interface]
        shown = [_reached_at(own, node) for node in behind]
        if isinstance(message, ClusterStateRequest):
            return self._state(own, [own, *shown])
        return RemoteClusterNodesResponse(nodes=[own, *shown])

    def handshake(self, _: Any, peer: Peer) -> HandshakeResponse:
        return HandshakeResponse(
            version=VERSION_ID, build_hash=BUILD_HASH, node=self.nodes[peer.interface], cluster_name=self.identity.cluster_name
        )

    def remote_cluster_handshake(self, message: Any, peer: Peer) -> HandshakeResponse:
        if peer.interface != REMOTE_CLUSTER:
            raise ElasticsearchException(
                "illegal_argument_exception",
                f"remote cluster handshake action requires channel profile to be [{_PROFILES[REMOTE_CLUSTER]}],"
                f" but got [{_PROFILES[peer.interface]}]",
            )
        return self.handshake(message, peer)

    def remote_cluster_nodes(self, message: RemoteClusterNodesRequest, peer: Peer) -> RemoteClusterNodesResponse:
        wanted = (
            self.nodes.get(REMOTE_CLUSTER)
            if message.remote_cluster_server
            else self.nodes.get(TRANSPORT, self.nodes[peer.interface])
        )
        return RemoteClusterNodesResponse(nodes=[] if wanted is None else [wanted])

    def cluster_state(self, message: ClusterStateRequest, peer: Peer) -> ClusterStateResponse:
        if not message.nodes_only:
            raise ElasticsearchException(
                "illegal_argument_exception",
                "of the cluster state only the nodes can be asked for; metadata and routing are not offered",
            )
        node = self.nodes[peer.interface]
        return self._state(node, [node])

    def _state(self, node: DiscoveryNode, nodes: list[DiscoveryNode]) -> ClusterStateResponse:
        state = ClusterState(
            cluster_name=self.identity.cluster_name,
            version=1,
            state_uuid=self.identity.ephemeral_id,
            nodes=DiscoveryNodes(master_node_id=node.id, nodes=nodes),
            compatibility_versions={one.id: CompatibilityVersions(transport_version=V_8_19.id) for one in nodes},
        )
        return ClusterStateResponse(cluster_name=self.identity.cluster_name, state=state)

    def info(self, message: XPackInfoRequest, _: Peer) -> XPackInfoResponse:
        wanted = set(message.categories)
        security = FeatureSet(name="security", available=True, enabled=True)
        licence = LicenseInfo(uid=self.identity.cluster_uuid, type="basic", mode="basic", status="active", expiry=NEVER_EXPIRES)
        return XPackInfoResponse(
            build=BuildInfo(hash=BUILD_HASH, timestamp=BUILD_DATE) if "BUILD" in wanted else None,
            license=licence if "LICENSE" in wanted else None,
            features=[security] if "FEATURES" in wanted else None,
        )

    def cancel_child(self, message: CancelChildRequest, _: Peer) -> Empty:
        self.tasks.cancel_child(_parent(message.task), message.child_request_id, message.reason)
        return Empty()

    def ban(self, message: BanRequest, peer: Peer) -> Empty:
        if message.ban:
            self.tasks.ban(_parent(message.task), message.reason or "", peer.connection)
        else:
            self.tasks.unban(_parent(message.task))
        return Empty()


def _reached_at(own: DiscoveryNode, node: DiscoveryNode) -> DiscoveryNode:
    shown = copy(node)
    shown.host_name, shown.host_address, shown.address = own.host_name, own.host_address, own.address
    shown.roles = [NODE_ROLES["master"]]
    return shown


def _parent(task: TaskId) -> tuple[str, int]:
    return task.node, task.id


_HANDLERS: dict[str, Callable[[ClusterActions, Any, Peer], Message]] = {
    TRANSPORT_HANDSHAKE: ClusterActions.handshake,
    REMOTE_CLUSTER_HANDSHAKE: ClusterActions.remote_cluster_handshake,
    REMOTE_CLUSTER_NODES: ClusterActions.remote_cluster_nodes,
    CLUSTER_STATE: ClusterActions.cluster_state,
    XPACK_INFO: ClusterActions.info,
    CANCEL_CHILD: ClusterActions.cancel_child,
    CANCEL_CHILD_INTERNAL: ClusterActions.cancel_child,
    BAN: ClusterActions.ban,
    BAN_INTERNAL: ClusterActions.ban,
}
OWN_ACTIONS = frozenset(_HANDLERS)
"""Those that the gateway has a part in, also in front of another cluster."""
