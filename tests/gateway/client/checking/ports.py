"""Ports that a test plays: whatever answers there, over sockets of this machine."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import HandshakeReceived, PingReceived, RequestReceived
from protocol.versions import TransportVersion

SECONDS = 20.0
RECEIVE = 65_536
Behaviour = Callable[[socket.socket], None]


@contextmanager
def played(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a port where each connection is given to ``behaviour``, in a thread of its own; over TLS with a ``context``."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(plain: socket.socket) -> None:
        with plain:
            plain.settimeout(SECONDS)
            try:
                if context is None:
                    behaviour(plain)
                else:
                    with context.wrap_socket(plain, server_side=True) as stream:
                        opened.append(stream)
                        behaviour(stream)
            except OSError:
                return  # the other side went away

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            opened.append(plain)
            threads.append(threading.Thread(target=serve, args=(plain,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(SECONDS)
        for each in opened:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already
        for thread in threads:
            thread.join(SECONDS)


def silence(stream: socket.socket) -> None:
    """Takes what comes and says nothing."""
    while stream.recv(RECEIVE):
        pass


def closing(stream: socket.socket) -> None:
    """Takes a little and ends."""
    stream.recv(RECEIVE)


def http(stream: socket.socket) -> None:
    """As Elasticsearch's HTTP interface, to whatever comes."""
    stream.recv(RECEIVE)
    stream.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


def plain_transport(stream: socket.socket) -> None:
    """As Elasticsearch's transport port does to what is not its protocol."""
    if stream.recv(RECEIVE).startswith(b"GET "):
        stream.sendall(b"This is not an HTTP port")


def cluster(version: int = 8841096, release: str = "8.19.21", refusal: ElasticsearchException | None = None) -> Behaviour:
    """A node that shakes hands, and refuses each request with ``refusal``, or leaves it without an answer."""

    def behaviour(stream: socket.socket) -> None:
        machine = ServerConnection(offered=TransportVersion(version), release=release)
        while data := stream.recv(RECEIVE):
            for event in machine.receive_data(data):
                if isinstance(event, HandshakeReceived | PingReceived):
                    stream.sendall(event.reply)
                elif isinstance(event, RequestReceived) and refusal is not None:
                    stream.sendall(machine.error_response(event.header, refusal))

    return behaviour
