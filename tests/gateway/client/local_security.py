"""Compares what real local clusters sent for their users with what ours sends for the same users and roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.authorization.parsing import parse_role_descriptor
from gateway.authorization.role_files import RoleStore
from gateway.client.authorization import LocalSecurity
from gateway.client.users import UserSettings
from protocol.errors import ElasticsearchException
from protocol.security import AUTHENTICATION_HEADER, SUBJECT_INFO_HEADER, SubjectInfo
from protocol.security.authentication import decode_base64
from protocol.versions import V_8_19
from tests.gateway.client.local_security_cases import (
    ALIAS,
    CERTIFICATE_ALIAS,
    FILE_ROLES,
    OTHER_IN_9,
    ROLE_PREFIX,
    ROLES,
    USER,
)

ROLE_STORE: Final = RoleStore(
    {ROLE_PREFIX + name: parse_role_descriptor(ROLE_PREFIX + name, body) for name, body in {**ROLES, **FILE_ROLES}.items()}
)
SEARCH: Final = "indices:data/read/search"


@dataclass(frozen=True)
class Remote:
    alias: str
    credentials: str | None


KEYED, CERTIFIED = Remote(ALIAS, "key"), Remote(CERTIFICATE_ALIAS, None)


def compared(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """For each request in the rows of ``tests.elasticsearch.rig.local_security`` what it was, what is right, and what ours is."""
    for row in rows:
        newer = row["version"].startswith("9.")
        if "handshakes" in row:
            security = LocalSecurity({}, ROLE_STORE, row["node"])
            remote = KEYED if row["alias"] == ALIAS else CERTIFIED
            for each in row["handshakes"]:
                yield each["action"], _told(each["headers"]), _told(security.headers("", remote, each["action"], V_8_19))
        elif not (newer and OTHER_IN_9.intersection(row["user"]["roles"])):
            security = LocalSecurity({USER: UserSettings(**row["user"])}, ROLE_STORE, row["node"])
            for remote, sent in ((KEYED, row), (CERTIFIED, row["certificate"])):
                right = _told(sent["headers"]) if "headers" in sent else refusal(sent["refused"]["error"], newer)
                yield f"{row['user']} to {remote.alias}", right, _ours(security, remote, newer)


def _ours(security: LocalSecurity, remote: Remote, newer: bool) -> Any:
    try:
        return _told(security.headers(USER, remote, SEARCH, V_8_19))
    except ElasticsearchException as error:
        cause = {"caused_by": {"type": error.cause.type, "reason": error.cause.reason}} if error.cause else {}
        return refusal({"type": error.type, "reason": error.reason, **cause}, newer)


def _told(headers: dict[str, str]) -> Any:
    """What is in the headers, byte by byte, in a form that shows differences well."""
    if (info := headers.get(SUBJECT_INFO_HEADER)) is None:
        return decode_base64(headers[AUTHENTICATION_HEADER])
    return SubjectInfo.decode(info).role_descriptors, decode_base64(info)


def refusal(error: dict[str, Any], newer: bool) -> list[tuple[str, str]]:
    """Types and reasons. 9.x names a user's roles otherwise, and knows more privileges."""
    told = []
    while error:
        reason = error["reason"]
        if newer:
            reason = re.sub(
                r"with (assigned|effective) roles \[.*?\]( \(assigned roles \[.*?\] were not found\))?", "with roles", reason
            )
            reason = re.sub(r"\. a privilege must be either one of .*", "", reason)
        told.append((error["type"], reason))
        error = error.get("caused_by", {})
    return told
