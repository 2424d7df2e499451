"""What the upstream is told of a request's user, so that it enforces what the gateway has decided: one more descriptor set.

An upstream in API key mode intersects the gateway's own key with every set in the subject info. One in certificate mode obeys an
Authentication of API key type, which holds two sets. What neither can carry is refused here. Both were tried on real nodes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from gateway.authentication.subjects import api_key_id
from gateway.authorization.actions import HAS_PRIVILEGES_ACTION
from gateway.authorization.cluster_privileges import cluster_privilege, is_cluster_action
from gateway.authorization.descriptors import SUPPORTED_REMOTE_CLUSTER_PRIVILEGES, RoleDescriptor
from gateway.authorization.roles import DescriptorSet, Role, is_explicit_denial
from protocol.errors import ElasticsearchException
from protocol.frames import Header
from protocol.messages.esql import EXCHANGE, EXCHANGE_INTERNAL, OPEN_EXCHANGE, OPEN_EXCHANGE_INTERNAL
from protocol.messages.tasks import BAN, BAN_INTERNAL, CANCEL_CHILD, CANCEL_CHILD_INTERNAL
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_CREATOR_REALM_TYPE,
    API_KEY_ID,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_NAME,
    API_KEY_ROLE_DESCRIPTORS,
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    SYSTEM_USER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    SubjectType,
    User,
)
from protocol.values import BytesReference

PASSED_ON: Final = ("_xpack_audit_request_id", "X-Opaque-Id", "traceparent", "tracestate", "trace.id", "X-elastic-product-origin")
"""Headers that say nothing of rights."""

MAX_KEPT: Final = 64
"""Headers kept for one role: one for all index actions, and one for each cluster action, whose names come from outside."""

SYSTEM: Final = Authentication(
    User(SYSTEM_USER, internal=True),
    RealmRef(node_name="gateway", name="__attach", type="__attach"),
    type=AuthenticationType.INTERNAL,
)

REALM: Final = RealmRef(node_name="gateway", name="gateway", type="gateway")

OF_SYSTEM: Final = {
    CANCEL_CHILD: CANCEL_CHILD_INTERNAL,
    BAN: BAN_INTERNAL,
    OPEN_EXCHANGE: OPEN_EXCHANGE_INTERNAL,
    EXCHANGE: EXCHANGE_INTERNAL,
}
"""What Elasticsearch asks as itself has a name that a cluster in API key mode allows, and one for clusters in certificate mode; the
message is the same."""
_TO_KEY: Final = {internal: name for name, internal in OF_SYSTEM.items()}

Privileges = dict[str, Any]
"""A descriptor in JSON, without its name."""


class UpstreamHeaders:
    """``credentials`` is the gateway's own encoded key: the upstream is in API key mode; ``None`` for one in certificate mode."""

    def __init__(self, credentials: str | None) -> None:
        self._credentials = credentials
        self._kept: WeakKeyDictionary[Role, dict[str, dict[str, str]]] = WeakKeyDictionary()

    def renew(self, credentials: str | None) -> None:
        """Another key, for the requests after."""
        self._credentials = credentials
        self._kept.clear()

    def action(self, action: str) -> str:
        """The name by which the upstream allows it."""
        return (OF_SYSTEM if self._credentials is None else _TO_KEY).get(action, action)

    def system(self) -> dict[str, str]:
        """For the gateway's own requests, such as the handshake."""
        if self._credentials is None:
            return {AUTHENTICATION_HEADER: SYSTEM.encode()}
        return self._keyed(SYSTEM, [])

    def of(self, role: Role, header: Header) -> dict[str, str]:
        """For a request that the gateway has allowed. Raises a security_exception (403) where the upstream cannot be made to enforce it."""
        action = self.action(header.action)
        kept = self._kept.setdefault(role, {})
        # The headers of an index action depend on the role alone.
        question = action if _names_no_index(action) else ""
        about = kept.get(question)
        if about is None:
            about = self._about(role, action)
            if len(kept) >= MAX_KEPT:
                kept.clear()
            kept[question] = about
        passed = {name: value for name in PASSED_ON if (value := header.request_headers.get(name)) is not None}
        return {**passed, **about}

    def _about(self, role: Role, action: str) -> dict[str, str]:
        if role.subject.is_system and (_names_no_index(action) or (role.system and self._credentials is None)):
            # Decided here, by the action alone; the upstream gives the system no more than its own list for it.
            return self.system()
        return self._of_key(role, action) if self._credentials is not None else self._of_certificate(role, action)

    def _of_key(self, role: Role, action: str) -> dict[str, str]:
        if is_cluster_action(action) and action != HAS_PRIVILEGES_ACTION:
            sets = [_travelling_to(one, role, action) for one in role.sets]
        else:
            # A question about privileges is answered from all that the sets hold.
            _check_templates(role, action)
            sets = [_travelling(one) for one in role.sets]
        if not sets:
            raise _not_enforceable(role, action, "it has no role descriptors")
        return self._keyed(_in_key_mode(role), [json.dumps({"gateway": one}).encode() for one in sets])

    def _of_certificate(self, role: Role, action: str) -> dict[str, str]:
        if not is_cluster_action(action):
            _check_templates(role, action)
        sets = [_whole(one) for one in role.sets]
        if not 0 < len(sets) <= 2:
            raise _not_enforceable(role, action, f"it is bound by [{len(sets)}] sets of role descriptors, and two can be sent")
        own, limit = json.dumps(sets[0]).encode(), json.dumps(sets[-1]).encode()
        realm = role.subject.authentication.authenticated_by
        user = role.subject.authentication.user
        authentication = Authentication(
            User(user.username, metadata=user.metadata, full_name=user.full_name, email=user.email),
            RealmRef(node_name="gateway", name="_es_api_key", type="_es_api_key"),
            type=AuthenticationType.API_KEY,
            metadata={
                API_KEY_ID: _owner(role),
                API_KEY_NAME: "remote-cluster-gateway",
                API_KEY_CREATOR_REALM_NAME: realm.name,
                API_KEY_CREATOR_REALM_TYPE: realm.type,
                API_KEY_ROLE_DESCRIPTORS: BytesReference(own),
                API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: BytesReference(limit),
            },
        )
        return {AUTHENTICATION_HEADER: authentication.encode()}

    def _keyed(self, authentication: Authentication, sets: list[bytes]) -> dict[str, str]:
        return {
            CREDENTIALS_HEADER: f"ApiKey {self._credentials}",
            SUBJECT_INFO_HEADER: SubjectInfo(authentication, sets).encode(),
        }


def _names_no_index(action: str) -> bool:
    return is_cluster_action(action) or action in _TO_KEY


def _check_templates(role: Role, action: str) -> None:
    """Raises a security_exception (403) where a document query is one: the upstream would fill it with facts about the gateway's own key,
    or without the user's roles."""
    for one in role.sets:
        for group in one.groups:
            if group.shows.template:
                names = ",".join(group.source.names)
                raise _not_enforceable(
                    role,
                    action,
                    f"the document query of role descriptor [{group.descriptor}] for indices [{names}] is a template",
                )


def _in_key_mode(role: Role) -> Authentication:
    """Who asks, as the subject info of an upstream in API key mode says it.

    That decides over no rights, but over whose scrolls and points in time may be continued. Users of two clients may have the same
    name, and all come with the gateway's one key, so the key that they came with is told with their realm.
    """
    subject = role.subject
    authentication = subject.authentication
    if subject.is_system or authentication.user.internal:
        # The upstream would put its own descriptors for an internal user in the place of those that are sent.
        return Authentication(User(f"{subject.principal} through the gateway"), _apart(REALM, role))
    if authentication.authenticating_subject_type is not SubjectType.USER:
        return authentication  # API keys have ids of their own; service accounts are the same everywhere
    looked_up = authentication.looked_up_by
    return replace(
        authentication,
        authenticated_by=_apart(authentication.authenticated_by, role),
        looked_up_by=None if looked_up is None else _apart(looked_up, role),
    )


def _apart(realm: RealmRef, role: Role) -> RealmRef:
    """Upstream, users of native and file realms are told apart by the type alone, so it must differ as well."""
    key = role.subject.key
    if key is None or realm.type.startswith("_"):
        return realm
    return RealmRef(node_name=realm.node_name, name=f"{key.id}/{realm.name}", type=f"{key.id}/{realm.type}")


def _owner(role: Role) -> str:
    """Who asks, as an upstream in certificate mode tells apart whose scrolls and points in time may be continued: an id of an API key,
    which is the same for nobody else."""
    subject, authentication = role.subject, role.subject.authentication
    key = "" if subject.key is None else subject.key.id
    if not authentication.is_run_as and (own := api_key_id(authentication)) is not None:
        parts = [key, "api_key", own]
    else:
        realm = authentication.realm
        parts = [key, *(("", "") if realm is None else (realm.type, realm.name)), subject.principal]
    return ":".join(quote(part, safe="/ ") for part in parts)


def _granting(one: DescriptorSet) -> list[RoleDescriptor]:
    """Without those whose only entry is a denial: joined with others it would not be the only one any more, and give what it names."""
    return [each for each in one.descriptors if not is_explicit_denial(each.indices)]


def _travelling(one: DescriptorSet) -> Privileges:
    """The set as one descriptor with the privileges that an upstream takes from another cluster."""
    cluster = [name for each in one.descriptors for name in each.cluster if name in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES]
    indices = [entry.to_json() for each in _granting(one) for entry in each.indices]
    return {"cluster": list(dict.fromkeys(cluster)), "indices": indices}


def _travelling_to(one: DescriptorSet, role: Role, action: str) -> Privileges:
    """What a set that allows a cluster action becomes for that action: decided is it here, by the action alone, and of the privileges that
    allow it only some can be sent."""
    names = [name for name in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES if cluster_privilege(name).allows(action)]
    if not names or one.cluster_rule(action) is None:
        listed = ", ".join(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES)
        raise _not_enforceable(role, action, f"none of the cluster privileges [{listed}], which alone can be sent, allows it")
    return {"cluster": names, "indices": []}


def _whole(one: DescriptorSet) -> Privileges:
    """All descriptors. Never none at all: an API key without descriptors of its own has those of its owner."""
    named = {
        f"{number}": {"cluster": list(each.cluster), "indices": [entry.to_json() for entry in each.indices]}
        for number, each in enumerate(one.descriptors)
    }
    return named or {"nothing": {"cluster": [], "indices": []}}


def _not_enforceable(role: Role, action: str, reason: str) -> ElasticsearchException:
    return ElasticsearchException(
        "security_exception",
        f"action [{action}] of user [{role.subject.principal}] is refused: the upstream cluster cannot be made to enforce what the user "
        f"may see, because {reason}",
        status=403,
    )
