"""The decision: may this role do this action, and on which of the names it asks for.

A cluster action is decided by the action alone; an index action by the action and each name. Whatever is neither is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from gateway.authorization import denials, expressions
from gateway.authorization.actions import (
    ACTION_ONLY,
    HANDSHAKE_ACTION,
    HAS_PRIVILEGES_ACTION,
    SCROLL_ACTIONS,
    ActionTraits,
    is_proxy_action,
    traits,
)
from gateway.authorization.cluster_privileges import is_cluster_action
from gateway.authorization.coverage import Resource
from gateway.authorization.grant import Check, Grant, LazyChecks
from gateway.authorization.metadata import ClusterMetadata
from gateway.authorization.privileges import is_index_action
from gateway.authorization.roles import BYTES_OF_A_NAME, Role
from gateway.authorization.system import check_system
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions

_PASSED_ON = frozenset(
    {"index_not_found_exception", "invalid_index_name_exception", "invalid_selector_exception", "unsupported_selector_exception"}
)
"""Errors of index expressions that go to the user as they are; others become the cause of a denial, where wildcards are expanded."""


MAX_QUESTION = 10_000
"""Characters of index expressions up to which a decision is remembered."""

_ELSEWHERE = ClusterMetadata()
"""Stands for a cluster whose names are not known here."""


def now() -> datetime:
    return datetime.now(UTC)


def authorize_cluster(role: Role, action: str, *, about_user: str | None = None) -> Grant:
    """A request that is not bound to indices. ``about_user``: the user that a has_privileges request asks about; anybody may ask about
    themselves. Raises Denied (403)."""
    if role.system or (action == HANDSHAKE_ACTION and role.subject.key is None):
        # Nodes shake hands as the system, whoever's request opened the connection.
        return Grant(action, checks=(_system(role, action),))
    checks = _before(role, action)
    if not is_cluster_action(action):
        raise denials.action_denied(role, action, checks=checks)
    check = role.check_cluster(action)
    own = action == HAS_PRIVILEGES_ACTION and about_user is not None and about_user == role.subject.principal
    if not (check.allowed or own):
        raise denials.action_denied(role, action, checks=(*checks, check))
    return Grant(action, checks=(*checks, check))


def authorize_indices(
    role: Role,
    action: str,
    names: Sequence[str] | None,
    options: IndicesOptions,
    metadata: ClusterMetadata,
    *,
    point_in_time: bool = False,
    shard_indices: Iterable[str] = (),
    clock: Callable[[], datetime] = now,
) -> Grant:
    """A request on indices.

    ``names``: the index expressions in the request, ``None`` for a request that has no place for any (a scroll, a proxied or composite
    one). ``point_in_time``: the names come out of a point in time, where they were expanded before. ``shard_indices``: the indices of the
    shards that the request goes to, which must be among those that the names stand for. Raises Denied (403), index_not_found_exception
    (404), and the errors of bad expressions (400).
    """
    shards = frozenset(shard_indices)
    question = _question(action, names, options, point_in_time, shards)
    remembered: Grant | ElasticsearchException | None = None if question is None else role.memory.get(metadata, question)
    if isinstance(remembered, ElasticsearchException):
        raise replace(remembered)
    if remembered is not None:
        return remembered
    role.effort.refill()
    try:
        grant = _authorize_indices(role, action, names, options, metadata, point_in_time, shards, clock)
    except ElasticsearchException as error:
        if question is not None and role.effort.is_used_up:
            # So that the same request is refused at once the next time.
            role.memory.put(metadata, question, error, BYTES_OF_A_NAME * len(names or ()) + MAX_QUESTION)
        raise
    if question is not None:
        role.memory.put(metadata, question, grant, _size(names or (), grant))
    return grant


def _size(names: Sequence[str], grant: Grant) -> int:
    answer = len(grant.names or ()) + len(grant.indices or ()) + 2 * len(grant.access)
    return sum(map(len, names)) + BYTES_OF_A_NAME * (len(names) + answer)


def _question(
    action: str, names: Sequence[str] | None, options: IndicesOptions, point_in_time: bool, shard_indices: frozenset[str]
) -> Hashable:
    """All that a decision depends on besides the role and the cluster; ``None`` when that includes the time (date math), or is long."""
    if names is None:
        return action
    if sum(map(len, names)) > MAX_QUESTION or any(name.startswith(("<", "-<")) for name in names):
        return None
    chosen = (
        options.ignore_unavailable,
        options.allow_no_indices,
        options.expand_open,
        options.expand_closed,
        options.expand_hidden,
        options.ignore_aliases,
        options.allow_selectors,
    )
    return action, tuple(names), chosen, point_in_time, shard_indices


def _authorize_indices(
    role: Role,
    action: str,
    names: Sequence[str] | None,
    options: IndicesOptions,
    metadata: ClusterMetadata,
    point_in_time: bool,
    shard_indices: frozenset[str],
    clock: Callable[[], datetime],
) -> Grant:
    checks = _before(role, action)
    if not is_index_action(action):
        raise denials.action_denied(role, action, checks=checks)
    allowed = _system(role, action) if role.system else role.check_action(action)
    if names is None or is_proxy_action(action) or action in ACTION_ONLY:
        return _by_action(role, action, checks, allowed, named=names is not None)
    kind = traits(action)
    if kind.local_only and not allowed.allowed:
        raise denials.action_denied(role, action, names=names, context=denials.on_indices(names), checks=(*checks, allowed))
    try:
        resolved = _resolve(role, action, names, options, metadata, clock, kind, point_in_time=point_in_time)
    except ElasticsearchException as error:
        if not kind.expands or error.type in _PASSED_ON:
            raise
        raise denials.action_denied(role, action, names=names, cause=error, checks=checks) from error
    if not resolved:
        if not allowed.allowed:
            raise denials.action_denied(role, action, names=expressions.NO_INDICES, checks=(*checks, allowed))
        return Grant(action, (), frozenset(), (*checks, allowed))
    return _on_names(role, action, names, resolved, metadata, checks, kind, shard_indices)


def authorize(
    role: Role,
    action: str,
    names: Sequence[str] | None = None,
    options: IndicesOptions | None = None,
    metadata: ClusterMetadata | None = None,
    *,
    clock: Callable[[], datetime] = now,
) -> Grant:
    """Either of the above, by what the action is: for ``explain`` and for requests whose kind is not known."""
    if is_index_action(action) and not is_cluster_action(action):
        return authorize_indices(role, action, names, options or IndicesOptions(), metadata or ClusterMetadata(), clock=clock)
    return authorize_cluster(role, action)


def authorize_unresolved(
    role: Role,
    action: str,
    names: Sequence[str] | None,
    options_of: Callable[[], IndicesOptions | None] = lambda: None,
    clock: Callable[[], datetime] = now,
) -> Grant:
    """An index request that another cluster resolves and authorizes by the same descriptor sets: refuses what is certain without
    knowing the names there. ``names``: ``None`` where they are not known. ``options_of``: how the request wants them to be resolved, asked
    for when some are not allowed; ``None`` where that is not known. Raises as ``authorize_indices``."""
    question = (action, None if names is None else tuple(names))
    remembered: Grant | None = role.memory.get(_ELSEWHERE, question)
    if remembered is not None:
        return remembered
    role.effort.refill()
    checks = _before(role, action)
    if not is_index_action(action):
        raise denials.action_denied(role, action, checks=checks)
    allowed = _system(role, action) if role.system else role.check_action(action)
    checks = (*checks, allowed)
    if not allowed.allowed:
        if names is not None and (options := options_of()) is not None:
            # No name is covered, whatever there is, so that a cluster without any says the same.
            authorize_indices(role, action, names, options, _ELSEWHERE, clock=clock)
        raise denials.action_denied(role, action, names=names or expressions.NO_INDICES, checks=checks)
    if role.system:
        return Grant(action, checks=checks)
    explicit = [name for name in names or () if _is_explicit(name)]
    per_name = tuple(role.check_index(action, Resource(name)) for name in explicit)
    checks = (*checks, *per_name)
    if all(check.allowed for check in per_name):
        # Only what is allowed whatever else the request wants.
        grant = Grant(action, checks=checks)
        if sum(map(len, names or ())) <= MAX_QUESTION:
            role.memory.put(_ELSEWHERE, question, grant, _size(names or (), grant))
        return grant
    options = options_of()
    if options is not None:
        _check_certain(role, action, names or (), options, clock, checks)
    return Grant(action, checks=checks)


def _check_certain(
    role: Role,
    action: str,
    names: Sequence[str],
    options: IndicesOptions,
    clock: Callable[[], datetime],
    checks: tuple[Check, ...],
) -> None:
    """Raises Denied (403) where names are among those of the request that are not allowed on any cluster, and that it is for."""
    kind = traits(action)
    if kind.expands and not options.allow_no_indices and not all(map(_is_explicit, names)):
        return  # a wildcard that matches nothing there is told of first
    # Which names are left when wildcards match nothing, and how they are called.
    lenient = replace(options, allow_no_indices=True)
    resolved = _resolve(role, action, names, lenient, _ELSEWHERE, clock, kind, point_in_time=False)
    denied = [name for name in resolved if _is_whole(name) and not role.check_index(action, Resource(name)).allowed]
    if denied:
        asked = resolved if kind.expands else names
        raise denials.action_denied(role, action, names=asked, context=denials.on_indices(denied), checks=checks)


def _is_explicit(name: str) -> bool:
    """A name that stands for itself on any cluster, and which only its own privileges cover: not an index of a data stream."""
    return bool(name) and not name.startswith(("<", "-", "_all")) and not set(name) & set("*?") and _is_whole(name)


def _is_whole(name: str) -> bool:
    """Of a resolved name: not one that may be covered by another one's privileges, such as an index of a data stream."""
    return not name.startswith((".ds-", ".fs-", "_all")) and ":" not in name


def _before(role: Role, action: str) -> tuple[Check, ...]:
    """What holds for every action: no workflow restriction, and run-as must be allowed."""
    if role.restricted_by_workflow:
        cause = ElasticsearchException("role_restriction_exception", "access restricted by workflow", status=403)
        raise denials.action_denied(role, action, cause=cause, roles_known=False)
    # In API key mode the local cluster has decided over run-as, and sends what the effective user may do.
    if role.subject.key is not None or not role.subject.authentication.is_run_as:
        return ()
    check = role.check_run_as()
    if not check.allowed or role.subject.authentication.looked_up_by is None:
        raise denials.run_as_denied(role, action, check)
    return (check,)


def _system(role: Role, action: str) -> Check:
    check = check_system(action)
    if not check.allowed:
        raise denials.action_denied(role, action, checks=(check,))
    return check


def _by_action(role: Role, action: str, checks: tuple[Check, ...], allowed: Check, *, named: bool) -> Grant:
    """Requests of which only the action is checked here: their parts are authorized one by one, or were before."""
    if is_proxy_action(action) or action in ACTION_ONLY or action == "indices:data/read/scroll":
        if not allowed.allowed:
            raise denials.action_denied(role, action, checks=(*checks, allowed))
        return Grant(action, checks=(*checks, allowed))
    if action in SCROLL_ACTIONS and not named:
        return Grant(action, checks=checks)
    cause = ElasticsearchException(
        "illegal_state_exception",
        "only scroll and async-search related requests are known indices api that don't support retrieving the indices they relate to",
        status=500,
    )
    raise denials.action_denied(role, action, cause=cause, checks=checks)


def _resolve(
    role: Role,
    action: str,
    names: Sequence[str],
    options: IndicesOptions,
    metadata: ClusterMetadata,
    clock: Callable[[], datetime],
    kind: ActionTraits,
    *,
    point_in_time: bool,
) -> tuple[str, ...]:
    if point_in_time:
        return tuple(dict.fromkeys(names))
    if kind.expands:
        return expressions.resolve(role, action, names, options, metadata, clock, data_streams=kind.data_streams)
    return expressions.explicit(action, names, clock)


def _on_names(
    role: Role,
    action: str,
    names: Sequence[str],
    resolved: tuple[str, ...],
    metadata: ClusterMetadata,
    checks: tuple[Check, ...],
    kind: ActionTraits,
    shard_indices: frozenset[str],
) -> Grant:
    resources = [expressions.as_resource(name, metadata) for name in resolved]

    def by_name() -> Iterator[Check]:
        yield from checks
        for name in resolved:
            yield check_system(action) if role.system else role.check_index(action, expressions.as_resource(name, metadata))

    every = LazyChecks(by_name)
    allowed = [check_system(action).allowed] * len(resources) if role.system else role.allows(action, resources)
    if not all(allowed):
        # The names are those of the request: replaced ones where wildcards were expanded, else as they came.
        asked = resolved if kind.expands else names
        known = {resource.expression for resource, is_allowed in zip(resources, allowed, strict=True) if is_allowed}
        denied = [name for name in asked if name not in known]
        raise denials.action_denied(role, action, names=asked, context=denials.on_indices(denied), checks=every)
    indices = frozenset([index for resource in resources for index in resource.indices(metadata)])
    if not shard_indices <= indices:
        raise denials.action_denied(role, action, names=names, context=denials.on_indices(names), checks=every)
    return Grant(action, resolved, indices, every, {} if role.system else role.access(action, resources, metadata))
