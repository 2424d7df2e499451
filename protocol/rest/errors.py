"""Errors that somebody gave in REST JSON, as the exceptions that travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.exceptions.kinds import KINDS

_SHOWN_BY_ALL = frozenset({"type", "reason", "root_cause", "caused_by", "header", "suppressed", "status"})
_MAX_CAUSES = 50
"""Deepest chain of causes that is read."""


def parse_error(body: Mapping[str, Any], status: int | None = None, level: int = 0) -> ElasticsearchException:
    """The exception of ``{"type", "reason", "caused_by", …}``, as ``protocol.exceptions.rest.render`` shows it.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    if level > _MAX_CAUSES:
        raise ValueError("too many nested causes")
    kind = KINDS.get(body["type"])
    declared = {each.name for each in kind.fields} if kind is not None and isinstance(kind.fields, tuple | list) else set()
    cause = body.get("caused_by")
    error = ElasticsearchException(
        str(body["type"]),
        None if body["reason"] is None else str(body["reason"]),
        None if cause is None else parse_error(cause, level=level + 1),
        status,
        headers={name: _texts(value) for name, value in body.get("header", {}).items()},
        suppressed=[parse_error(each, level=level + 1) for each in body.get("suppressed", [])],
    )
    for name, value in body.items():
        if name in _SHOWN_BY_ALL:
            continue
        if name in declared:
            error.details[name] = value
        elif isinstance(value, str | list):
            error.metadata[f"es.{name}"] = _texts(value)
    return error


def parse_rest_error(body: Mapping[str, Any]) -> ElasticsearchException:
    """The exception of a whole answer, ``{"error": {…}, "status": 404}``."""
    return parse_error(body["error"], body["status"])


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
