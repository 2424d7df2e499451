"""A closed loop of clients over plain sockets: each sends the next request when it has its answer.

It does no more than it must, because it shares the machine with what it measures: requests are bytes made beforehand, and of an
answer only the status and the length are looked at.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Samples:
    """Latencies of a block, in seconds, and how long the block took."""

    latencies: list[float]
    seconds: float


def request_bytes(path: str, body: Any, user: str, password: str) -> bytes:
    """A POST of JSON over a connection that stays open."""
    content = json.dumps(body).encode()
    credential = base64.b64encode(f"{user}:{password}".encode()).decode()
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Basic {credential}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Client:
    """One connection to a node on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def close(self) -> None:
        self._socket.close()

    def call(self, request: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError where it is not 200."""
        self._socket.sendall(request)
        self._buffer = b""
        head = self._until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"not an answer to measure: {(head + self._buffer)[:2000].decode(errors='replace')}")
        length = _LENGTH.search(head)
        if length is not None:
            return self._exactly(int(length[1]))
        parts = []
        # Without a length it comes in chunks, each behind its size; the last one is empty.
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        self._exactly(2)
        return b"".join(parts)

    def _until(self, end: bytes) -> bytes:
        while (place := self._buffer.find(end)) < 0:
            self._buffer += self._receive()
        taken, self._buffer = self._buffer[:place], self._buffer[place + len(end) :]
        return taken

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._buffer], len(self._buffer)
        while have < size:
            parts.append(self._receive())
            have += len(parts[-1])
        data = b"".join(parts)
        self._buffer = data[size:]
        return data[:size]

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise RuntimeError("the node closed the connection")
        return data


def run(port: int, requests: Sequence[bytes], clients: int, count: int, seconds: float) -> Samples:
    """``count`` requests, each client taking the next of ``requests`` in turn; ends early after ``seconds``."""
    places = itertools.count()
    latencies: list[list[float]] = [[] for _ in range(clients)]
    failures: list[BaseException] = []
    barrier = threading.Barrier(clients + 1)

    def work(own: list[float], client: Client) -> None:
        try:
            barrier.wait()
            while (place := next(places)) < count and not failures:
                before = time.perf_counter()
                client.call(requests[place % len(requests)])
                after = time.perf_counter()
                own.append(after - before)
                if after > deadline:
                    return
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            failures.append(error)

    connections = [Client(port) for _ in range(clients)]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(latencies, connections, strict=True)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    deadline = began + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    ended = time.perf_counter()
    for connection in connections:
        connection.close()
    if failures:
        raise failures[0]
    return Samples([latency for own in latencies for latency in own], ended - began)
