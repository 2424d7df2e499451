"""The headers of a request that say for whom it is made and by which credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from protocol.errors import WireError
from protocol.schema import Bytes, Message, String
from protocol.security.authentication import Authentication, decode_base64, header_reader, header_text, header_writer
from protocol.versions import TransportVersion

CREDENTIALS_HEADER = "_cross_cluster_access_credentials"
SUBJECT_INFO_HEADER = "_cross_cluster_access_subject_info"
SIGNATURE_HEADER = "_cross_cluster_access_signature"

_SCHEME = "apikey "

SECRET_LENGTH = 22
"""Characters in the secret of an API key: 16 random bytes in base64 without padding."""


@dataclass(slots=True)
class SubjectInfo:
    """``_cross_cluster_access_subject_info``: the local user, and what the local cluster lets the user do on the remote one.

    Each entry of ``role_descriptors`` is a set of role descriptors as JSON bytes, ``{name: descriptor}``. The user may do what
    every set allows.
    """

    authentication: Authentication
    role_descriptors: list[bytes] = field(default_factory=list)

    @classmethod
    def decode(cls, header: str) -> Self:
        """Raises WireError."""
        reader = header_reader(header)
        info = cls(Authentication.read(reader), reader.list(reader.bytes_reference))
        reader.expect_end("the subject info")
        return info

    def encode(self) -> str:
        """The header's text, for the version of the authentication."""
        writer = header_writer(self.authentication.version)
        self.authentication.write(writer)
        writer.list(writer.bytes_reference, self.role_descriptors)
        return header_text(writer)


@dataclass(frozen=True, slots=True)
class ApiKeyCredentials:
    """The id and the secret in ``_cross_cluster_access_credentials``."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def decode(cls, header: str) -> Self:
        """From ``ApiKey <base64 of id:secret>``. Raises WireError with the text that Elasticsearch has for the case."""
        if header[: len(_SCHEME)].lower() != _SCHEME or len(header) == len(_SCHEME):
            raise WireError("invalid ApiKey value")
        try:
            text = decode_base64(header[len(_SCHEME) :]).decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("invalid ApiKey value") from None
        key_id, colon, secret = text.partition(":")
        if not colon or not key_id:
            raise WireError("invalid ApiKey value")
        if len(secret) != SECRET_LENGTH:
            raise WireError("invalid cross-cluster API key value")
        return cls(key_id, secret)


class _SignatureBody(Message):
    certificates: list[Bytes]
    algorithm: String
    signature: Bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """``_cross_cluster_access_signature`` of 9.3 and newer: DER certificates from the leaf on, Java's name of the algorithm, and
    the signature over the subject info header, a line feed, and the credentials header.

    A node writes the newest transport version that it knows, whatever the connection speaks; the layout does not depend on it."""

    version: TransportVersion
    certificates: list[bytes]
    algorithm: str
    signature: bytes

    @classmethod
    def decode(cls, header: str) -> Self:
        """Raises WireError. The certificates are not parsed, and there may be none."""
        reader = header_reader(header, newest=None)
        body = _SignatureBody.read(reader)
        reader.expect_end("the signature")
        if not all(body.certificates):
            raise WireError("Certificate bytes cannot be empty")
        return cls(reader.version, body.certificates, body.algorithm, body.signature)

    def encode(self) -> str:
        writer = header_writer(self.version)
        _SignatureBody(certificates=self.certificates, algorithm=self.algorithm, signature=self.signature).write(writer)
        return header_text(writer)
