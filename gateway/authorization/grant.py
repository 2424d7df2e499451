"""What authorization decides, and why: the answer is a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from gateway.authorization.index_access import EVERYTHING, IndexAccess
from protocol.errors import ElasticsearchException


@dataclass(frozen=True, slots=True)
class Rule:
    """The line of a role that allowed something.

    ``origin`` says where the role comes from (``API key [id]``, ``subject of user [alice]``, ``roles.yml``, …), ``descriptor`` names it,
    ``privilege`` is the named privilege or action pattern, ``pattern`` the index name pattern (``None`` for cluster privileges).
    """

    origin: str
    descriptor: str
    privilege: str
    pattern: str | None = None

    def __str__(self) -> str:
        on = "" if self.pattern is None else f" on [{self.pattern}]"
        return f"{self.origin}: [{self.descriptor}] grants [{self.privilege}]{on}"


@dataclass(frozen=True, slots=True)
class Check:
    """One name (or, without a name, the action itself) against each descriptor set of a role: allowed when every set has a rule.

    ``rules`` is parallel to ``origins``; ``None`` says that this set allows it by no line.
    """

    name: str | None
    origins: tuple[str, ...]
    rules: tuple[Rule | None, ...]

    @property
    def allowed(self) -> bool:
        return bool(self.rules) and all(rule is not None for rule in self.rules)

    def explain(self) -> list[str]:
        """A line per descriptor set."""
        return [
            str(rule) if rule is not None else f"{origin}: nothing grants it"
            for origin, rule in zip(self.origins, self.rules, strict=True)
        ]


class LazyChecks(Sequence[Check]):
    """Checks that are made when somebody looks at them: hardly any request needs them, and there is one for each name."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Iterable[Check]]) -> None:
        self._make = make
        self._made: tuple[Check, ...] | None = None

    def _all(self) -> tuple[Check, ...]:
        if self._made is None:
            self._made = tuple(self._make())
        return self._made

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Check]:
        return iter(self._all())

    @overload
    def __getitem__(self, at: int) -> Check: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Check, ...]: ...

    def __getitem__(self, at: int | slice) -> Check | tuple[Check, ...]:
        return self._all()[at]


@dataclass(frozen=True, slots=True)
class Grant:
    """A request that may run.

    ``names``: what takes the place of the names in the request, wildcards expanded and unauthorized ones gone, in order; ``None`` when the
    action is not bound to names (cluster actions, and those that are checked by action only). An empty tuple matches nothing: the request
    must answer as Elasticsearch does for no index at all. ``indices`` are the concrete indices behind the names, and no other index may be
    touched; ``None`` when names are. ``access``: what may be seen in those of them that are not shown whole.
    """

    action: str
    names: tuple[str, ...] | None = None
    indices: frozenset[str] | None = None
    checks: Sequence[Check] = field(default=(), compare=False)
    access: Mapping[str, IndexAccess] = field(default_factory=dict, hash=False)

    @property
    def matches_nothing(self) -> bool:
        return self.names == ()

    def covers(self, index: str) -> bool:
        """Whether a concrete index may be touched. Never true for a grant that is not bound to names."""
        return self.indices is not None and index in self.indices

    def access_to(self, index: str) -> IndexAccess:
        """What may be seen in a concrete index that the grant covers."""
        return self.access.get(index, EVERYTHING)

    def explain(self) -> list[str]:
        return [f"allowed: {self.action}", *_lines(self.checks)]


@dataclass(eq=False)
class Denied(ElasticsearchException):
    """A refusal, as it goes over the wire, with the checks that led to it."""

    action: str = ""
    checks: Sequence[Check] = ()

    def explain(self) -> list[str]:
        return [f"denied: {self.reason}", *_lines(self.checks)]


def _lines(checks: Sequence[Check]) -> list[str]:
    return [f"  {'' if check.name is None else f'[{check.name}] '}{line}" for check in checks for line in check.explain()]
