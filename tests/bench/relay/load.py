"""The load: closed loops of clients over a few connections, in a process of its own.

``python -m tests.bench.relay.load CA CREDENTIALS`` takes one order a line of standard input and answers with one line, both JSON; see
``Order`` and ``Block``. It does little: requests are put together from bytes made beforehand, and of an answer it looks at length and id.
"""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Self

from protocol.frames import Status, encode_frame
from protocol.messages.handshake import TCP_HANDSHAKE, TcpHandshakeRequest
from protocol.versions import HANDSHAKE_8, V_8_19
from tests.bench.relay.traffic import START, Template, templates

RECEIVE_BYTES = 256 * 1024
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """``clients`` in closed loops over ``connections`` for ``seconds``, each wanting ``answer`` bytes of the side at ``port``, whose
    process is ``process``. With ``seconds`` 0 the connections are made, each used once, and stay until the next order."""

    port: int
    process: int
    answer: int
    clients: int
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, in seconds: on a core, and waiting for one while another program had it. From Linux's schedstat."""

    running: float = 0.0
    waiting: float = 0.0

    @classmethod
    def of(cls, process: int | str) -> Self:
        running = waiting = 0
        for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
            fields = path.read_text().split()
            running, waiting = running + int(fields[0]), waiting + int(fields[1])
        return cls(running / 1e9, waiting / 1e9)

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.running + other.running, self.waiting + other.waiting)

    def since(self, before: Usage) -> Usage:
        return Usage(self.running - before.running, self.waiting - before.waiting)


@dataclass(slots=True)
class Block:
    """What came of an order. ``side`` and ``load``: what both processes took; latencies in seconds."""

    answers: int = 0
    seconds: float = 0.0
    side: dict[str, float] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)


class Connection:
    """One connection to the side, with several requests under way at once."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = context.wrap_socket(plain, server_hostname="localhost")
        self._start = b""
        self._left = 0
        self._scratch = memoryview(bytearray(RECEIVE_BYTES))
        self.sent: dict[int, float] = {}
        hello = TcpHandshakeRequest.of(V_8_19.id, "8.19.21").encode(HANDSHAKE_8)
        self.stream.sendall(
            encode_frame(request_id=0, status=Status.HANDSHAKE, version=HANDSHAKE_8, payload=hello, action=TCP_HANDSHAKE)
        )
        self.sent[0] = time.perf_counter()
        while self.sent:
            self.receive()

    def send(self, requests: list[tuple[int, bytes]]) -> None:
        now = time.perf_counter()
        for number, _ in requests:
            self.sent[number] = now
        self.stream.sendall(b"".join([frame for _, frame in requests]))

    def receive(self) -> list[float]:
        """Latencies of the answers that are complete now. Raises RuntimeError for an error, or when the connection is over."""
        size = self.stream.recv_into(self._scratch)
        if not size:
            raise RuntimeError("the side has closed a connection")
        position, done, now = 0, [], time.perf_counter()
        while position < size:
            if self._left:
                step = min(self._left, size - position)
                position += step
                self._left -= step
            else:
                missing = START.size - len(self._start)
                self._start += self._scratch[position : position + missing]
                position = min(position + missing, size)
                if len(self._start) < START.size:
                    break
                _, length, self._number, status, _ = START.unpack(self._start)
                if status & Status.ERROR:
                    raise RuntimeError(f"not an answer to measure: {bytes(self._scratch[position:size])!r}")
                self._left = length + 6 - START.size
            if not self._left:
                self._start = b""
                done.append(now - self.sent.pop(self._number))
        return done


class Load:
    """Keeps the connections of the last order when they are to stay."""

    def __init__(self, authority: str, credentials: str) -> None:
        self._context = ssl.create_default_context(cafile=authority)
        self._credentials = credentials
        self._idle: list[Connection] = []
        self._numbers = count(1)

    @lru_cache  # noqa: B019 - there is one, as long as the process
    def _templates(self, answer: int) -> list[Template]:
        return templates(answer, self._credentials)

    def run(self, order: Order) -> Block:
        for connection in self._idle:
            connection.stream.close()
        self._idle = []
        connections = []
        for _ in range(order.connections):
            connections.append(connection := Connection(order.port, self._context))
            connection.send(self._requests(order.answer, 1))
            while connection.sent:
                connection.receive()
        if not order.seconds:
            self._idle = connections
            return Block(answers=len(connections))
        try:
            return self._measure(order, connections)
        finally:
            for connection in connections:
                connection.stream.close()

    def _requests(self, answer: int, number: int) -> list[tuple[int, bytes]]:
        made = self._templates(answer)
        return [(each, made[each % len(made)].frame(each)) for _ in range(number) if (each := next(self._numbers))]

    def _measure(self, order: Order, connections: list[Connection]) -> Block:
        block = Block()
        with selectors.DefaultSelector() as selector:
            for connection in connections:
                selector.register(connection.stream, selectors.EVENT_READ, connection)
            for place, connection in enumerate(connections):
                connection.send(self._requests(order.answer, len(range(place, order.clients, order.connections))))
            side, load, began = Usage.of(order.process), Usage.of("self"), time.perf_counter()
            latencies, ended = block.latencies, began
            while (ended := time.perf_counter()) < began + order.seconds or len(latencies) < order.clients:
                for key, _ in selector.select(TIMEOUT_SECONDS):
                    done = key.data.receive()
                    if done:
                        latencies += done
                        key.data.send(self._requests(order.answer, len(done)))
            block.side, block.load = asdict(Usage.of(order.process).since(side)), asdict(Usage.of("self").since(load))
            block.seconds, block.answers = ended - began, len(latencies)
            self._drain(selector, connections)
        return block

    def _drain(self, selector: selectors.BaseSelector, connections: list[Connection]) -> None:
        while any(connection.sent for connection in connections):
            for key, _ in selector.select(TIMEOUT_SECONDS):
                key.data.receive()


def main() -> None:
    load = Load(*sys.argv[1:])
    for line in sys.stdin:
        block = load.run(Order(**json.loads(line)))
        print(json.dumps(asdict(block)), flush=True)


if __name__ == "__main__":
    main()
