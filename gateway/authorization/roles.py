"""What roles allow: descriptor sets compiled for fast questions, and their conjunction.

A descriptor set allows what any of its descriptors allows. A role is a conjunction of such sets ("limited by"): it allows what each of
them allows, so that one more set can only take away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.authentication.subjects import Subject
from gateway.authorization.cluster_privileges import ClusterPrivilege, cluster_privilege
from gateway.authorization.coverage import Coverage, IndexGroup, Resource, is_restricted
from gateway.authorization.descriptors import IndicesPrivileges, RoleDescriptor
from gateway.authorization.document_queries import parse_document_query
from gateway.authorization.grant import Check, Rule
from gateway.authorization.hash_order import hash_order
from gateway.authorization.index_access import AccessRules, IndexAccess, combine
from gateway.authorization.memory import Memory
from gateway.authorization.metadata import AbstractionType, ClusterMetadata, IndexAbstraction
from gateway.authorization.patterns import MAX_SET_WORK, NamePatterns, too_complex
from gateway.authorization.privileges import IndexPrivilege, Selector
from gateway.lucene.languages import TooComplexError, Work
from protocol.errors import ElasticsearchException

MAX_REMEMBERED_ACTIONS = 512
"""Action names per set for which the applicable groups are remembered. Names come from outside, so there is a limit."""
MAX_EFFORT: Final = 300_000
"""Steps that name patterns may take for one request: half a second."""
BYTES_OF_A_NAME: Final = 100
"""That a name in an answer takes, in a list and in a set."""


class DescriptorSet:
    """Descriptors of one origin, any of which may allow. Raises the errors of unknown privileges and bad patterns when it is made.
    ``work``: what its regular expressions may cost."""

    def __init__(self, origin: str, descriptors: Iterable[RoleDescriptor], work: Work | None = None) -> None:
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
        work = Work(MAX_SET_WORK) if work is None else work
        merged = _merged_rules(entry for _, entry in entries)
        self.groups = tuple(IndexGroup(name, entry, merged[_merge_key(entry)], work) for name, entry in entries)
        self.restricts = any(not rules.unrestricted for rules in merged.values())
        self.run_as = tuple(
            (descriptor.name, NamePatterns(descriptor.run_as, escapes=True, work=work))
            for descriptor in self.descriptors
            if descriptor.run_as
        )
        self._by_action: dict[str, tuple[tuple[IndexGroup, IndexPrivilege], ...]] = {}
        self._coverages: dict[str, Coverage] = {}

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
            if (pattern := group.covering_pattern(privilege, resource)) is not None:
                yield Rule(self.origin, group.descriptor, privilege.name, pattern), group

    def coverage(self, action: str) -> Coverage:
        """What ``index_rules`` are about, for many resources: the same object for all actions that the same entries allow."""
        found = self._coverages.get(action)
        if found is None:
            selectors: dict[int, frozenset[Selector]] = {}
            groups = {id(group): group for group, _ in self._applicable(action)}
            for group, privilege in self._applicable(action):
                selectors[id(group)] = selectors.get(id(group), frozenset()) | privilege.selectors
            entries = tuple((groups[each], selectors[each]) for each in groups)
            equal = (one for one in self._coverages.values() if one.entries == entries)
            found = self._coverages[action] = next(equal, None) or Coverage(entries)
        return found

    def _applicable(self, action: str) -> tuple[tuple[IndexGroup, IndexPrivilege], ...]:
        found = self._by_action.get(action)
        if found is None:
            found = tuple(
                (group, privilege) for group in self.groups for privilege in group.privileges if privilege.allows(action)
            )
            if len(self._by_action) >= MAX_REMEMBERED_ACTIONS:
                self._by_action.clear()
                self._coverages.clear()
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
    effort: Work = field(default_factory=lambda: Work(MAX_EFFORT), repr=False)
    """What the patterns of all sets together may still cost for one request. The methods below that take many names raise a
    security_exception when it is used up."""

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

    def allows(self, action: str, resources: Sequence[Resource]) -> list[bool]:
        """``check_index(…).allowed`` for many, without the rules."""
        coverages = self._coverages(action)
        data, failures = (self._covering(action, selector) for selector in (Selector.DATA, Selector.FAILURES))
        return [
            (data if resource.selector is Selector.DATA else failures)(resource.name, resource.abstraction)
            if resource.parent is None
            else bool(coverages) and all(one.covers(resource, self.effort) for one in coverages)
            for resource in resources
        ]

    def check_run_as(self) -> Check:
        """Whether the authenticating user may act for the effective one."""
        user = self.subject.principal
        origins = tuple(one.origin for one in self.authenticating)
        return Check(f"run as {user}", origins, tuple(one.run_as_rule(user) for one in self.authenticating))

    def access(self, action: str, resources: Sequence[Resource], metadata: ClusterMetadata) -> Mapping[str, IndexAccess]:
        """What may be seen in those of the concrete indices behind the resources that are not shown whole. All of the resources must have
        been allowed. Raises a security_exception (403) for a query that is a template."""
        coverages = [one.coverage(action) for one in self.sets if one.restricts]
        if not coverages:
            return {}
        shown = [one.shown(resources, metadata, self.effort) for one in coverages]
        access: dict[str, IndexAccess] = {}
        known: dict[tuple[int, ...], IndexAccess] = {}
        for index in dict.fromkeys(index for one in shown for index in one):
            shows = tuple([one[index] for one in shown])
            combined = known.get(shows)
            if combined is None:
                combined = known[shows] = self._combined(action, index, coverages, shows)
            if not combined.unrestricted:
                access[index] = combined
        return access

    def _combined(self, action: str, index: str, coverages: Sequence[Coverage], shows: tuple[int, ...]) -> IndexAccess:
        try:
            rules = tuple(one.rules(each, self.effort) for one, each in zip(coverages, shows, strict=True))
            if any(one.template for one in rules):
                raise self._template_refused(action, index, rules)
            return combine(rules, self.effort)
        except TooComplexError as error:
            raise too_complex(coverages[0].patterns, error) from error

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
        question = (self._coverages(action), selector, data_streams)
        remembered: tuple[str, ...] | ElasticsearchException | None = self.memory.get(metadata, question)
        if isinstance(remembered, ElasticsearchException):
            raise replace(remembered)
        if remembered is not None:
            return remembered
        try:
            found = tuple(hash_order(self._authorized_names(action, selector, metadata, data_streams=data_streams)))
        except ElasticsearchException as error:
            # The next request is refused at once.
            self.memory.put(metadata, question, error, BYTES_OF_A_NAME)
            raise
        self.memory.put(metadata, question, found, BYTES_OF_A_NAME * len(found))
        return found

    def _authorized_names(
        self, action: str, selector: Selector, metadata: ClusterMetadata, *, data_streams: bool
    ) -> dict[str, None]:
        names: dict[str, None] = {}
        covers = self._covering(action, selector)
        covers_failures = self._covering(action, Selector.FAILURES)
        for abstraction in metadata:
            is_stream = abstraction.type is AbstractionType.DATA_STREAM
            if (is_stream and not data_streams) or (selector is Selector.FAILURES and not is_stream):
                continue
            parent = metadata.parent(abstraction) if data_streams and abstraction.failure_index else None
            if covers(abstraction.name, abstraction) or (parent is not None and covers_failures(parent.name, parent)):
                names[abstraction.name] = None
                if is_stream:
                    behind = abstraction.indices if selector is Selector.DATA else abstraction.failure_indices
                    names.update(dict.fromkeys(name for name in behind if name in metadata))
        return names

    def is_available(self, action: str, resource: Resource) -> bool:
        """Whether an explicit name counts as available. Narrower than ``check_index``: all sets must cover the same name, either that of
        the resource or that of its data stream."""
        parent, abstraction = resource.parent, resource.abstraction
        if parent is not None and abstraction is not None:
            through = Selector.FAILURES if abstraction.failure_index else Selector.DATA
            asked = through if abstraction.failure_index else resource.selector
            if asked is through and self._covering(action, through)(parent.name, parent):
                return True
        return self._covering(action, resource.selector)(resource.name, abstraction)

    def _coverages(self, action: str) -> tuple[Coverage, ...]:
        return tuple(one.coverage(action) for one in self.sets)

    def _covering(self, action: str, selector: Selector) -> Callable[[str, IndexAbstraction | None], bool]:
        """Whether all sets cover a name by this very name, without regard to data streams."""
        if self.system:
            return lambda _name, _abstraction: True
        if not self.sets:
            return lambda _name, _abstraction: False
        effort = self.effort
        known: dict[bool, list[Callable[[str, Work], bool]]] = {}

        def covers(name: str, abstraction: IndexAbstraction | None) -> bool:
            restricted = is_restricted(name, abstraction)
            indexes = known.get(restricted)
            if indexes is None:
                every = [one.index(selector, restricted=restricted) for one in self._coverages(action)]
                indexes = known[restricted] = [index.matches for index in every if not index.total]
            for matches in indexes:  # noqa: SIM110  # a generator costs more than all that it does
                if not matches(name, effort):
                    return False
            return True

        return covers
