"""The SQLite example behind a gateway of its own, searched from a real local cluster."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from tests.elasticsearch.rig.clusters import USER_PASSWORD, Clusters, forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_9
from tests.elasticsearch.rig.node import PASSWORD, Node

EXAMPLE = Path(__file__).parents[2] / "examples" / "sqlite-backend" / "backend.py"
ALIAS = "gw_restarted"
"""With the gateway's main key, which does not cover the table ``secret``."""
LEVELS = ("ERROR", "INFO", "INFO", "WARN")
ROWS = 20
"""Of each table; a quarter is of each of LEVELS."""
TABLES = ("logs-app-1", "logs-app-2", "logs-web", "secret")
READY_SECONDS = 30.0
LOAD_SECONDS = 1.0
"""Of searches before each time that the program is killed."""


class Program:
    """The example, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.database, self.socket = folder / "database", folder / "program.sock"
        self.process: subprocess.Popen[bytes] | None = None
        with closing(sqlite3.connect(self.database)) as database, database:
            for table in TABLES:
                database.execute(f'CREATE TABLE "{table}" (level VARCHAR, service VARCHAR, message TEXT, n INTEGER)')
                rows = [(LEVELS[n % 4], f"service-{n % 2}", f"Message {n} of {table}", n) for n in range(ROWS)]
                database.executemany(f'INSERT INTO "{table}" VALUES (?, ?, ?, ?)', rows)

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, str(EXAMPLE), str(self.database), str(self.socket)])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(READY_SECONDS)


def _gateway(clusters: Clusters, folder: Path, program: Program) -> Gateway:
    """With the keys and the roles of the one that answers by itself."""
    shutil.copytree(clusters.gateway.folder / "data", folder / "data")
    shutil.copy(clusters.gateway.folder / "roles.yml", folder)
    settings = {name: value for name, value in clusters.gateway.settings.items() if not name.startswith("backend.")}
    settings |= {"remote_cluster.port": 0, "transport.port": 0}
    settings |= {"backend.type": "socket", "backend.socket.address": f"unix:{program.socket}"}
    return Gateway(folder, settings)


@pytest.fixture(scope="module")
def program(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Runs behind ALIAS of the local cluster."""
    folder = tmp_path_factory.mktemp("socket")
    made, local = Program(folder), clusters.locals[NEWEST_9]
    gateway = _gateway(clusters, folder / "gateway", made)
    made.start()
    try:
        gateway.start()
        address = f"127.0.0.1:{gateway.port('remote_cluster')}"
        set_remote(local, ALIAS, {"mode": "proxy", "proxy_address": address, "skip_unavailable": False})
        wait_connected(local, ALIAS)
        until = time.monotonic() + READY_SECONDS
        while (answer := search(local, "logs-app-1")).status_code != 200:
            assert time.monotonic() < until, answer.text
            time.sleep(0.05)
        yield made
    finally:
        forget_remote(local, ALIAS)
        if gateway.process is not None:
            gateway.stop()
        made.kill()


def search(local: Node, names: str, body: dict[str, Any] | None = None, user: str = "elastic") -> httpx.Response:
    path = "/" + ",".join(f"{ALIAS}:{name}" for name in names.split(",")) + "/_search"
    with local.client(user, PASSWORD if user == "elastic" else USER_PASSWORD) as client:
        return client.post(path, json=body or {})


@pytest.fixture
def local(clusters: Clusters, program: Program) -> Node:
    return clusters.locals[NEWEST_9]


def hits(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]["hits"]
    return found


def test_pages_of_a_wildcard_come_in_order_with_the_total(local: Node) -> None:
    body = {"sort": [{"n": "desc"}], "from": 2, "size": 4, "query": {"range": {"n": {"lt": 10}}}, "track_total_hits": True}
    answer = search(local, "logs-app*", body)
    assert [hit["sort"] for hit in hits(answer)] == [[8], [8], [7], [7]]
    assert {hit["_index"] for hit in hits(answer)} == {f"{ALIAS}:logs-app-1", f"{ALIAS}:logs-app-2"}
    assert answer.json()["hits"]["total"] == {"value": 20, "relation": "eq"}


def test_only_documents_and_fields_of_the_role_are_shown(local: Node) -> None:
    answer = search(local, "logs-*", {"size": 100}, user="dora")
    found = hits(answer)
    assert len(found) == answer.json()["hits"]["total"]["value"] == 3 * ROWS / 4
    assert {hit["_source"]["level"] for hit in found} == {"ERROR"}
    assert {frozenset(hit["_source"]) for hit in found} == {frozenset({"level", "service", "message"})}
    assert hits(search(local, "logs-*", {"query": {"range": {"n": {"gte": 0}}}}, user="dora")) == []
    assert hits(search(local, "logs-*", {"query": {"term": {"level": "INFO"}}}, user="dora")) == []
    refused = search(local, "logs-*", {"sort": ["n"]}, user="dora")
    assert refused.status_code == 400
    assert "where the user's roles show some fields only" in refused.text


def test_wildcards_and_names_reach_what_is_granted(local: Node) -> None:
    found = hits(search(local, "*", {"size": 100}, user="alice"))
    assert {hit["_index"] for hit in found} == {f"{ALIAS}:logs-app-1", f"{ALIAS}:logs-app-2"}
    for names, user in (("logs-web", "alice"), ("secret", "elastic"), ("logs-app-1", "bob")):
        denied = search(local, names, user=user)
        assert denied.status_code == 403, denied.text
        assert denied.json()["error"]["root_cause"][0]["type"] == "security_exception"


def test_one_that_is_killed_and_started_again_under_load_gives_no_wrong_answer(local: Node, program: Program) -> None:
    """Each answer is right or an error, and right ones come again each time."""
    done = Event()
    right: list[float] = []
    wrong: list[str] = []

    def load(number: int) -> None:
        body = {"query": {"term": {"n": number}}, "sort": ["n"]}
        while not done.is_set():
            answer = search(local, "logs-app*", body, user="elastic" if number % 2 else "alice")
            if answer.status_code != 200:
                continue
            told = answer.json()["hits"]
            if told["total"]["value"] == 2 and [hit["_source"]["n"] for hit in told["hits"]] == [number, number]:
                right.append(time.monotonic())
            else:
                wrong.append(answer.text)

    def answered(since: float) -> None:
        until = time.monotonic() + READY_SECONDS
        while not right or right[-1] <= since:
            assert time.monotonic() < until, "no answer any more"
            time.sleep(0.02)

    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, number) for number in range(4)]
        try:
            for _ in range(3):
                answered(time.monotonic() + LOAD_SECONDS)
                program.kill()
                killed = time.monotonic()
                program.start()
                answered(killed)
        finally:
            done.set()
    for each in loads:
        each.result()
    assert wrong == []
