"""From a subject to its role: which descriptor sets hold for it, and that all of them do.

API key mode: the key's own descriptors, and each set that the local cluster sent. Certificate mode: role names, looked up here; the
descriptors inside an API key; Elasticsearch's internal users and service accounts by their fixed roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.authentication.subjects import CrossClusterKey, Subject, api_key_id
from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.parsing import parse_descriptor_set, parse_role_descriptor
from gateway.authorization.patterns import MAX_SET_WORK
from gateway.authorization.reserved_roles import (
    FLEET_SERVER_ACCOUNT,
    FLEET_SERVER_OWNER,
    INTERNAL_USER_ROLES,
    RESERVED_ROLES,
    SUPERUSER,
    SYSTEM_CROSS_CLUSTER,
    service_account_role,
)
from gateway.authorization.roles import DescriptorSet, Role
from gateway.lucene.languages import Work
from protocol.errors import ElasticsearchException
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_ROLE_DESCRIPTORS,
    API_KEY_TYPE,
    Authentication,
    SubjectType,
    User,
)

MAX_DESCRIPTOR_SETS = 16
"""Sets in one subject info. A local cluster sends at most two, each gateway on the way may add one."""

_RESERVED_METADATA = {"_reserved": True}
_LEGACY_SUPERUSER = parse_role_descriptor(
    SUPERUSER,
    {
        "cluster": ["all"],
        "indices": [{"names": ["*"], "privileges": ["all"], "allow_restricted_indices": True}],
        "applications": [{"application": "*", "privileges": ["*"], "resources": ["*"]}],
        "run_as": ["*"],
    },
)
"""What superuser was in 7.x. API keys that were made then keep it as their owner's role, and it means today's."""


class RoleSource(Protocol):
    """Where role names are looked up: see ``role_files.RoleStore``."""

    def get(self, name: str) -> RoleDescriptor | None: ...


def build_role(subject: Subject, roles: RoleSource) -> Role:
    """The role of a subject. Raises the ElasticsearchException that refuses the request; whatever is not understood is refused.

    ``roles`` matters in certificate mode only. The result depends on nothing else, so it may be kept until keys or roles change.
    """
    if subject.key is not None:
        return Role(subject, tuple(_cross_cluster_sets(subject, subject.key)))
    authentication = subject.authentication
    if subject.is_system:
        return Role(subject, (), names=("_system",), system=True)
    if authentication.is_run_as:
        effective, effective_names = _named(authentication.user, roles)
        inner = authentication.authenticating_user or authentication.user
        acting, acting_names = _sets(subject, authentication.authenticating_subject_type, inner, roles)
        return Role(subject, effective, effective_names, acting, acting_names)
    sets, names = _sets(subject, authentication.subject_type, authentication.user, roles)
    return Role(subject, sets, names)


def _cross_cluster_sets(subject: Subject, key: CrossClusterKey) -> list[DescriptorSet]:
    sets: list[DescriptorSet] = []
    user = subject.principal
    origin = f"subject info of user [{user}]"
    if subject.is_system:
        sets.append(_build("the system user", (SYSTEM_CROSS_CLUSTER,)))
    elif not subject.role_descriptors:
        # The local cluster gives this user nothing here: an empty set, which allows nothing.
        sets.append(DescriptorSet(origin, ()))
    elif len(subject.role_descriptors) > MAX_DESCRIPTOR_SETS:
        raise _illegal(
            f"[{len(subject.role_descriptors)}] role descriptor sets for subject [{user}], more than [{MAX_DESCRIPTOR_SETS}]"
        )
    else:
        # What a client sends costs no more when it is sent as several sets.
        for_fields, for_names = Work(MAX_SET_WORK), Work(MAX_SET_WORK)
        for raw in subject.role_descriptors:
            descriptors = parse_descriptor_set(raw, for_fields)
            if any(descriptor.has_unsupported_for_cross_cluster_access for descriptor in descriptors):
                raise _illegal(
                    "Role descriptor for cross cluster access can only contain index and cluster privileges but other privileges "
                    f"found for subject [{user}]"
                )
            sets.append(_build(origin, descriptors, for_names))
    sets.append(_build(f"API key [{key.id}]", parse_descriptor_set(key.role_descriptors)))
    return sets


def _sets(
    subject: Subject, kind: SubjectType, user: User, roles: RoleSource
) -> tuple[tuple[DescriptorSet, ...], tuple[str, ...] | None]:
    """The sets, and the names of the roles found, for the one who was authenticated in certificate mode."""
    if user.internal:
        descriptor = INTERNAL_USER_ROLES.get(user.username)
        if descriptor is None:
            raise _illegal(f"the internal user [{user.username}] should never have its roles resolved")
        return (_build(f"internal user [{user.username}]", (descriptor,)),), (descriptor.name,)
    match kind:
        case SubjectType.USER:
            return _named(user, roles)
        case SubjectType.API_KEY:
            return _api_key_sets(subject), None
        case SubjectType.SERVICE_ACCOUNT:
            descriptor = service_account_role(user.username)
            return (_build(f"service account [{user.username}]", (descriptor,)),), (descriptor.name,)
        case SubjectType.CROSS_CLUSTER_ACCESS:
            raise _illegal(f"subject [{user.username}] has type [{kind.value}] but nested cross cluster access is not supported")


def _named(user: User, roles: RoleSource) -> tuple[tuple[DescriptorSet, ...], tuple[str, ...]]:
    found = [descriptor for name in dict.fromkeys(user.roles) if (descriptor := roles.get(name)) is not None]
    try:
        built = _build(f"roles of user [{user.username}]", found)
    except ElasticsearchException:
        # A superuser is not locked out by another role that cannot be used: that one then does not count.
        if SUPERUSER not in user.roles:
            raise
        found = [RESERVED_ROLES[SUPERUSER]]
        built = _build(f"roles of user [{user.username}]", found)
    return (built,), tuple(descriptor.name for descriptor in found)


def _api_key_sets(subject: Subject) -> tuple[DescriptorSet, ...]:
    """The key's own descriptors, when it has any, within those of its owner when it was made."""
    authentication = subject.authentication
    metadata: Mapping[str, Any] = authentication.metadata
    key_id = api_key_id(authentication)
    if metadata.get(API_KEY_TYPE, "rest") != "rest":
        raise _illegal(
            f"authentication expected API key type of [rest], but API key [{key_id}] has type [{metadata[API_KEY_TYPE]}]"
        )
    own, owner = metadata.get(API_KEY_ROLE_DESCRIPTORS), metadata.get(API_KEY_LIMITED_BY_ROLE_DESCRIPTORS)
    if not isinstance(owner, bytes) or not isinstance(own, bytes | None):
        raise ElasticsearchException("security_exception", "no role descriptors found for API key", status=500)
    if owner == b"{}" and _made_by_fleet_server(authentication):
        limits = [FLEET_SERVER_OWNER]
    else:
        limits = [_current(descriptor) for descriptor in parse_descriptor_set(owner)]
    limit = _build(f"owner of API key [{key_id}]", limits)
    if own is None or own == b"{}":
        return (limit,)
    return (_build(f"API key [{key_id}]", parse_descriptor_set(own)), limit)


def _made_by_fleet_server(authentication: Authentication) -> bool:
    """Old releases made keys for this service account without its role."""
    user = authentication.authenticating_user or authentication.user
    return user.username == FLEET_SERVER_ACCOUNT and authentication.metadata.get(API_KEY_CREATOR_REALM_NAME) == "_service_account"


def _current(descriptor: RoleDescriptor) -> RoleDescriptor:
    if descriptor == _LEGACY_SUPERUSER and descriptor.metadata == _RESERVED_METADATA:
        return RESERVED_ROLES[SUPERUSER]
    return descriptor


def _build(
    origin: str, descriptors: tuple[RoleDescriptor, ...] | list[RoleDescriptor], work: Work | None = None
) -> DescriptorSet:
    restricted = [descriptor for descriptor in descriptors if descriptor.workflows]
    if restricted and len(descriptors) > 1:
        listed = ", ".join(descriptor.name for descriptor in descriptors)
        problem = (
            "more than one role descriptor with restriction is not allowed"
            if len(restricted) > 1
            else "combining role descriptors with and without restriction is not allowed"
        )
        raise _illegal(f"{problem}: [{listed}]")
    return DescriptorSet(origin, descriptors, work)


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason, status=400)
