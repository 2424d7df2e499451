"""What the nodes and the gateway need for the equivalence suite: documents, roles, users, and an alias for each key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.demo.documents import DemoIndex, write
from tests.elasticsearch.equivalence import documents
from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.equivalence.users import PASSWORD, local_roles, logins
from tests.elasticsearch.rig.keys import PREFIX

SOCKETS = "1"
"""One connection for each alias is enough, and there are many aliases."""


def write_gateway_documents(folder: Path, others: list[DemoIndex]) -> None:
    write(folder, [*others, *documents.everything(), documents.restricted()])


def remotes(addresses: Mapping[str, str]) -> dict[str, str]:
    """Settings of a local node; ``addresses`` by KIND. The aliases are ``KIND_eq-KEY``."""
    settings: dict[str, str] = {}
    for kind, address in addresses.items():
        for name in KEYS:
            prefix = f"cluster.remote.{kind}_{PREFIX}{name}"
            settings |= {f"{prefix}.mode": "proxy", f"{prefix}.proxy_address": address, f"{prefix}.skip_unavailable": "false"}
            settings[f"{prefix}.proxy_socket_connections"] = SOCKETS
    return settings


def roles_file(roles: Mapping[str, Any]) -> str:
    """A ``roles.yml``. Elasticsearch reads each role by itself, so that no anchors may go across, which a YAML writer would make."""
    return "".join(f"{name}: {json.dumps(role)}\n" for name, role in roles.items())


def local_files(folder: Path) -> tuple[Path, ...]:
    """``users``, ``users_roles`` and ``roles.yml`` of a local node; a password that is no hash is compared as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    users = dict(logins())
    by_role: dict[str, list[str]] = {}
    for user, roles in users.items():
        for role in roles:
            by_role.setdefault(role, []).append(user)
    contents = {
        "users": "".join(f"{user}:{PASSWORD}\n" for user in users),
        "users_roles": "".join(f"{role}:{','.join(names)}\n" for role, names in by_role.items()),
        "roles.yml": roles_file(local_roles()),
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    return tuple(folder / name for name in contents)
