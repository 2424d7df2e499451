"""Who asks: from what a native client says of its user to the headers that a local cluster sends.

Nothing is checked here but that it can be said in those headers. What they are worth is decided where all requests are authenticated.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from gateway.cluster_actions import REMOTE_CLUSTER
from protocol.errors import ElasticsearchException
from protocol.native.messages import Hello, Request
from protocol.native.values import pack
from protocol.security import (
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
from protocol.versions import V_8_19

REALM: Final = "rcgw"
"""Name and type of the realm of a user of whom no other is told."""

MAX_USERS: Final = 256
"""Users of one connection whose headers are kept."""

_SYSTEM: Final = Authentication(
    User(SYSTEM_USER, internal=True),
    RealmRef(node_name=REALM, name="__attach", type="__attach"),
    type=AuthenticationType.INTERNAL,
    version=V_8_19,
)

_T = TypeVar("_T")


@dataclass(slots=True)
class Asking:
    """The headers of one connection's requests, by the model of its interface; ``hello`` says what holds where a request says
    nothing."""

    interface: str
    hello: Hello
    _kept: OrderedDict[bytes, str] = field(default_factory=OrderedDict)

    def headers(self, request: Request, *, system: bool = False) -> dict[str, str]:
        """``system``: the request is made in the name of the client's own cluster, as handshakes are. Raises
        illegal_argument_exception."""
        hello = self.hello
        given = hello.headers if request.headers is None else request.headers
        credentials = hello.credentials if request.credentials is None else request.credentials
        user = hello.user if request.user is None else request.user
        headers = dict(given or {})
        if credentials is not None:
            if self.interface != REMOTE_CLUSTER:
                raise _illegal("[credentials] are for the port of the API key model")
            scheme = "" if credentials[:7].lower() == "apikey " else "ApiKey "
            _put(headers, CREDENTIALS_HEADER, scheme + credentials, "credentials")
        name = SUBJECT_INFO_HEADER if self.interface == REMOTE_CLUSTER else AUTHENTICATION_HEADER
        if system:
            headers.setdefault(name, self._system())
        elif user is not None:
            _put(headers, name, self._header_of(user), "user")
        return headers

    def _system(self) -> str:
        return SubjectInfo(_SYSTEM).encode() if self.interface == REMOTE_CLUSTER else _SYSTEM.encode()

    def _header_of(self, user: dict[str, Any]) -> str:
        place = pack(user)
        header = self._kept.get(place)
        if header is None:
            header = self._kept[place] = self._encoded(user)
            if len(self._kept) > MAX_USERS:
                self._kept.popitem(last=False)
        return header

    def _encoded(self, user: Mapping[str, Any]) -> str:
        said = dict(user)
        username = _taken(said, "username", str, "")
        if not username:
            raise _illegal("[user] has no [username]")
        realm = _taken(said, "realm", dict, {})
        authentication = Authentication(
            User(
                username,
                _taken_list(said, "roles", str, []) or [],
                _taken(said, "metadata", dict, {}),
                _taken(said, "full_name", str, None),
                _taken(said, "email", str, None),
            ),
            RealmRef(
                node_name=_taken(realm, "node", str, self.hello.name or REALM, "realm."),
                name=_taken(realm, "name", str, REALM, "realm."),
                type=_taken(realm, "type", str, REALM, "realm."),
            ),
            version=V_8_19,
        )
        descriptors = _taken_list(said, "role_descriptors", dict, None)
        for unknown in [*said, *(f"realm.{key}" for key in realm)]:
            raise _illegal(f"[user] has an unknown key [{unknown}]")
        if self.interface != REMOTE_CLUSTER:
            if descriptors is not None:
                raise _illegal("[user.role_descriptors] are for the port of the API key model; here [user.roles] are looked up")
            return authentication.encode()
        if descriptors is None:
            raise _illegal("[user] has no [role_descriptors]")
        return SubjectInfo(authentication, [orjson.dumps(one) for one in descriptors]).encode()


def _put(headers: dict[str, str], name: str, value: str, key: str) -> None:
    if name in headers:
        raise _illegal(f"[{key}] and the header [{name}] say the same thing")
    headers[name] = value


def _taken(said: dict[str, Any], key: str, kind: type[_T], default: Any, within: str = "") -> Any:
    """The value of a key, which is taken out, so that what is left is unknown."""
    if key not in said:
        return dict(default) if isinstance(default, dict) else default
    value = said.pop(key)
    if type(value) is not kind:
        raise _illegal(f"[user.{within}{key}] is not {_NAMES[kind]}")
    return dict(value) if isinstance(value, dict) else value


def _taken_list(said: dict[str, Any], key: str, kind: type[_T], default: list[_T] | None) -> list[_T] | None:
    values: list[_T] | None = _taken(said, key, list, default)
    if values is not None and not all(type(value) is kind for value in values):
        raise _illegal(f"[user.{key}] is not an array, each {_NAMES[kind]}")
    return values


_NAMES: Final[Mapping[type, str]] = {str: "a text", dict: "a map", list: "an array"}


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason)
