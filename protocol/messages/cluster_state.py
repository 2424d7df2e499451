"""``cluster:monitor/state``, as a client in certificate mode asks it when it sniffs: the nodes and nothing else.

Only a state without indices, templates and routing is read or written. What an Elasticsearch node adds to such an answer (its
coordination metadata, its features, the index graveyard) is kept.
"""

from __future__ import annotations

from typing import Any

from protocol.errors import WireError
from protocol.exceptions.fields import ClusterBlock
from protocol.messages.common import DiscoveryNode, Request, TimeUnit, TimeValue, TimeValueField
from protocol.messages.options import IndicesOptions
from protocol.schema import Boolean, Codec, Int, Long, Message, Named, String, VInt, VLong, wire
from protocol.values import GenericMap, HashMap
from protocol.wire import Reader

CLUSTER_STATE = "cluster:monitor/state"

THIRTY_SECONDS = TimeValue(30, TimeUnit.SECONDS)
ONE_MINUTE = TimeValue(1, TimeUnit.MINUTES)


class ClusterStateRequest(Request):
    """Which parts of the state of the cluster are wanted. CCR's auto-follow waits for a newer ``wait_for_metadata_version``."""

    master_timeout: TimeValueField = THIRTY_SECONDS
    master_term: VLong = 0
    local: Boolean = False
    routing_table: Boolean = True
    nodes: Boolean = True
    metadata: Boolean = True
    blocks: Boolean = True
    customs: Boolean = True
    indices: list[String] = wire(default_factory=list)
    options: IndicesOptions
    wait_for_timeout: TimeValueField = ONE_MINUTE
    wait_for_metadata_version: Long | None = None

    @property
    def nodes_only(self) -> bool:
        """Whether this is what sniffing asks."""
        return self.nodes and not (self.routing_table or self.metadata or self.blocks or self.customs)


def _nothing(what: str) -> Codec[None]:
    def read(reader: Reader) -> None:
        if reader.vint():
            raise WireError(f"a cluster state with {what} is not read here")

    return Codec(read, lambda writer, _: writer.vint(0))


def _absent(what: str) -> Any:
    return wire(codec=_nothing(what), default=None)


class VotingConfigExclusion(Message):
    node_id: String
    node_name: String


class CoordinationMetadata(Message):
    term: Long = 0
    last_committed: list[String] = wire(default_factory=list)
    last_accepted: list[String] = wire(default_factory=list)
    exclusions: list[VotingConfigExclusion] = wire(default_factory=list)


class MetadataCustom(Message, names=True):
    """A part of the metadata that is sent by name."""


class Tombstone(Message):
    index: String
    index_uuid: String
    deleted_at: Long
    """Milliseconds since 1970."""


class IndexGraveyard(MetadataCustom, name="index-graveyard"):
    """The indices that were deleted last. Every state of a real node has one."""

    tombstones: list[Tombstone] = wire(default_factory=list)


class Metadata(Message):
    version: Long = 0
    cluster_uuid: String = "_na_"
    cluster_uuid_committed: Boolean = False
    coordination: CoordinationMetadata = wire(default_factory=CoordinationMetadata)
    transient_settings: None = _absent("settings")
    persistent_settings: None = _absent("settings")
    hashes_of_consistent_settings: GenericMap = wire(default_factory=HashMap)
    mappings: None = _absent("mappings")
    indices: None = _absent("indices")
    templates: None = _absent("templates")
    customs: list[Named[MetadataCustom]] = wire(default_factory=lambda: [IndexGraveyard()])
    reserved_state: None = _absent("reserved state")


class MappingsVersion(Message):
    version: VInt
    hash: Int


class CompatibilityVersions(Message):
    transport_version: VInt
    system_index_mappings: dict[String, MappingsVersion] = wire(default_factory=dict)


class ClusterFeatures(Message):
    """What the nodes can do: the distinct sets of features, and which set each node has."""

    sets: list[list[String]] = wire(default_factory=list)
    nodes: dict[String, VInt] = wire(default_factory=dict)


class DiscoveryNodes(Message):
    master_node_id: String | None = None
    node_left_generation: VLong = 0
    nodes: list[DiscoveryNode] = wire(default_factory=list)


class ClusterBlocks(Message):
    cluster: list[ClusterBlock] = wire(default_factory=list)
    indices: dict[String, list[ClusterBlock]] = wire(default_factory=dict)


class ClusterState(Message):
    cluster_name: String
    version: Long
    state_uuid: String
    metadata: Metadata = wire(default_factory=Metadata)
    routing_table: None = _absent("a routing table")
    nodes: DiscoveryNodes = wire(default_factory=DiscoveryNodes)
    compatibility_versions: dict[String, CompatibilityVersions] = wire(default_factory=dict)
    features: ClusterFeatures = wire(default_factory=ClusterFeatures)
    blocks: ClusterBlocks = wire(default_factory=ClusterBlocks)
    customs: None = _absent("customs")


class ClusterStateResponse(Message):
    """``state`` is None where waiting for a newer version timed out."""

    cluster_name: String
    state: ClusterState | None = None
    wait_for_timed_out: Boolean = False
