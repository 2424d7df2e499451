"""The remote cluster's end of one connection, without any IO.

``receive_data`` takes bytes and yields events; ``response`` and ``error_response`` make the bytes that answer a request. What may
come in which state is the table MOVES; everything else, and every malformed byte, is a WireError after which the connection is closed.
A local cluster opens several connections to a node and shakes hands on the first one alone (each frame names its version), so a
connection may begin with a request as well.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

from protocol.compression import Compression
from protocol.errors import ElasticsearchException, WireError
from protocol.events import Event, HandshakeReceived, PingReceived, RequestReceived, RequestStarted
from protocol.exceptions import sent_by, write_exception
from protocol.frames import PING, Frame, FrameDecoder, Header, Limits, Ping, Status, encode_frame, encode_head
from protocol.messages.handshake import TCP_HANDSHAKE, TcpHandshakeRequest, TcpHandshakeResponse
from protocol.versions import HANDSHAKE_7, HANDSHAKE_8, TransportVersion
from protocol.wire import Writer

HANDSHAKE_VERSIONS = (HANDSHAKE_7, HANDSHAKE_8)
"""The header versions that a TCP handshake may come with."""


class State(enum.Enum):
    __hash__ = object.__hash__  # that of Enum takes as long as the rest of a move

    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


class Kind(enum.Enum):
    __hash__ = object.__hash__  # that of Enum takes as long as the rest of a move

    PING = "ping"
    HANDSHAKE = "handshake"
    REQUEST = "request"
    RESPONSE = "response"


MOVES: dict[tuple[State, Kind], State] = {
    (State.NEW, Kind.PING): State.NEW,
    (State.NEW, Kind.HANDSHAKE): State.OPEN,
    (State.NEW, Kind.REQUEST): State.OPEN,
    (State.OPEN, Kind.PING): State.OPEN,
    (State.OPEN, Kind.REQUEST): State.OPEN,
}


class ServerConnection:
    """One accepted connection.

    ``offered`` is the highest transport version that this side speaks, ``release`` the version number that the handshake tells,
    ``node`` and ``address`` (host and port) what errors name as their origin.
    """

    def __init__(
        self, *, offered: TransportVersion, release: str, limits: Limits | None = None, node: str = "", address: str = ""
    ) -> None:
        self.state = State.NEW
        self.version: TransportVersion | None = None
        self._offered = offered
        self._release = release
        self._node, self._address = node, address
        self._decoder = FrameDecoder(limits)

    @property
    def mid_message(self) -> bool:
        """Whether a part of a message has come, and the rest has not."""
        return self._decoder.buffered > 0

    def receive_data(self, data: bytes | bytearray) -> Iterator[Event]:
        """The events that these bytes complete. Raises WireError and closes the connection where they are not what may come."""
        try:
            for item in self._decoder.receive(data):
                if isinstance(item, Ping):
                    self._move(Kind.PING)
                    yield PingReceived(PING)
                elif isinstance(item, Header):
                    self._move(_kind(item))
                    self._check_version(item)
                    if not item.is_handshake:
                        yield RequestStarted(item)
                elif item.header.is_handshake:
                    yield self._handshake(item)
                else:
                    yield RequestReceived(item.header, item.payload, item.compression, item.raw)
        except WireError:
            self.state = State.CLOSED
            raise

    def response(self, request: Header, payload: bytes, compression: Compression | None = None) -> bytes:
        """The frame that answers a request; compressed the way that the request was."""
        return encode_frame(
            request_id=request.request_id,
            status=Status.RESPONSE,
            version=request.version,
            payload=payload,
            compression=compression,
        )

    def forwarded_head(self, request: Header, status: Status, headers: Mapping[str, list[str]], size: int) -> bytes:
        """What comes before the ``size`` bytes of a payload that another connection gave: an error or not, compressed or not, as
        ``status`` says."""
        return encode_head(
            request_id=request.request_id, status=status, version=request.version, payload_size=size, response_headers=headers
        )

    def error_response(self, request: Header, error: ElasticsearchException) -> bytes:
        """The frame that tells a request's failure; never compressed, as Elasticsearch's own."""
        writer = Writer(request.version)
        write_exception(writer, sent_by(self._node, self._address, request.action, error))
        return encode_frame(
            request_id=request.request_id,
            status=Status.RESPONSE | Status.ERROR,
            version=request.version,
            payload=writer.getvalue(),
        )

    def _move(self, kind: Kind) -> None:
        state = MOVES.get((self.state, kind))
        if state is None:
            raise WireError(f"a {kind.value} is not expected on a connection that is {self.state.value}")
        self.state = state

    def _check_version(self, header: Header) -> None:
        if header.is_handshake:
            if header.version not in HANDSHAKE_VERSIONS:
                allowed = ", ".join(map(str, HANDSHAKE_VERSIONS))
                raise WireError(
                    f"Received message from unsupported version: [{header.version}] allowed versions are: [{allowed}]"
                )
        elif header.version > self._offered:
            raise WireError(f"Received message from unsupported version: [{header.version}], offered was: [{self._offered}]")

    def _handshake(self, frame: Frame) -> HandshakeReceived:
        header = frame.header
        if header.action != TCP_HANDSHAKE:
            raise WireError(f"a handshake with the action [{header.action}]")
        request = TcpHandshakeRequest.decode(frame.payload, header.version)
        response = TcpHandshakeResponse(transport_version=self._offered.id, release=self._release)
        reply = encode_frame(
            request_id=header.request_id,
            status=Status.RESPONSE | Status.HANDSHAKE,
            version=header.version,
            payload=response.encode(header.version),
        )
        self.version = min(TransportVersion(request.transport_version), self._offered)
        return HandshakeReceived(self.version, request.release, reply)


def _kind(header: Header) -> Kind:
    if not header.is_request:
        return Kind.RESPONSE
    return Kind.HANDSHAKE if header.is_handshake else Kind.REQUEST
