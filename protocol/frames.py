"""Frames: how messages lie in a stream of bytes.

    'E' 'S' | length: int32 | request id: int64 | status: byte | version: int32 | variable header size: int32
    | variable header | payload

The length counts what follows it; a length of -1 is a ping and nothing follows. The variable header holds the request headers,
the response headers and, in a request, the action. Facts from ``TcpHeader``, ``InboundDecoder`` and ``Header`` of Elasticsearch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Self

from protocol.compression import Compression, compress, decompress_untrusted
from protocol.errors import WireError
from protocol.versions import V_8_19, Feature, TransportVersion, transport_version
from protocol.wire import Reader, Writer

MARKER = b"ES"
PING = b"ES\xff\xff\xff\xff"

_PREFIX = struct.Struct(">2si")
_FIXED = struct.Struct(">2siqBii")
_NO_HEADERS = b"\0\0"
MAX_REMEMBERED = 4096
"""Characters of a header of which the bytes are remembered."""
_AUDIT_ID = "_xpack_audit_request_id"
"""The request header that differs from one request to the next."""
_AFTER_LENGTH = _FIXED.size - _PREFIX.size

VARIABLE_HEADER = Feature("variable_header", 7060099)
"""Before 7.6 a header has no size of its own; no node of today sends such frames."""

NO_FEATURES = Feature("no_features", 8000099)
"""Before 8.0 a request's header has a list of feature names, always empty, before the action."""

_HTTP_STARTS = (b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTION", b"PATCH", b"TRACE")
_TLS_HANDSHAKE = 0x16


class Status(int):
    """The status byte: bits to be joined with ``|`` and looked at with ``&``. No enum.IntFlag, whose operators cost more than the rest of
    a header."""

    RESPONSE: ClassVar[Status]
    ERROR: ClassVar[Status]
    COMPRESSED: ClassVar[Status]
    HANDSHAKE: ClassVar[Status]

    __slots__ = ()

    def __or__(self, other: int) -> Status:
        return Status(int(self) | other)


Status.RESPONSE, Status.ERROR, Status.COMPRESSED, Status.HANDSHAKE = map(Status, (1, 2, 4, 8))
_ALL_BITS = 15
_STATUSES = tuple(map(Status, range(_ALL_BITS + 1)))


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the parts of a frame may be, in bytes.

    ``header``: fixed and variable header together (``remote_cluster.max_request_header_size``, 64 kB in Elasticsearch).
    ``frame``: what the length field may say. ``payload``: a payload after decompression. Elasticsearch allows 30% of its heap
    for the two; the requests of a local cluster are far below these.
    """

    header: int = 64 * 1024
    frame: int = 64 * 1024 * 1024
    payload: int = 128 * 1024 * 1024


class HttpRequestOnTransport(WireError):  # noqa: N818
    """An HTTP request, which gets this one's text as its answer."""

    def __init__(self) -> None:
        super().__init__("This is not an HTTP port")


@dataclass(slots=True)
class Header:
    """What is known of a message once its header is there; ``size`` is the whole frame's, in bytes. Not to be changed, nor are the events
    made of it: they are not frozen because that makes each cost a microsecond more."""

    request_id: int
    status: Status
    version: TransportVersion
    size: int
    action: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: Mapping[str, list[str]] = field(default_factory=dict)
    payload_size: int = 0
    """In bytes, as they come."""

    @property
    def is_request(self) -> bool:
        return not self.status & Status.RESPONSE

    @property
    def is_handshake(self) -> bool:
        return bool(self.status & Status.HANDSHAKE)


@dataclass(slots=True)
class Frame:
    """A whole message. The payload is plain and ``compression`` says how it came, unless the decoder is an opaque one."""

    header: Header
    payload: bytes
    compression: Compression | None = None
    raw: bytes = b""
    """The payload as it came."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A keep-alive; the server side answers with the same six bytes."""


@dataclass(slots=True)
class Part:
    """Some bytes of a payload, as they came; ``last`` where the message ends with them."""

    data: bytes = field(repr=False)
    last: bool


@dataclass(slots=True)
class _Variable:
    """A variable header that was read. Those of a connection are mostly the same but for one value, the audit's id of the request: the
    bytes ``before`` and ``after`` it, of which the first end with its length, say that another one is read like this."""

    kind: tuple[int, TransportVersion]
    """Whether it is an answer's, and the version: what the layout depends on."""
    before: bytes
    after: bytes
    size: int
    action: str
    request_headers: dict[str, str]
    response_headers: dict[str, list[str]]

    @classmethod
    def read_untrusted(cls, raw: bytes, kind: tuple[int, TransportVersion]) -> Self:
        is_response, version = kind
        reader = Reader(raw, version)
        request_headers: dict[str, str] = {}
        start = end = 0
        for _ in range(reader.size()):
            name = reader.string()
            request_headers[name] = value = reader.string()
            if name == _AUDIT_ID:
                end = reader.position if value.isascii() else 0
                start = max(end - len(value), 0)
        response_headers = reader.map(reader.string, lambda: reader.list(reader.string))
        action = ""
        if not is_response:
            if not version.supports(NO_FEATURES):
                reader.list(reader.string)
            action = reader.string()
        reader.expect_end("the variable header")
        return cls(kind, raw[:start], raw[end:], len(raw), action, request_headers, response_headers)

    def read_again(self, raw: bytes) -> dict[str, str] | None:
        """The request headers of another one that differs in that value at most; else None."""
        if len(raw) != self.size or not (raw.startswith(self.before) and raw.endswith(self.after)):
            return None
        value = raw[len(self.before) : len(raw) - len(self.after)]
        if not value:
            return self.request_headers
        return {**self.request_headers, _AUDIT_ID: value.decode("ascii")} if value.isascii() else None


class _Stream:
    """Where messages begin in a stream, and what their headers say."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._payload_start = 0
        self._last: _Variable | None = None

    def _next_untrusted(self) -> Ping | Header | None:
        """What the buffer begins with; None where that is not complete. A ping is taken off the buffer, a header is not."""
        buffer = self._buffer
        if len(buffer) < _PREFIX.size:
            return None
        marker, size = _PREFIX.unpack_from(buffer)
        if marker != MARKER:
            raise _not_elasticsearch(bytes(buffer[: _PREFIX.size]))
        if size == -1:
            del buffer[: _PREFIX.size]
            return Ping()
        if size < _AFTER_LENGTH:
            raise WireError(f"invalid data length: {size}")
        if size > self._limits.frame:
            raise WireError(f"illegal transport message of size [{size}b] which exceeds [{self._limits.frame}b]")
        return self._header_untrusted(size) if len(buffer) >= _FIXED.size else None

    def _header_untrusted(self, size: int) -> Header | None:
        buffer = self._buffer
        _, _, request_id, status, version_id, variable = _FIXED.unpack_from(buffer)
        if status > _ALL_BITS:
            raise WireError(f"unknown status bits [0x{status:02x}]")
        version = transport_version(version_id)
        if not version.supports(VARIABLE_HEADER):
            raise WireError(f"Received message from unsupported version: [{version}]")
        if variable < 0:
            raise WireError(f"invalid negative variable header size: {variable}")
        if _FIXED.size + variable > self._limits.header:
            raise WireError(f"header size [{_FIXED.size + variable}] exceeds limit of [{self._limits.header}b]")
        if _AFTER_LENGTH + variable > size:
            raise WireError(f"a header of {variable} bytes in a message of {size}")
        self._payload_start = _FIXED.size + variable
        if len(buffer) < self._payload_start:
            return None
        whole = size + _PREFIX.size
        payload_size = whole - self._payload_start
        # As most answers are.
        if status & Status.RESPONSE and variable == len(_NO_HEADERS) and buffer.startswith(_NO_HEADERS, _FIXED.size):
            return Header(request_id, _STATUSES[status], version, whole, payload_size=payload_size)
        raw = bytes(buffer[_FIXED.size : self._payload_start])
        same_kind = status & Status.RESPONSE, version
        last = self._last
        request_headers = None if last is None or last.kind != same_kind else last.read_again(raw)
        if last is None or request_headers is None:
            last = self._last = _Variable.read_untrusted(raw, same_kind)
            request_headers = last.request_headers
        return Header(
            request_id, _STATUSES[status], version, whole, last.action, request_headers, last.response_headers, payload_size
        )


class FrameDecoder(_Stream):
    """Cuts a stream into pings, headers and frames.

    ``receive`` yields a Header as soon as it is complete, before the payload has come, and the Frame with that same header after.
    It raises WireError at the first malformed byte; the stream has no meaning after that.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._header: Header | None = None

    @property
    def buffered(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._buffer)

    def receive(self, data: bytes | bytearray | memoryview) -> Iterator[Ping | Header | Frame]:
        self._buffer += data
        while True:
            if self._header is None:
                item = self._next_untrusted()
                if item is None:
                    return
                yield item
                if isinstance(item, Ping):
                    continue
                self._header = item
            header = self._header
            if len(self._buffer) < header.size:
                return
            raw = payload = bytes(memoryview(self._buffer)[self._payload_start : header.size])
            del self._buffer[: header.size]
            self._header = None
            compression = None
            if header.status & Status.COMPRESSED:
                compression, payload = decompress_untrusted(payload, self._limits.payload)
            yield Frame(header, payload, compression, raw)


class FrameSplitter(_Stream):
    """Cuts a stream into pings, headers and parts of payloads, for one who passes them on: no payload is assembled, nor looked into.

    After each Header come its Parts, at least one. Raises like FrameDecoder.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._left: int | None = None

    def receive(self, data: bytes | bytearray | memoryview) -> Iterator[Ping | Header | Part]:
        if self._left and 0 < len(data) <= self._left and not self._buffer:
            # Within a large payload nothing needs to be copied.
            left = self._left - len(data)
            self._left = left or None
            yield Part(data if isinstance(data, bytes) else bytes(data), last=not left)
            return
        self._buffer += data
        while True:
            if self._left is None:
                item = self._next_untrusted()
                if item is None:
                    return
                if isinstance(item, Header):
                    del self._buffer[: self._payload_start]
                    self._left = item.size - self._payload_start
                yield item
            elif self._buffer or not self._left:
                part = bytes(memoryview(self._buffer)[: self._left])
                del self._buffer[: len(part)]
                left = self._left - len(part)
                self._left = left or None
                yield Part(part, last=not left)
            else:
                return


def encode_frame(
    *,
    request_id: int,
    status: Status,
    version: TransportVersion,
    payload: bytes,
    action: str = "",
    request_headers: Mapping[str, str] | None = None,
    response_headers: Mapping[str, list[str]] | None = None,
    compression: Compression | None = None,
) -> bytes:
    """A whole frame. ``action`` is for requests; ``compression`` sets the status bit as well."""
    if compression is not None:
        status |= Status.COMPRESSED
        payload = compress(payload, compression)
    head = encode_head(
        request_id=request_id,
        status=status,
        version=version,
        payload_size=len(payload),
        action=action,
        request_headers=request_headers,
        response_headers=response_headers,
    )
    return head + payload


def encode_head(
    *,
    request_id: int,
    status: Status,
    version: TransportVersion,
    payload_size: int,
    action: str = "",
    request_headers: Mapping[str, str] | None = None,
    response_headers: Mapping[str, list[str]] | None = None,
) -> bytes:
    """All of a frame but its payload, which is of ``payload_size`` bytes."""
    if status & Status.RESPONSE and not request_headers and not response_headers:
        variable = _NO_HEADERS
    else:
        parts = [_size(len(request_headers or ()))]
        for name, value in (request_headers or {}).items():
            # A short value may be one that no other request has.
            parts += _string(name), _encoded(value) if len(value) < 0x80 else _string(value)
        parts.append(_size(len(response_headers or ())))
        for name, values in (response_headers or {}).items():
            parts += _string(name), _size(len(values)), *map(_string, values)
        if not status & Status.RESPONSE:
            if not version.supports(NO_FEATURES):
                parts.append(_size(0))
            parts.append(_string(action))
        variable = b"".join(parts)
    size = _AFTER_LENGTH + len(variable) + payload_size
    return _FIXED.pack(MARKER, size, request_id, status, version.id, len(variable)) + variable


@lru_cache(maxsize=64)
def _size(count: int) -> bytes:
    writer = Writer(V_8_19)
    writer.vint(count)
    return writer.getvalue()


def _string(text: str) -> bytes:
    return _remembered(text) if len(text) <= MAX_REMEMBERED else _encoded(text)


def _encoded(text: str) -> bytes:
    """As it stands in a header, of whatever version."""
    if len(text) < 0x80 and text.isascii():
        return bytes((len(text),)) + text.encode("ascii")
    writer = Writer(V_8_19)
    writer.string(text)
    return writer.getvalue()


_remembered = lru_cache(maxsize=1024)(_encoded)
"""Names and most values come with each request."""


def _not_elasticsearch(start: bytes) -> WireError:
    """Says what it is that came instead, in Elasticsearch's words."""
    if start.startswith(_HTTP_STARTS):
        return HttpRequestOnTransport()
    if start.startswith(b"HTTP"):
        return WireError(
            "received HTTP response on transport port, ensure that transport port (not HTTP port) of a remote node is specified"
            " in the configuration"
        )
    first = "(" + ",".join(f"{byte:x}" for byte in start[:4]) + ")"
    if start[0] == _TLS_HANDSHAKE:
        return WireError(f"SSL/TLS request received but SSL/TLS is not enabled on this node, got {first}")
    return WireError(f"invalid internal transport message format, got {first}")
