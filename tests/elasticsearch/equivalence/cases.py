"""Who asks what: by which credential, as which user, from a local cluster of which version."""

from __future__ import annotations

from dataclasses import dataclass

from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.equivalence.roles import ROLE_SETS
from tests.elasticsearch.equivalence.users import USERS, User
from tests.elasticsearch.rig.keys import PREFIX

ROLES_PREFIX = "roles:"
CREDENTIALS = (*KEYS, *(ROLES_PREFIX + name for name in ROLE_SETS))
"""A key's name, or ``roles:`` and the name of a set of roles, which is of the certificate model."""


@dataclass(frozen=True)
class Case:
    credential: str
    user: str
    request: str
    version: str

    def __str__(self) -> str:
        return f"{self.credential} / {self.user} / {self.request} / {self.version}"

    @property
    def role_set(self) -> str | None:
        return self.credential.removeprefix(ROLES_PREFIX) if self.credential.startswith(ROLES_PREFIX) else None

    @property
    def asking(self) -> User:
        return USERS[self.user]

    def alias(self, kind: str) -> str:
        return f"{kind}_{PREFIX}{self.credential}" if self.role_set is None else f"{kind}_cert_proxy"
