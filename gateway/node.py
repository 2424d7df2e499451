"""Who the gateway says it is: a node of Elasticsearch 8.19.21, the release whose transport version it speaks.

A client of that same release compares the build hash with its own and refuses another, so it is that release's. The index versions
say which indices a node can open. All were read off a real node's handshake.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from protocol.messages.common import NODE_ROLES, DiscoveryNode, TransportAddress

RELEASE = "8.19.21"
VERSION_ID = 8192199
BUILD_HASH = "4fe44c255c3d0da06779b921e132cdc555ed9aff"
BUILD_DATE = "2026-08-26T22:10:47.574903747Z"
MINIMUM_WIRE_COMPATIBILITY = "7.17.0"
MINIMUM_INDEX_COMPATIBILITY = "7.0.0"
_OLDEST_INDEX, _NEWEST_INDEX = 7000099, 8537000

# Sniffing passes over nodes that are only masters, so it must hold data; it is no client of other clusters, and runs no jobs.
_ROLES = ("data", "ingest", "master")

IDENTITY_FILE = "node.json"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Names of the cluster and its one node. The ids are Elasticsearch's: 16 random bytes in base64."""

    cluster_name: str
    cluster_uuid: str
    node_name: str
    node_id: str
    ephemeral_id: str

    @classmethod
    def load(cls, folder: Path, cluster_name: str, node_name: str) -> NodeIdentity:
        """The ids from ``folder``, made and kept there at the first start: a client that reconnects finds the same node."""
        path = folder / IDENTITY_FILE
        try:
            kept = json.loads(path.read_text())
        except FileNotFoundError:
            kept = {"cluster_uuid": _random_id(), "node_id": _random_id()}
            folder.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(kept))
            fresh.replace(path)
        return cls(cluster_name, kept["cluster_uuid"], node_name, kept["node_id"], _random_id())

    def discovery_node(self, host: str, port: int) -> DiscoveryNode:
        """The node as it is reached at that host and port; a name is resolved to its first address."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = ipaddress.ip_address(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        return DiscoveryNode(
            name=self.node_name,
            id=self.node_id,
            ephemeral_id=self.ephemeral_id,
            host_name=host,
            host_address=str(address),
            address=TransportAddress(address=address.packed, host=host, port=port),
            attributes={"xpack.installed": "true"},
            roles=[NODE_ROLES[name] for name in _ROLES],
            version=VERSION_ID,
            min_index_version=_OLDEST_INDEX,
            min_read_only_index_version=_OLDEST_INDEX,
            max_index_version=_NEWEST_INDEX,
            external_id=self.node_name,
        )


def _random_id() -> str:
    return base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
