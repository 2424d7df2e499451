"""The client in another language, written from the page that specifies the protocol, against a gateway."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from tests.gateway.native.served import ALL, NativeSetting

EXAMPLE = Path(__file__).parents[3] / "examples" / "go-client"
BUILD_SECONDS = 300
RUN_SECONDS = 30


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed, so the example in Go is not proved")
    folder = tmp_path_factory.mktemp("go")
    built = folder / "go-client"
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0"}
    for command in (["vet", "."], ["build", "-o", str(built), "."]):
        done = subprocess.run(
            [go, *command], cwd=EXAMPLE, env=env, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeSetting]:
    made = NativeSetting(tmp_path_factory.mktemp("gateway"))
    yield made
    assert made.gateway.stop() == 0


class Program:
    """Runs the program as one who says this hello."""

    def __init__(self, built: Path, setting: NativeSetting, interface: str, hello: dict[str, Any], *options: str) -> None:
        path = setting.folder / f"hello-{interface}.json"
        path.write_text(json.dumps(hello))
        address = f"127.0.0.1:{setting.gateway.port(interface)}"
        self._command = [str(built), "-address", address, "-ca", str(setting.folder / "ca.crt"), "-hello", str(path), *options]

    def run(self, method: str, request: Any = None, body: Any = None, *options: str, status: int = 0) -> list[Any]:
        """The lines of JSON that it prints."""
        arguments = [method, *("" if each is None else json.dumps(each) for each in (request, body))]
        done = subprocess.run(
            [*self._command, *options, *arguments], capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        assert done.returncode == status, done.stderr + done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()] or [done.stderr]


@pytest.fixture
def keyed(program: Path, setting: NativeSetting) -> Program:
    user = {"username": "ada", "role_descriptors": [ALL]}
    return Program(program, setting, REMOTE_CLUSTER, {"credentials": setting.key["encoded"], "user": user})


def test_a_search(keyed: Program) -> None:
    (answer,) = keyed.run(
        "search",
        {"indices": ["logs-*"]},
        {"size": 2, "query": {"bool": {"filter": {"range": {"bytes": {"gte": 0}}}}}, "sort": [{"@timestamp": "asc"}]},
    )
    assert answer["_shards"]["failed"] == 0
    assert all(hit["_index"].startswith("logs-") and isinstance(hit["sort"][0], int) for hit in answer["hits"]["hits"])


def test_a_stream_within_its_credit(keyed: Program) -> None:
    whole = keyed.run("search", {"indices": ["logs-*"]}, {"size": 100})[0]
    head, *hits = keyed.run("search", {"indices": ["logs-*"]}, {"size": 100}, "-stream", "-credit", "300")
    assert head["hits"]["hits"] == []
    assert head["hits"]["total"] == whole["hits"]["total"] == {"value": 45, "relation": "eq"}
    assert hits == whole["hits"]["hits"]


def test_errors_are_those_of_rest(keyed: Program) -> None:
    (answer,) = keyed.run("search", {"indices": ["products"]}, status=1)
    assert answer["status"] == 403
    assert answer["error"]["type"] == "security_exception"
    assert "on indices [products]" in answer["error"]["reason"]
    (answer,) = keyed.run("search", {"indices": ["logs-*"]}, {"query": {"matc": {}}}, status=1)
    assert answer["error"]["reason"] == "unknown query [matc] did you mean [match]?"


def test_other_methods(keyed: Program) -> None:
    assert keyed.run("info")[0]["version"]["number"] == "8.19.21"
    assert keyed.run("count", {"indices": ["logs-app-1"]})[0]["count"] == 30
    both = keyed.run("msearch", {"indices": ["logs-*"]}, [{"body": {"size": 0}}, {"indices": ["products"]}])[0]["responses"]
    assert [one["status"] for one in both] == [200, 403]
    caps = keyed.run("field_caps", {"indices": ["logs-*"], "params": {"fields": "level"}})[0]
    assert list(caps["fields"]) == ["level"]


def test_a_key_that_is_not_good(program: Path, setting: NativeSetting) -> None:
    wrong = Program(program, setting, REMOTE_CLUSTER, {"credentials": "bm9ib2R5OmFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="})
    (answer,) = wrong.run("info", status=1)
    assert answer["status"] == 401


def test_the_port_of_certificates(program: Path, setting: NativeSetting) -> None:
    pem = ("-cert", str(setting.folder / "client.crt"), "-key", str(setting.folder / "client.key"))
    bob = Program(program, setting, TRANSPORT, {"user": {"username": "bob", "roles": ["analyst"]}}, *pem)
    (answer,) = bob.run("search", {"indices": ["logs-*"]}, {"size": 0})
    assert answer["hits"]["total"]["value"] == 30
    (answer,) = bob.run("search", {"indices": ["products"]}, status=1)
    assert answer["status"] == 403


def test_a_deadline_of_its_own(keyed: Program) -> None:
    (said,) = keyed.run("search", {"indices": ["logs-*"]}, {"size": 100}, "-timeout", "0s", status=2)
    assert "deadline exceeded" in said or "i/o timeout" in said
