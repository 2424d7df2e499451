"""Upstream nodes and the gateways in front of them."""

from __future__ import annotations

import json
import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificate

from certs.issue import Identity, make_ca, make_client, make_server
from gateway.demo.documents import indices
from tests.elasticsearch.faults.caller import Caller
from tests.elasticsearch.rig.filling import fill
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_8
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.rig.ports import free_port
from tests.gateway.processes import put

ACCESS = {"search": [{"names": ["*"]}]}
HELD = "held"
"""An index whose documents are not to be found until somebody refreshes it: see ``Upstream.hold``."""
NAMES = ["localhost", "127.0.0.1"]
SERVER_SSL = "xpack.security.remote_cluster_server.ssl"


@dataclass
class Upstream:
    """A real node whose remote cluster port is open."""

    node: Node

    @property
    def port(self) -> int:
        return int(self.node.settings["remote_cluster.port"])

    @property
    def config(self) -> Path:
        return self.node.folder / "config"

    @property
    def pid(self) -> int:
        assert self.node.process is not None
        return self.node.process.pid

    def key(self, name: str) -> dict[str, Any]:
        created: dict[str, Any] = self.node.rest("POST", "/_security/cross_cluster/api_key", {"name": name, "access": ACCESS})
        return created

    def hold(self) -> int:
        """The number of an operation for which searches of HELD wait until ``release``."""
        number: int = self.node.rest("POST", f"/{HELD}/_doc", {"text": "x"})["_seq_no"]
        return number

    def release(self) -> None:
        self.node.rest("POST", f"/{HELD}/_refresh")

    def searches(self, parts: str = "") -> list[dict[str, Any]]:
        """The searches that run, as the task API shows them. With ``*`` for ``parts`` also what they have started on their shards."""
        answer = self.node.rest("GET", f"/_tasks?detailed&actions=indices:data/read/search{parts}&group_by=none")
        tasks: list[dict[str, Any]] = answer["tasks"]
        return tasks

    def serial(self) -> int:
        """Of the certificate that the remote cluster port shows."""
        return load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", self.port)).encode()).serial_number

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self.node.process is not None
        self.node.process.wait(10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process stands still, while its kernel takes what comes."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)


@dataclass
class Relay:
    """A gateway in front of an upstream, with a key for its clients, and the key that it has there."""

    gateway: Gateway
    ca: Path
    client_key: str = ""
    own_key: dict[str, Any] | None = None

    @property
    def pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    @property
    def port(self) -> int:
        return self.gateway.port("remote_cluster")

    @property
    def key_file(self) -> Path:
        return self.gateway.folder / "own-key.txt"

    def log(self) -> str:
        return self.gateway.log.read_text()

    def events(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return [json.loads(line) for line in self.log().splitlines()]

    def caller(self, patience: float = 20.0, port: int | None = None) -> Caller:
        return Caller(f"127.0.0.1:{port or self.port}", self.ca, self.client_key, patience)


@dataclass
class Site:
    """``ca`` is that of all; ``up-ca.crt`` in the folder is whom the gateways trust for the upstream."""

    folder: Path
    ca: Identity = field(default_factory=lambda: make_ca("tests"))

    def __post_init__(self) -> None:
        put(self.folder, "ca", self.ca)
        put(self.folder, "up-ca", self.ca)
        put(self.folder, "server", make_server(self.ca, "server", NAMES))
        # The nodes of a cluster are clients of each other, too.
        put(self.folder, "upstream", make_client(self.ca, "upstream", NAMES))

    def upstream(self, name: str, settings: dict[str, str] | None = None) -> Upstream:
        own = {
            "remote_cluster_server.enabled": "true",
            "remote_cluster.host": "127.0.0.1",
            "remote_cluster.port": str(free_port()),
            f"{SERVER_SSL}.enabled": "true",
            f"{SERVER_SSL}.certificate": "upstream.crt",
            f"{SERVER_SSL}.key": "upstream.key",
            # How soon a renewed certificate is noticed.
            "resource.reload.interval.high": "1s",
        }
        files = tuple(self.folder / name for name in ("ca.crt", "upstream.crt", "upstream.key"))
        return Upstream(Node(name, NEWEST_8, self.folder / name, own | (settings or {}), files=files))

    def relay(self, name: str, own_key: dict[str, Any] | None, ports: list[int], settings: dict[str, Any] | None = None) -> Relay:
        """A gateway that runs, for upstreams at these ports; without a key of its own the settings say what it has instead."""
        folder = self.folder / name
        folder.mkdir()
        tls = "xpack.security.remote_cluster_server.ssl"
        all_settings = {
            "cluster.name": "gateway",
            "node.name": name,
            "path.data": "data",
            "path.roles": "roles.yml",
            "http.port": 0,
            "remote_cluster_server.enabled": True,
            "remote_cluster.port": 0,
            f"{tls}.certificate": str(self.folder / "server.crt"),
            f"{tls}.key": str(self.folder / "server.key"),
            "backend.type": "relay",
            "backend.relay.mode": "api_key",
            "backend.relay.addresses": [f"127.0.0.1:{port}" for port in ports],
            **({} if own_key is None else {"backend.relay.credentials_file": "own-key.txt"}),
            "backend.relay.ssl.certificate_authorities": [str(self.folder / "up-ca.crt")],
            **(settings or {}),
        }
        relay = Relay(Gateway(folder, all_settings), self.folder / "ca.crt", own_key=own_key)
        if own_key is not None:
            relay.key_file.write_text(own_key["encoded"])
        relay.gateway.write_config()
        relay.client_key = relay.gateway.create_key("clients", ACCESS)["encoded"]
        relay.gateway.start()
        return relay


def fill_upstream(upstream: Upstream, replicas: int = 0) -> None:
    """The logs, and HELD."""
    fill(upstream.node, indices()[:1])
    upstream.node.rest("PUT", "/logs-app-1/_settings", {"number_of_replicas": replicas})
    settings = {"number_of_replicas": replicas, "number_of_shards": 1, "refresh_interval": "1h"}
    upstream.node.rest("PUT", f"/{HELD}", {"settings": settings})
