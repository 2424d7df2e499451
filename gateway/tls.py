"""TLS contexts of the two interfaces, and who a client's certificate says it is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.files import CertificateError, certificates_to_pem, read_certificates, read_key, same_key
from gateway.config import ConfigError
from gateway.configuration.model import ClientSsl, Settings, SslSettings
from protocol.native.values import ALPN

REMOTE_CLUSTER_PREFIX = "xpack.security.remote_cluster_server.ssl"
TRANSPORT_PREFIX = "xpack.security.transport.ssl"
SIGNING_PREFIX = "cluster.remote.signing"
RELAY_PREFIX = "backend.relay.ssl"

# The names of Java (and IANA) to those of OpenSSL: the suites of TLS 1.2 that Elasticsearch offers by default.
_TLS12_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384": "ECDHE-ECDSA-AES256-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": "ECDHE-RSA-AES256-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
}
_TLS13_SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")


class HasPeerCertificate(Protocol):
    """A stream of TLS after its handshake."""

    def getpeercert(self, *, binary_form: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The certificate that a client proved to hold. Names are distinguished names as in RFC 2253, most specific part first."""

    subject: str
    issuer: str
    serial_number: str
    """Hexadecimal."""
    sha256: str
    """Fingerprint, hexadecimal."""
    not_after: datetime


def remote_cluster_server_context(settings: Settings) -> ssl.SSLContext | None:
    """For the API key model: no client certificate is asked for. None when its ``ssl.enabled`` is false, and the port is plain.

    Raises ConfigError naming the setting and the file.
    """
    options = settings.remote_cluster_ssl
    return _server_context(options, REMOTE_CLUSTER_PREFIX) if options.enabled else None


def transport_context(settings: Settings) -> ssl.SSLContext:
    """For the certificate model: a client must hold a certificate of one of ``certificate_authorities``.

    Raises ConfigError naming the setting and the file.
    """
    options = settings.transport_ssl
    if not options.enabled or not options.certificate_authorities:
        raise ConfigError(
            [f"[{TRANSPORT_PREFIX}.enabled] is not true, or no [{TRANSPORT_PREFIX}.certificate_authorities] are given"]
        )
    context = _server_context(options, TRANSPORT_PREFIX)
    for path in options.certificate_authorities:
        authorities = _read(f"{TRANSPORT_PREFIX}.certificate_authorities", path)
        context.load_verify_locations(cadata=certificates_to_pem(authorities).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    # As in Java, each certificate that is listed is an anchor of trust, also one that is not self-signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def signing_authorities(settings: Settings) -> list[x509.Certificate]:
    """Whom local clusters may have sign their requests. Raises ConfigError naming the setting and the file."""
    paths = settings.cluster.remote.signing.certificate_authorities
    return [certificate for path in paths for certificate in _read(f"{SIGNING_PREFIX}.certificate_authorities", path)]


def client_certificate(stream: HasPeerCertificate) -> x509.Certificate | None:
    """The client's certificate, verified by the handshake (which must be done); None where none was asked for."""
    encoded = stream.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(encoded) if encoded else None


def peer_certificate(stream: HasPeerCertificate) -> PeerCertificate | None:
    """What there is to say of the client's certificate."""
    certificate = client_certificate(stream)
    if certificate is None:
        return None
    return PeerCertificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=f"{certificate.serial_number:x}",
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_after=certificate.not_valid_after_utc,
    )


def expired_certificates(settings: Settings, now: datetime | None = None) -> list[str]:
    """One sentence for each certificate in use whose time is over or not yet come: it is shown, but the other side
    will refuse it."""
    now = now or datetime.now(UTC)
    sentences: list[str] = []
    for prefix, options, used in (
        (
            REMOTE_CLUSTER_PREFIX,
            settings.remote_cluster_ssl,
            settings.remote_cluster_server.enabled and settings.remote_cluster_ssl.enabled,
        ),
        (TRANSPORT_PREFIX, settings.transport_ssl, settings.transport_ssl.enabled),
        (RELAY_PREFIX, settings.backend.relay.ssl, settings.backend.type == "relay"),
    ):
        if not used or options.certificate is None:
            continue
        leaf = _read(f"{prefix}.certificate", options.certificate)[0]
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            sentences.append(
                f"the certificate of [{prefix}.certificate] in [{options.certificate}] is valid only "
                f"from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M}Z to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M}Z"
            )
    return sentences


def _server_context(options: SslSettings, prefix: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_certificate(context, options, prefix)
    _restrict(context, options, prefix)
    # An Elasticsearch node asks for no protocol, and gets its own.
    context.set_alpn_protocols([ALPN])
    # Connections last for days, so resumption gains nothing; and a ticket that a client never reads can reset the connection.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def client_context(options: ClientSsl, prefix: str) -> ssl.SSLContext:
    """For connections that the gateway makes. Raises ConfigError naming the setting and the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.certificate_authorities:
        for path in options.certificate_authorities:
            authorities = _read(f"{prefix}.certificate_authorities", path)
            context.load_verify_locations(cadata=certificates_to_pem(authorities).decode())
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.check_hostname = options.verification_mode == "full"
    if options.verification_mode == "none":
        context.verify_mode = ssl.CERT_NONE
    if options.certificate is not None or options.key is not None:
        _load_certificate(context, options, prefix)
    _restrict(context, options, prefix)
    return context


def _load_certificate(context: ssl.SSLContext, options: SslSettings, prefix: str) -> None:
    if options.certificate is None or options.key is None:
        raise ConfigError([f"settings [{prefix}.certificate] and [{prefix}.key] are both required"])
    passphrase = options.key_passphrase.get_secret_value() if options.key_passphrase else None
    # Checked with cryptography before OpenSSL sees them, because OpenSSL's errors do not say what is wrong with which file.
    chain = _read(f"{prefix}.certificate", options.certificate)
    try:
        key = read_key(options.key, passphrase)
    except CertificateError as error:
        hint = f"; set [{prefix}.key_passphrase]" if "no passphrase is given" in str(error) else ""
        raise ConfigError([f"setting [{prefix}.key]: {error}{hint}"]) from error
    if not same_key(chain[0], key):
        other = f"is not that of the first certificate in [{options.certificate}]"
        raise ConfigError([f"setting [{prefix}.key]: the key in [{options.key}] {other}"])
    try:
        # The password is a function, so that OpenSSL does not ask for it on the terminal.
        context.load_cert_chain(options.certificate, options.key, password=lambda: passphrase or "")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError([f"settings [{prefix}.certificate] and [{prefix}.key] cannot be used: {error}"]) from error


def _restrict(context: ssl.SSLContext, options: SslSettings, prefix: str) -> None:
    """Limit protocols and cipher suites to what is listed."""
    protocols = set(options.supported_protocols)
    if not protocols:
        raise ConfigError([f"setting [{prefix}.supported_protocols] is empty; allowed are [TLSv1.2, TLSv1.3]"])
    if options.cipher_suites:
        unknown = [suite for suite in options.cipher_suites if suite not in _TLS12_SUITES and suite not in _TLS13_SUITES]
        if unknown:
            allowed = ", ".join([*_TLS13_SUITES, *_TLS12_SUITES])
            raise ConfigError([f"setting [{prefix}.cipher_suites]: [{unknown[0]}] is not allowed; allowed are [{allowed}]"])
        for_tls13 = [suite for suite in options.cipher_suites if suite in _TLS13_SUITES]
        for_tls12 = [_TLS12_SUITES[suite] for suite in options.cipher_suites if suite in _TLS12_SUITES]
        # A protocol without a suite is not offered. Python cannot choose among the suites of TLS 1.3: it is all of them or none.
        if for_tls13 and set(for_tls13) != set(_TLS13_SUITES):
            raise ConfigError(
                [f"setting [{prefix}.cipher_suites]: list all of [{', '.join(_TLS13_SUITES)}], or none of them for TLS 1.2 only"]
            )
        protocols -= {"TLSv1.3"} if not for_tls13 else set()
        protocols -= {"TLSv1.2"} if not for_tls12 else set()
        if not protocols:
            raise ConfigError([f"setting [{prefix}.cipher_suites] has no suite for [{prefix}.supported_protocols]"])
        if for_tls12:
            context.set_ciphers(":".join(for_tls12))
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if "TLSv1.2" in protocols else ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3 if "TLSv1.3" in protocols else ssl.TLSVersion.TLSv1_2


def _read(setting: str, path: Path) -> list[x509.Certificate]:
    try:
        return read_certificates(path)
    except CertificateError as error:
        raise ConfigError([f"setting [{setting}]: {error}"]) from error
