"""Why a remote cluster does not let anybody in, out of its words."""

from __future__ import annotations

import re
from typing import Final

from gateway.client.checking.model import Model
from gateway.client.checking.steps import FaultError
from protocol.errors import ElasticsearchException
from protocol.security import ApiKeyCredentials

_NEW_KEY: Final = (
    "make a new one there (POST /_security/cross_cluster/api_key, `rcgateway keys create`) and put its [encoded] in [{setting}]"
)

_KEY_FAULTS: Final = (
    ("has been invalidated", "key_invalidated", "the API key [{id}] has been invalidated on the remote cluster", _NEW_KEY),
    ("api key is expired", "key_expired", "the API key [{id}] has expired", _NEW_KEY),
    (
        "unable to find apikey",
        "key_unknown",
        "the remote cluster knows no API key [{id}]",
        "check that it was made on this remote cluster and not on another one; if it is gone, " + _NEW_KEY,
    ),
    (
        "invalid credentials for API key",
        "key_wrong_secret",
        "the API key [{id}] is known there, and its secret is another one",
        "copy the [encoded] of the key again, whole; if it is lost, " + _NEW_KEY,
    ),
    (
        "authentication expected API key type of",
        "key_wrong_type",
        "the API key [{id}] is of the wrong type: it is for REST requests, and a cross-cluster API key is needed",
        _NEW_KEY,
    ),
    (
        "requires certificate identity matching|does not match API Key certificate identity",
        "key_needs_signature",
        "the API key [{id}] may be used only together with a certificate of its [certificate_identity], and requests are not signed here",
        "use a key without [certificate_identity]",
    ),
    (
        "invalid cross-cluster API key value|invalid ApiKey value",
        "key_malformed",
        "the remote cluster cannot read the API key",
        "copy the [encoded] of the key again, whole; if it is lost, " + _NEW_KEY,
    ),
    (
        "unable to authenticate user",
        "key_refused",
        "the remote cluster does not accept the API key [{id}]: it is unknown there, its secret is another one, it has expired or was "
        "invalidated, or it is no cross-cluster key",
        "look at the key there (GET /_security/api_key?id={id}), or " + _NEW_KEY,
    ),
)


def says_little(error: ElasticsearchException) -> bool:
    """Whether a key was refused without a reason."""
    return "unable to authenticate user" in (error.reason or "")


def not_let_in(error: ElasticsearchException, model: Model, credentials: str | None) -> FaultError:
    """The first request was refused."""
    reasons = " ".join(reason for reason in _reasons(error))
    details = {"error": {"type": error.type, "reason": error.reason}}
    if model.api_key:
        if "requires channel profile to be" in reasons or "missing authentication credentials" in reasons:
            return FaultError(
                "key_mode_on_certificate_port",
                "the port is of the certificate model, and there are credentials for the API key model "
                f"([{model.credentials_setting}])",
                f"use its {model.port_text}; or leave out [{model.credentials_setting}] for the certificate model",
                details,
            )
        key = _key_id(credentials)
        for pattern, fault, text, mend in _KEY_FAULTS:
            if re.search(pattern, reasons):
                filled = {"id": key, "setting": model.credentials_setting}
                return FaultError(fault, text.format(**filled), mend.format(**filled), {**details, "key": key})
    elif "dedicated remote cluster server port" in reasons:
        return FaultError(
            "certificate_mode_on_key_port",
            f"the port is of the API key model, and there are no credentials for it ([{model.credentials_setting}])",
            f"make a cross-cluster API key on the remote cluster and put its [encoded] in [{model.credentials_setting}]; or use "
            f"its {model.port_text}",
            details,
        )
    if "non-compliant" in reasons:
        return FaultError(
            "license",
            f"the remote cluster's license does not allow it: {error.reason}",
            "API keys for other clusters need an Enterprise or a trial license on both sides; or use the certificate model",
            details,
        )
    if error.type == "node_disconnected_exception":
        return FaultError(
            "disconnected",
            "the remote cluster broke the connection off at the first request",
            "look at its log, which says why",
            details,
        )
    return FaultError(
        "not_let_in",
        f"the remote cluster refuses the first request: {error.reason}",
        "look at its log, and at the roles and the trust restrictions for other clusters there",
        details,
    )


def _reasons(error: ElasticsearchException | None) -> list[str]:
    return [] if error is None else [error.reason or "", *_reasons(error.cause)]


def _key_id(credentials: str | None) -> str:
    return "" if credentials is None else ApiKeyCredentials.decode(f"ApiKey {credentials}").id
