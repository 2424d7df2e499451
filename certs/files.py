"""Reading and writing certificate and key files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | dsa.DSAPrivateKey
)

# A bundle of all public CAs is a quarter of this.
MAX_FILE_SIZE = 1 << 20


class CertificateError(Exception):
    """A file that is not what it should be, or a certificate that cannot be made. The text names the file."""


def read_certificates(path: Path) -> list[x509.Certificate]:
    """All certificates of a PEM file, at least one, in the file's order."""
    return parse_certificates(read(path), path)


def parse_certificates(content: bytes, path: Path) -> list[x509.Certificate]:
    """All certificates of PEM text, at least one; ``path`` is for the error."""
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        hint = (
            "it holds a private key, not a certificate"
            if b"PRIVATE KEY-----" in content
            else "expected -----BEGIN CERTIFICATE-----"
        )
        raise CertificateError(f"no PEM certificate in [{path}]: {hint}") from error
    return certificates


def read_key(path: Path, passphrase: str | None = None) -> PrivateKey:
    """The private key of a PEM file, PKCS#8 or traditional, encrypted or not."""
    content = read(path)
    try:
        key = _parse_key(content, passphrase)
    except TypeError as error:
        # cryptography's way to say that a passphrase is missing. (It is only raised for that: an unneeded one is dropped before.)
        raise CertificateError(f"the key in [{path}] is encrypted and no passphrase is given") from error
    except UnsupportedAlgorithm as error:
        raise CertificateError(f"the key in [{path}] is of an unsupported kind: {error}") from error
    except ValueError as error:
        if passphrase is not None and _is_encrypted(content):
            raise CertificateError(f"cannot decrypt the key in [{path}]: wrong passphrase, or not a PEM key") from error
        hint = (
            "it holds a certificate"
            if b"BEGIN CERTIFICATE-----" in content
            else "expected -----BEGIN PRIVATE KEY----- or similar"
        )
        raise CertificateError(f"no PEM private key in [{path}]: {hint}") from error
    if not isinstance(key, PrivateKey):
        raise CertificateError(f"the key in [{path}] cannot sign, so it cannot be a certificate's")
    return key


def _parse_key(content: bytes, passphrase: str | None) -> object:
    password = passphrase.encode() if passphrase and _is_encrypted(content) else None
    return serialization.load_pem_private_key(content, password)


def _is_encrypted(content: bytes) -> bool:
    return b"BEGIN ENCRYPTED PRIVATE KEY" in content or b"Proc-Type: 4,ENCRYPTED" in content


def read_pkcs12(path: Path, passphrase: str | None) -> tuple[PrivateKey | None, list[x509.Certificate]]:
    """The key (if there is one) and the certificates of a PKCS#12 file: the key's own first, then the others."""
    try:
        bundle = pkcs12.load_pkcs12(read(path), passphrase.encode() if passphrase else None)
    except ValueError as error:
        raise CertificateError(
            f"cannot read [{path}] as PKCS#12: wrong or missing passphrase, or another kind of file"
        ) from error
    own = [bundle.cert] if bundle.cert else []
    if bundle.key is not None and not isinstance(bundle.key, PrivateKey):
        raise CertificateError(f"the key in [{path}] cannot sign, so it cannot be a certificate's")
    return bundle.key, [entry.certificate for entry in own + bundle.additional_certs]


def is_pkcs12(path: Path) -> bool:
    """Whether a file looks like PKCS#12: by its name, since it is the name that other tools go by too."""
    return path.suffix.lower() in (".p12", ".pfx")


def same_key(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether the certificate was made for the key."""
    return _public_bytes(certificate.public_key()) == _public_bytes(key.public_key())


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def certificates_to_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """PEM blocks, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def key_to_pem(key: PrivateKey, passphrase: str | None = None) -> bytes:
    """PKCS#8 PEM, encrypted when there is a passphrase."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _encryption(passphrase))


def to_pkcs12(name: str, key: PrivateKey, chain: Sequence[x509.Certificate], passphrase: str | None = None) -> bytes:
    """A PKCS#12 bundle; ``chain`` is the key's own certificate, then its issuers."""
    return pkcs12.serialize_key_and_certificates(name.encode(), key, chain[0], chain[1:], _encryption(passphrase))


def _encryption(passphrase: str | None) -> serialization.KeySerializationEncryption:
    return serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()


def identity_files(
    base: Path, key: PrivateKey, chain: Sequence[x509.Certificate], passphrase: str | None = None, *, pkcs12: bool = False
) -> dict[Path, tuple[bytes, int]]:
    """What to write for a key and its certificates (its own first): ``BASE.crt`` and ``BASE.key``, or ``BASE.p12``."""
    if pkcs12:
        return {base.with_name(f"{base.name}.p12"): (to_pkcs12(base.name, key, chain, passphrase), 0o600)}
    return {
        base.with_name(f"{base.name}.key"): (key_to_pem(key, passphrase), 0o600),
        base.with_name(f"{base.name}.crt"): (certificates_to_pem(chain), 0o644),
    }


def read(path: Path) -> bytes:
    """A small file whole."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise CertificateError(f"cannot read [{path}]: {error.strerror}") from error
    if len(content) > MAX_FILE_SIZE:
        raise CertificateError(f"[{path}] is larger than {MAX_FILE_SIZE} bytes, this is no certificate or key")
    return content


def write_new(files: Mapping[Path, tuple[bytes, int]]) -> None:
    """Write files (content and mode of each), none of which may exist yet: either all of them or, when one fails, none."""
    for path in files:
        if path.exists() or path.is_symlink():
            raise CertificateError(f"[{path}] exists already and is not written over; move it away or choose another name")
    written: list[Path] = []
    try:
        for path, (content, mode) in files.items():
            _write_one(path, content, mode)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise CertificateError(f"cannot write [{error.filename2 or error.filename or path}]: {error.strerror}") from error


def _write_one(path: Path, content: bytes, mode: int) -> None:
    """A link fails when the name is taken, so a file that appeared meanwhile is not written over, and nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink()
