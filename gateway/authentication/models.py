"""The two security models: from a request's headers to the Subject.

In the API key model the credential is checked as soon as the header is there, and the connection is closed where it is not good; the
rest, a signature too, is checked with the whole request. Where that has come with its header, it is the second check that answers, in
other words than the first: so it is with a real node, whose two checks race. In the certificate model the connection itself is the
credential. Facts from ``CrossClusterAccessServerTransportFilter`` and ``CrossClusterAccessAuthenticationService``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from gateway.authentication.api_key import ApiKey
from gateway.authentication.api_keys import ApiKeyStore, RefusedCredential
from gateway.authentication.signatures import SignatureVerifier
from gateway.authentication.subjects import (
    CrossClusterKey,
    Subject,
    authentication_error,
    authentication_failure,
    certificate_subject,
    cross_cluster_subject,
)
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Header
from protocol.security import (
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SIGNATURE_HEADER,
    SUBJECT_INFO_HEADER,
    ApiKeyCredentials,
    Authentication,
    SubjectInfo,
)

ALLOWED_HEADERS = frozenset(
    {
        CREDENTIALS_HEADER,
        SUBJECT_INFO_HEADER,
        SIGNATURE_HEADER,
        "_xpack_audit_request_id",
        "X-Opaque-Id",
        "traceparent",
        "tracestate",
        "trace.id",
        "X-elastic-product-origin",
    }
)
"""What a request of the API key model may carry. Another header is refused, not passed over.

A signature is here as in 9.5.3. An 8.19 node refuses it, but no local cluster sends it where the connection speaks 8.19's transport
version; who sends it wants it verified."""


MAX_CREDENTIALS = 1024
"""Headers whose text is remembered taken apart: a local cluster has one for each connection that it has configured."""


_NOT_PROVEN: tuple[int, ApiKey | None] = (-1, None)


class SecurityModel(Protocol):
    def check_header(self, header: Header) -> None:
        """What can be checked before the payload is there. Raises ElasticsearchException; the connection is then closed."""

    def check_request(self, header: Header) -> None:
        """What must hold for each request, whatever is remembered of its sender. Raises ElasticsearchException."""

    def fingerprint(self, header: Header) -> tuple[str, ...]:
        """What the subject follows from: until keys or roles change, requests with the same one have the same subject."""

    def subject(self, header: Header) -> Subject:
        """For whom the request is made. Raises ElasticsearchException."""


@dataclass(frozen=True, slots=True)
class ApiKeyModel:
    """A cross-cluster API key, and the user of the local cluster; a signature may vouch for both."""

    keys: ApiKeyStore
    signatures: SignatureVerifier = field(default_factory=SignatureVerifier)
    _proven: dict[str, tuple[int, ApiKey]] = field(default_factory=dict)
    """Keys by the text of the credentials that proved them, and the store's generation at that time."""

    def check_header(self, header: Header) -> None:
        """Looks at the name in a signature's certificate, and leaves it to ``check_request`` to see whether that is a lie."""
        headers = header.request_headers
        if self._known(headers) is not None:
            return
        identity = None
        try:
            if CREDENTIALS_HEADER in headers and SIGNATURE_HEADER in headers:
                identity = self.signatures.claimed_identity(
                    headers[SIGNATURE_HEADER], headers.get(SUBJECT_INFO_HEADER), headers[CREDENTIALS_HEADER]
                )
            credentials = _credentials(header)
        except ElasticsearchException as cause:
            raise authentication_error("failed to extract credentials from headers", cause) from None
        self.keys.verify(credentials.id, credentials.secret, certificate_dn=identity)

    def check_request(self, header: Header) -> None:
        headers = header.request_headers
        for required in (CREDENTIALS_HEADER, SUBJECT_INFO_HEADER):
            if required not in headers:
                raise _missing(required)
        for name in headers:
            if name not in ALLOWED_HEADERS:
                raise _illegal(
                    f"Transport request header [{name}] is not allowed for cross cluster requests through the dedicated remote"
                    " cluster server port"
                )

        self._verified(header)

    def fingerprint(self, header: Header) -> tuple[str, ...]:
        headers = header.request_headers
        return headers[CREDENTIALS_HEADER], headers[SUBJECT_INFO_HEADER], headers.get(SIGNATURE_HEADER, "")

    def subject(self, header: Header) -> Subject:
        key = self._verified(header)
        info = _subject_info(header)
        descriptors = json.dumps(dict(key.role_descriptors)).encode()
        return cross_cluster_subject(info, CrossClusterKey(key.id, key.username, descriptors, key.name))

    def _verified(self, header: Header) -> ApiKey:
        """The key, in the words of the second check where it or a signature is not good."""
        headers = header.request_headers
        if (known := self._known(headers)) is not None:
            return known
        try:
            credentials = _credentials(header)
        except ElasticsearchException as cause:
            raise authentication_failure("error attempting to authenticate request", cause) from None
        try:
            identity = None
            if (signature := headers.get(SIGNATURE_HEADER)) is not None:
                identity = self.signatures.verify(signature, headers[SUBJECT_INFO_HEADER], headers[CREDENTIALS_HEADER])
            generation = self.keys.generation
            key = self.keys.verify(credentials.id, credentials.secret, certificate_dn=identity)
        except ElasticsearchException as refusal:
            _subject_info(header)  # Elasticsearch has read it by then, and tells of it first
            if isinstance(refusal, RefusedCredential):
                raise _second_refusal(refusal, credentials.id, header.action) from None
            raise
        if signature is None:
            if len(self._proven) >= MAX_CREDENTIALS:
                self._proven.clear()
            self._proven[headers[CREDENTIALS_HEADER]] = generation, key
        return key

    def _known(self, headers: Mapping[str, str]) -> ApiKey | None:
        """The key, where the same credentials have proved it, no key has changed since, and its time is not over. A signature is looked at
        each time."""
        generation, key = self._proven.get(headers.get(CREDENTIALS_HEADER, ""), _NOT_PROVEN)
        if key is None or SIGNATURE_HEADER in headers or not self.keys.still_holds(key, generation):
            return None
        return key


@dataclass(frozen=True, slots=True)
class CertificateModel:
    """A trusted client certificate, whose holder names the user."""

    def check_header(self, header: Header) -> None:
        """Nothing: without a trusted certificate there is no connection."""

    def check_request(self, header: Header) -> None:
        """Nothing: Elasticsearch restricts no headers here."""

    def fingerprint(self, header: Header) -> tuple[str, ...]:
        # The refusal of a request without the header names the action.
        text = header.request_headers.get(AUTHENTICATION_HEADER)
        return (text,) if text else ("", header.action)

    def subject(self, header: Header) -> Subject:
        text = header.request_headers.get(AUTHENTICATION_HEADER)
        try:
            authentication = None if text is None else Authentication.decode(text)
        except WireError as error:
            raise authentication_failure("error attempting to authenticate request", _illegal(str(error))) from None
        return certificate_subject(authentication, header.action)


def _credentials(header: Header) -> ApiKeyCredentials:
    text = header.request_headers.get(CREDENTIALS_HEADER)
    if text is None:
        raise _missing(CREDENTIALS_HEADER)
    try:
        return _decoded(text)
    except WireError as error:
        # Elasticsearch trips over its own null where the scheme is another one, and that is what it tells.
        other_scheme = not text.lower().startswith("apikey ")
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"cross cluster access header [{CREDENTIALS_HEADER}] value must be a valid API key credential",
            ElasticsearchException("null_pointer_exception", None) if other_scheme else _illegal(str(error)),
        ) from None


@lru_cache(maxsize=MAX_CREDENTIALS)
def _decoded(text: str) -> ApiKeyCredentials:
    """Only what the text says: whether that is a key, and which secret it has, is asked with each request. Raises WireError."""
    return ApiKeyCredentials.decode(text)


def _subject_info(header: Header) -> SubjectInfo:
    try:
        return SubjectInfo.decode(header.request_headers[SUBJECT_INFO_HEADER])
    except WireError as error:
        raise authentication_failure("error attempting to authenticate request", _illegal(str(error))) from None


def _second_refusal(refused: RefusedCredential, key_id: str, action: str) -> ElasticsearchException:
    if refused.ends_at_once:
        return authentication_failure(str(refused.reason))
    return authentication_failure(
        f"unable to authenticate user [{key_id}] for action [{action}]", unsuccessful=f"API key: {refused.reason}"
    )


def _missing(header: str) -> ElasticsearchException:
    return _illegal(
        f"Cross cluster requests through the dedicated remote cluster server port require transport header [{header}] but none found."
        " Please ensure you have configured remote cluster credentials on the cluster originating the request."
    )


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason)
