"""Role descriptors out of JSON, with Elasticsearch's checks and its words for what is wrong.

A refusal is an ``ElasticsearchException`` of type parse_exception (x_content_parse_exception where the JSON itself is bad). Whatever is
not known is refused, never skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from gateway.authorization.descriptors import (
    ALL_FIELDS,
    SUPPORTED_REMOTE_CLUSTER_PRIVILEGES,
    ApplicationPrivileges,
    FieldSecurity,
    IndicesPrivileges,
    RemoteClusterPrivileges,
    RemoteIndicesPrivileges,
    RoleDescriptor,
)
from gateway.authorization.field_patterns import check_field_security
from gateway.lucene.languages import MAX_WORK, Work
from protocol.errors import ElasticsearchException

MAX_ROLE_NAME = 1024
_RULES = (
    "names must be at least 1 and no more than {limit} characters. They can contain alphanumeric characters (a-z, A-Z, 0-9), spaces, "
    "punctuation, and printable symbols in the Basic Latin (ASCII) block. Leading or trailing whitespace is not allowed."
)


def parse_descriptor_set(raw: bytes | str) -> tuple[RoleDescriptor, ...]:
    """``{"name": {descriptor}, …}``, as the subject info and API keys carry it."""
    body = load_json(raw)
    if not isinstance(body, dict):
        _fail(f"expected an object of role descriptors but found [{_token(body)}] instead")
    work = Work(MAX_WORK)
    return tuple(parse_role_descriptor(name, descriptor, work) for name, descriptor in body.items())


def load_json(raw: bytes | str) -> Any:
    """JSON, refusing what Elasticsearch refuses: duplicate keys, NaN, anything after the value."""
    try:
        return json.loads(raw, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ElasticsearchException(
            "x_content_parse_exception", f"failed to parse role descriptors: {reason}", status=400
        ) from None


def role_name_problem(name: str) -> str | None:
    """What is wrong with a role's name, in Elasticsearch's words; ``None`` when nothing is."""
    printable = all(" " <= char <= "~" for char in name)
    if 1 <= len(name) <= MAX_ROLE_NAME and printable and name == name.strip():
        return None
    return "Role " + _RULES.format(limit=MAX_ROLE_NAME)


def parse_role_descriptor(name: str, body: Any, work: Work | None = None) -> RoleDescriptor:
    """One descriptor out of JSON values. ``work``: what its field patterns may cost."""
    if (problem := role_name_problem(name)) is not None:
        raise ElasticsearchException("validation_exception", f"Validation Failed: 1: {problem};", status=400)
    if not isinstance(body, dict):
        _fail(f"failed to parse role [{name}]. expected an object but found [{_token(body)}] instead")
    found: dict[str, Any] = {}
    for key, value in body.items():
        reader = _FIELDS.get(key)
        if reader is None:
            _fail(f"failed to parse role [{name}]. unexpected field [{key}]")
        field, read = reader
        if field is None:
            read(name, value)
        elif field in found:
            _fail(f"failed to parse role [{name}]. field [{key}] given twice")
        else:
            found[field] = read(name, value)
    descriptor = RoleDescriptor(name, **found)
    entries = (*descriptor.indices, *(remote.indices for remote in descriptor.remote_indices))
    _check_fields(name, entries, Work(MAX_WORK) if work is None else work)
    return descriptor


def parse_indices(role: str, value: Any) -> tuple[IndicesPrivileges, ...]:
    entries = array_of_objects(role, value, "indices privileges", "indices")
    return tuple(_indices_entry(role, entry, None, clusters=False)[0] for entry in entries)


def parse_indices_entry(role: str, entry: dict[str, Any], privileges: tuple[str, ...] | None = None) -> IndicesPrivileges:
    """One entry of ``indices``.

    ``privileges``: given from outside, as for a cross-cluster API key's ``access``; then the entry may not say any.
    """
    indices, _ = _indices_entry(role, entry, privileges, clusters=False)
    _check_fields(role, (indices,), Work(MAX_WORK))
    return indices


def _indices_entry(
    role: str, entry: dict[str, Any], privileges: tuple[str, ...] | None, *, clusters: bool
) -> tuple[IndicesPrivileges, tuple[str, ...] | None]:
    prefix = f"failed to parse indices privileges for role [{role}]."
    names: tuple[str, ...] | None = None
    remote: tuple[str, ...] | None = None
    query: str | None = None
    fields = ALL_FIELDS
    restricted = False
    predefined = privileges is not None
    for key, value in entry.items():
        match key:
            case "names":
                names = _names(role, prefix, value)
            case "privileges":
                if predefined:
                    _fail(f"{prefix} field [privileges] must not present")
                privileges = strings(role, value)
            case "allow_restricted_indices":
                if not isinstance(value, bool):
                    _fail(f"{prefix} expected field [{key}] value to be a boolean, but found [{_token(value)}] instead")
                restricted = value
            case "query":
                query = _query(prefix, value)
            case "field_security":
                fields = _field_security(role, prefix, value)
            case "fields":
                _fail(
                    f'["fields": [...]] format has changed for field permissions in role [{role}], '
                    'use ["field_security": {"grant":[...],"except":[...]}] instead'
                )
            case "transient_metadata":
                if not isinstance(value, dict):
                    _fail(
                        f"failed to parse transient metadata for role [{role}]. expected START_OBJECT but got {_token(value)}"
                        ' in "transient_metadata".'
                    )
            case "clusters" if clusters:
                remote = strings(role, value)
            case _:
                _fail(f"{prefix} unexpected field [{key}]")
    if names is None:
        _fail(f"{prefix} missing required [names] field")
    if privileges is None:
        _fail(f"{prefix} missing required [privileges] field")
    if not privileges:
        raise ElasticsearchException(
            "illegal_argument_exception", "indices privileges must define at least one privilege", status=400
        )
    return IndicesPrivileges(names, privileges, fields, query, restricted), remote


def _names(role: str, prefix: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        _fail(f"{prefix} expected field [names] value to be a string or an array of strings, but found [{_token(value)}] instead")
    if not value:
        _fail(f"{prefix} [names] cannot be an empty array")
    return strings(role, value)


def _query(prefix: str, value: Any) -> str | None:
    """The query's JSON text. An empty string is no query, as in Elasticsearch."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        _fail(
            f"{prefix} expected field [query] value to be null, a string, an array, or an object, but found [{_token(value)}] instead"
        )
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _field_security(role: str, prefix: str, value: Any) -> FieldSecurity:
    if not isinstance(value, dict):
        _fail(f'{prefix} expected START_OBJECT but got {_token(value)} in "field_security".')
    if not value:
        _fail(f'{prefix} "field_security" must not be empty.')
    lists: dict[str, tuple[str, ...]] = {}
    for key, names in value.items():
        if key not in ("grant", "except"):
            _fail(f'{prefix} "field_security" only accepts options grant and except, but got: {key}')
        if names is None:
            _fail(f"{prefix} {key} must not be null.")
        lists[key] = strings(role, names)
    grant, exclude = lists.get("grant"), lists.get("except", ())
    if "except" in lists and grant is None:
        _fail(f"{prefix} field_security requires grant if except is given")
    return FieldSecurity(grant, exclude)


def _check_fields(role: str, entries: Iterable[IndicesPrivileges], work: Work) -> None:
    for entry in entries:
        if (problem := check_field_security(entry.field_security, work)) is not None:
            reason = f"failed to parse indices privileges for role [{role}] - {problem.reason}"
            raise ElasticsearchException("parse_exception", reason, problem, status=400)


def _remote_indices(role: str, value: Any) -> tuple[RemoteIndicesPrivileges, ...]:
    privileges = []
    for entry in array_of_objects(role, value, "remote indices privileges", "remote_indices"):
        indices, clusters = _indices_entry(role, entry, None, clusters=True)
        if clusters is None:
            _fail(f"failed to parse remote indices privileges for role [{role}]. missing required [clusters] field")
        privileges.append(RemoteIndicesPrivileges(indices, clusters))
    return tuple(privileges)


def _remote_cluster(role: str, value: Any) -> tuple[RemoteClusterPrivileges, ...]:
    prefix = f"failed to parse remote_cluster for role [{role}]."
    groups = []
    for entry in array_of_objects(role, value, "remote_cluster", "remote_cluster"):
        for key in entry:
            if key not in ("privileges", "clusters"):
                _fail(f"{prefix} unexpected field [{key}]")
        privileges = strings(role, entry["privileges"]) if "privileges" in entry else None
        clusters = strings(role, entry["clusters"]) if "clusters" in entry else None
        allowed = ", ".join(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES)
        if privileges is not None and not {p.lower().strip() for p in privileges} <= set(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES):
            _fail(
                f"{prefix} [{allowed}] are the only values allowed for [privileges] within [remote_cluster]. "
                f"Found [{', '.join(privileges)}]"
            )
        if privileges is None or clusters is None:
            missing, given = ("clusters", "privileges") if clusters is None else ("privileges", "clusters")
            _fail(f"{prefix} [{missing}] must be defined when [{given}] are defined ")
        groups.append(RemoteClusterPrivileges(privileges, clusters))
    return tuple(groups)


def _applications(role: str, value: Any) -> tuple[ApplicationPrivileges, ...]:
    prefix = f"failed to parse application privileges for role [{role}]."
    privileges = []
    for entry in array_of_objects(role, value, "application privileges", "applications"):
        for key in entry:
            if key not in ("application", "privileges", "resources"):
                raise ElasticsearchException("x_content_parse_exception", f"[application] unknown field [{key}]", status=400)
        for key in ("resources", "privileges"):
            if key not in entry:
                _fail(f"{prefix} missing required [{key}] field")
        name = entry.get("application")
        if not isinstance(name, str) or not name:
            _fail("application privileges must have an application name")
        group = ApplicationPrivileges(name, strings(role, entry["privileges"]), strings(role, entry["resources"]))
        if not group.privileges:
            _fail("application privileges must define at least one privilege")
        if not group.resources:
            _fail("application privileges must refer to at least one resource")
        privileges.append(group)
    return tuple(privileges)


def _restriction(role: str, value: Any) -> tuple[str, ...] | None:
    prefix = f"failed to parse restriction for role [{role}]."
    if not isinstance(value, dict):
        _fail(f"{prefix} expected field [restriction] value to be an object, but found an element of type [{_token(value)}]")
    for key in value:
        if key != "workflows":
            _fail(f"{prefix} unexpected field [{key}]")
    if "workflows" not in value:
        return None
    workflows = strings(role, value["workflows"])
    if not workflows:
        _fail(f"{prefix} [workflows] cannot be an empty array")
    return workflows


def _global(_role: str, value: Any) -> str | None:
    if not isinstance(value, dict):
        _fail(f"failed to parse privilege. expected [START_OBJECT] but found [{_token(value)}] instead")
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if value else None


def _metadata(_role: str, value: Any, key: str = "metadata") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _fail(f"expected field [{key}] to be of type object, but found [{_token(value)}] instead")
    return value


def _transient(role: str, value: Any) -> None:
    if not isinstance(value, dict):
        _fail(f"failed to parse role [{role}]. unexpected field [transient_metadata]")


def _description(role: str, value: Any) -> str:
    if not isinstance(value, str):
        _fail(f"failed to parse role [{role}]. expected field [description] to be a string, but found [{_token(value)}] instead")
    return value


def strings(role: str, value: Any) -> tuple[str, ...]:
    """A list of strings; null is an empty one, as in Elasticsearch."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        bad = value if not isinstance(value, list) else next(item for item in value if not isinstance(item, str))
        raise ElasticsearchException(
            "parse_exception",
            f"failed to parse role [{role}]",
            cause=ElasticsearchException(
                "parse_exception", f"could not parse field. expected a list of strings but found [{_token(bad)}]", status=400
            ),
            status=400,
        )
    return tuple(value)


def array_of_objects(role: str, value: Any, what: str, field: str) -> list[dict[str, Any]]:
    prefix = f"failed to parse {what} for role [{role}]. expected field [{field}] value to be an array"
    if not isinstance(value, list):
        _fail(f"{prefix}, but found [{_token(value)}] instead")
    for item in value:
        if not isinstance(item, dict):
            _fail(f"{prefix} of objects, but found an array element of type [{_token(item)}]")
    return value


def _token(value: Any) -> str:
    """What Elasticsearch's parser calls a JSON value."""
    match value:
        case None:
            return "VALUE_NULL"
        case bool():
            return "VALUE_BOOLEAN"
        case str():
            return "VALUE_STRING"
        case int() | float():
            return "VALUE_NUMBER"
        case list():
            return "START_ARRAY"
        case _:
            return "START_OBJECT"


def _fail(reason: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", reason, status=400)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"Duplicate field '{twice}'")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"Non-standard token '{name}'")


_Reader = Callable[[str, Any], Any]
_FIELDS: dict[str, tuple[str | None, _Reader]] = {
    "cluster": ("cluster", strings),
    "indices": ("indices", parse_indices),
    "index": ("indices", parse_indices),
    "applications": ("applications", _applications),
    "application": ("applications", _applications),
    "run_as": ("run_as", strings),
    "global": ("configurable_cluster", _global),
    "metadata": ("metadata", _metadata),
    "metadata_flattened": (None, _metadata),
    "transient_metadata": (None, _transient),
    "remote_indices": ("remote_indices", _remote_indices),
    "remote_cluster": ("remote_cluster", _remote_cluster),
    "restriction": ("workflows", _restriction),
    "description": ("description", _description),
    "type": (None, lambda _role, _value: None),
}
"""Field of the JSON to field of the descriptor (``None``: read for its errors only, and dropped) and how to read it."""
