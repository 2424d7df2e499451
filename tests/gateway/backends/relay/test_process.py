"""A running gateway in front of an upstream: workers, a new key, new certificates, clients that are killed, and the end."""

from __future__ import annotations

import base64
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from certs.issue import load_identity, make_ca, make_client, make_server
from gateway.backends.relay.failures import OWN_CREDENTIALS_REFUSED
from protocol.errors import ElasticsearchException
from protocol.security import Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.elasticsearch.rig.raw import RawClient
from tests.gateway import processes
from tests.gateway.backends.relay.served import Served, served, server_context
from tests.gateway.processes import put
from tests.gateway.test_bad_input import Setting

ACTION = "indices:data/read/opaque"
"""One that the gateway does not decode."""
OWN, NEW = (base64.b64encode(b"id:" + letter * 22).decode() for letter in (b"s", b"t"))
PATIENCE_SECONDS = 30.0
eventually = partial(processes.eventually, seconds=PATIENCE_SECONDS)


class Site(Setting):
    """A gateway and its upstream."""

    def __init__(self, folder: Path, port: int, mode: str = "api_key", workers: int = 1) -> None:
        self._port, self._mode = port, mode
        super().__init__(folder, workers=workers)

    def more_settings(self) -> dict[str, object]:
        settings: dict[str, object] = {
            "backend.type": "relay",
            "backend.relay.mode": self._mode,
            "backend.relay.addresses": [f"127.0.0.1:{self._port}"],
            "backend.relay.connections": 2,
            "backend.relay.ssl.certificate_authorities": ["up-ca.crt"],
        }
        if self._mode == "api_key":
            return settings | {"backend.relay.credentials_file": "own-key.txt"}
        return settings | {"backend.relay.ssl.certificate": "own.crt", "backend.relay.ssl.key": "own.key"}

    def headers(self) -> dict[str, str]:
        realm = RealmRef(node_name="n", name="r", type="native")
        rights = b'{"r":{"indices":[{"names":["*"],"privileges":["read"]}]}}'
        return {
            "_cross_cluster_access_credentials": f"ApiKey {self.key['encoded']}",
            "_cross_cluster_access_subject_info": SubjectInfo(
                Authentication(User("alice"), realm, version=V_8_19), [rights]
            ).encode(),
        }

    def ask(self, client: RawClient, text: bytes) -> Any:
        return client.call(ACTION, b"\x00" + text, self.headers())


@contextmanager
def site(folder: Path, mode: str = "api_key", workers: int = 1) -> Iterator[tuple[Site, Served]]:
    authority = make_ca("upstream")
    put(folder, "up-ca", authority)
    put(folder, "up", make_server(authority, "up", ["127.0.0.1"]))
    put(folder, "own", make_client(authority, "gateway"))
    (folder / "own-key.txt").write_text(OWN)
    with served(server_context(folder, "up", "up-ca" if mode == "certificate" else None)) as upstream:
        made = Site(folder, upstream.port, mode, workers)
        try:
            yield made, upstream
        finally:
            made.gateway.stop()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Served]]:
    with site(tmp_path_factory.mktemp("one")) as made:
        yield made


def test_each_worker_has_its_own_links_and_no_answer_goes_astray(tmp_path: Path) -> None:
    with site(tmp_path, workers=2) as (made, upstream):
        wrong: list[object] = []

        def client(number: int) -> None:
            with made.client() as raw:
                raw.shake_hands()
                for turn in range(20):
                    question = b"echo %d/%d" % (number, turn)
                    answer = made.ask(raw, question)
                    if answer != question:
                        wrong.append(answer)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(12)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(PATIENCE_SECONDS)
        assert not wrong
        used = [each.requests for each in upstream.connections if each.requests]
        assert len(used) == 12
        assert all(len({request.split(b"/")[0] for request in requests}) == 1 for requests in used)
        # Two ready ones for each of the workers, when their clients are gone.
        eventually(lambda: len(upstream.open()) == 4)
        # One that dies takes only its own along, and another comes in its place.
        assert made.gateway.process is not None
        pid = made.gateway.process.pid
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        before = upstream.open()
        os.kill(children[0], signal.SIGKILL)
        eventually(lambda: sum(each.open for each in before) == 2)
        eventually(lambda: len(upstream.open()) == 4)
        finishes_what_runs(made, upstream)


def finishes_what_runs(made: Site, upstream: Served) -> None:
    """On SIGTERM what runs upstream is answered before the gateway ends."""
    with made.client() as client:
        client.shake_hands()
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(made.ask(client, b"after 3")))
        thread.start()
        eventually(lambda: b"after 3" in upstream.requests())
        assert made.gateway.process is not None
        made.gateway.process.send_signal(signal.SIGTERM)
        thread.join(PATIENCE_SECONDS)
        assert answers == [b"after 3"]
        assert made.gateway.process.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: not upstream.open())


def test_another_key_in_the_file_is_used_for_the_requests_after(one: tuple[Site, Served]) -> None:
    """With the first invalidated: its requests are refused by the upstream, new links say in the log why there are none."""
    made, upstream = one
    file = made.folder / "own-key.txt"
    with made.client() as client, made.client() as another, made.client() as third:
        for each in (client, another, third):
            each.shake_hands()
        assert made.ask(client, b"echo before") == b"echo before"
        upstream.refused = OWN
        for each in (client, another):
            refused = made.ask(each, b"echo refused")
            assert isinstance(refused, ElasticsearchException)
            assert (refused.status, refused.reason) == (401, OWN_CREDENTIALS_REFUSED)
        eventually(lambda: "the upstream refuses the gateway's own credentials" in made.gateway.log.read_text())
        file.write_text("nonsense")
        eventually(lambda: "is not an encoded API key" in made.gateway.log.read_text())
        file.write_text(NEW)
        eventually(lambda: made.ask(client, b"echo after") == b"echo after")
        assert made.ask(third, b"echo new") == b"echo new"
        (used,) = [each for each in upstream.connections if b"echo before" in each.requests]
        assert {used.keys[0], used.keys[-1]} == {f"ApiKey {OWN}", f"ApiKey {NEW}"}
        assert all(each.handshake_key == f"ApiKey {NEW}" for each in upstream.connections if b"echo new" in each.requests)
    assert OWN not in made.gateway.log.read_text()
    assert NEW not in made.gateway.log.read_text()


def test_the_gateways_certificate_may_be_renewed(tmp_path: Path) -> None:
    with site(tmp_path, "certificate") as (_, upstream):
        eventually(lambda: len(upstream.open()) == 2)
        first = load_identity(tmp_path / "own.crt", tmp_path / "own.key").certificate.serial_number
        assert {each.serial for each in upstream.open()} == {first}
        authority = load_identity(tmp_path / "up-ca.crt", tmp_path / "up-ca.key")
        renewed = make_client(authority, "gateway")
        put(tmp_path, "own", renewed)
        eventually(lambda: [each.serial for each in upstream.open()] == [renewed.certificate.serial_number] * 2)


def test_the_upstreams_certificate_may_be_renewed_under_another_authority(one: tuple[Site, Served]) -> None:
    """First both authorities are trusted, as one does it; then the upstream changes."""
    made, upstream = one
    folder = made.folder
    with made.client() as client:
        client.shake_hands()
        assert made.ask(client, b"echo 1") == b"echo 1"
        other = make_ca("other")
        put(folder, "other-ca", other)
        put(folder, "up2", make_server(other, "up", ["127.0.0.1"]))
        both = (folder / "up-ca.crt").read_bytes() + (folder / "other-ca.crt").read_bytes()
        (folder / "up-ca.crt").write_bytes(both)
        eventually(lambda: "upstream certificates renewed" in made.gateway.log.read_text())
        upstream.context = server_context(folder, "up2")
        # It goes on for those that are connected, and new ones get there.
        assert made.ask(client, b"echo 2") == b"echo 2"
        for number in range(4):
            with made.client() as another:
                another.shake_hands()
                assert made.ask(another, b"echo %d" % number) == b"echo %d" % number


def test_a_client_that_is_killed_takes_its_upstream_work_along(one: tuple[Site, Served]) -> None:
    """A node cancels what runs for a connection that closes."""
    made, upstream = one
    ended: list[OSError | AssertionError] = []

    def ask() -> None:
        try:
            made.ask(client, b"wait")
        except (OSError, AssertionError) as error:
            ended.append(error)

    with made.client() as client:
        client.shake_hands()
        thread = threading.Thread(target=ask)
        thread.start()
        eventually(lambda: b"wait" in upstream.requests())
        (link,) = [each for each in upstream.connections if b"wait" in each.requests]
        assert link.open
        # With a reset, as when the process is killed.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.shutdown(socket.SHUT_RDWR)
        client.socket.close()
        thread.join(PATIENCE_SECONDS)
    assert ended
    eventually(lambda: not link.open)


def test_a_large_answer_needs_little_memory(one: tuple[Site, Served]) -> None:
    """Fifty megabytes, several times: the gateway's peak grows by much less than one of them."""
    made, _ = one
    size = 50_000_000

    def peak() -> int:
        assert made.gateway.process is not None
        status = Path(f"/proc/{made.gateway.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    with made.client() as client:
        client.shake_hands()
        assert len(made.ask(client, b"bytes 1000000")) == 1_000_000
        before = peak()
        for _turn in range(3):
            assert len(made.ask(client, b"bytes %d" % size)) == size
        assert peak() - before < 16_000_000
