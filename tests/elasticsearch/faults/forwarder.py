"""A stretch of network between two ends, which can lose all packets of the connections that are there, both ways, and tell nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

CHUNK_BYTES = 64 * 1024
STOP_SECONDS = 10.0


def _narrow(made: socket.socket) -> socket.socket:
    """With small buffers, which its accepted connections inherit: who does not take what comes is soon noticed."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, CHUNK_BYTES)
    return made


@dataclass(eq=False)
class _Pair:
    """Both sockets of one connection."""

    ends: tuple[socket.socket, socket.socket]
    lost: bool = False

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK_BYTES):
                if self.lost:
                    return  # without a word: both sockets stay open, and nobody reads from them
                sink.sendall(data)
        except OSError:
            pass  # one end was reset
        if not self.lost:
            self.close()

    def close(self) -> None:
        for end in self.ends:
            with suppress(OSError):  # it may be closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Forwarder:
    """``target`` is a port of this machine, and so is ``port``, which stands for it."""

    target: int
    _listener: socket.socket = field(default_factory=lambda: _narrow(socket.create_server(("127.0.0.1", 0), backlog=128)))
    _pairs: list[_Pair] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def lose(self) -> None:
        """From now on nothing passes on the connections that are there; new ones work."""
        for pair in self._pairs:
            pair.lost = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                far = _narrow(socket.create_connection(("127.0.0.1", self.target)))
            except OSError:
                near.close()
                continue
            pair = _Pair((near, far))
            self._pairs.append(pair)
            self._start(partial(pair.pump, near, far))
            self._start(partial(pair.pump, far, near))

    def start(self) -> None:
        self._start(self._accept)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            pair.close()
        for thread in self._threads:
            thread.join(STOP_SECONDS)


@contextmanager
def forwarder(target: int) -> Iterator[Forwarder]:
    made = Forwarder(target)
    made.start()
    try:
        yield made
    finally:
        made.stop()
