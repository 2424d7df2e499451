"""The cross-cluster keys: of the same names and with the same access on the real remote cluster and on the gateway."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.authentication.api_keys import ApiKeyStore
from gateway.authorization.access import parse_access
from tests.elasticsearch.equivalence.keys import KEYS as EQUIVALENCE_KEYS
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.node import Node

Keys = dict[tuple[str, str], dict[str, Any]]
"""By KIND (``real`` or ``gw``) and name; each as the create call answers it."""

ACCESS: dict[str, Any] = {"search": [{"names": ["logs*", "products", "shop", "events", "missing*"]}]}
"""What the main key allows; an index ``secret`` is outside."""

CHANGED: dict[str, Any] = {
    "search": [{"names": ["sales-eu"], "query": {"term": {"tenant": "a"}}, "field_security": {"grant": ["*"]}}]
}
"""Of the key that tests change while connections are open."""

PREFIX = "eq-"
"""Of the keys of the equivalence suite."""

_KEYS: dict[str, dict[str, Any]] = {
    "main": ACCESS,
    "narrow": {"search": [{"names": ["logs-w*"]}]},
    "changed": CHANGED,
    "ended-9": CHANGED,
    "ended-8": CHANGED,
    **{PREFIX + name: access for name, access in EQUIVALENCE_KEYS.items()},
}

BAD_KEYS = ("wrong", "unknown", "expired", "invalidated", "rest")
"""Keys that do not let anybody in, each for another reason."""


def gateway_keys(gateway: Gateway) -> Keys:
    made = {"main": gateway.create_key("main", ACCESS), "expired": gateway.create_key("expired", ACCESS, "--expiration", "1ms")}
    made["invalidated"] = gateway.create_key("invalidated", ACCESS)
    gateway.command("keys", "invalidate", made["invalidated"]["id"])
    with ApiKeyStore(gateway.folder / "data") as store:
        made["rest"] = store.create("rest", None, type="rest").to_json()
        for name, access in _KEYS.items():
            if name not in made:
                made[name] = store.create(name, parse_access(access)).to_json()
    return {("gw", name): key for name, key in (made | _spoiled(made["main"])).items()}


def real_keys(remote: Node) -> Keys:
    bodies: dict[str, dict[str, Any]] = {name: {"access": access} for name, access in _KEYS.items()}
    bodies |= {"expired": {"access": ACCESS, "expiration": "1ms"}, "invalidated": {"access": ACCESS}}

    def create(name: str) -> dict[str, Any]:
        created: dict[str, Any] = remote.rest("POST", "/_security/cross_cluster/api_key", {"name": name, **bodies[name]})
        return created

    # Each call waits up to a second for the next refresh of the index of keys.
    with ThreadPoolExecutor(len(bodies)) as pool:
        made = dict(zip(bodies, pool.map(create, bodies), strict=True))
    remote.rest("DELETE", "/_security/api_key", {"ids": [made["invalidated"]["id"]]})
    made["rest"] = remote.rest("POST", "/_security/api_key?refresh=true", {"name": "rest"})
    return {("real", name): key for name, key in (made | _spoiled(made["main"])).items()}


def _spoiled(key: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A good key with another secret, and with another id."""
    wrong, unknown = f"{key['id']}:{'x' * 22}", f"{'y' * 20}:{key['api_key']}"
    return {
        "wrong": key | {"encoded": base64.b64encode(wrong.encode()).decode()},
        "unknown": key | {"id": "y" * 20, "encoded": base64.b64encode(unknown.encode()).decode()},
    }
