"""Trust restrictions of the certificate model: which of those who hold a trusted certificate may connect, by names in it.

A file of name patterns, ``trust.subject_name: [ "*.local" ]``, in YAML; the patterns are those of roles (``*``, ``?``, ``/regular
expression/``). A client passes when any name that it has in the fields of ``trust_restrictions.x509_fields`` matches any of them; one
without such names never does. Semantics of ``RestrictedTrustManager`` of 8.19.21.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from certs.der import DerError, elements
from certs.names import subject_shown
from gateway.authorization.patterns import NamePatterns
from gateway.configuration.model import COMMON_NAME_FIELD, DNS_NAME_FIELD
from gateway.configuration.source import ConfigError, read_file, split_list
from protocol.errors import ElasticsearchException

SETTING = "xpack.security.transport.ssl.trust_restrictions.path"
SUBJECT_NAMES = "trust.subject_name"

_COMMON_NAME = "2.5.4.3"
_LATIN = (0x12, 0x13, 0x15, 0x16, 0x19, 0x1A, 0x1B)  # numeric, printable, videotex, IA5, graphic, ISO 646, general strings
_CHARSETS = {0x0C: "utf-8", 0x1E: "utf-16-be"} | dict.fromkeys(_LATIN, "latin-1")
_OCTETS = 0x04


class UntrustedNameError(Exception):
    """A client whose certificate is trusted, but whose names are not. The text is Elasticsearch's."""


class TrustRestrictions:
    """Patterns, and the fields of a certificate that they are for."""

    def __init__(self, patterns: Sequence[str], fields: Sequence[str]) -> None:
        """Raises ElasticsearchException where a pattern is not understood."""
        self.fields = tuple(fields)
        self._patterns = NamePatterns(patterns, escapes=True)

    @classmethod
    def load(cls, path: Path, fields: Sequence[str]) -> TrustRestrictions:
        """Raises ConfigError, also where the file does not say which names are trusted."""
        try:
            return cls._read(path, fields)
        except ConfigError as error:
            raise ConfigError([f"setting [{SETTING}]: {problem}" for problem in error.problems]) from None

    @classmethod
    def _read(cls, path: Path, fields: Sequence[str]) -> TrustRestrictions:
        written = read_file(path, {}).get(SUBJECT_NAMES)
        if written is None:
            raise ConfigError([f"{path}: has no [{SUBJECT_NAMES}], the names to trust"])
        patterns = split_list(written.value) if isinstance(written.value, str) else written.value
        try:
            return cls(patterns, fields)
        except ElasticsearchException as error:
            raise ConfigError([f"{written.where}: [{SUBJECT_NAMES}]: {error.reason}"]) from None

    @property
    def patterns(self) -> tuple[str, ...]:
        return self._patterns.patterns

    def check(self, certificate: x509.Certificate) -> None:
        """Raises UntrustedNameError."""
        try:
            names = _names(certificate, self.fields)
            trusted = any(map(self._patterns, names))
            subject = subject_shown(certificate)
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ElasticsearchException) as error:
            raise UntrustedNameError(f"Certificate whose names cannot be compared with the trusted ones: {error}") from error
        if not trusted:
            raise UntrustedNameError(
                f"Certificate for {subject} with fields [{', '.join(self.fields)}] with values [{', '.join(names)}] "
                f"does not match the trusted names [{', '.join(self.patterns)}]"
            )


def _names(certificate: x509.Certificate, fields: Sequence[str]) -> list[str]:
    """The names in the fields, each once. Raises ValueError."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names: list[str] = []
    if DNS_NAME_FIELD in fields:
        names += alternatives.get_values_for_type(x509.DNSName)
    if COMMON_NAME_FIELD in fields:
        others = alternatives.get_values_for_type(x509.OtherName)
        found = [_common_name(other.value) for other in others if other.type_id.dotted_string == _COMMON_NAME]
        names += [name for name in found if name is not None]
    return list(dict.fromkeys(names))


def _common_name(encoded: bytes) -> str | None:
    """The text in an ``otherName``; None where there is none, which is passed over."""
    try:
        value = next(elements(encoded))
        if value.constructed:
            # Some tools tag the value once more; Elasticsearch looks through that.
            value = next(elements(value.content))
        if value.tag == _OCTETS:
            return value.content.hex()
        return value.content.decode(_CHARSETS[value.tag])
    except (DerError, KeyError, StopIteration, UnicodeDecodeError):
        return None
