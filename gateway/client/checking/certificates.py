"""Certificates in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from gateway.tls_stream import TlsStream


def fetched(stream: TlsStream) -> bytes:
    """The certificate that the other side has shown, in DER."""
    certificate: bytes = stream.getpeercert(binary_form=True)
    return certificate


def described(certificate: bytes) -> dict[str, Any]:
    """``subject``, ``issuer``, ``names``, ``from`` and ``until`` (ISO 8601, UTC) of a certificate in DER."""
    parsed = x509.load_der_x509_certificate(certificate)
    return {
        "subject": parsed.subject.rfc4514_string() or "a certificate without a subject",
        "issuer": "itself" if parsed.issuer == parsed.subject else parsed.issuer.rfc4514_string(),
        "names": names_of(parsed),
        "from": parsed.not_valid_before_utc.isoformat(),
        "until": parsed.not_valid_after_utc.isoformat(),
    }


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names and addresses for which it is."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def days_until(moment: str) -> float:
    """From now; negative for the past."""
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds() / 86400
