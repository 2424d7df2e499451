"""Which names the entries of a descriptor set cover, for the actions that the same entries allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.authorization.descriptors import IndicesPrivileges
from gateway.authorization.index_access import UNRESTRICTED, AccessRules, joined
from gateway.authorization.metadata import ClusterMetadata, IndexAbstraction
from gateway.authorization.name_index import NameIndex
from gateway.authorization.patterns import NamePatterns
from gateway.authorization.privileges import IndexPrivilege, Selector, index_privilege
from gateway.authorization.restricted import is_restricted_name
from gateway.lucene.languages import Work

MAX_JOINED: Final = 1000
"""Combinations of rules of one set for which the result is kept."""


class Resource(NamedTuple):
    """A name to check, with what the cluster knows of it (``None``: there is no such name)."""

    name: str
    selector: Selector = Selector.DATA
    abstraction: IndexAbstraction | None = None
    parent: IndexAbstraction | None = None

    @classmethod
    def of(cls, metadata: ClusterMetadata, name: str, selector: Selector = Selector.DATA) -> Resource:
        abstraction = metadata.get(name)
        if abstraction is None or abstraction.data_stream is None:
            return cls(name, selector, abstraction)
        return cls(name, selector, abstraction, metadata.parent(abstraction))

    def indices(self, metadata: ClusterMetadata) -> tuple[str, ...]:
        """The concrete indices that it stands for."""
        if self.selector is Selector.FAILURES:
            return metadata.concrete_indices(self.name, failures=True)
        return () if self.abstraction is None else self.abstraction.indices

    @property
    def expression(self) -> str:
        """The name with its selector, which is left out for data."""
        return self.name if self.selector is Selector.DATA else f"{self.name}::{self.selector.value}"

    def covering(self) -> Iterator[tuple[str, Selector, bool]]:
        """Any of these covers it when a pattern matches: a name, the selector that is asked for with it, and whether the name is restricted
        (then an entry needs ``allow_restricted_indices``). An index of a data stream is covered by its stream's name or by its own."""
        abstraction, parent = self.abstraction, self.parent
        if abstraction is not None and parent is not None:
            # An index of the failure store is named directly, hence as data, but it is the stream's failures that must be allowed.
            through = Selector.FAILURES if abstraction.failure_index else Selector.DATA
            asked = through if abstraction.failure_index else self.selector
            if asked is through:
                yield parent.name, through, is_restricted(parent.name, parent)
        yield self.name, self.selector, is_restricted(self.name, abstraction)


def is_restricted(name: str, abstraction: IndexAbstraction | None) -> bool:
    return (name.startswith(".") and is_restricted_name(name)) or (abstraction is not None and abstraction.system)


class IndexGroup:
    """One entry of ``indices`` of a descriptor. ``shows``: its document and field rules, joined with those of other entries for the same
    names."""

    __slots__ = ("descriptor", "names", "privileges", "shows", "source")

    def __init__(
        self, descriptor: str, entry: IndicesPrivileges, shows: AccessRules = UNRESTRICTED, work: Work | None = None
    ) -> None:
        self.descriptor = descriptor
        self.source = entry
        self.shows = shows
        self.names = NamePatterns(entry.names, work=work)
        self.privileges: tuple[IndexPrivilege, ...] = tuple(index_privilege(name) for name in entry.privileges)

    def covering_pattern(self, privilege: IndexPrivilege, resource: Resource) -> str | None:
        """The pattern by which one of the privileges covers the resource."""
        for name, selector, restricted in resource.covering():
            if selector not in privilege.selectors or (restricted and not self.source.allow_restricted_indices):
                continue
            if (pattern := self.names.find(name)) is not None:
                return pattern
        return None


class Coverage:
    """Entries, each with the selectors for which it allows something: the questions of ``covering_pattern`` for all of them at once,
    answered without saying by which."""

    def __init__(self, entries: Iterable[tuple[IndexGroup, frozenset[Selector]]]) -> None:
        self.entries = tuple(entries)
        self._shows = tuple(dict.fromkeys(group.shows for group, _ in self.entries))
        self._indexes: dict[tuple[Selector, bool], NameIndex] = {}
        self._indexes_of_rules: dict[tuple[Selector, bool], NameIndex] = {}
        self._joined: dict[int, AccessRules] = {}

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pattern for group, _ in self.entries for pattern in group.names.patterns))

    def covers(self, resource: Resource, work: Work) -> bool:
        """Raises a security_exception when the patterns are too complex for the work that is left."""
        return any(
            self.index(selector, restricted=restricted).matches(name, work) for name, selector, restricted in resource.covering()
        )

    def shown(self, resources: Sequence[Resource], metadata: ClusterMetadata, work: Work) -> dict[str, int]:
        """For each concrete index behind the resources that is covered, what ``rules`` makes its rules of. Rules of several resources for
        one index are joined as those of several entries are. Raises as ``covers``."""
        found: dict[str, int] = {}
        for resource in resources:
            shows = 0
            for name, selector, restricted in resource.covering():
                shows |= self._index_of_rules(selector, restricted=restricted).find(name, work)
            if shows:
                for index in resource.indices(metadata):
                    found[index] = found.get(index, 0) | shows
        return found

    def rules(self, shows: int, work: Work) -> AccessRules:
        """Raises TooComplexError when there is no work left."""
        known = self._joined.get(shows)
        if known is None:
            work.spend(1 + shows.bit_count())
            known = joined([rules for bit, rules in enumerate(self._shows) if shows >> bit & 1])
            if len(self._joined) >= MAX_JOINED:
                self._joined.clear()
            self._joined[shows] = known
        return known

    def index(self, selector: Selector, *, restricted: bool) -> NameIndex:
        """The names, restricted ones or others, that are covered by a pattern for them, without regard to data streams."""
        found = self._indexes.get((selector, restricted))
        if found is None:
            found = self._indexes[selector, restricted] = NameIndex((1, group.names) for group in self._for(selector, restricted))
        return found

    def _index_of_rules(self, selector: Selector, *, restricted: bool) -> NameIndex:
        """The same names in groups, one for each of ``_shows``."""
        if len(self._shows) == 1:
            return self.index(selector, restricted=restricted)
        found = self._indexes_of_rules.get((selector, restricted))
        if found is None:
            bits = {shows: 1 << bit for bit, shows in enumerate(self._shows)}
            found = self._indexes_of_rules[selector, restricted] = NameIndex(
                (bits[group.shows], group.names) for group in self._for(selector, restricted)
            )
        return found

    def _for(self, selector: Selector, restricted: bool) -> Iterator[IndexGroup]:
        for group, selectors in self.entries:
            if selector in selectors and (group.source.allow_restricted_indices or not restricted):
                yield group
