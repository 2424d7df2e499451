"""Roles that every Elasticsearch cluster has, those of its internal users, and those of its service accounts.

Data, in ``builtin_roles.json``: what ``ReservedRolesStore``, ``InternalUsers`` and ``ElasticServiceAccounts`` of 8.19.21 tell,
written by ``tests/elasticsearch/builtin_roles.py``. What concerns applications (Kibana) and other remote clusters is kept in the
descriptors, and decides no request that comes here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.parsing import parse_role_descriptor
from protocol.errors import ElasticsearchException

SUPERUSER: Final = "superuser"

_DATA: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    Path(__file__).with_name("builtin_roles.json").read_text(encoding="utf-8")
)


def _fixed(kind: str) -> dict[str, RoleDescriptor]:
    """Of internal users: by the user's name, which is not always the role's."""
    return {name: parse_role_descriptor(body["role"], body["descriptor"]) for name, body in _DATA[kind].items()}


RESERVED_ROLES: Final[Mapping[str, RoleDescriptor]] = {
    name: parse_role_descriptor(name, body) for name, body in _DATA["reserved"].items()
}
RESERVED_NAMES: Final = frozenset(RESERVED_ROLES)
"""All names that no file may define."""

INTERNAL_USER_ROLES: Final[Mapping[str, RoleDescriptor]] = _fixed("internal")
"""What internal users may do in certificate mode; ``_system`` has a list of actions instead (see ``system``)."""

SYSTEM_CROSS_CLUSTER: Final[RoleDescriptor] = _fixed("remote")["_system"]
"""What takes the place of the descriptors of ``_system`` in API key mode, whatever it sends (``SystemUser``)."""

_SERVICE_ACCOUNT_ROLES: Final[Mapping[str, RoleDescriptor]] = {
    name: parse_role_descriptor(name, body) for name, body in _DATA["service_accounts"].items()
}

FLEET_SERVER_ACCOUNT: Final = "elastic/fleet-server"
FLEET_SERVER_OWNER: Final[RoleDescriptor] = parse_role_descriptor(
    FLEET_SERVER_ACCOUNT,
    {
        "cluster": ["monitor", "manage_own_api_key"],
        "indices": [
            {
                "names": ["logs-*", "metrics-*", "traces-*", "synthetics-*", ".logs-endpoint.diagnostic.collection-*"],
                "privileges": ["write", "create_index", "auto_configure"],
            },
            {"names": [".fleet-*"], "privileges": ["read", "write", "monitor", "create_index", "auto_configure"]},
        ],
    },
)
"""The owner's role in API keys that old releases made for this account without one (``Subject`` of x-pack core)."""


def service_account_role(principal: str) -> RoleDescriptor:
    """Of a service account (``elastic/kibana``). Raises the error for an account that does not exist."""
    role = _SERVICE_ACCOUNT_ROLES.get(principal)
    if role is None:
        raise ElasticsearchException(
            "security_exception", f"cannot load role for service account [{principal}] - no such service account", status=500
        )
    return role
