"""The local cluster in Python beside the real ones: the same aliases, users and roles, and calls by the path that REST has for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.client import LocalCluster, LocalSettings, open_local_cluster, settings_of
from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from tests.elasticsearch.rig.clusters import ROLES, UPSTREAMS, USERS, Clusters
from tests.elasticsearch.rig.equivalence import roles_file

ROOT = "root"
"""A superuser, as whom real local clusters are asked by default."""


def alias_of(kind: str, model: str, mode: str) -> str:
    return f"{kind}_{model}_{mode}"


def settings(clusters: Clusters, folder: Path, aliases: Iterable[str], **more: str | list[str]) -> LocalSettings:
    """For aliases ``KIND_MODEL_MODE``; ``more`` by dotted name."""
    roles = {
        name: {**role, "remote_indices": [{**entry, "clusters": ["*"]} for entry in role["indices"]]}
        for name, role in ROLES.items()
    }
    path = folder / "roles.yml"
    path.write_text(roles_file(roles))
    certificates = clusters.folder / "certificates"
    client_ssl, transport_ssl = "xpack.security.remote_cluster_client.ssl", "xpack.security.transport.ssl"
    flat: dict[str, str | list[str]] = {
        "path.roles": str(path),
        f"{client_ssl}.certificate_authorities": str(certificates / "ca.crt"),
        f"{transport_ssl}.certificate_authorities": str(certificates / "ca.crt"),
        f"{transport_ssl}.certificate": str(certificates / "client.crt"),
        f"{transport_ssl}.key": str(certificates / "client.key"),
        f"users.{ROOT}.roles": "superuser",
        **{f"users.{user}.roles": role for user, role in USERS.items()},
    }
    for alias in aliases:
        kind, model, mode = alias.split("_")
        prefix = f"cluster.remote.{alias}"
        flat |= {f"{prefix}.mode": mode, f"{prefix}.skip_unavailable": "false"}
        flat[f"{prefix}.{'proxy_address' if mode == 'proxy' else 'seeds'}"] = clusters.address(kind, model)
        if mode == "proxy":
            flat[f"{prefix}.proxy_socket_connections"] = "2"
        if model == "key":
            flat[f"{prefix}.credentials"] = clusters.keys["real" if kind in UPSTREAMS.values() else "gw", "main"]["encoded"]
    return settings_of({**flat, **more}, folder)


@asynccontextmanager
async def local_client(clusters: Clusters, folder: Path, *aliases: str, **more: str) -> AsyncIterator[LocalCluster]:
    async with open_local_cluster(settings(clusters, folder, aliases, **more), request_timeout=60) as local:
        yield local


async def ask(local: LocalCluster, path: str, body: Any = None, lines: Sequence[Any] = (), *, user: str = ROOT) -> dict[str, Any]:
    """The status and the body that the call of this path has."""
    try:
        return {"status": 200, "body": await _call(local, user, path, body, lines)}
    except ElasticsearchException as error:
        shown = rest_error(error)
        return {"status": shown["status"], "body": shown}


async def _call(local: LocalCluster, user: str, path: str, body: Any, lines: Sequence[Any]) -> dict[str, Any]:
    url = urlsplit(path)
    params: dict[str, Any] = dict(parse_qsl(url.query, keep_blank_values=True))
    params = {name: value or True for name, value in params.items()}
    text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    first, _, rest = url.path.strip("/").partition("/")
    if first == "_msearch":
        return await local.msearch(user, list(zip(lines[::2], lines[1::2], strict=True)), **params)
    if first == "_resolve":
        what, _, names = rest.partition("/")
        resolve = local.resolve_index if what == "index" else local.resolve_cluster
        return await resolve(user, names, **params)
    if first == "_search":
        return await local.search(user, (), text, **params)
    calls = {
        "_search": local.search,
        "_count": local.count,
        "_field_caps": local.field_caps,
        "_terms_enum": local.terms_enum,
    }
    return await calls[rest](user, first, text, **params)
