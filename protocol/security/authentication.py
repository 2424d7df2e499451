"""An Authentication: who a request is made for, and how that user was authenticated.

It travels base64-encoded in the headers of a request, preceded by the transport version that it was written for. Source:
``Authentication``, ``Subject``, ``User`` and ``RealmRef`` of x-pack-core 8.19.21; the layout is the same in 9.5.3.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from protocol.errors import WireError
from protocol.schema import Boolean, Message, String
from protocol.values import GenericMap, HashMap, read_generic, write_generic
from protocol.versions import TransportVersion
from protocol.wire import Reader, Writer

OLDEST_HEADER = TransportVersion(8080099)
"""8.8.0: since then the layout is the one here, and since then there is cross-cluster access."""

NEWEST_HEADER = TransportVersion(9458007)
"""9.5.3: the newest layout that was looked at. A newer node writes headers for the version that the connection speaks."""

AUTHENTICATION_HEADER = "_xpack_security_authentication"

CROSS_CLUSTER_ACCESS_AUTHENTICATION = "_security_cross_cluster_access_authentication"
CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS = "_security_cross_cluster_access_role_descriptors"
API_KEY_ID = "_security_api_key_id"
API_KEY_NAME = "_security_api_key_name"
API_KEY_TYPE = "_security_api_key_type"
API_KEY_METADATA = "_security_api_key_metadata"
API_KEY_CREATOR_REALM_NAME = "_security_api_key_creator_realm_name"
API_KEY_CREATOR_REALM_TYPE = "_security_api_key_creator_realm_type"
API_KEY_ROLE_DESCRIPTORS = "_security_api_key_role_descriptors"
API_KEY_LIMITED_BY_ROLE_DESCRIPTORS = "_security_api_key_limited_by_role_descriptors"

SYSTEM_USER = "_system"

INTERNAL_USERS = frozenset(
    {
        SYSTEM_USER,
        "_xpack",
        "_xpack_security",
        "_security_profile",
        "_async_search",
        "_storage",
        "_data_stream_lifecycle",
        "_reindex_data_stream",
        "_synonyms",
        "_lazy_rollover",
    }
)
"""Users that Elasticsearch itself acts as. Only their name is sent."""


class AuthenticationType(Enum):
    REALM = 0
    API_KEY = 1
    TOKEN = 2
    ANONYMOUS = 3
    INTERNAL = 4


class SubjectType(Enum):
    """What kind of thing acts; it follows from the type of its realm."""

    USER = "USER"
    API_KEY = "API_KEY"
    SERVICE_ACCOUNT = "SERVICE_ACCOUNT"
    CROSS_CLUSTER_ACCESS = "CROSS_CLUSTER_ACCESS"


_SUBJECT_TYPES = {
    "_es_api_key": SubjectType.API_KEY,
    "_service_account": SubjectType.SERVICE_ACCOUNT,
    "_es_cross_cluster_access": SubjectType.CROSS_CLUSTER_ACCESS,
}


class RealmIdentifier(Message):
    type: String
    name: String


class RealmDomain(Message):
    """Realms whose users of the same name are the same person."""

    name: String
    realms: list[RealmIdentifier]


class RealmRef(Message):
    """The realm that vouched for a user, on which node."""

    node_name: String
    name: String
    type: String
    domain: RealmDomain | None = None


class _UserBody(Message):
    roles: list[String]
    metadata: GenericMap
    full_name: String | None
    email: String | None
    enabled: Boolean


@dataclass(slots=True)
class User:
    """A user as realms know it. Of an ``internal`` user only the name is sent."""

    username: str
    roles: list[str] = field(default_factory=list)
    metadata: dict[str, Any] | None = field(default_factory=HashMap)
    full_name: str | None = None
    email: str | None = None
    enabled: bool = True
    internal: bool = False

    @classmethod
    def read(cls, reader: Reader) -> Self:
        internal = reader.boolean()
        username = reader.string()
        if internal:
            if username not in INTERNAL_USERS:
                raise WireError(f"user [{username}] is not internal")
            return cls(username, internal=True)
        body = _UserBody.read(reader)
        return cls(username, body.roles, body.metadata, body.full_name, body.email, body.enabled)

    def write(self, writer: Writer) -> None:
        writer.boolean(self.internal)
        writer.string(self.username)
        if not self.internal:
            _UserBody(
                roles=self.roles,
                metadata=HashMap() if self.metadata is None else self.metadata,
                full_name=self.full_name,
                email=self.email,
                enabled=self.enabled,
            ).write(writer)


@dataclass(slots=True)
class Authentication:
    """Who acts (``user``), and who was authenticated to act: the same one, or by run-as ``authenticating_user``.

    ``authenticated_by`` is the realm of the one who was authenticated, ``looked_up_by`` that of the run-as user (None where the
    lookup failed). ``metadata`` belongs to the one who was authenticated; a byte string in it, such as an API key's role
    descriptors, is JSON.
    """

    user: User
    authenticated_by: RealmRef
    type: AuthenticationType = AuthenticationType.REALM
    authenticating_user: User | None = None
    looked_up_by: RealmRef | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    version: TransportVersion = NEWEST_HEADER

    @property
    def is_run_as(self) -> bool:
        return self.authenticating_user is not None

    @property
    def realm(self) -> RealmRef | None:
        """The realm of ``user``: None for a run-as user who was not found."""
        return self.looked_up_by if self.is_run_as else self.authenticated_by

    @property
    def subject_type(self) -> SubjectType:
        """What ``user`` is."""
        realm = self.realm
        return SubjectType.USER if realm is None else _SUBJECT_TYPES.get(realm.type, SubjectType.USER)

    @property
    def authenticating_subject_type(self) -> SubjectType:
        """What the one who was authenticated is."""
        return _SUBJECT_TYPES.get(self.authenticated_by.type, SubjectType.USER)

    @classmethod
    def decode(cls, header: str) -> Self:
        """The Authentication in a header's text. Raises WireError."""
        reader = header_reader(header)
        authentication = cls.read(reader)
        reader.expect_end("the authentication")
        return authentication

    def encode(self) -> str:
        """The header's text, for the transport version in ``version``."""
        writer = header_writer(self.version)
        self.write(writer)
        return header_text(writer)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        reader.enter()
        user = User.read(reader)
        inner = None
        if not user.internal and reader.boolean():
            inner = User.read(reader)
            if inner.internal or reader.boolean():
                raise WireError("inner user is not allowed")
        authenticated_by = RealmRef.read(reader)
        looked_up_by = RealmRef.read(reader) if reader.boolean() else None
        if inner is None and looked_up_by is not None:
            raise WireError("a realm for a run-as user, and no such user")
        number = reader.vint()
        if not 0 <= number < len(AuthenticationType):
            raise WireError(f"unknown AuthenticationType [{number}]")
        metadata = _read_metadata(reader)
        reader.leave()
        return cls(user, authenticated_by, AuthenticationType(number), inner, looked_up_by, metadata, reader.version)

    def write(self, writer: Writer) -> None:
        self.user.write(writer)
        if not self.user.internal:
            writer.optional(lambda inner: inner.write(writer), self.authenticating_user)
            if self.authenticating_user is not None:
                writer.boolean(False)
        self.authenticated_by.write(writer)
        writer.optional(lambda realm: realm.write(writer), self.looked_up_by)
        writer.vint(self.type.value)
        _write_metadata(writer, self.metadata)


def _read_metadata(reader: Reader) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for _ in range(reader.size()):
        key = reader.string()
        if key == CROSS_CLUSTER_ACCESS_AUTHENTICATION:
            metadata[key] = Authentication.read(reader)
        elif key == CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS:
            metadata[key] = reader.list(reader.bytes_reference)
        else:
            metadata[key] = read_generic(reader)
    return metadata


def _write_metadata(writer: Writer, metadata: dict[str, Any]) -> None:
    writer.vint(len(metadata))
    for key, value in metadata.items():
        writer.string(key)
        if key == CROSS_CLUSTER_ACCESS_AUTHENTICATION:
            value.write(writer)
        elif key == CROSS_CLUSTER_ACCESS_ROLE_DESCRIPTORS:
            writer.list(writer.bytes_reference, value)
        else:
            write_generic(writer, value)


def header_reader(header: str, newest: TransportVersion | None = NEWEST_HEADER) -> Reader:
    """A Reader behind the version that precedes everything in a base64 header. Raises WireError.

    ``newest`` is the newest version whose layout is known; None where all have the same."""
    data = decode_base64(header)
    version = TransportVersion(Reader(data, OLDEST_HEADER).vint())
    if version < OLDEST_HEADER or (newest is not None and version > newest):
        raise WireError(f"a header of transport version [{version}], not between [{OLDEST_HEADER}] and [{NEWEST_HEADER}]")
    reader = Reader(data, version)
    reader.vint()
    return reader


def header_writer(version: TransportVersion) -> Writer:
    """A Writer with the version written."""
    writer = Writer(version)
    writer.vint(version.id)
    return writer


def header_text(writer: Writer) -> str:
    return base64.b64encode(writer.getvalue()).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of basic base64; the padding may be left out, as Java's decoder allows. Raises WireError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4) if "=" not in text else text, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("a header that is not base64") from None
