"""What the key store gives out: a key, a new key with its secret, an invalidation."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

KeyType = Literal["cross_cluster", "rest"]


@dataclass(frozen=True, slots=True)
class Access:
    """What a cross-cluster key may do: the ``access`` as it was asked for, and the role descriptors that it expands to; both JSON."""

    request: Mapping[str, Any]
    role_descriptors: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. Times are milliseconds since the epoch, ``access`` and ``role_descriptors`` are JSON."""

    id: str
    name: str
    type: KeyType
    creation: int
    expiration: int | None
    invalidated: bool
    invalidation: int | None
    username: str
    """Of the creator, named in errors as ``of user [x]``."""
    realm: str
    realm_type: str
    metadata: Mapping[str, Any]
    certificate_identity: str | None
    """A regular expression of the distinguished name, or none."""
    access: Mapping[str, Any] | None
    """None for a REST key."""
    role_descriptors: Mapping[str, Any]

    def is_expired(self, now: int) -> bool:
        return self.expiration is not None and self.expiration <= now

    def to_json(self) -> dict[str, Any]:
        """As ``GET /_security/api_key`` shows it: what is not set is not there."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type, "creation": self.creation}
        if self.expiration is not None:
            shown["expiration"] = self.expiration
        shown["invalidated"] = self.invalidated
        if self.invalidation is not None:
            shown["invalidation"] = self.invalidation
        shown |= {"username": self.username, "realm": self.realm, "realm_type": self.realm_type, "metadata": dict(self.metadata)}
        shown["role_descriptors"] = dict(self.role_descriptors)
        if self.certificate_identity is not None:
            shown["certificate_identity"] = self.certificate_identity
        if self.access is not None:
            shown["access"] = dict(self.access)
        return shown


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new key and, this once, its secret."""

    key: ApiKey
    api_key: str = field(repr=False)

    @property
    def encoded(self) -> str:
        """What a local cluster is given as ``cluster.remote.<alias>.credentials``."""
        return base64.b64encode(f"{self.key.id}:{self.api_key}".encode()).decode()

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": self.key.id, "name": self.key.name}
        if self.key.expiration is not None:
            shown["expiration"] = self.key.expiration
        return shown | {"api_key": self.api_key, "encoded": self.encoded}


@dataclass(frozen=True, slots=True)
class Invalidation:
    """Which keys are invalid now, and which were before; an unknown id is in neither."""

    invalidated: tuple[str, ...]
    previously_invalidated: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "invalidated_api_keys": list(self.invalidated),
            "previously_invalidated_api_keys": list(self.previously_invalidated),
            "error_count": 0,
        }
