"""The users of a local cluster that is this program: names, and the roles that each has.

    users:
      alice: {roles: [logs_reader], full_name: Alice Archer, email: alice@example.com}

Who may speak for a user is decided by whoever can read the settings: there are no passwords. A remote cluster is told of each as a user of
the native realm, in which Elasticsearch keeps a full name, an e-mail address and metadata as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from gateway.configuration.model import Group, Text
from protocol.errors import ElasticsearchException
from protocol.security import INTERNAL_USERS

MAX_USER_NAME: Final = 507
"""Characters (``Validation.Users`` of Elasticsearch)."""

_RULES: Final = (
    f"Usernames must be at least 1 and no more than {MAX_USER_NAME} characters. They can contain alphanumeric characters (a-z, A-Z, 0-9), "
    "spaces, punctuation, and printable symbols in the Basic Latin (ASCII) block. Leading or trailing whitespace is not allowed."
)


class UserSettings(Group):
    """``users.<name>``."""

    roles: list[Text] = Field(default_factory=list)
    full_name: Text | None = None
    email: Text | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


Users = Mapping[str, UserSettings]
"""By name."""


def user_name_problem(name: str) -> str | None:
    """What is wrong with a user's name, in Elasticsearch's words; ``None`` when nothing is."""
    if name in INTERNAL_USERS:
        return f"User [{name}] is internal"
    printable = all(" " <= char <= "~" for char in name)
    return None if 1 <= len(name) <= MAX_USER_NAME and printable and name == name.strip() else _RULES


def find_user(users: Users, name: str) -> UserSettings:
    """Raises the security_exception (401) that a node answers to a name that it does not know."""
    user = users.get(name)
    if user is None or user_name_problem(name) is not None:
        raise ElasticsearchException("security_exception", f"unable to authenticate user [{name}]", status=401)
    return user
