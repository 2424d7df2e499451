"""``global`` of a role descriptor: privileges over applications, user profiles and roles. They are checked, and grant nothing here.

From ``ConfigurableClusterPrivileges`` of x-pack core 8.19. What is not one of these is refused, lest a descriptor that Elasticsearch does
not take works here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from gateway.authorization.privileges import FAILURES_ONLY, index_privilege
from protocol.errors import ElasticsearchException

_CATEGORIES = {"application": ("manage", "applications"), "profile": ("write", "applications"), "role": ("manage", "indices")}
"""Category to the one field within it, and the one field within that."""


def has_global_privileges(value: Any) -> bool:
    """Whether the value gives any. Raises x_content_parse_exception, parse_exception and illegal_argument_exception (400)."""
    given = False
    for category, body in _object(value).items():
        if category not in _CATEGORIES:
            _fail(f"expected one of [{','.join(_CATEGORIES)}] but found [{category}] instead")
        verb, target = _CATEGORIES[category]
        for field, privileges in _object(body).items():
            if field != verb:
                _fail(f"expected field name [{verb}] but found [{field}] instead")
            fields = _object(privileges)
            if list(fields) != [target]:
                _fail(f"expected field name [{target}] but found [{','.join(fields)}] instead")
            if category == "role":
                _check_indices(_list(fields[target]))
            else:
                _check_strings(_list(fields[target]))
            given = True
    return given


def _check_indices(entries: list[Any]) -> None:
    for entry in entries:
        if set(_object(entry)) != {"names", "privileges"}:
            _fail(f"expected one of [names, privileges] but found [{','.join(entry)}] instead")
        for part in entry.values():
            _check_strings(_list(part))
        if not entry["names"]:
            _illegal("Indices privileges must refer to at least one index name or index name pattern")
        if not entry["privileges"]:
            _illegal("Indices privileges must define at least one privilege")
        for name in _on_failures(entry["privileges"]):
            _illegal(f"Failure store related privileges are not supported as targets of manage roles but found [{name}]")


def _on_failures(names: list[str]) -> Iterator[str]:
    return (name for name in names if index_privilege(name).selectors == FAILURES_ONLY)


def _check_strings(values: list[Any]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ElasticsearchException("parse_exception", "could not parse field. expected a string array", status=400)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail("expected [START_OBJECT]")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        _fail("expected [START_ARRAY]")
    return value


def _fail(problem: str) -> NoReturn:
    raise ElasticsearchException("x_content_parse_exception", f"failed to parse privilege. {problem}", status=400)


def _illegal(reason: str) -> NoReturn:
    raise ElasticsearchException("illegal_argument_exception", reason, status=400)
