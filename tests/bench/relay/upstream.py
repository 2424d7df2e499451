"""The upstream that is played: it shakes hands by this project's own end of the protocol, and answers searches by bytes made beforehand.

``python -m tests.bench.relay.upstream CERTIFICATE KEY`` prints its port. One process, one loop over all sockets: per search it looks for
the size that is wanted, and sends.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import sys
from pathlib import Path
from typing import ClassVar

from gateway.node import RELEASE, NodeIdentity
from protocol.connection import ServerConnection
from protocol.events import HandshakeReceived, RequestReceived
from protocol.frames import Status
from protocol.messages.handshake import HandshakeResponse
from protocol.versions import V_8_19
from tests.bench.relay.traffic import ANSWER_BYTES, ID_END, ID_START, PREFIX_BYTES, START

RECEIVE_BYTES = 256 * 1024
ACCEPT_SECONDS = 30.0


class Connection:
    """One link of the side that is measured."""

    answers: ClassVar[dict[bytes, bytearray]] = {}
    """Whole frames by the size that is asked for; the id is written into them."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self.stream = stream
        self._machine = ServerConnection(offered=V_8_19, release=RELEASE)
        self._buffer = b""

    def receive(self) -> bool:
        """Whether it goes on."""
        try:
            data = self.stream.recv(RECEIVE_BYTES)
            return bool(data) and self._received(self._buffer + data if self._buffer else data)
        except OSError:
            return False

    def _received(self, data: bytes) -> bool:
        position, replies = 0, []
        while len(data) - position >= PREFIX_BYTES:
            end = position + PREFIX_BYTES + max(int.from_bytes(data[position + 2 : position + 6], "big", signed=True), 0)
            if end > len(data):
                break
            replies.append(self._answer(data[position:end]))
            position = end
        self._buffer = data[position:]
        if replies:
            self.stream.sendall(replies[0] if len(replies) == 1 else b"".join(replies))
        return True

    def _answer(self, frame: bytes) -> bytes | bytearray:
        if len(frame) == PREFIX_BYTES:
            return frame  # a ping
        wanted = ANSWER_BYTES.search(frame)
        if wanted is None:
            return self._shake_hands(frame)
        answer = self.answers.get(wanted[1])
        if answer is None:
            size = int(wanted[1])
            head = START.pack(b"ES", size + 19, 0, Status.RESPONSE, V_8_19.id) + b"\0\0\0\2\0\0"
            answer = self.answers[wanted[1]] = bytearray(head + os.urandom(size))
        answer[ID_START:ID_END] = frame[ID_START:ID_END]
        # Joined with others later on, when the next one has written its id into the same frame.
        return bytes(answer) if len(answer) < RECEIVE_BYTES else answer

    def _shake_hands(self, frame: bytes) -> bytes:
        (event,) = [each for each in self._machine.receive_data(frame) if isinstance(each, HandshakeReceived | RequestReceived)]
        if isinstance(event, HandshakeReceived):
            return event.reply
        node = NodeIdentity("up", "u" * 22, "n", "i" * 22, "e" * 22).discovery_node("127.0.0.1", 9443)
        answer = HandshakeResponse(version=8192199, build_hash="h", node=node, cluster_name="up")
        return self._machine.response(event.header, answer.encode(V_8_19))


def main() -> None:
    certificate, key = map(Path, sys.argv[1:])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.num_tickets = 0
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key_, _ in selector.select():
            connection: Connection | None = key_.data
            if connection is None:
                accepted, _ = listener.accept()
                accepted.settimeout(ACCEPT_SECONDS)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    stream = context.wrap_socket(accepted, server_side=True)
                except OSError:
                    accepted.close()
                    continue
                stream.settimeout(None)
                selector.register(stream, selectors.EVENT_READ, Connection(stream))
            elif not connection.receive():
                selector.unregister(connection.stream)
                connection.stream.close()


if __name__ == "__main__":
    main()
