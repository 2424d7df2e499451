"""The processes: two nodes, and what stands between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certs.files import identity_files, write_new
from certs.issue import make_ca, make_client, make_server
from gateway.demo.documents import DemoIndex
from tests.bench import haproxy
from tests.bench.sides import put, wait_reconnected
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.rig.ports import free_port

DIRECT, HAPROXY, GATEWAY = "direct", "haproxy", "gateway"
MODELS = ("api_key", "certificate")
MAX_CONNECTIONS = 1000
_ACCESS: dict[str, Any] = {"search": [{"names": ["logs-*"]}]}
_SERVER = "xpack.security.remote_cluster_server.ssl"
_TRANSPORT = "xpack.security.transport.ssl"


@dataclass(frozen=True, slots=True)
class Side:
    """``name`` is also the alias by which the local node knows the remote cluster that way; ``process`` is in between."""

    name: str
    process: int | None


@dataclass(frozen=True, slots=True)
class Rig:
    local: Node
    sides: tuple[Side, ...]


@contextmanager
def start(folder: Path, model: str, index: DemoIndex) -> Iterator[Rig]:
    """All processes, until the block ends; the remote cluster has that index. ``model``: on both sides of the gateway."""
    by_key = model == "api_key"
    files = _certificates(folder)
    remote = Node("remote", NEWEST_8, folder / "remote", _remote_settings(by_key=by_key), files=_config_files(files, "server"))
    with ExitStack() as closing:
        closing.callback(remote.stop)
        remote.launch()
        remote.wait()
        port = int(remote.settings["remote_cluster.port"]) if by_key else remote.transport_port
        secrets: dict[str, str] = {}
        if by_key:
            secrets = {side: _key(remote, side, _ACCESS) for side in (DIRECT, HAPROXY)}
        ports = {DIRECT: port}
        sides = [Side(DIRECT, None)]
        if (program := haproxy.find()) is not None:
            process, ports[HAPROXY] = haproxy.start(closing, program, folder, port, MAX_CONNECTIONS, mutual=not by_key)
            sides.append(Side(HAPROXY, process.pid))
        gateway = _gateway(folder / "gateway", files, port, _key(remote, GATEWAY, _ACCESS) if by_key else None)
        if by_key:
            secrets[GATEWAY] = gateway.create_key("bench", _ACCESS)["encoded"]
        closing.callback(gateway.stop)
        gateway.start()
        assert gateway.process is not None
        ports[GATEWAY] = gateway.port("remote_cluster" if by_key else "transport")
        sides.append(Side(GATEWAY, gateway.process.pid))
        local = Node(
            "local",
            NEWEST_9,
            folder / "local",
            _local_settings(ports),
            {f"cluster.remote.{side}.credentials": secrets[side] for side in ports if by_key},
            _config_files(files, "client"),
        )
        closing.callback(local.stop)
        local.launch()
        put(remote, index)
        local.wait()
        for side in sides:
            wait_reconnected(local, side.name)
        yield Rig(local, tuple(sides))


def _certificates(folder: Path) -> dict[str, Path]:
    authority = make_ca("bench")
    names = ["localhost", "127.0.0.1"]
    made = {
        "ca": authority,
        "server": make_server(authority, "remote", names),
        "client": make_client(authority, "local", names),
    }
    files: dict[str, Path] = {}
    for name, identity in made.items():
        write_new(identity_files(folder / name, identity.key, [identity.certificate]))
        for suffix in ("crt", "key"):
            files[f"{name}.{suffix}"] = folder / f"{name}.{suffix}"
        (folder / f"{name}.pem").write_bytes(files[f"{name}.crt"].read_bytes() + files[f"{name}.key"].read_bytes())
    return files


def _config_files(files: dict[str, Path], name: str) -> tuple[Path, ...]:
    return files["ca.crt"], files[f"{name}.crt"], files[f"{name}.key"]


def _transport_ssl(name: str) -> dict[str, str]:
    return {
        f"{_TRANSPORT}.enabled": "true",
        f"{_TRANSPORT}.verification_mode": "certificate",
        f"{_TRANSPORT}.certificate": f"{name}.crt",
        f"{_TRANSPORT}.key": f"{name}.key",
        f"{_TRANSPORT}.certificate_authorities": "ca.crt",
    }


def _remote_settings(*, by_key: bool) -> dict[str, str]:
    if not by_key:
        return _transport_ssl("server")
    return {
        "remote_cluster_server.enabled": "true",
        "remote_cluster.host": "127.0.0.1",
        "remote_cluster.port": str(free_port()),
        f"{_SERVER}.certificate": "server.crt",
        f"{_SERVER}.key": "server.key",
        **_transport_ssl("server"),
    }


def _local_settings(ports: dict[str, int]) -> dict[str, str]:
    settings = _transport_ssl("client")
    settings["xpack.security.remote_cluster_client.ssl.certificate_authorities"] = "ca.crt"
    for side, port in ports.items():
        prefix = f"cluster.remote.{side}"
        settings |= {f"{prefix}.mode": "proxy", f"{prefix}.proxy_address": f"127.0.0.1:{port}"}
        settings[f"{prefix}.skip_unavailable"] = "false"
    return settings


def _key(remote: Node, name: str, access: dict[str, Any]) -> str:
    created = remote.rest("POST", "/_security/cross_cluster/api_key", {"name": name, "access": access})
    return str(created["encoded"])


def _gateway(folder: Path, files: dict[str, Path], upstream_port: int, own_key: str | None) -> Gateway:
    settings: dict[str, Any] = {
        "cluster.name": "gateway",
        "path.data": "data",
        "path.roles": "roles.yml",
        "http.port": 0,
        "remote_cluster_server.enabled": own_key is not None,
        "transport.port": 0,
        f"{_TRANSPORT}.enabled": True,
        f"{_TRANSPORT}.certificate": str(files["server.crt"]),
        f"{_TRANSPORT}.key": str(files["server.key"]),
        f"{_TRANSPORT}.certificate_authorities": [str(files["ca.crt"])],
        "backend.type": "relay",
        "backend.relay.mode": "certificate" if own_key is None else "api_key",
        "backend.relay.addresses": [f"localhost:{upstream_port}"],
        "backend.relay.ssl.certificate_authorities": [str(files["ca.crt"])],
        "audit.output": "file",
        "audit.path": "audit.ndjson",
    }
    if own_key is None:
        settings |= {
            "backend.relay.ssl.certificate": str(files["client.crt"]),
            "backend.relay.ssl.key": str(files["client.key"]),
        }
    else:
        settings |= {
            "remote_cluster.port": 0,
            f"{_SERVER}.certificate": str(files["server.crt"]),
            f"{_SERVER}.key": str(files["server.key"]),
            "backend.relay.credentials": own_key,
        }
    gateway = Gateway(folder, settings)
    gateway.write_config()
    return gateway
