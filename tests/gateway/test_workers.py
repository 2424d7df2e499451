"""Several processes behind one port: they share the work, are replaced when they die, and end together."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.authentication.api_keys import ApiKeyStore
from protocol.errors import ElasticsearchException
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE
from protocol.security import Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.elasticsearch.rig.raw import RawClient
from tests.gateway import processes
from tests.gateway.test_bad_input import HANDSHAKE_REQUEST, Setting

WORKERS = 2
PATIENCE_SECONDS = 20.0
eventually = partial(processes.eventually, seconds=PATIENCE_SECONDS)
WITHIN_SECONDS = 1.0


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path, workers=WORKERS)
    yield made
    made.gateway.stop()


def children(setting: Setting) -> list[int]:
    assert setting.gateway.process is not None
    pid = setting.gateway.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_served(setting: Setting) -> bool:
    with setting.client() as client:
        client.shake_hands()
        return "is unauthorized for user [alice]" in str(
            client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, setting.headers())
        )


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_connections_are_numbered_once_whoever_serves_them(setting: Setting) -> None:
    clients: list[RawClient] = []
    try:
        for _ in range(12):
            clients.append(setting.client())
            clients[-1].shake_hands()
    finally:
        for client in clients:
            client.socket.close()

    def numbers() -> list[int]:
        lines = [json.loads(line) for line in setting.gateway.log.read_text().splitlines()]
        return [line["rcgateway.connection"] for line in lines if line["message"] == "connected"]

    # A client has its answer before the log has the line.
    eventually(lambda: len(numbers()) == 12)
    assert len(set(numbers())) == 12


def test_a_worker_that_dies_is_replaced(setting: Setting) -> None:
    before = children(setting)
    assert len(before) == WORKERS
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(children(setting)) == WORKERS and before[0] not in children(setting))
    assert before[1] in children(setting)
    for _ in range(6):
        assert is_served(setting)


def test_a_key_that_is_changed_or_invalidated_is_so_at_once_on_open_connections(setting: Setting) -> None:
    """Whichever worker a connection is with, and though each remembers the key and its role."""
    system = RealmRef(node_name="n", name="__attach", type="__attach")
    user = Authentication(User("_system", internal=True), system, AuthenticationType.INTERNAL, version=V_8_19)
    headers = setting.headers() | {"_cross_cluster_access_subject_info": SubjectInfo(user, []).encode()}
    key_id = setting.key["id"]
    with ApiKeyStore(setting.folder / "data") as store:
        refused_after(
            setting, headers, lambda: store.update(key_id, certificate_identity="CN=x"), "requires certificate identity"
        )
        store.update(key_id, certificate_identity=None)
        time.sleep(WITHIN_SECONDS)
        refused_after(setting, headers, lambda: store.invalidate([key_id]), f"api key [{key_id}] has been invalidated")


def refused_after(setting: Setting, headers: dict[str, str], change: Callable[[], object], words: str) -> None:
    clients = [setting.client() for _ in range(8)]
    try:
        for client in clients:
            client.shake_hands()
            assert isinstance(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers), bytes)
        change()
        time.sleep(WITHIN_SECONDS)
        for client in clients:
            answer = client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers)
            assert isinstance(answer, ElasticsearchException)
            assert words in f"{answer.reason} {answer.metadata}"
    finally:
        for client in clients:
            client.socket.close()


def test_all_end_together_on_sigterm(setting: Setting) -> None:
    workers = children(setting)
    assert setting.gateway.stop() == 0
    assert all(gone(worker) for worker in workers)


def test_workers_end_when_their_parent_is_killed(setting: Setting) -> None:
    workers = children(setting)
    setting.gateway.stop(signal.SIGKILL)
    eventually(lambda: all(gone(worker) for worker in workers))
    setting.gateway.start()
    assert is_served(setting)
