"""What an API key may look like, and the texts when it may not: those of AbstractCreateApiKeyRequest and its kin."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.configuration.units import parse_duration
from protocol.errors import ElasticsearchException

MAX_NAME_LENGTH = 256
# Distinguished names are a line; a pattern longer than this costs time at each connection.
MAX_IDENTITY_LENGTH = 4096

# A name that is longer than any real one is not compared: a pattern that tries much would take long over it.
MAX_DISTINGUISHED_NAME_LENGTH = 1024

_AMOUNT = re.compile(r"\s*(.*?)\s*(nanos|micros|ms|s|m|h|d)\s*", re.IGNORECASE)
# What Java's String.trim cuts away, which is less and more than Python's strip.
_JAVA_WHITESPACE = "".join(map(chr, range(0x21)))


def check_key(name: str, metadata: Mapping[str, Any] | None, certificate_identity: str | None) -> None:
    """Raises the validation error of a key to be created, all faults in one."""
    faults: list[str] = []
    if not name:
        faults.append("api key name is required")
    else:
        # Java counts UTF-16 units.
        if len(name.encode("utf-16-le", "surrogatepass")) // 2 > MAX_NAME_LENGTH:
            faults.append(f"api key name may not be more than {MAX_NAME_LENGTH} characters long")
        if name != name.strip(_JAVA_WHITESPACE):
            faults.append("api key name may not begin or end with whitespace")
        if name.startswith("_"):
            faults.append("api key name may not begin with an underscore")
    _raise(faults + _metadata_faults(metadata) + _identity_faults(certificate_identity))


def check_update(
    has_access: bool,
    metadata: Mapping[str, Any] | None,
    certificate_identity: str | None,
    changes_identity: bool,
    expiration: int | None,
) -> None:
    """Raises the validation error of an update; ``expiration`` in nanoseconds."""
    faults = _metadata_faults(metadata)
    if expiration is not None and expiration <= 0:
        faults.append("API key expiration must be in the future")
    if not has_access and metadata is None and not changes_identity:
        faults.append("must update [access], [metadata], or [certificate_identity] for cross-cluster API keys")
    _raise(faults + _identity_faults(certificate_identity))


def parse_expiration(text: str | None) -> int | None:
    """``30d`` in nanoseconds. ``-1d`` is refused, which Elasticsearch takes, for a key that has expired before it exists."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError:
        pass
    match = _AMOUNT.fullmatch(text)
    if match is None:
        reason = f"failed to parse setting [expiration] with value [{text}] as a time value: unit is missing or unrecognized"
    elif re.fullmatch(r"-[0-9]+", match[1]):
        reason = f"failed to parse setting [expiration] with value [{text}] as a time value: negative durations are not supported"
    elif re.fullmatch(r"-?[0-9]*\.[0-9]*", match[1]):
        reason = f"failed to parse [{text}], fractional time values are not supported"
    else:
        reason = f"failed to parse [{text}]"
    raise ElasticsearchException("illegal_argument_exception", reason)


def matches_identity(pattern: str, distinguished_name: str) -> bool:
    """Whether the whole name matches. A name with a line break never does: ``.`` excludes more of them in Java than in Python."""
    if len(distinguished_name) > MAX_DISTINGUISHED_NAME_LENGTH:
        return False
    if any(character in distinguished_name for character in "\n\r\x85\u2028\u2029"):
        return False
    try:
        return _compile(pattern).fullmatch(distinguished_name) is not None
    except _FAULTY:
        # A pattern that an earlier version kept, and that is understood no longer: nobody matches it.
        return False


_FAULTY = (re.error, FutureWarning, OverflowError, ValueError, RecursionError)

# The parts of a pattern in which Java's notation and Python's are not the same.
_PARTS = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<escaped>.)|\(\?(?P<flags>[a-zA-Z-]+)(?=[:)<=])|(?P<group>\(\?<(?=[a-zA-Z]))"
    r"|(?P<brace>\{(?!\d+(?:,\d*)?\}))",
    re.DOTALL,
)
_ESCAPES = frozenset("dDsSwWbBtnrfaAZux123456789")


@lru_cache(1024)
def _compile(pattern: str) -> re.Pattern[str]:
    """Java's meaning or none: classes are ASCII as there, and what the two do not have in common is an error (set operations, which
    Python would take literally, too). Raises re.error, ValueError and FutureWarning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        return re.compile(_PARTS.sub(_in_python, pattern), re.ASCII)


def _in_python(part: re.Match[str]) -> str:
    if part["quoted"] is not None:
        return re.escape(part["quoted"])
    if part["group"]:
        return "(?P<"
    if part["flags"] is not None:
        if set(part["flags"]) <= set("ims-"):
            return part[0]
    elif (escaped := part["escaped"]) is not None:
        if escaped == "z":
            return r"\Z"
        if escaped in _ESCAPES or not escaped.isalnum():
            return part[0]
    raise ValueError(f"[{part[0]}] is not understood")


def _identity_faults(pattern: str | None) -> list[str]:
    if pattern is None:
        return []
    try:
        if len(pattern) <= MAX_IDENTITY_LENGTH:
            _compile(pattern)
            return []
    except _FAULTY:
        pass
    return [f"Invalid certificate_identity format: [{pattern}]. Must be a valid regex."]


def _metadata_faults(metadata: Mapping[str, Any] | None) -> list[str]:
    if metadata is not None and any(key.startswith("_") for key in metadata):
        return ["API key metadata keys may not start with [_]"]
    return []


def _raise(faults: list[str]) -> None:
    if faults:
        listed = "".join(f"{number}: {fault};" for number, fault in enumerate(faults, 1))
        raise ElasticsearchException("action_request_validation_exception", f"Validation Failed: {listed}")
