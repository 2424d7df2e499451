"""Puts a complete gateway into a folder: settings, certificates, documents, roles, a key. What is there already stays."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certs.demo import DemoCertificates, ensure_demo_certificates
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authorization.access import parse_access
from gateway.demo.documents import indices, write

KEY_NAME = "demo"
ACCESS: dict[str, Any] = {"search": [{"names": ["logs-*", "products", "shop", "events"]}]}
ROLES = """\
# Roles of the certificate model: a local user who has a role of this name may do this here.
demo_reader:
  indices:
    - names: [ "logs-*", "products", "shop", "events" ]
      privileges: [ "read", "read_cross_cluster", "view_index_metadata" ]
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """Where everything lies, and the key's credential."""

    config: Path
    certificates: DemoCertificates
    encoded: str


def prepare(folder: Path) -> Demo:
    """Make what is missing. Raises OSError, CertificateError."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates = ensure_demo_certificates(folder / "certificates")
    if not (folder / "documents").exists():
        write(folder / "documents", indices())
    config = folder / "gateway.yml"
    _write_missing(config, _settings(certificates))
    _write_missing(folder / "roles.yml", ROLES)
    return Demo(config, certificates, _key(folder))


def _settings(certificates: DemoCertificates) -> str:
    remote, transport = "xpack.security.remote_cluster_server.ssl", "xpack.security.transport.ssl"
    certificate, key, ca = (
        str(path.absolute()) for path in (certificates.server_certificate, certificates.server_key, certificates.ca_certificate)
    )
    values: dict[str, Any] = {
        "cluster.name": "demo",
        "node.name": "gateway",
        "path.data": "data",
        "path.roles": "roles.yml",
        "remote_cluster_server.enabled": True,
        "remote_cluster.port": 9443,
        f"{remote}.certificate": certificate,
        f"{remote}.key": key,
        "transport.port": 9300,
        f"{transport}.enabled": True,
        f"{transport}.certificate": certificate,
        f"{transport}.key": key,
        f"{transport}.certificate_authorities": [ca],
        "backend.type": "memory",
        "backend.memory.load": ["documents"],
    }
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def _key(folder: Path) -> str:
    """The credential of the demo's key. It is kept in a file of its own, because the key store does not show it again."""
    path = folder / "credential"
    with ApiKeyStore(folder / "data") as store:
        if path.exists() and any(key.name == KEY_NAME and not key.invalidated for key in store.all_keys()):
            return path.read_text().strip()
        encoded = store.create(KEY_NAME, parse_access(json.dumps(ACCESS))).encoded
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(encoded + "\n")
    return encoded


def _write_missing(path: Path, content: str) -> None:
    if not path.exists():
        path.write_text(content)
