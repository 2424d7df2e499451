"""Which nodes the upstream has, as a local cluster in sniff mode asks."""

from __future__ import annotations

import ipaddress

from gateway.links.asking import ask
from gateway.links.link import Address, Link
from protocol.messages.cluster_state import CLUSTER_STATE, ClusterStateRequest, ClusterStateResponse
from protocol.messages.common import DiscoveryNode
from protocol.messages.nodes import REMOTE_CLUSTER_NODES, RemoteClusterNodesRequest, RemoteClusterNodesResponse
from protocol.messages.options import IndicesOptions


async def nodes_of(link: Link, headers: dict[str, str], *, api_key: bool) -> list[Address]:
    """The addresses of the nodes that take requests, as they publish them: in API key mode those of their remote cluster ports.

    Raises ElasticsearchException and WireError.
    """
    nodes = await discovery_nodes(link, headers, api_key=api_key, remote_cluster_server=True)
    return [address_of(node) for node in nodes if serves(node)]


async def discovery_nodes(
    link: Link, headers: dict[str, str], *, api_key: bool, remote_cluster_server: bool = False
) -> list[DiscoveryNode]:
    """All nodes, or in API key mode those with a remote cluster port, and its address. Raises ElasticsearchException and WireError."""
    if api_key:
        asked = RemoteClusterNodesRequest(remote_cluster_server=remote_cluster_server).encode(link.version)
        return RemoteClusterNodesResponse.decode(await ask(link, REMOTE_CLUSTER_NODES, asked, headers), link.version).nodes
    request = ClusterStateRequest(
        routing_table=False, nodes=True, metadata=False, blocks=False, customs=False, options=IndicesOptions()
    )
    payload = await ask(link, CLUSTER_STATE, request.encode(link.version), headers)
    state = ClusterStateResponse.decode(payload, link.version).state
    return [] if state is None else state.nodes.nodes


def serves(node: DiscoveryNode) -> bool:
    """Not a node that is only a master: Elasticsearch spares those (``SniffConnectionStrategy``)."""
    roles = {role.name for role in node.roles}
    return "master" not in roles or "ingest" in roles or any(role.can_contain_data for role in node.roles)


def address_of(node: DiscoveryNode) -> Address:
    """By number, since a name that is known there may not be known here; its certificate may have the name."""
    number = str(ipaddress.ip_address(node.address.address))
    name = node.address.host or number
    return Address(number, node.address.port, None if name == number else name)
