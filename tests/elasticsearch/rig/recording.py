"""A remote cluster that only writes down what it is asked, so that a test can see what a real local cluster sends."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT, ClusterActions
from gateway.node import RELEASE, NodeIdentity
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import HandshakeReceived, PingReceived, RequestReceived
from protocol.frames import Header
from protocol.messages.common import Request
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE
from protocol.versions import V_8_19

SECONDS = 60.0
_HANDSHAKES = (REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE)


@dataclass
class Recorder:
    """Listens for proxy connections until the end of the ``with``. What is asked beyond handshakes is refused, and its header kept.

    ``authorities``: whose client certificates are wanted (the certificate model); ``None`` in the API key model.
    """

    certificate: Path
    key: Path
    authorities: Path | None = None
    requests: list[Header] = field(default_factory=list)
    """Of both kinds, in the order in which they came."""

    def __enter__(self) -> Self:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, self.key)
        if self.authorities is not None:
            self._context.load_verify_locations(self.authorities)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._interface = REMOTE_CLUSTER if self.authorities is None else TRANSPORT
        identity = NodeIdentity("recorder", "u" * 22, "recorder", "n" * 22, "e" * 22)
        self._actions = ClusterActions(identity, TaskRegistry())
        self._actions.nodes[self._interface] = identity.discovery_node("127.0.0.1", self.port)
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for stream in list(self._open):
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was faster
        for thread in self._threads:
            thread.join(SECONDS)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def asked(self, action: str) -> list[Header]:
        """The requests for an action since the last time that this was asked for any."""
        found, self.requests[:] = [header for header in self.requests if header.action == action], []
        return found

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self._run(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        connection = ServerConnection(offered=V_8_19, release=RELEASE, node="recorder", address=self.address)
        with plain:
            self._open.add(plain)
            try:
                with self._context.wrap_socket(plain, server_side=True) as stream:
                    self._open.add(stream)
                    while data := stream.recv(65536):
                        for event in connection.receive_data(data):
                            match event:
                                case HandshakeReceived() | PingReceived():
                                    stream.sendall(event.reply)
                                case RequestReceived():
                                    stream.sendall(self._answer(connection, event.header))
            except OSError:
                return  # it went away

    def _answer(self, connection: ServerConnection, header: Header) -> bytes:
        self.requests.append(header)
        if header.action in _HANDSHAKES:
            peer = Peer(interface=self._interface, address="127.0.0.1", port=0)
            answer = self._actions.answer(header.action, Request(), peer)
            assert answer is not None
            return connection.response(header, answer.encode(header.version))
        return connection.error_response(header, ElasticsearchException("security_exception", "recorded", status=403))
