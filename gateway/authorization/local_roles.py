"""What a local cluster makes of its user's roles and sends along: descriptors for one remote cluster.

From ``CompositeRolesStore.buildRoleFromDescriptors``, ``SimpleRole.getRoleDescriptorsIntersectionForRemoteCluster`` and
``RemoteClusterPermissions`` of x-pack 8.19.21, which are those of 9.5.3. All privileges that may be sent are older than the oldest version
that a connection speaks, so what is sent does not depend on the version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from gateway.authorization.descriptors import (
    ALL_FIELDS,
    SUPPORTED_REMOTE_CLUSTER_PRIVILEGES,
    FieldSecurity,
    IndicesPrivileges,
    RemoteClusterPrivileges,
    RoleDescriptor,
)
from gateway.authorization.field_patterns import FieldMatcher
from gateway.authorization.json_texts import json_text
from gateway.authorization.patterns import MAX_SET_WORK, NamePatterns, too_complex
from gateway.authorization.privileges import DATA_ONLY, EVERY_SELECTOR, FAILURES_ONLY, index_privilege
from gateway.authorization.roles import is_explicit_denial
from gateway.lucene.languages import TooComplexError, Work
from protocol.errors import ElasticsearchException

REMOTE_USER: Final = "_remote_user"


def as_sent(roles: Iterable[RoleDescriptor], alias: str) -> RoleDescriptor | None:
    """The one descriptor of a set for the remote cluster that is called ``alias`` there; ``None`` where the roles give nothing on it, and
    the local cluster refuses the request itself. Raises the errors of unknown privileges and bad patterns."""
    roles = tuple(roles)
    work = Work(MAX_SET_WORK)
    indices = {
        # Of entries for the same clusters those that are equal count once; for other patterns they are sent again.
        (clusters, entry, entry.field_security.empty_exclude): _parts(entry, work)
        for clusters, entry in _remote_indices(roles)
        if NamePatterns(clusters, work=work)(alias)
    }
    groups = (group for role in roles for group in role.remote_cluster)
    reaching = [group for group in groups if NamePatterns(group.clusters, work=work)(alias)]
    if not indices and not reaching:
        return None
    wanted = {privilege.lower() for group in reaching for privilege in group.privileges}
    cluster = tuple(name for name in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES if name in wanted)
    sent = sorted((part for parts in indices.values() for part in parts), key=_order)
    return RoleDescriptor(REMOTE_USER, cluster=cluster, indices=tuple(sent))


def check_remote_privileges(roles: Iterable[RoleDescriptor]) -> None:
    """Raises the errors of unknown privileges and bad patterns, for whichever remote cluster: with them Elasticsearch does not build the
    role at all."""
    roles = tuple(roles)
    work = Work(MAX_SET_WORK)
    for clusters, entry in _remote_indices(roles):
        NamePatterns(clusters, work=work)
        NamePatterns(entry.names, work=work)
        _parts(entry, work)
    for role in roles:
        for group in role.remote_cluster:
            NamePatterns(group.clusters, work=work)
            _check_remote_cluster(group)


def sent_bytes(descriptor: RoleDescriptor) -> bytes:
    """The set of this one descriptor, as the subject info holds it."""
    try:
        return json_text({descriptor.name: descriptor.to_json()}).encode()
    except UnicodeEncodeError:
        raise ElasticsearchException(
            "illegal_argument_exception", f"role descriptor [{descriptor.name}] holds half of a surrogate pair", status=400
        ) from None


def _remote_indices(roles: Iterable[RoleDescriptor]) -> Iterator[tuple[frozenset[str], IndicesPrivileges]]:
    for role in roles:
        if not is_explicit_denial(tuple(entry.indices for entry in role.remote_indices)):
            for entry in role.remote_indices:
                yield frozenset(entry.clusters), entry.indices


def _parts(entry: IndicesPrivileges, work: Work) -> tuple[IndicesPrivileges, ...]:
    """The entry as it is sent: names in order, once each, and one part for each component of an index that its privileges are about."""
    whole = replace(entry, names=_sorted(entry.names), field_security=_sent_fields(entry.field_security, work))
    return tuple(replace(whole, privileges=_sorted(names)) for names in _by_component(entry.privileges))


def _by_component(names: Iterable[str]) -> Iterator[list[str]]:
    privileges = [index_privilege(name) for name in dict.fromkeys(names)]
    if any(privilege.name == "all" for privilege in privileges):
        yield [privilege.name for privilege in privileges]
        return
    for selectors in (DATA_ONLY, EVERY_SELECTOR, FAILURES_ONLY):
        if found := [privilege.name for privilege in privileges if privilege.selectors == selectors]:
            yield found


def _sent_fields(rule: FieldSecurity, work: Work) -> FieldSecurity:
    try:
        everything = rule.unrestricted or FieldMatcher([rule]).shows_everything(work)
    except TooComplexError as error:
        raise too_complex(rule.grant or (), error) from error
    return ALL_FIELDS if everything else rule


def _check_remote_cluster(group: RemoteClusterPrivileges) -> None:
    unknown = [name for name in group.privileges if name.lower() not in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES]
    if unknown:
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"Invalid remote_cluster permissions found. Please remove the following: [{', '.join(unknown)}] Only "
            f"[{', '.join(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES)}] are allowed",
            status=400,
        )


def _order(entry: IndicesPrivileges) -> tuple[Any, ...]:
    """As ``RoleDescriptor.IndicesPrivileges`` compares: what is not there comes first, and texts by their UTF-16 units."""
    fields = entry.field_security
    given = fields.exclude or fields.empty_exclude
    return (
        entry.allow_restricted_indices,
        _units(entry.names),
        _units(entry.privileges),
        () if entry.query is None else (entry.query.encode("utf-8", "surrogatepass"),),
        () if fields.grant is None else (_units(fields.grant),),
        (_units(fields.exclude),) if given else (),
    )


def _units(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(_utf16(text) for text in texts)


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts), key=_utf16))
