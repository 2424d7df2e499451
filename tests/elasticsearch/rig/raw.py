"""A hand-made client of the transport protocol, for what no stock local node would send."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from protocol.compression import Compression
from protocol.errors import ElasticsearchException
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Frame, FrameDecoder, Ping, Status, encode_frame
from protocol.messages.handshake import TcpHandshakeRequest
from protocol.versions import HANDSHAKE_8, V_8_19, TransportVersion
from protocol.wire import Reader

TIMEOUT_SECONDS = 20.0


class RawClient:
    """One connection. ``client`` is the certificate and key for the certificate model."""

    def __init__(self, address: str, ca: Path, client: tuple[Path, Path] | None = None) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if client is not None:
            context.load_cert_chain(*client)
        host, _, port = address.rpartition(":")
        plain = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        self.socket = context.wrap_socket(plain, server_hostname=host)
        self._decoder = FrameDecoder()
        self._frames: list[Frame | Ping] = []
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def shake_hands(self, speaks: TransportVersion = V_8_19) -> bytes:
        """The payload of the answer."""
        payload = TcpHandshakeRequest.of(speaks.id, "8.19.21").encode(HANDSHAKE_8)
        data = encode_frame(
            request_id=next(self._ids),
            status=Status.HANDSHAKE,
            version=HANDSHAKE_8,
            payload=payload,
            action="internal:tcp/handshake",
        )
        self.socket.sendall(data)
        frame = self.receive()
        assert isinstance(frame, Frame)
        return frame.payload

    def send(
        self,
        action: str,
        payload: bytes,
        headers: Mapping[str, str],
        version: TransportVersion = V_8_19,
        scheme: Compression | None = None,
    ) -> int:
        request_id = next(self._ids)
        data = encode_frame(
            request_id=request_id,
            status=Status(0),
            version=version,
            payload=payload,
            action=action,
            request_headers=headers,
            compression=scheme,
        )
        self.socket.sendall(data)
        return request_id

    def receive(self) -> Frame | Ping | None:
        """The next frame or ping; None when the other side has closed."""
        while not self._frames:
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                return None
            if not data:
                return None
            self._frames += [item for item in self._decoder.receive(data) if isinstance(item, Frame | Ping)]
        return self._frames.pop(0)

    def call(self, action: str, payload: bytes, headers: Mapping[str, str]) -> bytes | ElasticsearchException:
        """The answer's payload, or the exception that is the answer, without the wrapper that names node and action."""
        request_id = self.send(action, payload, headers)
        frame = self.receive()
        assert isinstance(frame, Frame), f"closed instead of an answer to {action}"
        assert frame.header.request_id == request_id
        if frame.header.status & Status.ERROR:
            return unwrap(read_exception(Reader(frame.payload, frame.header.version)))
        return frame.payload
