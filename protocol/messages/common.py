"""Parts that many messages share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Self

from protocol.errors import WireError
from protocol.schema import Boolean, Codec, Int, Message, String, Text, VInt
from protocol.wire import Reader, Writer


@dataclass(frozen=True, slots=True)
class TaskId:
    """A task by its node and its number there. Without a node it is no task, and the number is not sent."""

    node: str = ""
    id: int = -1

    @classmethod
    def read(cls, reader: Reader) -> Self:
        node = reader.string()
        return cls(node, reader.int64()) if node else cls()

    def write(self, writer: Writer) -> None:
        writer.string(self.node)
        if self.node:
            writer.int64(self.id)

    def __str__(self) -> str:
        return f"{self.node}:{self.id}" if self.node else "unset"


ParentTask = Annotated[TaskId, Codec(TaskId.read, lambda writer, task: task.write(writer))]
"""The field that every request begins with; a request without a parent has the empty TaskId."""

TaskIdField = ParentTask

NO_TASK = TaskId()


class Request(Message):
    """A request that says nothing beyond its parent task, and the base of the others."""

    parent_task: ParentTask = NO_TASK


class Empty(Message):
    """A response that says nothing: ``TransportResponse.Empty``, ``ActionResponse.Empty``."""


class ShardId(Message):
    """A shard: the name and the uuid of its index (``_na_`` where it is not known), and its number."""

    index: String
    uuid: String
    shard: VInt


class SearchShardTarget(Message):
    """Which copy of a shard a search went to, and in which cluster (None is the one that answers)."""

    node_id: Text | None = None
    shard_id: ShardId
    cluster_alias: String | None = None


class TimeUnit(Enum):
    NANOSECONDS = 0
    MICROSECONDS = 1
    MILLISECONDS = 2
    SECONDS = 3
    MINUTES = 4
    HOURS = 5
    DAYS = 6


_NANOS = (1, 10**3, 10**6, 10**9, 60 * 10**9, 3600 * 10**9, 86400 * 10**9)


@dataclass(frozen=True, slots=True)
class TimeValue:
    """A duration in the unit that it was given in."""

    duration: int
    unit: TimeUnit

    @classmethod
    def read(cls, reader: Reader) -> Self:
        duration, unit = reader.zlong(), reader.byte()
        if unit >= len(_NANOS):
            raise WireError(f"unknown TimeUnit [{unit}]")
        return cls(duration, TimeUnit(unit))

    def write(self, writer: Writer) -> None:
        writer.zlong(self.duration)
        writer.byte(self.unit.value)

    @property
    def seconds(self) -> float:
        return self.duration * _NANOS[self.unit.value] / 10**9


TimeValueField = Annotated[TimeValue, Codec(TimeValue.read, lambda writer, value: value.write(writer))]


def _read_address(reader: Reader) -> bytes:
    size = reader.byte()
    if size not in (4, 16):
        raise WireError(f"an IP address of {size} bytes")
    return reader.raw(size)


def _write_address(writer: Writer, value: bytes) -> None:
    writer.byte(len(value))
    writer.raw(value)


class TransportAddress(Message):
    """An IP address (4 or 16 bytes), the name by which it was known, and a port."""

    address: Annotated[bytes, Codec(_read_address, _write_address)]
    host: String
    port: Int


class NodeRole(Message):
    """What a node does. Elasticsearch sorts a node's roles by name."""

    name: String
    abbreviation: String
    can_contain_data: Boolean


NODE_ROLES = {
    name: NodeRole(name=name, abbreviation=abbreviation, can_contain_data=data)
    for name, abbreviation, data in (
        ("data", "d", True),
        ("data_cold", "c", True),
        ("data_content", "s", True),
        ("data_frozen", "f", True),
        ("data_hot", "h", True),
        ("data_warm", "w", True),
        ("index", "I", True),
        ("ingest", "i", False),
        ("master", "m", False),
        ("ml", "l", False),
        ("remote_cluster_client", "r", False),
        ("search", "S", True),
        ("transform", "t", False),
        ("voting_only", "v", False),
    )
}
"""The roles that 8.19 knows; a client accepts others."""


class DiscoveryNode(Message):
    """A node of a cluster as others see it. ``version`` is that of the release (8192199 is 8.19.21); the index versions say which
    indices it can open."""

    name: String
    id: String
    ephemeral_id: String
    host_name: String
    host_address: String
    address: TransportAddress
    attributes: dict[String, String]
    roles: list[NodeRole]
    version: VInt
    min_index_version: VInt
    min_read_only_index_version: VInt
    max_index_version: VInt
    external_id: String
