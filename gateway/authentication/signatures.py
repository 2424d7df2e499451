"""Signed requests: a certificate of the local cluster vouches for the credential and the subject info that a request carries.

Local clusters from 9.3 on can sign, and do so where the connection speaks a transport version of theirs. Facts from
``CrossClusterApiKeySignatureManager`` and ``X509CertificateSignature`` of 9.5.3. Stricter than there: only the two algorithms that a
local cluster signs with are taken; chains are built by the rules of the web's PKI (RSA keys from 2048 bits on, no SHA-1, authorities
in their time and with basic constraints); and without ``cluster.remote.signing.certificate_authorities`` no signature is good, where
Elasticsearch would ask the authorities that Java comes with.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from certs.names import subject_rfc2253, subject_shown
from gateway.authentication.subjects import authentication_failure
from protocol.errors import ElasticsearchException, WireError
from protocol.security import Signature

MAX_CERTIFICATES = 16
"""In one chain; more would only cost time."""
MAX_VERIFIED = 1024
"""Verified headers to remember: one for each user of the local clusters that sign."""

_RSA, _ECDSA = "sha256withrsa", "sha256withecdsa"
"""Java's names of the algorithms, in which case does not matter."""


_UNREADABLE = (
    ValueError,
    Warning,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` has to say of a certificate that it cannot make sense of."""


class _NotGoodError(Exception):
    """What Elasticsearch has a ``GeneralSecurityException`` for: an untrusted chain, an algorithm or signature that makes no sense."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A decoded signature. ``identity`` is the leaf's name as in RFC 2253, ``shown`` the leaf in the words of error texts."""

    signature: Signature
    certificates: tuple[x509.Certificate, ...]
    identity: str
    shown: str

    @classmethod
    def decode(cls, header: str) -> Signed:
        """Nothing is verified. Raises ElasticsearchException: the cause that a real node would tell."""
        try:
            signature = Signature.decode(header)
        except WireError as error:
            raise ElasticsearchException("i_o_exception", str(error)) from None
        if not signature.certificates:
            raise ElasticsearchException("illegal_argument_exception", "Provided signature does not contain any certificates")
        try:
            with warnings.catch_warnings():
                # Of a certificate that breaks a rule, but not so that nothing can be read of it. Java would not take it either.
                warnings.simplefilter("error")
                certificates = tuple(map(x509.load_der_x509_certificate, signature.certificates))
                leaf = certificates[0]
                return cls(signature, certificates, subject_rfc2253(leaf), certificate_text(leaf))
        except _UNREADABLE:
            raise ElasticsearchException("i_o_exception", "Cannot read certificate") from None


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: str
    until: datetime


class SignatureVerifier:
    """Verifies signatures by the certificate authorities that it trusts; without any, none is good."""

    def __init__(
        self, authorities: Sequence[x509.Certificate] = (), *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock = clock
        self._verified: OrderedDict[tuple[str, str, str], _Verified] = OrderedDict()
        self.trust(authorities)

    def trust(self, authorities: Sequence[x509.Certificate]) -> None:
        """Trust these from now on, and no others."""
        self._store = Store(list(authorities)) if authorities else None
        self._verified.clear()

    def claimed_identity(self, header: str, subject_info: str | None, credentials: str) -> str:
        """The name in the leaf of a signature, which may be a lie. Raises ElasticsearchException where it cannot be read."""
        known = self._known((header, subject_info or "", credentials))
        return Signed.decode(header).identity if known is None else known.identity

    def verify(self, header: str, subject_info: str, credentials: str) -> str:
        """The name in the leaf of a good signature over the two headers. Raises ElasticsearchException in a node's words."""
        place = (header, subject_info, credentials)
        if (known := self._known(place)) is not None:
            return known.identity
        try:
            signed = Signed.decode(header)
            if self._store is None:
                raise ElasticsearchException(
                    "illegal_state_exception",
                    "Cannot verify signed cross-cluster headers because [cluster.remote.signing] has not trust configuration",
                )
        except ElasticsearchException as cause:
            raise authentication_failure("error attempting to authenticate request", cause) from None
        try:
            until = self._check_chain(self._store, signed)
            good = _is_good(signed, f"{subject_info}\n{credentials}".encode("utf-8", "surrogatepass"))
        except _NotGoodError:
            raise authentication_failure(
                f"Failed to verify cross cluster api key signature certificate from [{signed.shown}]"
            ) from None
        if not good:
            raise authentication_failure(f"Invalid cross cluster api key signature from [{signed.shown}]")
        self._verified[place] = _Verified(signed.identity, until)
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return signed.identity

    def _known(self, place: tuple[str, str, str]) -> _Verified | None:
        known = self._verified.get(place)
        if known is None:
            return None
        if self._clock() >= known.until:
            del self._verified[place]
            return None
        self._verified.move_to_end(place)
        return known

    def _check_chain(self, store: Store, signed: Signed) -> datetime:
        """Until when the chain is good. Raises _NotGoodError."""
        leaf, *others = signed.certificates
        if len(signed.certificates) > MAX_CERTIFICATES:
            raise _NotGoodError
        builder = PolicyBuilder().store(store).time(self._clock())
        verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_SIGNER).build_client_verifier()
        try:
            chain = verifier.verify(leaf, others).chain
        except (VerificationError, *_UNREADABLE) as error:
            raise _NotGoodError from error
        return min(certificate.not_valid_after_utc for certificate in chain)


def certificate_text(certificate: x509.Certificate) -> str:
    """A certificate as error texts name it. Raises DerError."""
    fingerprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - a name, not a proof
    return f"({subject_shown(certificate)};X.509;SHA1:{fingerprint})"


def _is_good(signed: Signed, payload: bytes) -> bool:
    """Raises _NotGoodError where it could not be good whatever was signed."""
    algorithm, signature = signed.signature.algorithm.lower(), signed.signature.signature
    try:
        key = signed.certificates[0].public_key()
    except _UNREADABLE as error:
        raise _NotGoodError from error
    try:
        if algorithm == _RSA and isinstance(key, rsa.RSAPublicKey):
            if len(signature) != (key.key_size + 7) // 8:
                raise _NotGoodError
            key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            _check_form(signature)
            key.verify(signature, payload, ec.ECDSA(hashes.SHA256()))
        else:
            raise _NotGoodError
    except InvalidSignature:
        return False
    return True


def _check_form(signature: bytes) -> None:
    try:
        decode_dss_signature(signature)
    except ValueError as error:
        raise _NotGoodError from error


def _may_sign(_policy: Policy, _certificate: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.digital_signature:
        raise ValueError("KeyUsage does not allow digital signatures")


def _is_for_clients(_policy: Policy, _certificate: x509.Certificate, extension: x509.ExtendedKeyUsage | None) -> None:
    allowed = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if extension is not None and allowed.isdisjoint(extension):
        raise ValueError("Extended key usage does not permit use for TLS client authentication")


def _is_authority(_policy: Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError("not a certificate authority")


def _may_sign_certificates(_policy: Policy, _certificate: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("KeyUsage does not allow to sign certificates")


_SIGNER = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_clients)
)
"""What Java asks of the certificate of a TLS client, which a signer's must be."""

_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign_certificates)
)
