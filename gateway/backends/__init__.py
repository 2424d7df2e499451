"""The contract of a backend: what is behind the gateway, and executes what has been allowed.

A backend answers ``metadata`` at once (authorization expands wildcards against it) and ``execute`` in its own time. It gets a call
only after authorization, with the Grant that says which indices the call may touch; it must touch no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gateway.authorization.grant import Grant
from gateway.authorization.metadata import ClusterMetadata
from protocol.schema import Message
from protocol.versions import TransportVersion


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """``name`` and ``uuid`` of the cluster, ``release`` as in 8.19.21, ``nodes`` the number of its nodes."""

    name: str
    uuid: str
    release: str
    nodes: int


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may run.

    ``message`` is the decoded request, ``payload`` the bytes that it came from, at ``version``.
    """

    action: str
    version: TransportVersion
    payload: bytes = field(repr=False)
    message: Message
    grant: Grant


class Backend(Protocol):
    async def cluster(self) -> ClusterDescription:
        """What the cluster is."""

    def metadata(self) -> ClusterMetadata:
        """All names of the cluster, as of now."""

    async def execute(self, call: Call) -> bytes:
        """The payload of the answer at the call's version; raises ElasticsearchException for the error that is the answer."""
