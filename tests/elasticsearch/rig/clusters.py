"""The cast of the tests: a real remote cluster, a gateway with the same documents, and real local clusters that use both.

Each local cluster knows its remote clusters by alias: ``KIND_MODEL_MODE``, with KIND ``real`` or ``gw``, MODEL ``key`` or ``cert``, MODE
``proxy`` or ``sniff``. What a search through ``gw_…`` gives must be what the search through ``real_…`` gives.

The local cluster of the newest release is a remote cluster as well, with the documents, keys and roles of the real remote: it has the
KIND ``newest``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import Identity, make_ca, make_client, make_server
from gateway.demo.documents import DemoIndex, indices
from tests.elasticsearch.equivalence.keys import KEYS as EQUIVALENCE_KEYS
from tests.elasticsearch.equivalence.roles import ROLES as EQUIVALENCE_ROLES
from tests.elasticsearch.rig.equivalence import local_files, remotes, roles_file, write_gateway_documents
from tests.elasticsearch.rig.filling import copy_keys, fill, fill_equivalence
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.keys import CHANGED, PREFIX, Keys, gateway_keys, real_keys
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.rig.ports import free_port

CONNECT_SECONDS = 60.0
POLL_SECONDS = 0.2

MODELS = ("key", "cert")
MODES = ("proxy", "sniff")
KINDS = ("real", "gw")
UPSTREAMS = {NEWEST_8: "real", NEWEST_9: "newest"}
"""The KIND of a real remote cluster, by its version."""
RELAYS = tuple(f"relay-{kind}-{model}" for kind in UPSTREAMS.values() for model in MODELS)
"""The KIND of a gateway in front of a real remote cluster, by that one's KIND and the model that the gateway uses towards it."""
BEFORE_REAL = tuple(f"relay-real-{model}" for model in MODELS)
"""Those that have an alias for each key of the equivalence suite; it leads nowhere at first."""
SOCKETS = {"proxy": 18, "sniff": 6}
"""Sockets per alias: 18 in proxy mode, and in sniff mode six to each node."""

COMPRESSED = {"gw_lz4": "lz4", "gw_deflate": "deflate"}
"""Aliases that are there from the start: a node that is running takes no change of ``transport.compression_scheme``."""

SPARE_ALIASES = (*COMPRESSED, "gw_restarted")
"""With the credential of the gateway's main key; the last one is not connected at first."""

CHANGED_ROLE = "changed"
"""As the key of that name: tests change it while connections are open."""

USERS = {"alice": "logs_reader", "bob": "nothing_remote", "carol": CHANGED_ROLE, "dora": "errors_reader"}
USER_PASSWORD = "alice-password"
ROLES: dict[str, Any] = {
    "logs_reader": {"indices": [{"names": ["logs-app*"], "privileges": ["read", "read_cross_cluster", "view_index_metadata"]}]},
    "products_reader": {"indices": [{"names": ["products"], "privileges": ["read", "read_cross_cluster"]}]},
    "errors_reader": {
        "indices": [
            {
                "names": ["logs-*"],
                "privileges": ["read", "read_cross_cluster"],
                "query": {"term": {"level": "ERROR"}},
                "field_security": {"grant": ["@timestamp", "level", "service", "message"]},
            }
        ]
    },
    CHANGED_ROLE: {"indices": [{**CHANGED["search"][0], "privileges": ["read", "read_cross_cluster"]}]},
}
"""Roles of the remote cluster, for the certificate model; on the local side they have ``remote_indices`` for the API key model."""


LOCAL_INDEX = "logs-local-1"
LOCAL = next(index for index in indices(200) if index.name == "logs-web-1")
"""Documents of the local clusters themselves, for searches over both."""

SECRET = DemoIndex("secret", {"settings": LOCAL.body["settings"]}, (("1", {"code": "hidden"}),))
"""On the remote clusters, and outside of what the main key allows."""


@dataclass
class Clusters:
    """Everything that runs. ``locals`` by version, ``keys`` by KIND and the name of the key, ``relays`` by KIND."""

    folder: Path
    remote: Node
    gateway: Gateway
    locals: dict[str, Node]
    keys: Keys = field(default_factory=dict)
    relays: dict[str, Gateway] = field(default_factory=dict)

    def address(self, kind: str, model: str) -> str:
        if kind == "gw" or kind in RELAYS:
            port = self.gateway_of(kind).port("remote_cluster" if model == "key" else "transport")
        else:
            node = self.upstream(kind)
            port = int(node.settings["remote_cluster.port"]) if model == "key" else node.transport_port
        return f"127.0.0.1:{port}"

    def gateway_of(self, kind: str) -> Gateway:
        return self.gateway if kind == "gw" else self.relays[kind]

    def upstream(self, kind: str) -> Node:
        """The real remote cluster of a KIND."""
        return self.remote if kind == "real" else self.locals[NEWEST_9]

    def connect(self, local: Node, alias: str, address: str, mode: str, **options: Any) -> None:
        """Make a remote cluster known under an alias, and wait until it is connected."""
        settings = {"mode": mode, "skip_unavailable": False, **options}
        settings["proxy_address" if mode == "proxy" else "seeds"] = address if mode == "proxy" else [address]
        set_remote(local, alias, settings)
        wait_connected(local, alias)


def set_remote(local: Node, alias: str, settings: dict[str, Any]) -> None:
    set_remotes(local, {alias: settings})


def set_remotes(local: Node, by_alias: Mapping[str, dict[str, Any]]) -> None:
    body = {f"cluster.remote.{alias}.{name}": value for alias, settings in by_alias.items() for name, value in settings.items()}
    local.rest("PUT", "/_cluster/settings", {"persistent": body})


def forget_remote(local: Node, *aliases: str) -> None:
    local.rest("PUT", "/_cluster/settings", {"persistent": {f"cluster.remote.{alias}.*": None for alias in aliases}})


def wait_connected(local: Node, alias: str) -> dict[str, Any]:
    """The alias's entry of ``_remote/info`` once it says connected."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        info: dict[str, Any] = local.rest("GET", "/_remote/info")[alias]
        if info["connected"]:
            return info
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{local.name} is not connected to {alias}: {info}\n{(local.folder / 'log').read_text()[-6000:]}"
            )
        time.sleep(POLL_SECONDS)


def start(folder: Path, versions: tuple[str, ...] = (NEWEST_9, NEWEST_8)) -> Iterator[Clusters]:
    """Start everything, and stop it when the generator is closed."""
    made = indices()
    certificates = _certificates(folder)
    remote = _remote(folder, certificates)
    gateway = _gateway(folder, certificates)
    with ExitStack() as stack:
        stack.callback(remote.stop)
        remote.launch()
        keys = gateway_keys(gateway)
        remote.wait()
        fill(remote, [*made, SECRET])
        fill_equivalence(remote)
        for name, role in ROLES.items():
            remote.rest("PUT", f"/_security/role/{name}", role)
        keys |= real_keys(remote)
        locals_ = {version: _local(folder, version, certificates, _secrets(keys), remote, gateway) for version in versions}
        for node in locals_.values():
            stack.callback(node.stop)
            node.launch()
        write_gateway_documents(gateway.folder / "documents", [*made, SECRET])
        gateway.start()
        stack.callback(gateway.stop)
        clusters = Clusters(folder, remote, gateway, locals_, keys)
        for version, node in locals_.items():
            node.wait()
            create_users(node)
            fill(node, [DemoIndex(LOCAL_INDEX, LOCAL.body, LOCAL.documents)])
            if version == NEWEST_9:
                fill(node, [*made, SECRET])
                copy_keys(remote, node)
        for node in locals_.values():
            connect_all(clusters, node)
        yield clusters


def connect_all(clusters: Clusters, local: Node) -> None:
    for kind in (*KINDS, "newest") if NEWEST_9 in clusters.locals else KINDS:
        for model in MODELS:
            for mode in MODES if kind == "gw" else ("proxy",):
                clusters.connect(local, f"{kind}_{model}_{mode}", clusters.address(kind, model), mode)


def _secrets(keys: Keys) -> dict[str, str]:
    """The credentials of a local node's aliases."""
    by_alias = {f"{kind}_key_{mode}": keys[kind, "main"] for kind in KINDS for mode in MODES}
    by_alias |= {f"{kind}_{name}": key for (kind, name), key in keys.items() if name != "main"}
    by_alias |= dict.fromkeys((*SPARE_ALIASES, *(f"{kind}_key_proxy" for kind in RELAYS)), keys["gw", "main"])
    by_alias |= {
        f"{kind}_{name}": keys["gw", name] for kind in BEFORE_REAL for name in (PREFIX + each for each in EQUIVALENCE_KEYS)
    }
    by_alias["newest_key_proxy"] = keys["real", "main"]
    return {f"cluster.remote.{alias}.credentials": key["encoded"] for alias, key in by_alias.items()}


def _certificates(folder: Path) -> dict[str, Path]:
    out = folder / "certificates"
    out.mkdir(parents=True)
    ca = make_ca("tests")
    names = ["localhost", "127.0.0.1"]
    made: dict[str, Identity] = {"ca": ca, "server": make_server(ca, "remote", names), "client": make_client(ca, "local", names)}
    files = {}
    for name, identity in made.items():
        for suffix, content in (
            ("crt", certificates_to_pem([identity.certificate, *identity.issuers])),
            ("key", key_to_pem(identity.key)),
        ):
            files[f"{name}.{suffix}"] = path = out / f"{name}.{suffix}"
            path.write_bytes(content)
    return files


def _transport_ssl(name: str) -> dict[str, str]:
    prefix = "xpack.security.transport.ssl"
    return {
        f"{prefix}.enabled": "true",
        f"{prefix}.verification_mode": "certificate",
        f"{prefix}.certificate": f"{name}.crt",
        f"{prefix}.key": f"{name}.key",
        f"{prefix}.certificate_authorities": "ca.crt",
    }


def _remote_cluster_server() -> dict[str, str]:
    prefix = "xpack.security.remote_cluster_server.ssl"
    return {
        "remote_cluster_server.enabled": "true",
        "remote_cluster.host": "127.0.0.1",
        "remote_cluster.port": str(free_port()),
        f"{prefix}.enabled": "true",
        f"{prefix}.certificate": "server.crt",
        f"{prefix}.key": "server.key",
    }


def _remote(folder: Path, files: dict[str, Path]) -> Node:
    settings = {**_transport_ssl("server"), **_remote_cluster_server()}
    roles = folder / "roles.yml"
    roles.write_text(roles_file(EQUIVALENCE_ROLES))
    shared = tuple(files[name] for name in ("ca.crt", "server.crt", "server.key"))
    return Node("remote", NEWEST_8, folder / "remote", settings, files=(*shared, roles))


def _compressed(address: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for alias, scheme in COMPRESSED.items():
        prefix = f"cluster.remote.{alias}"
        settings |= {f"{prefix}.mode": "proxy", f"{prefix}.proxy_address": address, f"{prefix}.skip_unavailable": "false"}
        settings |= {f"{prefix}.transport.compress": "true", f"{prefix}.transport.compression_scheme": scheme}
        settings |= {f"{prefix}.proxy_socket_connections": "2"}
    return settings


def _local(folder: Path, version: str, files: dict[str, Path], secrets: dict[str, str], remote: Node, gateway: Gateway) -> Node:
    prefix = "xpack.security.remote_cluster_client.ssl"
    addresses = {kind: f"127.0.0.1:{side.settings['remote_cluster.port']}" for kind, side in (("real", remote), ("gw", gateway))}
    settings = {
        **_transport_ssl("client"),
        **(_remote_cluster_server() if version == NEWEST_9 else {}),
        f"{prefix}.enabled": "true",
        f"{prefix}.certificate_authorities": "ca.crt",
        **_compressed(addresses["gw"]),
        **remotes(addresses),
    }
    shared = tuple(files.values())
    own = local_files(folder / "local-files")
    return Node(f"local-{version}", version, folder / f"local-{version}", settings, secrets, (*shared, *own))


def _gateway(folder: Path, files: dict[str, Path]) -> Gateway:
    home = folder / "gateway"
    home.mkdir(parents=True)
    (home / "roles.yml").write_text(roles_file(ROLES | EQUIVALENCE_ROLES))
    remote_ssl, transport_ssl = "xpack.security.remote_cluster_server.ssl", "xpack.security.transport.ssl"
    settings = {
        "cluster.name": "gateway",
        "node.name": "gateway",
        "path.data": "data",
        "path.roles": "roles.yml",
        "http.port": 0,
        "remote_cluster_server.enabled": True,
        "remote_cluster.port": free_port(),
        f"{remote_ssl}.certificate": str(files["server.crt"]),
        f"{remote_ssl}.key": str(files["server.key"]),
        "transport.port": free_port(),
        f"{transport_ssl}.enabled": True,
        f"{transport_ssl}.certificate": str(files["server.crt"]),
        f"{transport_ssl}.key": str(files["server.key"]),
        f"{transport_ssl}.certificate_authorities": [str(files["ca.crt"])],
        "backend.type": "memory",
        "backend.memory.load": ["documents"],
    }
    gateway = Gateway(home, settings)
    gateway.write_config()
    return gateway


def create_users(local: Node) -> None:
    for name, role in ROLES.items():
        remote = [{**entry, "clusters": ["*"]} for entry in role["indices"]]
        local.rest("PUT", f"/_security/role/{name}", {**role, "remote_indices": remote})
    for user, role in USERS.items():
        local.rest("PUT", f"/_security/user/{user}", {"password": USER_PASSWORD, "roles": [role]})
