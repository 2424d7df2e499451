"""Gateways in front of the real remote clusters: one for each of these and each model that is spoken towards it.

They have the keys and the roles of the gateway that answers by itself. Every local cluster knows them by the aliases of their KINDs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from tests.elasticsearch.rig.clusters import MODELS, RELAYS, UPSTREAMS, Clusters, forget_remote, set_remotes, wait_connected
from tests.elasticsearch.rig.gateway import Gateway

SPOKEN = {"key": "api_key", "cert": "certificate"}
"""The setting ``backend.relay.mode``, by MODEL."""

SOCKETS = 3
"""For each alias."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_EVERYTHING = {"access": {"search": [{"names": ["*"], "allow_restricted_indices": True}]}}
"""Of the gateway's own key at the upstream: it bounds all clients of the gateway, and takes nothing away here."""


@contextmanager
def relays(clusters: Clusters) -> Iterator[None]:
    """Start them, and have every local cluster connected to them."""
    started: list[Gateway] = []
    try:
        for kind in UPSTREAMS.values():
            own = clusters.upstream(kind).rest("POST", "/_security/cross_cluster/api_key", {"name": "gateway", **_EVERYTHING})
            for model in MODELS:
                name = f"relay-{kind}-{model}"
                relay = make(clusters, name, kind, model, own["encoded"])
                relay.start()
                started.append(relay)
                clusters.relays[name] = relay
        addresses = {f"{name}_{model}_proxy": clusters.address(name, model) for name in RELAYS for model in MODELS}
        settings = {"mode": "proxy", "skip_unavailable": False, "proxy_socket_connections": SOCKETS}
        for local in clusters.locals.values():
            set_remotes(local, {alias: {**settings, "proxy_address": address} for alias, address in addresses.items()})
        for local in clusters.locals.values():
            for alias in addresses:
                wait_connected(local, alias)
        yield
    finally:
        for local in clusters.locals.values():
            forget_remote(local, *(f"{name}_{model}_proxy" for name in RELAYS for model in MODELS))
        for relay in started:
            relay.stop()


def make(clusters: Clusters, name: str, kind: str, model: str, own_key: str, more: Mapping[str, Any] = NOTHING) -> Gateway:
    """A gateway, not started, that speaks MODEL to the upstream of KIND. ``own_key`` is used in the API key model only."""
    folder, files = clusters.folder / name, clusters.folder / "certificates"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(clusters.gateway.folder / "data", folder / "data")
    shutil.copy(clusters.gateway.folder / "roles.yml", folder)
    settings = {name: value for name, value in clusters.gateway.settings.items() if not name.startswith("backend.")}
    settings |= {"remote_cluster.port": 0, "transport.port": 0}
    settings |= {
        "backend.type": "relay",
        "backend.relay.mode": SPOKEN[model],
        "backend.relay.addresses": [clusters.address(kind, model)],
        "backend.relay.ssl.certificate_authorities": [str(files / "ca.crt")],
    }
    if model == "key":
        (folder / "own.key").write_text(own_key)
        settings["backend.relay.credentials_file"] = "own.key"
    else:
        settings["backend.relay.ssl.certificate"] = str(files / "client.crt")
        settings["backend.relay.ssl.key"] = str(files / "client.key")
    return Gateway(folder, {**settings, **more})
