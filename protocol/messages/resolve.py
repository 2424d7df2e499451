"""``_resolve/index`` and ``_resolve/cluster`` as a remote cluster is asked them."""

from __future__ import annotations

from protocol.messages.common import Request, TimeValueField
from protocol.messages.fields import OptionalBoolean
from protocol.messages.options import IndicesOptions
from protocol.schema import Boolean, Message, String, wire

RESOLVE_INDEX = "indices:admin/resolve/index"
RESOLVE_CLUSTER = "indices:admin/resolve/cluster"


class ResolveIndexRequest(Request):
    """Which indices, aliases and data streams match the names."""

    names: list[String]
    options: IndicesOptions


class ResolvedIndex(Message):
    """``attributes`` are of ``open``, ``closed``, ``hidden``, ``system``, ``frozen``; ``data_stream`` the one it backs."""

    name: String
    aliases: list[String] = wire(default_factory=list)
    attributes: list[String] = wire(default_factory=list)
    data_stream: String | None = None


class ResolvedAlias(Message):
    name: String
    indices: list[String] = wire(default_factory=list)


class ResolvedDataStream(Message):
    name: String
    backing_indices: list[String] = wire(default_factory=list)
    timestamp_field: String = "@timestamp"


class ResolveIndexResponse(Message):
    """Each list in order of names."""

    indices: list[ResolvedIndex] = wire(default_factory=list)
    aliases: list[ResolvedAlias] = wire(default_factory=list)
    data_streams: list[ResolvedDataStream] = wire(default_factory=list)


class ResolveClusterRequest(Request):
    """Whether the cluster is there and has what matches the names. ``querying_cluster`` is whether the receiver is the one that
    asks others (never so for a remote cluster); with ``cluster_info_only`` there are no names."""

    names: list[String]
    options: IndicesOptions
    cluster_info_only: Boolean = False
    querying_cluster: Boolean = False
    timeout: TimeValueField | None = None


class Build(Message):
    """What a node was built from."""

    flavor: String
    type: String
    hash: String
    date: String
    version: String
    qualifier: String | None = None
    snapshot: Boolean = False
    min_wire_compatibility: String
    min_index_compatibility: String
    display: String


class ResolveClusterInfo(Message):
    """What a cluster says of itself. A failure is in ``error`` as text; the asking side fills in ``skip_unavailable``."""

    connected: Boolean
    skip_unavailable: OptionalBoolean = None
    matching_indices: OptionalBoolean = None
    error: String | None = None
    build: Build | None = None


class ResolveClusterResponse(Message):
    """By alias of the cluster; a remote cluster answers with one entry whose key is empty: itself."""

    clusters: dict[String, ResolveClusterInfo]
