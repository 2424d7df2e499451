"""The ``access`` of a cross-cluster API key: read it, and expand it to the role descriptor that it stands for.

Privileges, refusals and texts are those of CrossClusterApiKeyRoleDescriptorBuilder and RoleDescriptor of x-pack core 8.19.21.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from gateway.authentication.field_patterns import is_subset
from protocol.errors import ElasticsearchException

ROLE_DESCRIPTOR_NAME = "cross_cluster"
SEARCH_CLUSTER_PRIVILEGES = ("cross_cluster_search", "monitor_enrich")
SEARCH_INDEX_PRIVILEGES = ("read", "read_cross_cluster", "view_index_metadata")
REPLICATION_CLUSTER_PRIVILEGES = ("cross_cluster_replication",)
REPLICATION_INDEX_PRIVILEGES = ("cross_cluster_replication", "cross_cluster_replication_internal")
# A key with more has not been written by a person, and costs memory and time on each request.
MAX_ACCESS_SIZE = 1 << 20

_PARSER = "cross_cluster_api_key_request_access"
_FAILED = f"failed to parse indices privileges for role [{ROLE_DESCRIPTOR_NAME}]"

Json = dict[str, Any]


def parse_access(access: str | Mapping[str, Any]) -> Json:
    """``access`` in its full form: ``search`` and ``replication``, each a list of entries, as they are stored.

    Takes JSON text or what was parsed from it. Raises ElasticsearchException with the type and text of Elasticsearch.
    """
    if isinstance(access, str):
        access = _load(access, "access")
    if not isinstance(access, Mapping):
        _malformed(f"[{_PARSER}] Expected START_OBJECT but was: {_token(access)}")
    full: Json = {}
    for kind, value in access.items():
        if kind not in ("search", "replication"):
            _malformed(f"[{_PARSER}] unknown field [{kind}]")
        entries = [value] if isinstance(value, Mapping) else value
        if not isinstance(entries, list):
            _malformed(f"[{_PARSER}] {kind} doesn't support values of type: {_token(value)}")
        full[kind] = [_entry(kind, entry) for entry in entries]
    search, replication = full.get("search", []), full.get("replication", [])
    if not search and not replication:
        _illegal("must specify non-empty access for either [search] or [replication]")
    if search and replication and any(map(_is_restricted, search)):
        _illegal("search does not support document or field level security if replication is assigned")
    if any(map(_is_restricted, replication)):
        _illegal("replication does not support document or field level security")
    return {kind: entries for kind, entries in (("search", search), ("replication", replication)) if entries}


def role_descriptors(access: Mapping[str, Any]) -> dict[str, Json]:
    """What a full access expands to: one role descriptor by its name, in the JSON form that Elasticsearch shows."""
    search, replication = access.get("search", []), access.get("replication", [])
    cluster = [
        *(SEARCH_CLUSTER_PRIVILEGES if search else ()),
        *(REPLICATION_CLUSTER_PRIVILEGES if replication else ()),
    ]
    indices = [_with_privileges(entry, SEARCH_INDEX_PRIVILEGES) for entry in search]
    indices += [_with_privileges(entry, REPLICATION_INDEX_PRIVILEGES) for entry in replication]
    return {
        ROLE_DESCRIPTOR_NAME: {
            "cluster": cluster,
            "indices": indices,
            "applications": [],
            "run_as": [],
            "metadata": {},
            "transient_metadata": {"enabled": True},
        }
    }


def load_object(text: str, what: str) -> Json:
    """A JSON object from its text; a field that is given twice is refused, as Elasticsearch's parser does."""
    value = _load(text, what)
    if not isinstance(value, dict):
        _malformed(f"[{what}] must be a JSON object but is {_token(value)}")
    return value


def _with_privileges(entry: Mapping[str, Any], privileges: Sequence[str]) -> Json:
    rest = {key: value for key, value in entry.items() if key != "names"}
    return {"names": entry["names"], "privileges": list(privileges), **rest}


def _is_restricted(entry: Mapping[str, Any]) -> bool:
    return "query" in entry or "field_security" in entry


def _entry(kind: str, entry: Any) -> Json:
    """One entry, read in the order of its fields, so that of two faults the same one is told as by Elasticsearch."""
    if not isinstance(entry, Mapping):
        if entry is None or isinstance(entry, list):
            _malformed(f"[{_PARSER}] failed to parse field [{kind}]: expected value but got [{_token(entry)}]")
        _refuse(
            f"{_FAILED}. expected field [{kind}] value to be an array of objects, "
            f"but found an array element of type [{_token(entry)}]"
        )
    names: list[str] | None = None
    query: str | None = None
    fields: dict[str, list[str]] | None = None
    restricted = False
    for name, value in entry.items():
        if name == "names":
            names = _names(value)
        elif name == "allow_restricted_indices":
            if not isinstance(value, bool):
                _refuse(f"{_FAILED}. expected field [{name}] value to be a boolean, but found [{_token(value)}] instead")
            restricted = value
        elif name == "query":
            query = _query(value)
        elif name == "field_security":
            fields = _field_security(value)
        elif name == "privileges":
            _refuse(f"{_FAILED}. field [privileges] must not present")
        elif name == "fields":
            _refuse(
                f'["fields": [...]] format has changed for field permissions in role [{ROLE_DESCRIPTOR_NAME}], '
                'use ["field_security": {"grant":[...],"except":[...]}] instead'
            )
        elif name == "transient_metadata":
            if not isinstance(value, Mapping):
                _refuse(
                    f"failed to parse transient metadata for role [{ROLE_DESCRIPTOR_NAME}]. "
                    f'expected START_OBJECT but got {_token(value)} in "transient_metadata".'
                )
        else:
            _refuse(f"{_FAILED}. unexpected field [{name}]")
    if names is None:
        _refuse(f"{_FAILED}. missing required [names] field")
    parsed: Json = {"names": names}
    if fields is not None:
        _check_exceptions(fields)
        parsed["field_security"] = fields
    if query is not None:
        parsed["query"] = query
    return parsed | {"allow_restricted_indices": restricted}


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        _refuse(
            f"{_FAILED}. expected field [names] value to be a string or an array of strings, but found [{_token(value)}] instead"
        )
    names = _strings("names", value)
    if not names:
        _refuse(f"{_FAILED}. [names] cannot be an empty array")
    return names


def _query(value: Any) -> str | None:
    """The query as JSON text, which is what a role descriptor holds; null and the empty text are no query."""
    if value is None or value == "":
        return None
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, str):
        _refuse(
            f"{_FAILED}. expected field [query] value to be null, a string, an array, or an object, "
            f"but found [{_token(value)}] instead"
        )
    # A text that is no query would make a key that matches nothing at best, so it is refused now rather than on each request.
    load_object(value, "query")
    return value


def _field_security(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        _refuse(f'{_FAILED}. expected START_OBJECT but got {_token(value)} in "field_security".')
    if not value:
        _refuse(f'{_FAILED}. "field_security" must not be empty.')
    fields: dict[str, list[str]] = {}
    for name, patterns in value.items():
        if name not in ("grant", "except"):
            _refuse(f'{_FAILED}. "field_security" only accepts options grant and except, but got: {name}')
        if patterns is None:
            _refuse(f"{_FAILED}. {name} must not be null.")
        fields[name] = _strings(name, patterns)
    if "grant" not in fields:
        _refuse(f"{_FAILED}. field_security requires grant if except is given")
    return {name: fields[name] for name in ("grant", "except") if name in fields}


def _check_exceptions(fields: Mapping[str, list[str]]) -> None:
    # Metadata fields, whose names begin with an underscore, are always granted and so may always be excepted.
    granted, excepted = fields["grant"], fields.get("except", [])
    if excepted and "*" not in granted and not is_subset(excepted, [*granted, "_*"]):
        _refuse(
            f"{_FAILED} - Exceptions for field permissions must be a subset of the granted fields "
            f"but {','.join(excepted)} is not a subset of {','.join(granted)}"
        )


def _strings(name: str, value: Any) -> list[str]:
    detail = None
    if not isinstance(value, list):
        detail = f"expected a string array but found [{_token(value)}] value instead"
    else:
        wrong = [item for item in value if not isinstance(item, str)]
        if wrong:
            detail = f"expected a string array but one of the value in the array is [{_token(wrong[0])}]"
    if detail is not None:
        cause = ElasticsearchException("parse_exception", f"could not parse [{name}] field. {detail}")
        raise ElasticsearchException("parse_exception", f"failed to parse role [{ROLE_DESCRIPTOR_NAME}]", cause)
    return list(value)


def _token(value: Any) -> str:
    """What Elasticsearch's parser calls the first token of a value."""
    if value is None:
        return "VALUE_NULL"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if isinstance(value, (int, float)):
        return "VALUE_NUMBER"
    if isinstance(value, str):
        return "VALUE_STRING"
    return "START_ARRAY" if isinstance(value, (list, tuple)) else "START_OBJECT"


def _load(text: str, what: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> Json:
        found: Json = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f"Duplicate field '{name}'")
            found[name] = value
        return found

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number of JSON")

    if len(text) > MAX_ACCESS_SIZE:
        _malformed(f"[{what}] is longer than {MAX_ACCESS_SIZE} characters")
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ElasticsearchException("x_content_parse_exception", f"[{what}] is not JSON: {error}") from error


def _refuse(reason: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", reason)


def _illegal(reason: str) -> NoReturn:
    raise ElasticsearchException("illegal_argument_exception", reason)


def _malformed(reason: str) -> NoReturn:
    raise ElasticsearchException("x_content_parse_exception", reason)
