"""What comes out of a connection when bytes go in."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.compression import Compression
from protocol.frames import Header
from protocol.versions import TransportVersion


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The other side asks whether anybody is there; send ``reply``."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class HandshakeReceived:
    """The TCP handshake; send ``reply``. ``version`` is what both sides speak from now on, ``release`` the client's,
    empty where it does not tell (8.x)."""

    version: TransportVersion
    release: str
    reply: bytes


@dataclass(slots=True)
class RequestStarted:
    """A request's header is there. Its credentials can be checked before the payload is awaited."""

    header: Header


@dataclass(slots=True)
class RequestReceived:
    """A whole request. ``compression`` is how it came, and how its response has to go; ``raw`` is the payload as it came."""

    header: Header
    payload: bytes
    compression: Compression | None
    raw: bytes = field(default=b"", compare=False, repr=False)


Event = PingReceived | HandshakeReceived | RequestStarted | RequestReceived
