"""What the upstream is told of a request's user, so that it enforces what the gateway has decided: one more descriptor set.

An upstream in API key mode intersects the gateway's own key with every set in the subject info. One in certificate mode obeys an
Authentication of API key type, which holds two sets. What neither can carry is refused here. Both were tried on real nodes.
"""

from __future__ import annotations

import json
from typing import Any, Final
from weakref import WeakKeyDictionary

from gateway.authorization.cluster_privileges import is_cluster_action
from gateway.authorization.descriptors import SUPPORTED_REMOTE_CLUSTER_PRIVILEGES
from gateway.authorization.roles import DescriptorSet, Role
from protocol.errors import ElasticsearchException
from protocol.frames import Header
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
    User,
)
from protocol.values import BytesReference

PASSED_ON: Final = ("_xpack_audit_request_id", "X-Opaque-Id", "traceparent", "tracestate", "trace.id", "X-elastic-product-origin")
"""Headers that say nothing of rights."""

SYSTEM: Final = Authentication(
    User(SYSTEM_USER, internal=True),
    RealmRef(node_name="gateway", name="__attach", type="__attach"),
    type=AuthenticationType.INTERNAL,
)

REALM: Final = RealmRef(node_name="gateway", name="gateway", type="gateway")


class UpstreamHeaders:
    """``credentials`` is the gateway's own encoded key: the upstream is in API key mode; ``None`` for one in certificate mode."""

    def __init__(self, credentials: str | None) -> None:
        self._credentials = credentials
        self._known: WeakKeyDictionary[Role, dict[str, dict[str, str]]] = WeakKeyDictionary()

    def system(self) -> dict[str, str]:
        """For the gateway's own requests, such as the handshake."""
        if self._credentials is None:
            return {AUTHENTICATION_HEADER: SYSTEM.encode()}
        return {CREDENTIALS_HEADER: f"ApiKey {self._credentials}", SUBJECT_INFO_HEADER: SubjectInfo(SYSTEM, []).encode()}

    def of(self, role: Role, header: Header) -> dict[str, str]:
        """For a request that the gateway has allowed. Raises a security_exception (403) where the upstream cannot be made to enforce it."""
        action = header.action
        known = self._known.setdefault(role, {})
        # The headers of an index action depend on the role alone.
        question = action if is_cluster_action(action) else ""
        about = known.get(question)
        if about is None:
            about = known[question] = self._about(role, action)
        passed = {name: value for name in PASSED_ON if (value := header.request_headers.get(name)) is not None}
        return {**passed, **about}

    def _about(self, role: Role, action: str) -> dict[str, str]:
        if role.subject.is_system and (is_cluster_action(action) or (role.system and self._credentials is None)):
            # Decided here, by the action alone; the upstream gives the system no more than its own list for it.
            return self.system()
        return self._of_key(role, action) if self._credentials is not None else self._of_certificate(role, action)

    def _of_key(self, role: Role, action: str) -> dict[str, str]:
        sets = [_travelling(one) for one in role.sets]
        if not sets:
            raise _not_enforceable(role, action, "it has no role descriptors")
        authentication = role.subject.authentication
        if role.subject.is_system or authentication.user.internal:
            # The upstream would put its own descriptors for an internal user in the place of these.
            authentication = Authentication(User(f"{role.subject.principal} through the gateway"), REALM)
        info = SubjectInfo(authentication, [json.dumps(one).encode() for one in sets])
        return {CREDENTIALS_HEADER: f"ApiKey {self._credentials}", SUBJECT_INFO_HEADER: info.encode()}

    def _of_certificate(self, role: Role, action: str) -> dict[str, str]:
        # A cluster action is decided here; what the upstream is told allows this one alone.
        one_action: list[dict[str, Any]] = [{"gateway": {"cluster": [action]}}]
        sets = one_action if is_cluster_action(action) else [_whole(one) for one in role.sets]
        if not 0 < len(sets) <= 2:
            raise _not_enforceable(role, action, f"it is bound by [{len(sets)}] sets of role descriptors, and two can be sent")
        own, limit = json.dumps(sets[0]).encode(), json.dumps(sets[-1]).encode()
        subject = role.subject
        key = subject.key.id if subject.key else subject.principal
        authentication = Authentication(
            User(subject.principal),
            RealmRef(node_name="gateway", name="_es_api_key", type="_es_api_key"),
            type=AuthenticationType.API_KEY,
            metadata={
                API_KEY_ID: key,
                API_KEY_NAME: "remote-cluster-gateway",
                API_KEY_CREATOR_REALM_NAME: subject.authentication.authenticated_by.name,
                API_KEY_CREATOR_REALM_TYPE: subject.authentication.authenticated_by.type,
                API_KEY_ROLE_DESCRIPTORS: BytesReference(own),
                API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: BytesReference(limit),
            },
        )
        return {AUTHENTICATION_HEADER: authentication.encode()}


def _whole(one: DescriptorSet) -> dict[str, Any]:
    return {
        f"{number}": {"cluster": list(each.cluster), "indices": [entry.to_json() for entry in each.indices]}
        for number, each in enumerate(one.descriptors)
    }


def _travelling(one: DescriptorSet) -> dict[str, Any]:
    """The set as one descriptor with the privileges that an upstream takes from another cluster."""
    cluster = [name for each in one.descriptors for name in each.cluster if name in SUPPORTED_REMOTE_CLUSTER_PRIVILEGES]
    indices = [entry.to_json() for each in one.descriptors for entry in each.indices]
    return {"gateway": {"cluster": list(dict.fromkeys(cluster)), "indices": indices}}


def _not_enforceable(role: Role, action: str, reason: str) -> ElasticsearchException:
    return ElasticsearchException(
        "security_exception",
        f"action [{action}] of user [{role.subject.principal}] is refused: the upstream cluster cannot be made to enforce what the user "
        f"may see, because {reason}",
        status=403,
    )
