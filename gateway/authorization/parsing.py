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
from gateway.authorization.global_privileges import has_global_privileges
from gateway.authorization.json_texts import DECODER, json_text, token_name, unreadable
from gateway.authorization.patterns import MAX_SET_WORK
from gateway.lucene.languages import Work
from protocol.errors import ElasticsearchException

MAX_ROLE_NAME = 1024
_RULES = (
    "names must be at least 1 and no more than {limit} characters. They can contain alphanumeric characters (a-z, A-Z, 0-9), spaces, "
    "punctuation, and printable symbols in the Basic Latin (ASCII) block. Leading or trailing whitespace is not allowed."
)


def parse_descriptor_set(raw: bytes | str, work: Work | None = None) -> tuple[RoleDescriptor, ...]:
    """``{"name": {descriptor}, …}``, as the subject info and API keys carry it. ``work``: what its field patterns may cost."""
    body = load_json(raw)
    if not isinstance(body, dict):
        _fail(f"expected an object of role descriptors but found [{token_name(body)}] instead")
    work = Work(MAX_SET_WORK) if work is None else work
    return tuple(parse_role_descriptor(name, descriptor, work) for name, descriptor in body.items())


def load_json(raw: bytes | str) -> Any:
    """JSON, refusing what Elasticsearch refuses: duplicate keys, NaN, anything after the value."""
    try:
        text = raw if isinstance(raw, str) else raw.decode(json.detect_encoding(raw), "surrogatepass")
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _x_content(f"failed to parse role descriptors: {unreadable(error)}") from None


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
        _fail(f"failed to parse role [{name}]. expected an object but found [{token_name(body)}] instead")
    found: dict[str, Any] = {}
    for key, value in body.items():
        reader = _FIELDS.get(key)
        if reader is None:
            _fail(f"failed to parse role [{name}]. unexpected field [{key}]")
        field, read = reader
        parsed = read(name, value, key)
        if field is not None:
            found[field] = parsed  # of two names for one field, the later counts
    descriptor = RoleDescriptor(name, **found)
    entries = (*descriptor.indices, *(remote.indices for remote in descriptor.remote_indices))
    _check_fields(name, entries, Work(MAX_SET_WORK) if work is None else work)
    return descriptor


def parse_indices(role: str, value: Any, key: str = "indices") -> tuple[IndicesPrivileges, ...]:
    entries = array_of_objects(role, value, "indices privileges", key)
    return tuple(_indices_entry(role, entry, None, clusters=False)[0] for entry in entries)


def parse_indices_entry(role: str, entry: dict[str, Any], privileges: tuple[str, ...] | None = None) -> IndicesPrivileges:
    """One entry of ``indices``.

    ``privileges``: given from outside, as for a cross-cluster API key's ``access``; then the entry may not say any.
    """
    indices, _ = _indices_entry(role, entry, privileges, clusters=False)
    _check_fields(role, (indices,), Work(MAX_SET_WORK))
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
                privileges = None if value is None else strings(role, value, key)
            case "allow_restricted_indices":
                if not isinstance(value, bool):
                    _fail(f"{prefix} expected field [{key}] value to be a boolean, but found [{token_name(value)}] instead")
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
                        f"failed to parse transient metadata for role [{role}]. expected START_OBJECT but got {token_name(value)}"
                        ' in "transient_metadata".'
                    )
            case "clusters" if clusters:
                remote = strings(role, value, key)
            case _:
                _fail(f"{prefix} unexpected field [{key}]")
    if names is None:
        _fail(f"{prefix} missing required [names] field")
    if privileges is None:
        _fail(f"{prefix} missing required [privileges] field")
    if not privileges:
        _illegal("indices privileges must define at least one privilege")
    return IndicesPrivileges(names, privileges, fields, query, restricted), remote


def _names(role: str, prefix: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        _fail(
            f"{prefix} expected field [names] value to be a string or an array of strings, but found [{token_name(value)}] instead"
        )
    if not value:
        _fail(f"{prefix} [names] cannot be an empty array")
    return strings(role, value, "names")


def _query(prefix: str, value: Any) -> str | None:
    """The query's JSON text. An empty string is no query, as in Elasticsearch."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        _fail(
            f"{prefix} expected field [query] value to be null, a string, an array, or an object, but found [{token_name(value)}] instead"
        )
    return json_text(value)


def _field_security(role: str, prefix: str, value: Any) -> FieldSecurity:
    if not isinstance(value, dict):
        _fail(f'{prefix} expected START_OBJECT but got {token_name(value)} in "field_security".')
    if not value:
        _fail(f'{prefix} "field_security" must not be empty.')
    lists: dict[str, tuple[str, ...]] = {}
    for key, names in value.items():
        if key not in ("grant", "except"):
            _fail(f'{prefix} "field_security" only accepts options grant and except, but got: {key}')
        if names is None:
            _fail(f"{prefix} {key} must not be null.")
        lists[key] = strings(role, names, key)
    grant, exclude = lists.get("grant"), lists.get("except", ())
    if "except" in lists and grant is None:
        _fail(f"{prefix} field_security requires grant if except is given")
    return FieldSecurity(grant, exclude, empty_exclude="except" in lists and not exclude)


def _check_fields(role: str, entries: Iterable[IndicesPrivileges], work: Work) -> None:
    for entry in entries:
        if (problem := check_field_security(entry.field_security, work)) is not None:
            reason = f"failed to parse indices privileges for role [{role}] - {problem.reason}"
            raise ElasticsearchException("parse_exception", reason, problem, status=400)


def _remote_indices(role: str, value: Any, key: str) -> tuple[RemoteIndicesPrivileges, ...]:
    privileges = []
    for entry in array_of_objects(role, value, "remote indices privileges", key, "indices privileges"):
        indices, clusters = _indices_entry(role, entry, None, clusters=True)
        if clusters is None:
            _fail(f"failed to parse remote indices privileges for role [{role}]. missing required [clusters] field")
        privileges.append(RemoteIndicesPrivileges(indices, clusters))
    return tuple(privileges)


def _remote_cluster(role: str, value: Any, key: str) -> tuple[RemoteClusterPrivileges, ...]:
    prefix = f"failed to parse remote_cluster for role [{role}]."
    groups = []
    for entry in array_of_objects(role, value, "remote_cluster", key):
        for key in entry:
            if key not in ("privileges", "clusters"):
                _fail(f"{prefix} unexpected field [{key}]")
        privileges = strings(role, entry["privileges"], "privileges") if "privileges" in entry else None
        clusters = strings(role, entry["clusters"], "clusters") if "clusters" in entry else None
        allowed = ", ".join(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES)
        if privileges is not None and not {p.lower().strip() for p in privileges} <= set(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES):
            _fail(
                f"{prefix} [{allowed}] are the only values allowed for [privileges] within [remote_cluster]. "
                f"Found [{', '.join(privileges)}]"
            )
        if (privileges is None) != (clusters is None):
            missing, given = ("clusters", "privileges") if clusters is None else ("privileges", "clusters")
            _fail(f"{prefix} [{missing}] must be defined when [{given}] are defined ")
        if not privileges or not clusters:
            _illegal("remote cluster groups must not be null or empty")
        if not all(alias.strip() for alias in clusters):
            _illegal(f"remote_cluster clusters aliases must contain valid non-empty, non-null values [{', '.join(clusters)}]")
        groups.append(RemoteClusterPrivileges(privileges, clusters))
    return tuple(groups)


def _applications(role: str, value: Any, key: str) -> tuple[ApplicationPrivileges, ...]:
    prefix = f"failed to parse application privileges for role [{role}]."
    privileges = []
    for entry in array_of_objects(role, value, "application privileges", key):
        for field in entry:
            if field not in ("application", "privileges", "resources"):
                raise _x_content(f"[application] unknown field [{field}]")
        texts = {field: _texts(field, one) for field, one in entry.items()}
        for field in ("resources", "privileges"):
            if field not in entry:
                _fail(f"{prefix} missing required [{field}] field")
        if not (name := "".join(texts.get("application", ()))):
            _illegal("application privileges must have an application name")
        if not texts["privileges"]:
            _illegal("application privileges must define at least one privilege")
        if not texts["resources"]:
            _illegal("application privileges must refer to at least one resource")
        privileges.append(ApplicationPrivileges(name, texts["privileges"], texts["resources"]))
    return tuple(privileges)


def _texts(field: str, value: Any) -> tuple[str, ...]:
    """A text or, but for the name, a list of texts, numbers and booleans."""
    listed = value if isinstance(value, list) and field != "application" else None
    for one in [value] if listed is None else listed:
        if not isinstance(one, str if listed is None else str | int | float):
            raise _x_content(f"[application] {field} doesn't support values of type: {token_name(one)}")
    return (value,) if listed is None else tuple(one if isinstance(one, str) else json.dumps(one) for one in listed)


def _restriction(role: str, value: Any, _key: str) -> tuple[str, ...] | None:
    prefix = f"failed to parse restriction for role [{role}]."
    if not isinstance(value, dict):
        _fail(f"{prefix} expected field [restriction] value to be an object, but found an element of type [{token_name(value)}]")
    for key in value:
        if key != "workflows":
            _fail(f"{prefix} unexpected field [{key}]")
    if "workflows" not in value:
        return None
    try:
        workflows = _strings(value["workflows"], "workflows")
    except ElasticsearchException as error:
        raise ElasticsearchException("parse_exception", f"{prefix} {error.reason}", error, status=400) from None
    if not workflows:
        _fail(f"{prefix} [workflows] cannot be an empty array")
    return workflows


def _global(_role: str, value: Any, _key: str) -> str | None:
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if has_global_privileges(value) else None


def _metadata(_role: str, value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _fail(f"expected field [{key}] to be of type object, but found [{token_name(value)}] instead")
    return value


def _transient(role: str, value: Any, _key: str) -> None:
    if not isinstance(value, dict):
        _fail(f"failed to parse role [{role}]. unexpected field [transient_metadata]")


def _description(role: str, value: Any, _key: str) -> str:
    if not isinstance(value, str | int | float):
        _fail(
            f"failed to parse role [{role}]. expected field [description] to be a string, but found [{token_name(value)}] instead"
        )
    return value if isinstance(value, str) else json.dumps(value)


def strings(role: str, value: Any, field: str, *, nullable: bool = False) -> tuple[str, ...]:
    """A list of strings. ``nullable``: null is an empty one."""
    if value is None and nullable:
        return ()
    try:
        return _strings(value, field)
    except ElasticsearchException as error:
        raise ElasticsearchException("parse_exception", f"failed to parse role [{role}]", error, status=400) from None


def _nullable_strings(role: str, value: Any, field: str) -> tuple[str, ...]:
    return strings(role, value, field, nullable=True)


def _strings(value: Any, field: str) -> tuple[str, ...]:
    if value is None:
        _fail(f"could not parse [{field}] field. expected a string array but found null value instead")
    if not isinstance(value, list):
        _fail(f"could not parse [{field}] field. expected a string array but found [{token_name(value)}] value instead")
    for item in value:
        if not isinstance(item, str):
            # Within an array, Elasticsearch's parser is in no field.
            _fail(
                f"could not parse [null] field. expected a string array but one of the value in the array is [{token_name(item)}]"
            )
    return tuple(value)


def array_of_objects(role: str, value: Any, what: str, field: str, of: str | None = None) -> list[dict[str, Any]]:
    """``what`` is in the list, and ``of`` says the same of one element where that differs."""
    if not isinstance(value, list):
        _fail(
            f"failed to parse {what} for role [{role}]. expected field [{field}] value to be an array, "
            f"but found [{token_name(value)}] instead"
        )
    of = what if of is None else of
    for item in value:
        if not isinstance(item, dict):
            _fail(
                f"failed to parse {of} for role [{role}]. expected field [null] value to be an array of objects, "
                f"but found an array element of type [{token_name(item)}]"
            )
    return value


def _x_content(reason: str) -> ElasticsearchException:
    return ElasticsearchException("x_content_parse_exception", reason, status=400)


def _fail(reason: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", reason, status=400)


def _illegal(reason: str) -> NoReturn:
    raise ElasticsearchException("illegal_argument_exception", reason, status=400)


_Reader = Callable[[str, Any, str], Any]
_FIELDS: dict[str, tuple[str | None, _Reader]] = {
    "cluster": ("cluster", _nullable_strings),
    "indices": ("indices", parse_indices),
    "index": ("indices", parse_indices),
    "applications": ("applications", _applications),
    "application": ("applications", _applications),
    "run_as": ("run_as", _nullable_strings),
    "global": ("configurable_cluster", _global),
    "metadata": ("metadata", _metadata),
    "metadata_flattened": (None, _metadata),
    "transient_metadata": (None, _transient),
    "remote_indices": ("remote_indices", _remote_indices),
    "remote_cluster": ("remote_cluster", _remote_cluster),
    "restriction": ("workflows", _restriction),
    "description": ("description", _description),
    "type": (None, lambda _role, _value, _key: None),
}
"""Field of the JSON to field of the descriptor (``None``: read for its errors only, and dropped) and how to read it, given the role,
the value and the field's name."""
