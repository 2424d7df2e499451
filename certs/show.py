"""What a certificate or key file holds, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.files import CertificateError, is_pkcs12, parse_certificates, read, read_key, read_pkcs12
from certs.issue import is_authority

_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client",
}


def describe(path: Path, passphrase: str | None = None, now: datetime | None = None) -> list[dict[str, Any]]:
    """Each certificate and key of a PEM or PKCS#12 file, as JSON. Never a key itself.

    An encrypted PEM key without ``passphrase`` is described as far as can be seen; a PKCS#12 file cannot be read without its own.
    """
    now = now or datetime.now(UTC)
    if is_pkcs12(path):
        key, certificates = read_pkcs12(path, passphrase)
        found = [_certificate(certificate, now) for certificate in certificates]
        return found + ([_key(key)] if key else [])
    content = read(path)
    found = []
    if b"-----BEGIN CERTIFICATE-----" in content:
        found += [_certificate(certificate, now) for certificate in parse_certificates(content, path)]
    if b"PRIVATE KEY-----" in content:
        encrypted = b"ENCRYPTED" in content
        if encrypted and passphrase is None:
            found.append({"kind": "private key", "encrypted": True})
        else:
            found.append(_key(read_key(path, passphrase)) | {"encrypted": encrypted})
    if not found:
        raise CertificateError(f"[{path}] holds neither a PEM certificate nor a PEM private key")
    return found


def _certificate(certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
    remaining = certificate.not_valid_after_utc - now
    state = "valid"
    if remaining.total_seconds() < 0:
        state = "expired"
    elif now < certificate.not_valid_before_utc:
        state = "not yet valid"
    return {
        "kind": "CA certificate" if is_authority(certificate) else "certificate",
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": _names(certificate),
        "usages": _usages(certificate),
        "key": _key_name(certificate.public_key()),
        "not_before": _time(certificate.not_valid_before_utc),
        "not_after": _time(certificate.not_valid_after_utc),
        "days_left": remaining.days,
        "state": state,
        "serial_number": f"{certificate.serial_number:x}",
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def _key(key: object) -> dict[str, Any]:
    return {"kind": "private key", "key": _key_name(key)}


def _key_name(key: object) -> str:
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return f"RSA {key.key_size}"
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) if isinstance(name, (x509.DNSName, x509.IPAddress)) else repr(name) for name in names]


def _usages(certificate: x509.Certificate) -> list[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [_USAGES.get(usage, usage.dotted_string) for usage in usages]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
