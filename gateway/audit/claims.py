"""Who an event is about, in the fields of the event: a subject that was believed, or what the headers of a refused request claim."""

from __future__ import annotations

from typing import Any

from gateway.authentication.subjects import api_key_id
from protocol.errors import WireError
from protocol.frames import Header
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_NAME,
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    Authentication,
    SubjectInfo,
    SubjectType,
    User,
)
from protocol.security.authentication import decode_base64

MAX_KEY_ID = 64
"""Characters of a claimed key id; a real one has 20."""


def claimed_authentication(header: Header, *, cross_cluster: bool) -> Authentication | None:
    """The user that a request names, believed or not; ``None`` where it names none or cannot be read."""
    text = header.request_headers.get(SUBJECT_INFO_HEADER if cross_cluster else AUTHENTICATION_HEADER)
    if text is None:
        return None
    try:
        return SubjectInfo.decode(text).authentication if cross_cluster else Authentication.decode(text)
    except WireError:
        return None


def claimed_key_id(header: Header) -> str | None:
    """The id in the credentials, whatever the secret. A text without the colon between them may be a secret, and is not told."""
    scheme, _, encoded = header.request_headers.get(CREDENTIALS_HEADER, "").partition(" ")
    if scheme.lower() != "apikey":
        return None
    try:
        key_id, colon, _ = decode_base64(encoded).decode("utf-8").partition(":")
    except (WireError, UnicodeDecodeError):
        return None
    return key_id if colon and 0 < len(key_id) <= MAX_KEY_ID else None


def realm_of(authentication: Authentication) -> str | None:
    """The realm of the user; of an API key, that of its owner."""
    if authentication.subject_type is SubjectType.API_KEY:
        creator = authentication.metadata.get(API_KEY_CREATOR_REALM_NAME)
        return creator if isinstance(creator, str) else None
    realm = authentication.realm
    return None if realm is None else realm.name


def user_fields(authentication: Authentication) -> dict[str, Any]:
    """The user for whom a request is made, and under run-as the one who makes it."""
    fields = _person("user", authentication.user)
    if (realm := realm_of(authentication)) is not None:
        fields["user.realm"] = realm
    if authentication.realm is not None and authentication.realm.domain is not None:
        fields["user.realm_domain"] = authentication.realm.domain.name
    fields["rcgateway.authentication.type"] = authentication.type.name
    if authentication.authenticating_user is not None:
        fields |= _person("user.run_by", authentication.authenticating_user)
        fields["user.run_by.realm"] = authentication.authenticated_by.name
    if authentication.authenticating_subject_type is SubjectType.API_KEY:
        fields["rcgateway.user_api_key.id"] = api_key_id(authentication)
        if isinstance(name := authentication.metadata.get(API_KEY_NAME), str):
            fields["rcgateway.user_api_key.name"] = name
    return fields


def run_as_fields(authentication: Authentication) -> dict[str, Any]:
    """The other way round, for an event about the run-as itself: the one who makes the request is the user."""
    acting = authentication.authenticating_user or authentication.user
    fields = _person("user", acting) | {"user.realm": authentication.authenticated_by.name}
    fields |= _person("user.run_as", authentication.user)
    if authentication.looked_up_by is not None:
        fields["user.run_as.realm"] = authentication.looked_up_by.name
    return fields


def _person(prefix: str, user: User) -> dict[str, Any]:
    fields: dict[str, Any] = {f"{prefix}.name": user.username}
    if user.roles:
        fields[f"{prefix}.roles"] = list(user.roles)
    return fields
