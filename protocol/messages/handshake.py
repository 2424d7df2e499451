"""The handshakes: of the connection, of the transport, and of the remote cluster port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Self

from protocol.messages.common import NO_TASK, DiscoveryNode, ParentTask, Request
from protocol.schema import Codec, Message, String, VInt, wire
from protocol.versions import Feature
from protocol.wire import Reader, Writer

TCP_HANDSHAKE = "internal:tcp/handshake"
TRANSPORT_HANDSHAKE = "internal:transport/handshake"
REMOTE_CLUSTER_HANDSHAKE = "cluster:internal/remote_cluster/handshake"

RELEASE_IN_HANDSHAKE = Feature("release_in_handshake", 8800000)
"""Holds for the header's version of the handshake itself, which is not the version that is negotiated."""


class HandshakeVersion(Message):
    """The newest transport version that a node speaks and, in handshakes as 9.x sends them, its release."""

    transport_version: VInt
    release: String = wire(since=RELEASE_IN_HANDSHAKE, default="")


TcpHandshakeResponse = HandshakeVersion
"""What ``internal:tcp/handshake`` answers."""


@dataclass(slots=True)
class _Sized:
    """The version within its length: a newer node may send more, which is skipped."""

    version: HandshakeVersion
    rest: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        inner = Reader(reader.bytes_reference(), reader.version)
        return cls(HandshakeVersion.read(inner), inner.rest())

    def write(self, writer: Writer) -> None:
        inner = Writer(writer.version)
        self.version.write(inner)
        inner.raw(self.rest)
        writer.bytes_reference(inner.getvalue())


class TcpHandshakeRequest(Message):
    """``internal:tcp/handshake``: the first frame of a connection, from the side that opened it."""

    parent_task: ParentTask = NO_TASK
    body: Annotated[_Sized, Codec(_Sized.read, lambda writer, value: value.write(writer))]

    @classmethod
    def of(cls, transport_version: int, release: str = "") -> Self:
        return cls(body=_Sized(HandshakeVersion(transport_version=transport_version, release=release)))

    @property
    def transport_version(self) -> int:
        return self.body.version.transport_version

    @property
    def release(self) -> str:
        """Empty where the client says only its transport version (8.x)."""
        return self.body.version.release


HandshakeRequest = Request
"""What both other handshakes ask."""


class HandshakeResponse(Message):
    """``internal:transport/handshake`` and ``cluster:internal/remote_cluster/handshake``: who answers.

    A client of the same release compares ``build_hash`` with its own, and refuses another one.
    """

    version: VInt
    build_hash: String
    node: DiscoveryNode
    cluster_name: String
