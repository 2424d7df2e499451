"""Aliases for each key that lead through the gateways in front of the real remote cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.rig.clusters import BEFORE_REAL, Clusters, wait_connected
from tests.elasticsearch.rig.equivalence import SOCKETS
from tests.elasticsearch.rig.keys import PREFIX

_ALIASES = {f"{kind}_{PREFIX}{name}": kind for kind in BEFORE_REAL for name in KEYS}


@contextmanager
def connected(clusters: Clusters) -> Iterator[None]:
    """All local clusters to all relays before the real remote."""
    settings: dict[str, Any] = {}
    for alias, kind in _ALIASES.items():
        prefix = f"cluster.remote.{alias}"
        settings |= {f"{prefix}.mode": "proxy", f"{prefix}.proxy_address": clusters.address(kind, "key")}
        settings |= {f"{prefix}.proxy_socket_connections": SOCKETS, f"{prefix}.skip_unavailable": "false"}
    try:
        for local in clusters.locals.values():
            local.rest("PUT", "/_cluster/settings", {"persistent": settings})
        for local in clusters.locals.values():
            for alias in _ALIASES:
                wait_connected(local, alias)
        yield
    finally:
        nothing = {f"cluster.remote.{alias}.*": None for alias in _ALIASES}
        for local in clusters.locals.values():
            local.rest("PUT", "/_cluster/settings", {"persistent": nothing})
