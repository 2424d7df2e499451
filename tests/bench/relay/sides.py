"""The processes: what is measured, on one core, and what plays its two ends, on the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from certs.files import identity_files, write_new
from certs.issue import make_ca, make_server
from tests.bench import haproxy
from tests.bench.relay.load import Block, Order
from tests.bench.relay.traffic import ACCESS
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.ports import free_port

OWN_KEY = "Z2F0ZXdheTpub3QtYS1zZWNyZXQtb2YtYW55b25l"
"""The gateway's own key, which the upstream that is played does not look at."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One for the side, the rest for the ends; where there is a single one all share it."""

    side: frozenset[int]
    ends: frozenset[int]

    @classmethod
    def here(cls) -> Cores:
        *others, last = sorted(os.sched_getaffinity(0))
        return cls(frozenset({last}), frozenset(others or {last}))


@dataclass(frozen=True, slots=True)
class Side:
    """One that is measured."""

    name: str
    port: int
    process: int

    def resident(self) -> int:
        """Bytes."""
        return int(Path(f"/proc/{self.process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Loader:
    """The process that sends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, order: Order) -> Block:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load has failed; what it says is above")
        return Block(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Rig:
    sides: Sequence[Side]
    loader: Loader
    upstream: int


@contextmanager
def start(folder: Path, max_connections: int) -> Iterator[Rig]:
    """All processes, until the block ends."""
    files = _certificates(folder)
    cores = Cores.here()
    with ExitStack() as closing:
        upstream, upstream_port = _python(closing, cores.ends, "upstream", files["server.crt"], files["server.key"])
        gateway = _gateway(folder / "gateway", files, upstream_port, max_connections)
        created = gateway.create_key("bench", ACCESS)
        closing.callback(gateway.stop)
        gateway.start()
        assert gateway.process is not None
        os.sched_setaffinity(gateway.process.pid, cores.side)
        sides = [Side("gateway", gateway.port("remote_cluster"), gateway.process.pid)]
        floor, floor_port = _python(
            closing, cores.side, "floor", files["server.crt"], files["server.key"], files["ca.crt"], upstream_port
        )
        sides.append(Side("floor", floor_port, floor.pid))
        if (program := haproxy.find()) is not None:
            process, port = haproxy.start(closing, program, folder, upstream_port, max_connections)
            os.sched_setaffinity(process.pid, cores.side)
            sides.append(Side("haproxy", port, process.pid))
        load = _process(closing, cores.ends, *_module("load"), files["ca.crt"], created["encoded"])
        yield Rig(sides, Loader(load), upstream.pid)


def _certificates(folder: Path) -> dict[str, Path]:
    authority = make_ca("bench")
    server = make_server(authority, "localhost", ["localhost", "127.0.0.1"])
    write_new(identity_files(folder / "ca", authority.key, [authority.certificate]))
    write_new(identity_files(folder / "server", server.key, [server.certificate]))
    names = ("ca.crt", "server.crt", "server.key", "server.pem")
    files = {name: folder / name for name in names}
    files["server.pem"].write_bytes(files["server.crt"].read_bytes() + files["server.key"].read_bytes())
    return files


def _gateway(folder: Path, files: dict[str, Path], upstream_port: int, max_connections: int) -> Gateway:
    tls = "xpack.security.remote_cluster_server.ssl"
    settings: dict[str, Any] = {
        "cluster.name": "gateway",
        "path.data": "data",
        "path.roles": "roles.yml",
        "http.port": 0,
        "remote_cluster_server.enabled": True,
        "remote_cluster.port": free_port(),
        f"{tls}.certificate": str(files["server.crt"]),
        f"{tls}.key": str(files["server.key"]),
        "backend.type": "relay",
        "backend.relay.mode": "api_key",
        "backend.relay.addresses": [f"127.0.0.1:{upstream_port}"],
        "backend.relay.credentials": OWN_KEY,
        "backend.relay.ssl.certificate_authorities": [str(files["ca.crt"])],
        "audit.output": "file",
        "audit.path": "audit.ndjson",
        "limits.max_connections": max_connections,
    }
    gateway = Gateway(folder, settings)
    gateway.write_config()
    return gateway


def _python(
    closing: ExitStack, cores: frozenset[int], module: str, *arguments: Path | int
) -> tuple[subprocess.Popen[bytes], int]:
    """A program of this package that prints its port."""
    process = _process(closing, cores, *_module(module), *arguments)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _module(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"tests.bench.relay.{name}"


def _process(closing: ExitStack, cores: frozenset[int], *command: Path | str | int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    closing.callback(process.wait)
    closing.callback(process.kill)
    os.sched_setaffinity(process.pid, cores)
    return process
