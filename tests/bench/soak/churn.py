"""Clients that come and go, most of them badly."""

from __future__ import annotations

import os
import random
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from gateway.backends.relay.headers import SYSTEM
from protocol.frames import Frame, Status
from protocol.messages.common import TaskId
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.tasks import CANCEL_CHILD, CancelChildRequest
from protocol.security import CREDENTIALS_HEADER, SUBJECT_INFO_HEADER, SubjectInfo
from protocol.versions import V_8_19
from tests.bench.relay.load import Connection
from tests.bench.relay.traffic import headers, templates
from tests.bench.searches import INDEX
from tests.elasticsearch.rig.raw import RawClient

SMALL, MIDDLE, LARGE = 1_000, 100_000, 2_000_000
NO_ANSWER = 0
PAUSE_SECONDS = 0.02
STOP_SECONDS = 30.0
WRONG_KEY = "bm9ib2R5czpub3QtYS1rZXktb2YtYW55Ym9keQ=="

AS_SYSTEM = {SUBJECT_INFO_HEADER: SubjectInfo(SYSTEM, []).encode()}
"""What a local cluster does of its own, cancelling for example, it does so."""

_numbers = count(1_000_000)


@dataclass
class Churn:
    """``threads`` clients at a time. ``credentials``: an encoded key that is good."""

    port: int
    authority: Path
    credentials: str
    threads: int
    came: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """What should not have happened."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = ssl.create_default_context(cafile=str(self.authority))
        self._templates = {size: templates(size, self.credentials) for size in (NO_ANSWER, SMALL, MIDDLE, LARGE)}
        self._kinds: list[Callable[[], None]] = [
            self.polite,
            self.polite,
            self.leaving,
            self.deserting,
            self.slow,
            self.cancelling,
            self.stranger,
            self.noisy,
            self.halting,
        ]

    def start(self) -> None:
        self._stop.clear()
        self._running = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(self.threads)]
        for each in self._running:
            each.start()

    def stop(self) -> None:
        """Returns when all are gone."""
        self._stop.set()
        for each in self._running:
            each.join(STOP_SECONDS)
            if each.is_alive():
                self.failures.append("a client hangs")

    def _run(self, number: int) -> None:
        kinds = self._kinds[number % len(self._kinds) :] + self._kinds[: number % len(self._kinds)]
        while True:
            for kind in kinds:
                if self._stop.is_set():
                    return
                name = kind.__name__
                try:
                    kind()
                except (OSError, RuntimeError, AssertionError) as error:
                    self.failures.append(f"{name}: {error!r}")
                self.came[name] += 1

    def polite(self) -> None:
        """Some searches, and it closes."""
        connection = self._connect()
        for _ in range(random.randint(1, 5)):
            self._send(connection, SMALL, random.randint(1, 8))
            while connection.sent:
                connection.receive()
        connection.stream.close()

    def leaving(self) -> None:
        """It is gone, with a reset, while it is being answered."""
        connection = self._connect()
        self._send(connection, MIDDLE, 8)
        connection.receive()
        _reset(connection.stream)

    def deserting(self) -> None:
        """It is gone while the upstream is at work."""
        connection = self._connect()
        self._send(connection, NO_ANSWER, 8)
        self._send(connection, SMALL, 1)
        connection.receive()
        _reset(connection.stream)

    def slow(self) -> None:
        """It takes large answers a little at a time, and half of the times leaves before the end."""
        connection = self._connect()
        self._send(connection, LARGE, 3)
        for _ in range(20):
            connection.receive()
            time.sleep(PAUSE_SECONDS)
        if random.random() < 0.5:
            _reset(connection.stream)
            return
        while connection.sent:
            connection.receive()
        connection.stream.close()

    def cancelling(self) -> None:
        """What it has asked for is cancelled, as by a local cluster whose user has left."""
        with self._raw() as client:
            asked = [self._ask(client, self.credentials) for _ in range(4)]
            self._ask(client, self.credentials, SMALL)
            assert isinstance(client.receive(), Frame), "closed instead of an answer"
            cancels = []
            for task, number in asked:
                payload = CancelChildRequest(task=task, child_request_id=number, reason="soak").encode(V_8_19)
                cancels.append(client.send(CANCEL_CHILD, payload, headers(self.credentials) | AS_SYSTEM))
            errors = set()
            for _ in range(len(asked) + len(cancels)):
                frame = client.receive()
                assert isinstance(frame, Frame), "closed instead of an answer"
                if frame.header.status & Status.ERROR:
                    errors.add(frame.header.request_id)
            assert errors == {number for _, number in asked}

    def stranger(self) -> None:
        """Its key is not good, so it is shown out."""
        with self._raw() as client:
            self._ask(client, WRONG_KEY)
            frame = client.receive()
            assert isinstance(frame, Frame)
            assert frame.header.status & Status.ERROR
            assert client.receive() is None

    def noisy(self) -> None:
        """It does not speak the protocol, once without TLS and once with."""
        with socket.create_connection(("127.0.0.1", self.port), STOP_SECONDS) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            _ends(plain)
        plain = socket.create_connection(("127.0.0.1", self.port), STOP_SECONDS)
        with self._context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(b"XX" + os.urandom(200))
            _ends(stream)

    def halting(self) -> None:
        """It is gone in the middle of a request."""
        connection = self._connect()
        number = next(_numbers)
        connection.stream.sendall(self._templates[SMALL][0].frame(number)[:100])
        _reset(connection.stream)

    def _connect(self) -> Connection:
        return Connection(self.port, self._context)

    def _raw(self) -> RawClient:
        client = RawClient(f"127.0.0.1:{self.port}", self.authority)
        client.shake_hands()
        return client

    def _send(self, connection: Connection, answer: int, searches: int) -> None:
        made = self._templates[answer]
        connection.send([(number, made[number % len(made)].frame(number)) for _ in range(searches) if (number := next(_numbers))])

    def _ask(self, client: RawClient, credentials: str, answer: int = NO_ANSWER) -> tuple[TaskId, int]:
        """A search, by its task and its id."""
        task = TaskId("soak", next(_numbers))
        request = SearchRequest(parent_task=task, indices=[INDEX], preference=f"answer-{answer:09}")
        sent = headers(self.credentials) | {CREDENTIALS_HEADER: f"ApiKey {credentials}"}
        return task, client.send(SEARCH, request.encode(V_8_19), sent)


def _reset(stream: ssl.SSLSocket) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def _ends(stream: socket.socket) -> None:
    """Until the other side has closed."""
    with suppress(ConnectionResetError, ssl.SSLError):
        while stream.recv(4096):
            pass
