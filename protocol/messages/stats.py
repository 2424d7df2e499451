"""``cluster:monitor/stats/remote``: the figures of a remote cluster for ``_cluster/stats?include_remotes=true``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from protocol.messages.common import Request
from protocol.schema import Byte, Long, Message, String, codec_of, enum_codec

REMOTE_CLUSTER_STATS = "cluster:monitor/stats/remote"

RemoteClusterStatsRequest = Request


class ClusterHealthStatus(Enum):
    GREEN = 0
    YELLOW = 1
    RED = 2


Health = Annotated[ClusterHealthStatus, enum_codec(ClusterHealthStatus, codec_of(Byte))]


class RemoteClusterStatsResponse(Message):
    """Sizes are in bytes; ``versions`` are the releases of the nodes."""

    cluster_uuid: String
    status: Health
    versions: list[String]
    nodes: Long
    shards: Long
    indices: Long
    indices_size: Long
    max_heap: Long
    memory: Long
