"""The words of a refusal, exactly as Elasticsearch has them (``AuthorizationDenialMessages`` of x-pack 8.19)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.authentication.subjects import Subject, api_key_id
from gateway.authorization.cluster_privileges import cluster_privileges_that_grant, is_cluster_action
from gateway.authorization.expressions import NO_INDICES
from gateway.authorization.grant import Check, Denied
from gateway.authorization.hash_order import hash_order
from gateway.authorization.privileges import (
    DATA_ONLY,
    FAILURES_ONLY,
    INDEX_PRIVILEGES,
    Selector,
    index_privileges_that_grant,
    is_index_action,
)
from gateway.authorization.restricted import is_restricted_name
from gateway.authorization.roles import Role
from protocol.errors import ElasticsearchException
from protocol.security import Authentication, SubjectType, User


def action_denied(
    role: Role,
    action: str,
    *,
    names: Sequence[str] = (),
    context: str | None = None,
    cause: ElasticsearchException | None = None,
    checks: Sequence[Check] = (),
    roles_known: bool = True,
) -> Denied:
    """The 403 for an action. ``names``: those of the request, ``context``: what to say about them (see ``on_indices``)."""
    who = _description(role.subject, role.names if roles_known else None)
    message = f"action [{action}] {_towards(role)}is unauthorized for {who}"
    if context:
        message += f" {context}"
    return _denied(message + _granting_privileges(action, names), action, cause, checks)


def told_elsewhere(role: Role, action: str, rest: str) -> str:
    """The message of a 403 that another cluster gave for the role's subject; ``rest``: what that one's own message says after for whom."""
    return f"action [{action}] {_towards(role)}is unauthorized for {_description(role.subject, role.names)}{rest}"


def run_as_denied(role: Role, action: str, check: Check) -> Denied:
    """The 403 for a user who may not act for the other one."""
    authentication = role.subject.authentication
    who = _authenticated_user(authentication)
    user = authentication.authenticating_user or authentication.user
    roles = _roles(authentication.authenticating_subject_type, user, role.authenticating_names)
    reason = f"because {who} is unauthorized to run as [{authentication.user.username}]"
    return _denied(f"action [{action}] is unauthorized for {who}{roles}, {reason}", action, None, (check,))


def remote_action_denied(
    authentication: Authentication, found_roles: Sequence[str], action: str, alias: str
) -> ElasticsearchException:
    """The 403 of a local cluster for an action on the remote cluster that it calls ``alias``, where the user's roles give nothing on that
    cluster."""
    privileges = "indices" if is_index_action(action) else "cluster"
    return ElasticsearchException(
        "security_exception",
        f"action [{action}] towards remote cluster [{alias}] is unauthorized for {_successful(authentication, found_roles)} "
        f"because no remote {privileges} privileges apply for the target cluster",
        status=403,
    )


def on_indices(denied: Iterable[str]) -> str | None:
    """``on indices [a,b] and restricted indices [.c]``, in the order of a Java ``HashSet``; nothing for no names."""
    denied = tuple(denied)
    if denied == NO_INDICES:
        return None
    regular: list[str] = []
    restricted: list[str] = []
    for name in hash_order(denied):
        (restricted if is_restricted_name(name) else regular).append(name)
    parts = []
    if regular:
        parts.append(f"indices [{','.join(regular)}]")
    if restricted:
        parts.append(f"restricted indices [{','.join(restricted)}]")
    return "on " + " and ".join(parts) if parts else None


def _denied(reason: str, action: str, cause: ElasticsearchException | None, checks: Sequence[Check]) -> Denied:
    return Denied("security_exception", reason, cause=cause, status=403, action=action, checks=checks)


def _towards(role: Role) -> str:
    return "" if role.subject.key is None else "towards remote cluster "


def _granting_privileges(action: str, names: Sequence[str]) -> str:
    if is_cluster_action(action):
        privileges = cluster_privileges_that_grant(action)
        return f", this action is granted by the cluster privileges [{','.join(privileges)}]" if privileges else ""
    if not is_index_action(action):
        return ""
    text = f", this action is granted by the index privileges [{','.join(index_privileges_that_grant(action, DATA_ONLY))}]"
    failures = [
        name
        for name in index_privileges_that_grant(action, FAILURES_ONLY)
        if Selector.DATA not in INDEX_PRIVILEGES[name].selectors
    ]
    if failures and any(name.endswith("::failures") for name in names):
        text += f" for data access, or by [{','.join(failures)}] for access with the [::failures] selector"
    return text


def _description(subject: Subject, found_roles: Sequence[str] | None) -> str:
    authentication = subject.authentication
    if subject.key is None:
        return _successful(authentication, found_roles)
    # The roles of the local user belong to the local cluster, so only their assignment is known here.
    return f"{_successful(authentication, None)} authenticated by API key id [{subject.key.id}] of user [{subject.key.owner}]"


def _successful(authentication: Authentication, found_roles: Sequence[str] | None) -> str:
    text = _authenticated_user(authentication)
    if authentication.is_run_as:
        text += f" run as [{authentication.user.username}]"
    return text + _roles(authentication.subject_type, authentication.user, found_roles)


def _authenticated_user(authentication: Authentication) -> str:
    user = authentication.authenticating_user or authentication.user
    kind = authentication.authenticating_subject_type
    service = kind is SubjectType.SERVICE_ACCOUNT and not authentication.is_run_as
    text = f"{'service account' if service else 'user'} [{user.username}]"
    if kind is SubjectType.API_KEY:
        text = f"API key id [{api_key_id(authentication)}] of {text}"
    return text


def _roles(kind: SubjectType, user: User, found: Sequence[str] | None) -> str:
    if kind is not SubjectType.USER:
        return ""
    if found is None:
        return f" with assigned roles [{','.join(user.roles)}]"
    text = f" with effective roles [{','.join(sorted(found))}]"
    missing = sorted(set(user.roles) - set(found))
    return f"{text} (assigned roles [{','.join(missing)}] were not found)" if missing else text
