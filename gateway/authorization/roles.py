"""What roles allow: descriptor sets compiled for fast questions, and their conjunction.

A descriptor set allows what any of its descriptors allows. A role is a conjunction of such sets ("limited by"): it allows what each of
them allows, so that one more set can only take away.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.authentication.subjects import Subject
from gateway.authorization.cluster_privileges import ClusterPrivilege, cluster_privilege
from gateway.authorization.descriptors import IndicesPrivileges, RoleDescriptor
from gateway.authorization.document_queries import parse_document_query
from gateway.authorization.grant import Check, Rule
from gateway.authorization.hash_order import hash_order
from gateway.authorization.index_access import UNRESTRICTED, AccessRules, IndexAccess, combine
from gateway.authorization.metadata import AbstractionType, ClusterMetadata, IndexAbstraction
from gateway.authorization.patterns import MAX_SET_WORK, NamePatterns
from gateway.authorization.privileges import IndexPrivilege, Selector, index_privilege
from gateway.authorization.restricted import is_restricted_name
from gateway.lucene.languages import Work
from protocol.errors import ElasticsearchException

MAX_REMEMBERED_ACTIONS = 512
"""Action names per set for which the applicable groups are remembered. Names come from outside, so there is a limit."""
MAX_REMEMBERED_NAMES = 10_000
"""Names in all the answers that a role remembers: some megabytes."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A name to check, with what the cluster knows of it (``None``: there is no such name)."""

    name: str
    selector: Selector = Selector.DATA
    abstraction: IndexAbstraction | None = None
    parent: IndexAbstraction | None = None

    @classmethod
    def of(cls, metadata: ClusterMetadata, name: str, selector: Selector = Selector.DATA) -> Resource:
        abstraction = metadata.get(name)
        return cls(name, selector, abstraction, metadata.parent(abstraction))

    def indices(self, metadata: ClusterMetadata) -> tuple[str, ...]:
        """The concrete indices that it stands for."""
        return metadata.concrete_indices(self.name, failures=self.selector is Selector.FAILURES)

    @property
    def expression(self) -> str:
        """The name with its selector, which is left out for data."""
        return self.name if self.selector is Selector.DATA else f"{self.name}::{self.selector.value}"


class IndexGroup:
    """One entry of ``indices`` of a descriptor. ``shows``: its document and field rules, joined with those of other entries for the same
    names (see ``_merged_rules``)."""

    __slots__ = ("descriptor", "names", "privileges", "shows", "source")

    def __init__(
        self, descriptor: str, entry: IndicesPrivileges, shows: AccessRules = UNRESTRICTED, work: Work | None = None
    ) -> None:
        self.descriptor = descriptor
        self.source = entry
        self.shows = shows
        self.names = NamePatterns(entry.names, work=work)
        self.privileges: tuple[IndexPrivilege, ...] = tuple(index_privilege(name) for name in entry.privileges)

    def find(self, name: str, abstraction: IndexAbstraction | None) -> str | None:
        """The pattern that covers the name. Restricted names need ``allow_restricted_indices``."""
        restricted = is_restricted_name(name) or (abstraction is not None and abstraction.system)
        if restricted and not self.source.allow_restricted_indices:
            return None
        return self.names.find(name)


class DescriptorSet:
    """Descriptors of one origin, any of which may allow. Raises the errors of unknown privileges and bad patterns when it is made."""

    def __init__(self, origin: str, descriptors: Iterable[RoleDescriptor]) -> None:
        self.origin = origin
        self.descriptors = tuple(descriptors)
        self.cluster: tuple[tuple[str, ClusterPrivilege], ...] = tuple(
            (descriptor.name, cluster_privilege(name)) for descriptor in self.descriptors for name in descriptor.cluster
        )
        entries = [
            (descriptor.name, entry)
            for descriptor in self.descriptors
            if not is_explicit_denial(descriptor.indices)
            for entry in descriptor.indices
        ]
        work = Work(MAX_SET_WORK)
        merged = _merged_rules(entry for _, entry in entries)
        self.groups = tuple(IndexGroup(name, entry, merged[_merge_key(entry)], work) for name, entry in entries)
        self.restricts = any(not rules.unrestricted for rules in merged.values())
        self.run_as = tuple(
            (descriptor.name, NamePatterns(descriptor.run_as, escapes=True, work=work))
            for descriptor in self.descriptors
            if descriptor.run_as
        )
        self._by_action: dict[str, tuple[tuple[IndexGroup, IndexPrivilege], ...]] = {}

    @property
    def restricted_by_workflow(self) -> bool:
        """Whether it allows something within named workflows only; no request from another cluster is within one."""
        return any(descriptor.workflows for descriptor in self.descriptors)

    def cluster_rule(self, action: str) -> Rule | None:
        for descriptor, privilege in self.cluster:
            if privilege.allows(action):
                return Rule(self.origin, descriptor, privilege.name)
        return None

    def action_rule(self, action: str) -> Rule | None:
        """A rule for an index action, whichever the indices (Elasticsearch's ``checkIndicesAction``)."""
        for group, privilege in self._applicable(action):
            return Rule(self.origin, group.descriptor, privilege.name, ",".join(group.source.names))
        return None

    def run_as_rule(self, user: str) -> Rule | None:
        for descriptor, patterns in self.run_as:
            if (pattern := patterns.find(user)) is not None:
                return Rule(self.origin, descriptor, "run_as", pattern)
        return None

    def index_rule(self, action: str, resource: Resource) -> Rule | None:
        return next((rule for rule, _ in self.index_rules(action, resource)), None)

    def index_rules(self, action: str, resource: Resource) -> Iterator[tuple[Rule, IndexGroup]]:
        """All rules that allow the action on the resource. An index of a data stream is covered by its own name or by the stream's."""
        for group, privilege in self._applicable(action):
            if (pattern := _covering_pattern(group, privilege, resource)) is not None:
                yield Rule(self.origin, group.descriptor, privilege.name, pattern), group

    def shown(self, action: str, resources: Iterable[Resource], metadata: ClusterMetadata) -> dict[str, AccessRules]:
        """What each concrete index behind the resources shows. Rules of several resources for one index are joined as those of several
        entries are; an index that no entry covers is left out."""
        found: dict[str, AccessRules] = {}
        applicable = self._applicable(action)
        for resource in resources:
            covering: AccessRules | None = None
            for group, privilege in applicable:
                if group.shows is not covering and _covering_pattern(group, privilege, resource) is not None:
                    covering = group.shows if covering is None else covering | group.shows
                    if covering.unrestricted:
                        break
            if covering is None:
                continue
            for index in resource.indices(metadata):
                known = found.get(index)
                found[index] = covering if known is None or known is covering else known | covering
        return found

    def _applicable(self, action: str) -> tuple[tuple[IndexGroup, IndexPrivilege], ...]:
        found = self._by_action.get(action)
        if found is None:
            found = tuple(
                (group, privilege) for group in self.groups for privilege in group.privileges if privilege.allows(action)
            )
            if len(self._by_action) >= MAX_REMEMBERED_ACTIONS:
                self._by_action.clear()
            self._by_action[action] = found
        return found


def _merge_key(entry: IndicesPrivileges) -> Hashable:
    return frozenset(entry.names), entry.allow_restricted_indices


def _merged_rules(entries: Iterable[IndicesPrivileges]) -> Mapping[Hashable, AccessRules]:
    """Rules by names. Elasticsearch makes one of all entries for the same names before it looks at privileges, so that an entry without a
    query lifts the query of another, even where it does not allow the action (``MergeableIndicesPrivilege`` of 8.19)."""
    merged: dict[Hashable, AccessRules] = {}
    for entry in entries:
        query = None if entry.query is None else parse_document_query(entry.query)
        rules = AccessRules.of(query, entry.field_security)
        key = _merge_key(entry)
        merged[key] = merged[key] | rules if key in merged else rules
    return merged


def is_explicit_denial(entries: tuple[IndicesPrivileges, ...]) -> bool:
    """A single entry whose first privilege is ``none`` gives nothing, whatever else it names: so Elasticsearch builds roles."""
    return len(entries) == 1 and entries[0].privileges[0].lower() == "none"


def _covering_pattern(group: IndexGroup, privilege: IndexPrivilege, resource: Resource) -> str | None:
    abstraction, parent = resource.abstraction, resource.parent
    if abstraction is not None and parent is not None:
        # An index of the failure store is named directly, hence as data, but it is the stream's failures that must be allowed.
        through = Selector.FAILURES if abstraction.failure_index else Selector.DATA
        asked = through if abstraction.failure_index else resource.selector
        if asked is through and through in privilege.selectors and (pattern := group.find(parent.name, parent)) is not None:
            return pattern
    if resource.selector not in privilege.selectors:
        return None
    return group.find(resource.name, abstraction)


class Memory:
    """Answers about one state of the cluster, forgotten when another one is asked about, and when there are too many."""

    __slots__ = ("_about", "_answers", "_weight")

    def __init__(self) -> None:
        self._about: ClusterMetadata | None = None
        self._answers: dict[Hashable, Any] = {}
        self._weight = 0

    def get(self, metadata: ClusterMetadata, question: Hashable) -> Any:
        return self._answers.get(question) if self._about is metadata else None

    def put(self, metadata: ClusterMetadata, question: Hashable, answer: Any, names: int) -> None:
        """``names``: how many names question and answer hold."""
        weight = names + 10
        if weight > MAX_REMEMBERED_NAMES:
            return
        if self._about is not metadata or self._weight + weight > MAX_REMEMBERED_NAMES:
            self._about = metadata
            self._answers.clear()
            self._weight = 0
        self._answers[question] = answer
        self._weight += weight


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Role:
    """What a subject may do: what every one of ``sets`` allows (with no set: nothing).

    ``names``: names of the roles that were found, for a user with role names (``None`` otherwise). ``authenticating`` and
    ``authenticating_names`` are those of the user who acts for another one (run-as). ``system``: Elasticsearch itself in certificate mode,
    which has a fixed list of actions instead of descriptors. Immutable but for what it remembers; keep it as long as its headers repeat.
    """

    subject: Subject
    sets: tuple[DescriptorSet, ...]
    names: tuple[str, ...] | None = None
    authenticating: tuple[DescriptorSet, ...] = ()
    authenticating_names: tuple[str, ...] | None = None
    system: bool = False
    memory: Memory = field(default_factory=Memory, repr=False)

    @property
    def origins(self) -> tuple[str, ...]:
        return tuple(one.origin for one in self.sets)

    @property
    def restricted_by_workflow(self) -> bool:
        return any(one.restricted_by_workflow for one in (*self.sets, *self.authenticating))

    def check_cluster(self, action: str) -> Check:
        return Check(None, self.origins, tuple(one.cluster_rule(action) for one in self.sets))

    def check_action(self, action: str) -> Check:
        """An index action, whichever the indices."""
        return Check(None, self.origins, tuple(one.action_rule(action) for one in self.sets))

    def check_index(self, action: str, resource: Resource) -> Check:
        rules = tuple(one.index_rule(action, resource) for one in self.sets)
        return Check(resource.expression, self.origins, rules)

    def check_run_as(self) -> Check:
        """Whether the authenticating user may act for the effective one."""
        user = self.subject.principal
        origins = tuple(one.origin for one in self.authenticating)
        return Check(f"run as {user}", origins, tuple(one.run_as_rule(user) for one in self.authenticating))

    def access(self, action: str, resources: Sequence[Resource], metadata: ClusterMetadata) -> Mapping[str, IndexAccess]:
        """What may be seen in those of the concrete indices behind the resources that are not shown whole. All of the resources must have
        been allowed. Raises a security_exception (403) for a query that is a template."""
        shown = [one.shown(action, resources, metadata) for one in self.sets if one.restricts]
        access: dict[str, IndexAccess] = {}
        for index in dict.fromkeys(index for one in shown for index in one):
            rules = tuple(one[index] for one in shown)
            if any(one.template for one in rules):
                raise self._template_refused(action, index, rules)
            combined = combine(rules)
            if not combined.unrestricted:
                access[index] = combined
        return access

    def _template_refused(self, action: str, index: str, rules: tuple[AccessRules, ...]) -> ElasticsearchException:
        text = next(query.text for one in rules for query in one.queries or () if query.template)
        source = next(
            f"role descriptor [{group.descriptor}] has for indices [{','.join(group.source.names)}]"
            for one in self.sets
            for group in one.groups
            if group.source.query == text
        )
        return ElasticsearchException(
            "security_exception",
            f"action [{action}] is refused on index [{index}]: the document query that {source} is a template, "
            "which is not supported by this gateway",
            status=403,
        )

    def authorized_names(
        self, action: str, selector: Selector, metadata: ClusterMetadata, *, data_streams: bool
    ) -> tuple[str, ...]:
        """Names in the cluster that wildcards may expand to, before visibility, in the order in which Elasticsearch goes through them.
        Remembered until the metadata change."""
        question = (action, selector, data_streams)
        remembered: tuple[str, ...] | None = self.memory.get(metadata, question)
        if remembered is not None:
            return remembered
        names: dict[str, None] = {}
        for abstraction in metadata:
            is_stream = abstraction.type is AbstractionType.DATA_STREAM
            if (is_stream and not data_streams) or (selector is Selector.FAILURES and not is_stream):
                continue
            parent = metadata.parent(abstraction) if data_streams and abstraction.failure_index else None
            if self._all_cover(action, selector, abstraction.name, abstraction) or (
                parent is not None and self._all_cover(action, Selector.FAILURES, parent.name, parent)
            ):
                names[abstraction.name] = None
                if is_stream:
                    behind = abstraction.indices if selector is Selector.DATA else abstraction.failure_indices
                    names.update(dict.fromkeys(name for name in behind if name in metadata))
        found = tuple(hash_order(names))
        self.memory.put(metadata, question, found, len(found))
        return found

    def is_available(self, action: str, resource: Resource) -> bool:
        """Whether an explicit name counts as available. Narrower than ``check_index``: all sets must cover the same name, either that of
        the resource or that of its data stream."""
        parent, abstraction = resource.parent, resource.abstraction
        if parent is not None and abstraction is not None:
            through = Selector.FAILURES if abstraction.failure_index else Selector.DATA
            asked = through if abstraction.failure_index else resource.selector
            if asked is through and self._all_cover(action, through, parent.name, parent):
                return True
        return self._all_cover(action, resource.selector, resource.name, abstraction)

    def _all_cover(self, action: str, selector: Selector, name: str, abstraction: IndexAbstraction | None) -> bool:
        """By this very name, without regard to data streams."""
        if self.system:
            return True
        resource = Resource(name, selector, abstraction)
        return bool(self.sets) and all(one.index_rule(action, resource) is not None for one in self.sets)
