"""Which events are written: by their name, and not those that a policy ignores.

As the settings ``xpack.security.audit.logfile.events.*`` of Elasticsearch (``LoggingAuditTrail.EventFilterPolicy``): a policy ignores an
event when all its lists match, and any policy is enough. All values of a field that has several must match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.authorization.patterns import compile_pattern
from gateway.config import ConfigError
from gateway.configuration.model import AUDIT_EVENTS, AuditEventSettings, AuditIgnoreFilter
from gateway.lucene.languages import TooComplexError

_PREFIX = "xpack.security.audit.logfile.events"
_MISSING = ("",)

Predicate = Callable[[str], bool]


class EventFilter:
    """Raises ConfigError for a pattern that cannot be understood."""

    def __init__(self, settings: AuditEventSettings) -> None:
        self._names = frozenset(_expanded(settings.include)) - frozenset(_expanded(settings.exclude))
        self._policies = [_Policy(name, policy) for name, policy in settings.ignore_filters.items()]

    def includes(self, name: str) -> bool:
        """Whether events of this name are written at all."""
        return name in self._names

    def ignores(
        self, user: str | None, realm: str | None, roles: Sequence[str], indices: Sequence[str], action: str | None
    ) -> bool:
        """Whether a policy keeps an event out. What an event does not have counts as the empty text."""
        return bool(self._policies) and any(
            policy.matches(user or "", realm or "", roles, indices, action or "") for policy in self._policies
        )


class _Policy:
    def __init__(self, name: str, policy: AuditIgnoreFilter) -> None:
        self._users, self._realms, self._roles, self._indices, self._actions = (
            _any_of(f"{_PREFIX}.ignore_filters.{name}.{field}", getattr(policy, field))
            for field in ("users", "realms", "roles", "indices", "actions")
        )

    def matches(self, user: str, realm: str, roles: Sequence[str], indices: Sequence[str], action: str) -> bool:
        try:
            return (
                self._users(user)
                and self._realms(realm)
                and self._actions(action)
                and all(map(self._roles, roles or _MISSING))
                and all(map(self._indices, indices or _MISSING))
            )
        except TooComplexError:
            return False  # better an event too many


def _expanded(names: list[str]) -> tuple[str, ...]:
    return AUDIT_EVENTS if "_all" in names else tuple(names)


def _any_of(setting: str, patterns: list[str]) -> Predicate:
    if "*" in patterns:
        return lambda _: True
    try:
        compiled = [compile_pattern(pattern) if pattern else _is_missing for pattern in patterns or _MISSING]
    except ValueError as error:
        raise ConfigError([f"setting [{setting}]: {error}"]) from error
    return lambda text: any(matches(text) for matches in compiled)


def _is_missing(text: str) -> bool:
    return not text
