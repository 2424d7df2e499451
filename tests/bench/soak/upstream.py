"""The upstream that is played, with a thread for each link, so that one whose client is slow holds up no other.

``python -m tests.bench.soak.upstream CERTIFICATE KEY`` prints its port. A request for no bytes gets no answer.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading

from tests.bench.relay.traffic import ANSWER_BYTES
from tests.bench.relay.upstream import ACCEPT_SECONDS, Connection

BACKLOG = 1024


class PatientConnection(Connection):
    """One link."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        super().__init__(stream)
        self.answers = {}  # type: ignore[misc] # the frames are written into while others are being sent

    def _answer(self, frame: bytes) -> bytes | bytearray:
        wanted = ANSWER_BYTES.search(frame)
        return b"" if wanted is not None and not int(wanted[1]) else super()._answer(frame)


def serve(accepted: socket.socket, context: ssl.SSLContext) -> None:
    accepted.settimeout(ACCEPT_SECONDS)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with accepted:
        try:
            stream = context.wrap_socket(accepted, server_side=True)
        except OSError:
            return  # one link less
        with stream:
            stream.settimeout(None)
            connection = PatientConnection(stream)
            while connection.receive():
                pass


def main() -> None:
    certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.num_tickets = 0
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(listener.getsockname()[1], flush=True)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(accepted, context), daemon=True).start()


if __name__ == "__main__":
    main()
