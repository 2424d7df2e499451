"""What is wrong with TLS, out of what OpenSSL says and what the other side shows."""

from __future__ import annotations

import ssl
from typing import Any, Final

import trio

from gateway.client.checking.certificates import days_until, described
from gateway.client.checking.model import Model
from gateway.client.checking.steps import FaultError
from gateway.links.link import Address

SOON_DAYS = 14
"""A certificate that ends earlier is told of."""

# Codes of X509_verify_cert_error in OpenSSL.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_ISSUER: Final = {2, 18, 19, 20, 21, 27}
_WRONG_NAME: Final = {62, 64}
_WRONG_PURPOSE = 26

_NO_CERTIFICATE: Final = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_HANDSHAKE_FAILURE")
"""Alerts of a side that wants a certificate and got none, as OpenSSL and Java have them."""
_BAD_CERTIFICATE: Final = (
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
    "ALERT_DECRYPT_ERROR",
)
_NO_COMMON: Final = (
    "ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "ALERT_HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "NO_PROTOCOLS",
)


def unverified(error: ssl.SSLCertVerificationError, shown: bytes | None, name: str, model: Model) -> FaultError:
    """The other side's certificate is not good enough. ``name``: for which it should be."""
    about = {} if shown is None else described(shown)
    details: dict[str, Any] = {"certificate": about} if about else {}
    which = f"the remote cluster's certificate [{about.get('subject', 'unknown')}]"
    code = error.verify_code
    if code == _EXPIRED:
        until = about.get("until", "")
        if about and days_until(until) > 0:
            which, until = "a certificate authority above " + which, ""
        ended = f" on {until[:10]}, {-days_until(until):.0f} days ago" if until else ""
        return FaultError(
            "certificate_expired",
            f"{which} has expired{ended}",
            "have it renewed on the remote cluster; if it should still be good, check the clock of this machine",
            details,
        )
    if code == _NOT_YET_VALID:
        return FaultError(
            "certificate_not_yet_valid",
            f"{which} is not valid yet, but from {about.get('from', 'later')} on: most likely this machine's clock is behind",
            "check the clocks of this machine and of the one that made the certificate",
            details,
        )
    if code in _WRONG_NAME:
        names = ", ".join(about.get("names", ())) or "no name at all"
        setting = f", or set [cluster.remote.{model.alias}.server_name] to one of them" if not model.sniff else ""
        return FaultError(
            "wrong_name",
            f"{which} is for {names}, and not for [{name}]",
            f"connect by one of the certificate's names{setting}; or have a certificate made that names [{name}]; or set "
            f"[{model.ssl_prefix}.verification_mode] to certificate, which does without the name",
            {**details, "name": name},
        )
    if code in _UNKNOWN_ISSUER:
        trusted = ", ".join(map(str, model.authorities)) or "the system's authorities"
        return FaultError(
            "unknown_authority",
            f"{which} was issued by [{about.get('issuer', 'unknown')}], which is not among those that are trusted here: {trusted}",
            f"add the certificate of that authority to [{model.ssl_prefix}.certificate_authorities]; ask whoever runs the remote cluster "
            "for it, and do not take it from the connection",
            details,
        )
    purpose = " it is not for servers, make one that is" if code == _WRONG_PURPOSE else " see what OpenSSL says"
    return FaultError(
        "certificate_not_trusted",
        f"{which} is not trusted: {error.verify_message}",
        f"have another certificate made for the remote cluster:{purpose}",
        details,
    )


def refused(error: ssl.SSLError, model: Model) -> FaultError | None:
    """The other side ended TLS with an alert; ``None`` where it is none of these."""
    reason = (error.reason or str(error)).upper().replace(" ", "_")
    details = {"alert": reason}
    if model.certificate is None and any(each in reason for each in _NO_CERTIFICATE):
        if model.api_key:
            return FaultError(
                "key_mode_on_certificate_port",
                "the port wants a client certificate: it is of the certificate model, and there are credentials for the API key model "
                f"([{model.credentials_setting}])",
                f"use the remote cluster's {model.port_text}; or leave out [{model.credentials_setting}] and set "
                "[xpack.security.transport.ssl.certificate] and its key for the certificate model",
                details,
            )
        return FaultError(
            "client_certificate_missing",
            "the remote cluster wants a client certificate, and there is none here",
            f"set [{model.ssl_prefix}.certificate] and [{model.ssl_prefix}.key]",
            details,
        )
    if any(each in reason for each in _BAD_CERTIFICATE):
        return FaultError(
            "client_certificate_not_trusted",
            f"the remote cluster does not trust the client certificate in [{model.certificate}] ({reason.lower()})",
            "have the authority that issued it added to [xpack.security.transport.ssl.certificate_authorities] there, or use "
            "a certificate of an authority that is there; check that it has not expired",
            details,
        )
    if any(each in reason for each in _NO_COMMON):
        return FaultError(
            "no_common_protocol",
            f"both sides have no protocol or cipher suite of TLS in common ({reason.lower()})",
            f"compare [{model.ssl_prefix}.supported_protocols] and [{model.ssl_prefix}.cipher_suites] with those of the remote cluster",
            details,
        )
    return None


def http(address: Address, *, tls: bool) -> FaultError:
    kind = "HTTPS" if tls else "HTTP without TLS"
    return FaultError(
        "http_port",
        f"port {address.port} is an HTTP interface ({kind}), where no remote cluster can be reached",
        "use the remote cluster's port for other clusters: [remote_cluster.port] (9443 by default) with an API key, [transport.port] (9300 "
        "by default) with certificates; 9200 is for HTTP",
        {"http": "tls" if tls else "plain"},
    )


def not_tls(address: Address, error: Exception, answer: bytes, model: Model, seconds: float) -> FaultError:
    """TLS found no counterpart. ``answer``: what the port says without TLS."""
    if answer.startswith((b"This is not an HTTP port", b"ES")):
        return FaultError(
            "plain_transport",
            f"port {address.port} speaks Elasticsearch's transport protocol without TLS",
            f"switch TLS on for it on the remote cluster; for a test set [{model.ssl_prefix}.enabled] to false here",
        )
    if isinstance(error, trio.TooSlowError):
        return FaultError(
            "silent_port",
            f"port {address.port} takes connections and says nothing: it did not answer to TLS within {seconds:g}s",
            f"check that this is the remote cluster's {model.port_text}, and that a proxy on the way has something behind it",
        )
    cause = error.__cause__
    ended = cause is None or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    reason = "it closes the connection" if ended else f"OpenSSL says {getattr(cause, 'reason', None) or cause}"
    return FaultError(
        "not_tls",
        f"port {address.port} does not speak TLS: {reason}",
        f"check that this is the remote cluster's {model.port_text}, and that TLS is on there",
    )


def soon_expired(about: dict[str, Any]) -> tuple[FaultError, ...]:
    """A warning for a certificate that ends soon."""
    days = days_until(about["until"])
    if days > SOON_DAYS:
        return ()
    text = f"the remote cluster's certificate [{about['subject']}] expires in {days:.0f} days"
    return (FaultError("certificate_expires_soon", text, "have it renewed on the remote cluster"),)
