"""The indices and roles of restricted_roles.py in process, and what the engine answers to them in the form of the recorded answers."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.index_access import FieldAccess, IndexAccess
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.backends.memory.recorded import ENGINE, NOW, rest
from tests.gateway.backends.memory.restricted_cases import BODIES, CAPS
from tests.gateway.backends.memory.restricted_roles import (
    ACCESS,
    ALIASES,
    DELETED,
    DOCUMENTS,
    MAPPINGS,
    REPLACED,
    Set,
    replacement,
)

PREFIX = "hb-"


@functools.cache
def cluster() -> MemoryCluster:
    indices = []
    for name, documents in DOCUMENTS.items():
        aliases = {PREFIX + alias: body for alias, body in ALIASES.get(name, {}).items()}
        index = Index(PREFIX + name, mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS, aliases=aliases)
        for number, document in enumerate(documents):
            index.add(str(number), json.dumps(document).encode())
        for number in DELETED.get(name, ()):
            index.delete(str(number))
        for number in REPLACED.get(name, ()):
            index.add(str(number), json.dumps(replacement(number)).encode())
        indices.append(index)
    return MemoryCluster(indices, name="memory")


def access_of(name: str) -> Callable[[str], IndexAccess]:
    """What a role of the cases shows of an index."""

    @functools.cache
    def of(index: str) -> IndexAccess:
        short = index.removeprefix(PREFIX)
        return _joined([[entry for entry in entries if short in entry.get("names", (short,))] for entries in ACCESS[name]])

    return of


def _joined(sets: list[Set]) -> IndexAccess:
    queries, fields = [], []
    for entries in sets:
        if all("query" in entry for entry in entries):
            queries.append(tuple(entry["query"] for entry in entries))
        rules = [entry.get("fields") for entry in entries]
        if all(rule is not None for rule in rules):
            security = frozenset(FieldSecurity(tuple(rule["grant"]), tuple(rule.get("except", ()))) for rule in rules if rule)
            if not any(rule.unrestricted for rule in security):
                fields.append(security)
    return IndexAccess(tuple(queries), FieldAccess(tuple(fields)) if fields else None)


@functools.cache
def recorded() -> dict[str, dict[str, dict[str, Any]]]:
    """The answers of the real node by role and call."""
    answers: dict[str, dict[str, dict[str, Any]]] = {}
    with gzip.open(ENGINE / "restricted.jsonl.gz") as lines:
        for line in map(json.loads, lines):
            for access in line["access"]:
                answers.setdefault(access, {})[line["name"]] = line
    return answers


def answer(name: str, access: Callable[[str], IndexAccess]) -> dict[str, Any]:
    """What the engine answers to a call, errors as ``type`` and ``reason``."""
    try:
        if name in CAPS:
            return _field_caps(*CAPS[name], access)
        names, body = BODIES[name]
        response = cluster().search(
            [PREFIX + each for each in names], IndicesOptions.STRICT_EXPAND_OPEN, body, now_millis=NOW, access=access
        )
        return rest(response)
    except ElasticsearchException as error:
        if error.type == "search_phase_execution_exception":
            error = error.details["failures"][0].cause  # type: ignore[index]
        return {"type": error.type, "reason": error.reason}


def _field_caps(options: str, body: dict[str, Any] | None, access: Callable[[str], IndexAccess]) -> dict[str, Any]:
    asked = parse_qs(options)
    response = cluster().field_caps(
        [f"{PREFIX}main"],
        IndicesOptions.STRICT_EXPAND_OPEN,
        asked["fields"][0].split(","),
        now_millis=NOW,
        filters=asked["filters"][0].split(",") if "filters" in asked else [],
        types=asked["types"][0].split(",") if "types" in asked else [],
        include_empty=asked.get("include_empty_fields") != ["false"],
        index_filter=(body or {}).get("index_filter"),
        access=access,
    )
    fields: dict[str, Any] = {}
    for each in response.index_responses:
        for field in each.fields.values():
            fields[field.name] = {
                field.type: {
                    "type": field.type,
                    "metadata_field": field.metadata_field,
                    "searchable": field.searchable,
                    "aggregatable": field.aggregatable,
                }
            }
    return {"indices": [each.index for each in response.index_responses], "fields": fields}


def comparable(recorded_answer: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer without what the engine's form leaves out."""
    shown = dict(recorded_answer)
    if "_shards" in shown:
        shown["_shards"] = {key: value for key, value in shown["_shards"].items() if key != "failures"}
    return shown


def calls() -> Iterator[str]:
    """The names of all calls."""
    yield from (*BODIES, *CAPS)
