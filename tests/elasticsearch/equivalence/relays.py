"""Aliases for each key that lead through the gateways in front of the real remote cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.rig.clusters import BEFORE_REAL, Clusters, forget_remote, set_remotes, wait_connected
from tests.elasticsearch.rig.equivalence import SOCKETS
from tests.elasticsearch.rig.keys import PREFIX


@contextmanager
def connected(clusters: Clusters) -> Iterator[None]:
    """All local clusters to all relays before the real remote."""
    addresses = {f"{kind}_{PREFIX}{name}": clusters.address(kind, "key") for kind in BEFORE_REAL for name in KEYS}
    settings = {"mode": "proxy", "proxy_socket_connections": SOCKETS, "skip_unavailable": False}
    try:
        for local in clusters.locals.values():
            set_remotes(local, {alias: {**settings, "proxy_address": address} for alias, address in addresses.items()})
        for local in clusters.locals.values():
            for alias in addresses:
                wait_connected(local, alias)
        yield
    finally:
        for local in clusters.locals.values():
            forget_remote(local, *addresses)
