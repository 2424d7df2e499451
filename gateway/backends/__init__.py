"""The contract of a backend: what is behind the gateway, and executes what has been allowed.

A backend answers ``metadata`` at once (authorization expands wildcards against it) and ``execute`` in its own time. It gets a call
only after authorization, with the Grant that says which indices the call may touch; it must touch no other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.authorization.grant import Grant
from gateway.authorization.metadata import ClusterMetadata
from gateway.authorization.roles import Role
from gateway.configuration.model import Settings
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.messages.common import NO_TASK, DiscoveryNode, TaskId
from protocol.messages.tasks import BanRequest
from protocol.schema import Message
from protocol.versions import TransportVersion


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """``name`` and ``uuid`` of the cluster, ``release`` as in 8.19.21, ``nodes`` the number of its nodes."""

    name: str
    uuid: str
    release: str
    nodes: int


@dataclass(slots=True)
class Sender:
    """``role`` was allowed the request that came with this ``header`` over the connection of ``peer``. ``raw`` is the payload as it came,
    compressed where the header says so."""

    header: Header
    role: Role
    peer: Peer
    raw: bytes = field(repr=False)


@dataclass(slots=True)
class Call:
    """A request that may run.

    ``message`` is the decoded request (``None`` only for a backend that passes requests on), ``payload`` the bytes that it came from, at
    ``version``. ``parent``: the task of the client that it is made for. ``sender``: for a backend that passes requests on.
    """

    action: str
    version: TransportVersion
    payload: bytes = field(repr=False)
    message: Message | None
    grant: Grant
    parent: TaskId = NO_TASK
    sender: Sender | None = None


@dataclass(slots=True)
class Forwarded:
    """An answer that comes from elsewhere: its status bits say whether it is an error, and whether the payload is compressed.

    ``size`` is that of the payload in bytes, whose ``parts`` are still coming; ``discard`` is to be called when they are not all taken.
    ``error``: what the answer says, where it is an error, for the audit. ``payload``: all of it, where it is here already.
    """

    status: Status
    headers: Mapping[str, list[str]]
    size: int
    parts: AsyncIterator[bytes]
    discard: Callable[[], None]
    error: ElasticsearchException | None = None
    payload: bytes | None = None


Answered = Callable[[Forwarded | ElasticsearchException], None]
StartSoon = Callable[[Callable[[], Awaitable[None]]], None]
"""As of a nursery."""


class SentOn(Protocol):
    """A request that was passed on."""

    def give_up(self, *, tell: bool) -> None:
        """Nobody wants the answer any more, of which ``tell`` the other cluster."""


class AtOnce(Protocol):
    """Passes on requests that nobody waits for."""

    def takes(self, connection: int, size: int) -> bool:
        """Whether a request of that size, from the client's connection of that number, can be passed on without waiting."""

    def pass_on(self, call: Call, answered: Answered, start_soon: StartSoon) -> SentOn:
        """Pass on a request that this ``takes``, with the next ``gateway.outlet.flush``. ``answered`` is called when the answer begins;
        ``start_soon`` where something has to be waited for before that. Raises ElasticsearchException as ``Backend.execute`` does."""


class Backend(Protocol):
    passes_on: bool
    """Whether requests are passed on to another cluster, which resolves names itself; then what is not decoded may run too."""

    @property
    def at_once(self) -> AtOnce | None:
        """How that is done for most of them; else, and where this is None, by ``execute``."""

    async def run(self) -> None:
        """What has to go on in the background; returns at once where nothing does."""

    def renew(self, settings: Settings) -> None:
        """Take over what of the settings holds at once, and the files that they name. Raises ConfigError; then all stays as it was."""

    async def nodes(self, connection: int) -> list[DiscoveryNode]:
        """The nodes behind the gateway that a client may name in its requests; none where the gateway is the only one. For the client's
        connection of that number."""

    async def ban(self, request: BanRequest, connection: int) -> None:
        """A client's task is cancelled, over that connection, with all that runs for it, or that is over; before its requests end here.
        Raises illegal_state_exception for too many."""

    async def connection_closed(self, connection: int) -> None:
        """The client's connection of that number is gone."""

    async def cluster(self) -> ClusterDescription:
        """What the cluster is."""

    def metadata(self) -> ClusterMetadata:
        """All names of the cluster, as of now."""

    async def execute(self, call: Call) -> bytes | Forwarded:
        """The payload of the answer at the call's version; raises ElasticsearchException for the error that is the answer."""
