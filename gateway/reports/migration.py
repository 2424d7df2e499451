"""From the certificate model to API keys: what each local cluster has used, and the smallest access that allows it.

A local cluster is told by the subject of its client certificate, as nothing else of what it says about itself is proven; its nodes may have
several, which patterns put together. Only requests that were allowed and answered count.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gateway.authorization.access import parse_access
from gateway.authorization.cluster_privileges import cluster_privilege
from gateway.authorization.coverage import Resource
from gateway.authorization.descriptors import SUPPORTED_REMOTE_CLUSTER_PRIVILEGES
from gateway.authorization.expressions import split_selector
from gateway.authorization.parsing import parse_descriptor_set
from gateway.authorization.privileges import INDEX_PRIVILEGES, Selector, is_index_action
from gateway.authorization.restricted import is_restricted_name
from gateway.authorization.roles import DescriptorSet
from gateway.cluster_actions import TRANSPORT
from gateway.globs import simple_match
from gateway.reports.reading import Event, text, texts
from protocol.messages.cluster_state import CLUSTER_STATE
from protocol.messages.handshake import TRANSPORT_HANDSHAKE
from protocol.messages.tasks import BAN_INTERNAL, CANCEL_CHILD_INTERNAL
from protocol.security import INTERNAL_USERS

SEARCH, REPLICATION = "search", "replication"
KEPT_UP_OTHERWISE = frozenset({TRANSPORT_HANDSHAKE, CLUSTER_STATE, BAN_INTERNAL, CANCEL_CHILD_INTERNAL})
"""What connections are kept up with in the certificate model; with API keys there are other actions for it, which any key allows."""
ALIAS = "<alias>"
"""Stands in a role for the name that the local cluster has given to this one."""

# A name that is none, or was cut, would be a pattern in an access, or none.
_NAME = re.compile(r'[^*?/\\…<>|,\s":]+(::data|::failures)?')

# The smallest that a local role needs for an action, the first that allows it.
_PRIVILEGES = (
    "read",
    "read_cross_cluster",
    "view_index_metadata",
    "cross_cluster_replication",
    "cross_cluster_replication_internal",
)


@dataclass
class Usage:
    """What some users did: by index name the actions, and the actions that name no index."""

    by_name: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    nameless: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)


@dataclass
class LocalCluster:
    """``usage`` by the roles that the users had. ``missing``: names that were too many for their events."""

    name: str
    subjects: set[str] = field(default_factory=set)
    requests: int = 0
    failed: int = 0
    missing: int = 0
    first: str | None = None
    last: str | None = None
    usage: dict[tuple[str, ...], Usage] = field(default_factory=lambda: defaultdict(Usage))
    own: Usage = field(default_factory=Usage)
    """That of Elasticsearch's internal users, who have no roles on the local side."""
    expressions: set[str] = field(default_factory=set)
    document_rules: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    field_rules: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """What no key can allow: action and index name, with the number of requests."""

    def access(self) -> dict[str, Any] | None:
        """For ``keys create``; ``None`` where nothing that was done needs an index, and so no key can be made for it."""
        names: dict[str, set[str]] = {SEARCH: set(), REPLICATION: set()}
        for usage in (*self.usage.values(), self.own):
            for name, actions in usage.by_name.items():
                for action in actions:
                    names[kind_of(action, name) or SEARCH].add(name)
        access = {kind: _entries(found) for kind, found in names.items() if found}
        if access:
            parse_access(access)
        return access or None

    def roles(self, alias: str) -> list[dict[str, Any]]:
        """For each set of roles that users had together: the users, and the role that they need on their own cluster."""
        return [
            {"roles": list(roles), "users": sorted(usage.users), "role": _local_role(usage, alias)}
            for roles, usage in sorted(self.usage.items())
        ]

    def to_json(self, alias: str = ALIAS) -> dict[str, Any]:
        """See docs/audit.md."""
        return {
            "cluster": self.name,
            "certificates": sorted(self.subjects),
            "requests": self.requests,
            "failed_requests": self.failed,
            "first": self.first,
            "last": self.last,
            "access": self.access(),
            "local_roles": self.roles(alias),
            "expressions": sorted(self.expressions),
            "not_allowed": [
                {"action": action, "name": name, "requests": count}
                for (action, name), count in sorted(self.refused.items(), key=str)
            ],
            "document_rules": {index: sorted(roles) for index, roles in sorted(self.document_rules.items())},
            "field_rules": {index: sorted(roles) for index, roles in sorted(self.field_rules.items())},
            "missing_names": self.missing,
        }


def migration_report(events: Iterable[Event], clusters: Mapping[str, str] | None = None) -> list[LocalCluster]:
    """``clusters``: names of local clusters with patterns (``*``) of their certificates' subjects; others go by the subject."""
    found: dict[str, LocalCluster] = {}
    for event in events:
        subject = text(event, "tls.client.subject")
        if text(event, "rcgateway.interface") != TRANSPORT or text(event, "event.action") != "access_granted" or subject is None:
            continue
        name = next((name for name, pattern in (clusters or {}).items() if simple_match(pattern, subject)), subject)
        _add(found.setdefault(name, LocalCluster(name)), subject, event)
    return sorted(found.values(), key=lambda cluster: cluster.name)


def kind_of(action: str, name: str | None) -> str | None:
    """The part of an access that a request needs: what replication is for needs that, though searching may allow it too. ``None``: no key
    allows it. ``name`` may have a selector."""
    for kind in (REPLICATION, SEARCH):
        key = _key(kind)
        if name is None:
            rule = key.action_rule(action) if is_index_action(action) else key.cluster_rule(action)
        else:
            plain, suffix = split_selector(name)
            selector = next((one for one in Selector if one.value == suffix), Selector.DATA)
            rule = key.index_rule(action, Resource(plain, selector))
        if rule is not None:
            return kind
    return None


@lru_cache
def _key(kind: str) -> DescriptorSet:
    """All that a key with this kind of access can allow."""
    access = parse_access({kind: [{"names": ["*"], "allow_restricted_indices": True}]})
    return DescriptorSet(kind, parse_descriptor_set(json.dumps(dict(access.role_descriptors))))


def _add(cluster: LocalCluster, subject: str, event: Event) -> None:
    when, user, action = (text(event, name) for name in ("@timestamp", "user.name", "rcgateway.action"))
    if user is None or action is None:
        return
    cluster.subjects.add(subject)
    if when is not None:
        cluster.first = min(cluster.first or when, when)
        cluster.last = max(cluster.last or when, when)
    if event.get("event.outcome") == "failure":
        cluster.failed += 1
        return
    cluster.requests += 1
    if action in KEPT_UP_OTHERWISE:
        return
    listed = texts(event, "rcgateway.indices")
    names = [name for name in listed if _NAME.fullmatch(name)]
    roles = tuple(sorted(texts(event, "user.roles")))
    usage = cluster.own if user in INTERNAL_USERS else cluster.usage[roles]
    usage.users.add(user)
    count = event.get("rcgateway.indices_count")
    cluster.missing += (count if isinstance(count, int) else len(listed)) - len(names)
    cluster.expressions.update(name for name in texts(event, "rcgateway.indices_requested") if "*" in name or name == "_all")
    for rules, field_name in (
        (cluster.document_rules, "rcgateway.document_rules"),
        (cluster.field_rules, "rcgateway.field_rules"),
    ):
        for index in texts(event, field_name):
            rules[index].update(roles)
    for name in names:
        if kind_of(action, name) is None:
            cluster.refused[action, name] += 1
        else:
            usage.by_name[name].add(action)
    if not listed:
        if kind_of(action, None) is not None:
            usage.nameless.add(action)
        elif user not in INTERNAL_USERS:
            # What Elasticsearch does for itself here it does with API keys in another way, or leaves.
            cluster.refused[action, None] += 1


def _entries(names: Iterable[str]) -> list[dict[str, Any]]:
    """One for ordinary names, one for restricted ones."""
    plain = sorted({split_selector(name)[0] for name in names})
    ordinary = [name for name in plain if not is_restricted_name(name)]
    restricted = [name for name in plain if is_restricted_name(name)]
    entries: list[dict[str, Any]] = [{"names": ordinary}] if ordinary else []
    return [*entries, {"names": restricted, "allow_restricted_indices": True}] if restricted else entries


def _local_role(usage: Usage, alias: str) -> dict[str, Any]:
    by_privileges: dict[tuple[tuple[str, ...], bool], list[str]] = defaultdict(list)
    # What names no index (a scroll, or what is passed on to another node) was done on one of those named.
    on_any = {action for action in usage.nameless if is_index_action(action)}
    for name, actions in sorted(usage.by_name.items()):
        plain = split_selector(name)[0]
        wanted = {next(one for one in _PRIVILEGES if INDEX_PRIVILEGES[one].allows(action)) for action in actions | on_any}
        privileges = tuple(one for one in _PRIVILEGES if one in wanted)
        by_privileges[privileges, is_restricted_name(plain)].append(plain)
    role: dict[str, Any] = {
        "remote_indices": [
            {
                "clusters": [alias],
                "names": names,
                "privileges": list(privileges),
                **({"allow_restricted_indices": True} if restricted else {}),
            }
            for (privileges, restricted), names in by_privileges.items()
        ]
    }
    cluster = [
        one
        for one in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES
        if any(cluster_privilege(one).allows(action) for action in usage.nameless)
    ]
    if cluster:
        role["remote_cluster"] = [{"clusters": [alias], "privileges": cluster}]
    return role
