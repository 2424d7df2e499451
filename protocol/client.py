"""The local cluster's end of one connection, without any IO: the counterpart of ``protocol.connection``.

``handshake`` makes the first bytes; ``receive_data`` yields events; ``request`` makes the bytes of a request and gives it its id. Payloads
come in parts and as they are, compressed ones too: who only passes them on neither assembles them nor looks inside. MOVES says what may
come in which state.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol.errors import WireError
from protocol.frames import FrameSplitter, Header, Limits, Part, Ping, Status, encode_frame
from protocol.messages.handshake import TCP_HANDSHAKE, TcpHandshakeRequest, TcpHandshakeResponse
from protocol.versions import HANDSHAKE_8, TransportVersion

MAX_OPEN_REQUESTS = 65_536
"""Requests on one connection whose answers have not come: a peer that never answers must not fill the memory."""

MAX_HANDSHAKE = 4096
"""Bytes of the handshake's answer, which is a version and a release."""


class State(enum.Enum):
    __hash__ = object.__hash__  # that of Enum takes as long as the rest of a move

    NEW = "new"
    SHAKING_HANDS = "shaking hands"
    OPEN = "open"
    CLOSED = "closed"


class Kind(enum.Enum):
    __hash__ = object.__hash__  # that of Enum takes as long as the rest of a move

    PING = "ping"
    HANDSHAKE = "handshake"
    RESPONSE = "response"
    REQUEST = "request"


MOVES: dict[tuple[State, Kind], State] = {
    (State.SHAKING_HANDS, Kind.PING): State.SHAKING_HANDS,
    (State.SHAKING_HANDS, Kind.HANDSHAKE): State.OPEN,
    (State.OPEN, Kind.PING): State.OPEN,
    (State.OPEN, Kind.RESPONSE): State.OPEN,
}


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake is done. ``version`` is what both sides speak, ``offered`` the newest that the other side does, ``release`` its
    release, empty where it does not tell."""

    version: TransportVersion
    offered: TransportVersion
    release: str


@dataclass(slots=True)
class ResponseStarted:
    """An answer begins, an error where ``header.status`` says so; its parts follow."""

    header: Header


@dataclass(slots=True)
class ResponsePart:
    """Some of the payload of the answer that began last; ``last`` where it ends."""

    request_id: int
    data: bytes
    last: bool


ClientEvent = Connected | ResponseStarted | ResponsePart


class ClientConnection:
    """One connection that this side opened. ``offered`` is the newest transport version to speak, ``oldest`` the oldest."""

    def __init__(
        self, *, offered: TransportVersion, oldest: TransportVersion, release: str, limits: Limits | None = None
    ) -> None:
        self.state = State.NEW
        self.version: TransportVersion | None = None
        self._offered, self._oldest, self._release = offered, oldest, release
        self._splitter = FrameSplitter(limits)
        self._current: Header | None = None
        self._handshake = bytearray()
        self._ids = itertools.count(1)
        self._open: set[int] = set()

    def handshake(self) -> bytes:
        """The bytes to begin with."""
        self.state = State.SHAKING_HANDS
        return encode_frame(
            request_id=self._next_id(),
            status=Status.HANDSHAKE,
            version=HANDSHAKE_8,
            payload=TcpHandshakeRequest.of(self._offered.id, self._release).encode(HANDSHAKE_8),
            action=TCP_HANDSHAKE,
        )

    def request(
        self,
        action: str,
        payload: bytes,
        headers: Mapping[str, str],
        version: TransportVersion,
        *,
        compressed: bool = False,
    ) -> tuple[int, bytes]:
        """The id and the bytes of a request. ``compressed``: the payload is so already. Raises WireError where none may be sent."""
        if self.state is not State.OPEN:
            raise WireError(f"a request cannot be sent on a connection that is {self.state.value}")
        if len(self._open) >= MAX_OPEN_REQUESTS:
            raise WireError(f"more than [{MAX_OPEN_REQUESTS}] requests without an answer")
        request_id = self._next_id()
        status = Status.COMPRESSED if compressed else Status(0)
        frame = encode_frame(
            request_id=request_id, status=status, version=version, payload=payload, action=action, request_headers=headers
        )
        return request_id, frame

    def withdraw(self, request_id: int) -> None:
        """The request was not sent after all."""
        self._open.discard(request_id)

    def receive_data(self, data: bytes | bytearray | memoryview) -> Iterator[ClientEvent]:
        """The events that these bytes complete; an answer that nobody waits for is an error as well. Raises WireError and closes the
        connection where they are not what may come."""
        try:
            for item in self._splitter.receive(data):
                if isinstance(item, Ping):
                    self._move(Kind.PING)
                elif isinstance(item, Header):
                    self._begins(item)
                    if not item.is_handshake:
                        yield ResponseStarted(item)
                else:
                    event = self._part(item)
                    if event is not None:
                        yield event
        except WireError:
            self.state = State.CLOSED
            raise

    def _next_id(self) -> int:
        request_id = next(self._ids)
        self._open.add(request_id)
        return request_id

    def _move(self, kind: Kind) -> None:
        state = MOVES.get((self.state, kind))
        if state is None:
            raise WireError(f"a {kind.value} is not expected on a connection that is {self.state.value}")
        self.state = state

    def _begins(self, header: Header) -> None:
        self._move(_kind(header))
        if header.request_id not in self._open:
            raise WireError(f"an answer to the request [{header.request_id}], which nobody made")
        if header.is_handshake and header.size > MAX_HANDSHAKE:
            raise WireError(f"a handshake of [{header.size}b]")
        self._current = header

    def _part(self, part: Part) -> ClientEvent | None:
        header = self._current
        assert header is not None  # noqa: S101 - the splitter gives a header first
        if part.last:
            self._open.discard(header.request_id)
            self._current = None
        if not header.is_handshake:
            return ResponsePart(header.request_id, part.data, part.last)
        self._handshake += part.data
        return self._connected(header, bytes(self._handshake)) if part.last else None

    def _connected(self, header: Header, payload: bytes) -> Connected:
        if header.status & (Status.ERROR | Status.COMPRESSED):
            raise WireError("the handshake was answered with an error")
        answer = TcpHandshakeResponse.decode(payload, header.version)
        offered = TransportVersion(answer.transport_version)
        self.version = min(offered, self._offered)
        if self.version < self._oldest:
            raise WireError(
                f"Received message from unsupported version: [{offered}] minimal compatible version is: [{self._oldest}]"
            )
        return Connected(self.version, offered, answer.release)


def _kind(header: Header) -> Kind:
    if header.is_request:
        return Kind.REQUEST
    return Kind.HANDSHAKE if header.is_handshake else Kind.RESPONSE
