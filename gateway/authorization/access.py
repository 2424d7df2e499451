"""The ``access`` of a cross-cluster API key, and the role descriptor that it stands for.

Privileges, refusals and texts are those of CrossClusterApiKeyRoleDescriptorBuilder of x-pack core 8.19.21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from gateway.authentication.api_key import Access
from gateway.authorization.descriptors import IndicesPrivileges, RoleDescriptor, descriptors_to_json
from gateway.authorization.document_queries import parse_document_query
from gateway.authorization.json_texts import token_name
from gateway.authorization.parsing import array_of_objects, load_json, parse_indices_entry
from protocol.errors import ElasticsearchException

ROLE_DESCRIPTOR_NAME = "cross_cluster"
SEARCH_CLUSTER_PRIVILEGES = ("cross_cluster_search", "monitor_enrich")
SEARCH_INDEX_PRIVILEGES = ("read", "read_cross_cluster", "view_index_metadata")
REPLICATION_CLUSTER_PRIVILEGES = ("cross_cluster_replication",)
REPLICATION_INDEX_PRIVILEGES = ("cross_cluster_replication", "cross_cluster_replication_internal")
# A key with more has not been written by a person, and costs memory and time on each request.
MAX_ACCESS_SIZE = 1 << 20

_PARSER = "cross_cluster_api_key_request_access"
_PRIVILEGES = {"search": SEARCH_INDEX_PRIVILEGES, "replication": REPLICATION_INDEX_PRIVILEGES}


def parse_access(access: str | Mapping[str, Any]) -> Access:
    """From ``{"search": [{"names": […]}, …], "replication": […]}``, as JSON text or what was read from it.

    Raises ElasticsearchException with the type and text of Elasticsearch.
    """
    if isinstance(access, str):
        if len(access) > MAX_ACCESS_SIZE:
            _malformed(f"[{_PARSER}] is longer than [{MAX_ACCESS_SIZE}] characters")
        try:
            access = load_json(access)
        except ElasticsearchException as error:
            detail = (error.reason or "").removeprefix("failed to parse role descriptors: ")
            _malformed(f"[{_PARSER}] is not JSON: {detail}")
    if not isinstance(access, Mapping):
        _malformed(f"[{_PARSER}] Expected START_OBJECT")
    parsed = {kind: _entries(kind, value) for kind, value in access.items()}
    search, replication = parsed.get("search", []), parsed.get("replication", [])
    if not search and not replication:
        _illegal("must specify non-empty access for either [search] or [replication]")
    if search and replication and any(entry.uses_document_or_field_security for entry in search):
        _illegal("search does not support document or field level security if replication is assigned")
    if any(entry.uses_document_or_field_security for entry in replication):
        _illegal("replication does not support document or field level security")
    _check_queries(search)
    cluster = (SEARCH_CLUSTER_PRIVILEGES if search else ()) + (REPLICATION_CLUSTER_PRIVILEGES if replication else ())
    descriptor = RoleDescriptor(ROLE_DESCRIPTOR_NAME, cluster=cluster, indices=(*search, *replication))
    request = {
        kind: [_without_privileges(entry) for entry in entries]
        for kind, entries in (("search", search), ("replication", replication))
        if entries
    }
    return Access(request, descriptors_to_json([descriptor]))


def _entries(kind: str, value: Any) -> list[IndicesPrivileges]:
    if kind not in _PRIVILEGES:
        _malformed(f"[{_PARSER}] unknown field [{kind}]")
    entries = [value] if isinstance(value, dict) else value
    if not isinstance(entries, list):
        _malformed(f"[{_PARSER}] {kind} doesn't support values of type: {token_name(value)}")
    entries = array_of_objects(ROLE_DESCRIPTOR_NAME, entries, "indices privileges", kind)
    return [parse_indices_entry(ROLE_DESCRIPTOR_NAME, entry, _PRIVILEGES[kind]) for entry in entries]


def _check_queries(entries: list[IndicesPrivileges]) -> None:
    """What can never restrict documents would make a key that fails on each request. Elasticsearch makes such a key; here it is refused, in
    the words that Elasticsearch has for such a role."""
    for position, entry in enumerate(entries):
        query = None if entry.query is None else parse_document_query(entry.query)
        if query is None or not (query.template or query.problem):
            continue
        cause = query.problem or ElasticsearchException(
            "illegal_argument_exception", "a document query that is a template is not supported by this gateway", status=400
        )
        raise ElasticsearchException(
            "parse_exception",
            f"failed to parse field 'query' for indices [{','.join(entry.names)}] at index privilege [{position}] of role descriptor",
            cause,
        )


def _without_privileges(entry: IndicesPrivileges) -> dict[str, Any]:
    return {name: value for name, value in entry.to_json().items() if name != "privileges"}


def _illegal(reason: str) -> NoReturn:
    raise ElasticsearchException("illegal_argument_exception", reason)


def _malformed(reason: str) -> NoReturn:
    raise ElasticsearchException("x_content_parse_exception", reason)
