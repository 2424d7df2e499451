"""Making certificates: a CA, servers, clients, and renewed ones."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.files import CertificateError, PrivateKey, is_pkcs12, read_certificates, read_key, read_pkcs12, same_key

KeyKind = Literal["ec", "rsa"]

CA_DAYS = 3650
LEAF_DAYS = 825  # the longest that today's clients accept of a private CA
RSA_BITS = 3072  # the strength of P-256
MAX_DAYS = 36500
CLOCK_SKEW = timedelta(minutes=5)  # a certificate may meet a clock that is behind ours

_DNS_NAME = re.compile(
    r"(\*\.)?([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.?"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key, its certificate, and the certificates above that one, up to but not including a CA that clients must know."""

    key: PrivateKey
    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...] = ()


def load_identity(certificate: Path, key: Path | None = None, passphrase: str | None = None) -> Identity:
    """From a PEM pair (the key is looked for beside the certificate when none is named) or a PKCS#12 file."""
    if is_pkcs12(certificate):
        found, chain = read_pkcs12(certificate, passphrase)
        if found is None or not chain:
            raise CertificateError(f"[{certificate}] holds no key with its certificate")
    else:
        key = key or certificate.with_suffix(".key")
        found, chain = read_key(key, passphrase), read_certificates(certificate)
        if not same_key(chain[0], found):
            raise CertificateError(f"the key in [{key}] is not that of the first certificate in [{certificate}]")
    return Identity(found, chain[0], tuple(chain[1:]))


def new_key(kind: KeyKind = "ec") -> PrivateKey:
    """EC on P-256, or RSA."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(name: str, *, days: int = CA_DAYS, kind: KeyKind = "ec", now: datetime | None = None) -> Identity:
    """A self-signed CA that may sign servers and clients, but no further CA."""
    key = new_key(kind)
    subject = _subject(name)
    builder = _start(subject, subject, key, *_validity(days, now))
    builder = _with_ca_extensions(builder, key)
    return Identity(key, _sign(builder, key))


def make_server(
    ca: Identity, name: str, names: Sequence[str], *, days: int = LEAF_DAYS, kind: KeyKind = "ec", now: datetime | None = None
) -> Identity:
    """A certificate for a server that is reached by ``names``: DNS names and addresses, at least one."""
    if not names:
        raise CertificateError("a server certificate needs at least one DNS name or address")
    return _leaf(ca, name, names, [ExtendedKeyUsageOID.SERVER_AUTH], days, kind, now)


def make_client(
    ca: Identity,
    name: str,
    names: Sequence[str] = (),
    *,
    days: int = LEAF_DAYS,
    kind: KeyKind = "ec",
    now: datetime | None = None,
) -> Identity:
    """A certificate for the nodes of a local cluster. Clients of the gateway, with the same file they are servers of each other."""
    return _leaf(ca, name, names, [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], days, kind, now)


def renew(
    old: Identity, ca: Identity | None = None, *, days: int | None = None, replace_key: bool = False, now: datetime | None = None
) -> Identity:
    """The same subject, names and usages again, from now on: for ``days``, or as long as the old one was valid for.

    The key stays unless ``replace_key``. A CA renews itself (``ca`` is None) and keeps its key, so that what it signed stays valid.
    """
    certificate = old.certificate
    is_ca = is_authority(certificate)
    if is_ca and replace_key:
        raise CertificateError("a CA with another key is another CA: make a new one, and new certificates with it")
    if not is_ca and ca is None:
        raise CertificateError("only a CA renews itself; name the CA that is to sign this certificate")
    signer = old if is_ca or ca is None else ca
    days = days or max(1, round((certificate.not_valid_after_utc - certificate.not_valid_before_utc) / timedelta(days=1)))
    key = new_key("rsa" if isinstance(old.key, rsa.RSAPrivateKey) else "ec") if replace_key else old.key
    from_, until = _validity(days, now)
    if not is_ca:
        until = _checked_end(signer, from_, until)
    builder = _start(certificate.subject, signer.certificate.subject, key, from_, until)
    carried = [extension for extension in certificate.extensions if extension.oid not in _MADE_ANEW]
    for extension in carried:
        builder = builder.add_extension(extension.value, extension.critical)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if not is_ca:
        builder = builder.add_extension(_authority_identifier(signer), critical=False)
    return Identity(key, _sign(builder, signer.key), () if is_ca else _issuers(signer))


_MADE_ANEW = (x509.SubjectKeyIdentifier.oid, x509.AuthorityKeyIdentifier.oid)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def is_dns_name(name: str) -> bool:
    """Whether a name may stand in a certificate as a DNS name, perhaps with ``*`` as its first label."""
    return len(name) <= 253 and _DNS_NAME.fullmatch(name) is not None


def _leaf(
    ca: Identity,
    name: str,
    names: Sequence[str],
    usages: list[x509.ObjectIdentifier],
    days: int,
    kind: KeyKind,
    now: datetime | None,
) -> Identity:
    if not is_authority(ca.certificate):
        raise CertificateError(f"[{ca.certificate.subject.rfc4514_string()}] is not a CA and cannot sign others")
    key = new_key(kind)
    from_, until = _validity(days, now)
    builder = _start(_subject(name), ca.certificate.subject, key, from_, _checked_end(ca, from_, until))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(encipher=isinstance(key, rsa.RSAPrivateKey)), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(_authority_identifier(ca), critical=False)
    return Identity(key, _sign(builder, ca.key), _issuers(ca))


def _issuers(ca: Identity) -> tuple[x509.Certificate, ...]:
    """A root is what the other side must have already; an intermediate CA must be sent along, with those above it."""
    chain = (ca.certificate, *ca.issuers)
    return tuple(certificate for certificate in chain if certificate.subject != certificate.issuer)


def _subject(name: str) -> x509.Name:
    """``name`` alone is the common name; with an equals sign it is a distinguished name in the order of RFC 4514."""
    try:
        return x509.Name.from_rfc4514_string(name) if "=" in name else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError as error:
        raise CertificateError(f"[{name}] cannot be a certificate's subject: not a distinguished name as in RFC 4514") from error


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not is_dns_name(name):
        raise CertificateError(f"[{name}] is neither an address nor a DNS name (an international name is written as xn--…)")
    return x509.DNSName(name)


def _validity(days: int, now: datetime | None) -> tuple[datetime, datetime]:
    if not 1 <= days <= MAX_DAYS:
        raise CertificateError(f"[{days}] days are not allowed; allowed are 1 to {MAX_DAYS}")
    now = now or datetime.now(UTC)
    return now - CLOCK_SKEW, now + timedelta(days=days)


def _checked_end(ca: Identity, from_: datetime, until: datetime) -> datetime:
    """No certificate outlives its CA, since nobody would accept it then."""
    end = ca.certificate.not_valid_after_utc
    if end <= from_:
        raise CertificateError(f"the CA [{ca.certificate.subject.rfc4514_string()}] ended on {end:%Y-%m-%d}; renew it first")
    return min(until, end)


def _start(subject: x509.Name, issuer: x509.Name, key: PrivateKey, from_: datetime, until: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(from_)
        .not_valid_after(until)
    )


def _with_ca_extensions(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, sign_certificates: bool = False, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(ca: Identity) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.certificate.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    digest = None if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else hashes.SHA256()
    return builder.sign(key, digest)
