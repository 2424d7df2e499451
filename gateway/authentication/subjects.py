"""For whom a request is made: the checks of what the headers say, before any role is looked at.

In API key mode the headers hold the local user (subject info) and the API key by which the local cluster came in; in certificate mode
just the user, who is believed because the peer's certificate is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.security import (
    API_KEY_ID,
    CROSS_CLUSTER_ACCESS_AUTHENTICATION,
    CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS,
    SYSTEM_USER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    SubjectType,
    User,
)

ANONYMOUS_REALM = "__anonymous"
ATTACH_REALM = "__attach"
FALLBACK_REALM = "__fallback"
API_KEY_REALM = "_es_api_key"
CROSS_CLUSTER_ACCESS_REALM = "_es_cross_cluster_access"

BASIC_CHALLENGE = 'Basic realm="security", charset="UTF-8"'
API_KEY_CHALLENGE = "ApiKey"


@dataclass(frozen=True, slots=True)
class CrossClusterKey:
    """A verified cross-cluster API key. ``owner`` made it; ``role_descriptors`` is JSON: what the key itself allows. ``name`` is for the
    log."""

    id: str
    owner: str
    role_descriptors: bytes
    name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Who asks: a user of the local cluster, and in API key mode the key, and the descriptor sets that the local cluster sent along.

    ``certificate`` is the peer's identity in certificate mode, for the log; nothing depends on it.
    """

    authentication: Authentication
    key: CrossClusterKey | None = None
    role_descriptors: tuple[bytes, ...] = ()
    certificate: str | None = None

    @property
    def principal(self) -> str:
        """The user for whom the request runs: under run-as the one who is impersonated."""
        return self.authentication.user.username

    @property
    def is_system(self) -> bool:
        """Elasticsearch itself, not one of its users."""
        return self.authentication.user.internal and self.principal == SYSTEM_USER


def cross_cluster_subject(info: SubjectInfo, key: CrossClusterKey) -> Subject:
    """API key mode. Raises the 401 security_exception of Elasticsearch for a subject that may not come this way."""
    authentication = info.authentication
    _check(authentication)
    user = authentication.user
    if user.internal and user.username != SYSTEM_USER:
        raise _failed(f"received cross cluster request from an unexpected internal user [{user.username}]")
    return Subject(authentication, key, tuple(bytes(raw) for raw in info.role_descriptors))


def certificate_subject(authentication: Authentication | None, action: str, certificate: str | None = None) -> Subject:
    """Certificate mode. ``None``: the request has no authentication header. Raises a 401 security_exception.

    Whom the local cluster lets in without knowing who it is has no name to look roles up for, so its anonymous user is refused, in the
    words of a cluster without anonymous access.
    """
    if authentication is None:
        raise authentication_failure(f"missing authentication credentials for action [{action}]")
    _check(authentication)
    if authentication.type is AuthenticationType.ANONYMOUS:
        raise authentication_failure(f"action [{action}] requires authentication")
    return Subject(authentication, certificate=certificate)


def _check(authentication: Authentication) -> None:
    """Refuses who came over another cluster, and what contradicts itself."""
    if SubjectType.CROSS_CLUSTER_ACCESS in (authentication.subject_type, authentication.authenticating_subject_type):
        raise _failed(
            f"subject [{authentication.user.username}] has type [{SubjectType.CROSS_CLUSTER_ACCESS.value}] "
            "but nested cross cluster access is not supported"
        )
    if (problem := inconsistency(authentication)) is not None:
        raise _failed(problem)


def authentication_error(reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    """A security_exception of status 401, with the one challenge that Elasticsearch's own ``authenticationError`` has."""
    return ElasticsearchException(
        "security_exception", reason, cause=cause, status=401, headers={"WWW-Authenticate": [BASIC_CHALLENGE]}
    )


def authentication_failure(
    reason: str, cause: ElasticsearchException | None = None, unsuccessful: str | None = None
) -> ElasticsearchException:
    """A security_exception of status 401 as Elasticsearch's handler of authentication failures makes it: with a challenge for each way
    to authenticate, and what was wrong with the credential (``unsuccessful``)."""
    return ElasticsearchException(
        "security_exception",
        reason,
        cause=cause,
        status=401,
        headers={"WWW-Authenticate": [BASIC_CHALLENGE, API_KEY_CHALLENGE]},
        metadata={} if unsuccessful is None else {"es.additional_unsuccessful_credentials": [unsuccessful]},
    )


def inconsistency(authentication: Authentication) -> str | None:
    """What contradicts itself in an authentication, in the words of ``Authentication.checkConsistency``; ``None`` when nothing does."""
    realm = authentication.authenticated_by
    user = authentication.authenticating_user or authentication.user
    match authentication.type:
        case AuthenticationType.ANONYMOUS:
            if (realm.name, realm.type) != (ANONYMOUS_REALM, ANONYMOUS_REALM):
                return f"Anonymous authentication cannot have realm type [{realm.type}]"
            return _no_domain(realm, "Anonymous") or _no_internal(user, "Anonymous") or _no_run_as(authentication, "Anonymous")
        case AuthenticationType.INTERNAL:
            if (realm.name, realm.type) not in ((FALLBACK_REALM, FALLBACK_REALM), (ATTACH_REALM, ATTACH_REALM)):
                return f"Internal authentication cannot have realm type [{realm.type}]"
            if (problem := _no_domain(realm, "Internal")) is not None:
                return problem
            if not user.internal:
                return "Internal authentication must have internal user"
            return _no_run_as(authentication, "Internal")
        case AuthenticationType.API_KEY:
            return _api_key(authentication, realm, user)
        case AuthenticationType.REALM:
            if authentication.authenticating_subject_type is not SubjectType.USER:
                return "Realm authentication must have subject type of user"
            return _run_as(authentication)
        case AuthenticationType.TOKEN:
            return _token(authentication, realm, user)


def _api_key(authentication: Authentication, realm: RealmRef, user: User) -> str | None:
    if (realm.name, realm.type) not in (
        (API_KEY_REALM, API_KEY_REALM),
        (CROSS_CLUSTER_ACCESS_REALM, CROSS_CLUSTER_ACCESS_REALM),
    ):
        return f"API key authentication cannot have realm type [{realm.type}]"
    if (problem := _api_key_subject(authentication, "API key")) is not None:
        return problem
    if authentication.authenticating_subject_type is not SubjectType.CROSS_CLUSTER_ACCESS:
        return _run_as(authentication)
    for key, what in (
        (CROSS_CLUSTER_ACCESS_AUTHENTICATION, "authentication"),
        (CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS, "role descriptors"),
    ):
        if authentication.metadata.get(key) is None:
            return (
                "Cross cluster access authentication requires metadata to contain a non-null serialized cross cluster access "
                f"{what} field"
            )
    return _no_run_as(authentication, "Cross cluster access") or _no_internal(user, "Cross cluster access")


def _token(authentication: Authentication, realm: RealmRef, user: User) -> str | None:
    if realm.type in (ATTACH_REALM, FALLBACK_REALM, CROSS_CLUSTER_ACCESS_REALM):
        return f"Token authentication cannot have realm type [{realm.type}]"
    if (problem := _no_internal(user, "Token")) is not None:
        return problem
    match authentication.authenticating_subject_type:
        case SubjectType.SERVICE_ACCOUNT:
            name = "Service account"
            return _no_domain(realm, name) or _no_role(user, name) or _no_run_as(authentication, name)
        case SubjectType.API_KEY:
            return _api_key_subject(authentication, "API key token") or _run_as(authentication)
        case _:
            return _run_as(authentication)


def _api_key_subject(authentication: Authentication, name: str) -> str | None:
    user = authentication.authenticating_user or authentication.user
    problem = _no_domain(authentication.authenticated_by, name) or _no_internal(user, name) or _no_role(user, name)
    if problem is None and api_key_id(authentication) is None:
        return f"{name} authentication requires metadata to contain a non-null API key ID"
    return problem


def api_key_id(authentication: Authentication) -> str | None:
    """The id of the API key that was authenticated, if one was."""
    key_id: Any = authentication.metadata.get(API_KEY_ID)
    return key_id if isinstance(key_id, str) else None


def _run_as(authentication: Authentication) -> str | None:
    if not authentication.is_run_as:
        return None
    if authentication.user.internal:
        return f"Run-as subject cannot be the internal user [{authentication.user.username}]"
    if authentication.subject_type is not SubjectType.USER:
        return f"Run-as subject type cannot be [{authentication.subject_type.value}]"
    return None


def _no_domain(realm: RealmRef, name: str) -> str | None:
    return None if realm.domain is None else f"{name} authentication cannot have domain"


def _no_internal(user: User, name: str) -> str | None:
    return f"{name} authentication cannot have internal user [{user.username}]" if user.internal else None


def _no_role(user: User, name: str) -> str | None:
    return f"{name} authentication user must have no role" if user.roles else None


def _no_run_as(authentication: Authentication, name: str) -> str | None:
    return f"{name} authentication cannot run-as other user" if authentication.is_run_as else None


def _failed(reason: str) -> ElasticsearchException:
    return authentication_failure(
        "error attempting to authenticate request", ElasticsearchException("illegal_argument_exception", reason, status=400)
    )
