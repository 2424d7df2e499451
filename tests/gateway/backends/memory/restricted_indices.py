"""The indices and roles of restricted_cases.py in process, and what the engine answers to them in the form of the recorded answers."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
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
from tests.gateway.backends.memory.restricted_cases import ACCESS, CAPS, DOCUMENTS, MAPPINGS, SEARCHES, SEVERAL

PREFIX = "hb-"


@functools.cache
def cluster() -> MemoryCluster:
    indices = []
    for name, documents in DOCUMENTS.items():
        index = Index(PREFIX + name, mapping=parse_mappings(MAPPINGS), mappings=MAPPINGS)
        for number, document in enumerate(documents):
            index.add(str(number), json.dumps(document).encode())
        indices.append(index)
    return MemoryCluster(indices, name="memory")


def access_of(name: str) -> IndexAccess:
    """What a role of the cases shows."""
    queries, fields = [], []
    for entries in ACCESS[name]:
        if all("query" in entry for entry in entries):
            queries.append(tuple(entry["query"] for entry in entries))
        rules = [entry.get("fields") for entry in entries]
        if all(rule is not None for rule in rules):
            fields.append(frozenset(FieldSecurity(tuple(rule["grant"]), tuple(rule.get("except", ()))) for rule in rules if rule))
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


def answer(name: str, access: IndexAccess) -> dict[str, Any]:
    """What the engine answers to a call, errors as ``type`` and ``reason``."""
    try:
        if name in CAPS:
            return _field_caps(*CAPS[name], access)
        several = name in SEVERAL
        response = cluster().search(
            [f"{PREFIX}main", f"{PREFIX}other"] if several else [f"{PREFIX}main"],
            IndicesOptions.STRICT_EXPAND_OPEN,
            SEVERAL[name] if several else SEARCHES[name],
            now_millis=NOW,
            access=lambda _: access,
        )
        return rest(response)
    except ElasticsearchException as error:
        if error.type == "search_phase_execution_exception":
            error = error.details["failures"][0].cause  # type: ignore[index]
        return {"type": error.type, "reason": error.reason}


def _field_caps(options: str, body: dict[str, Any] | None, access: IndexAccess) -> dict[str, Any]:
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
        access=lambda _: access,
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
    yield from (*SEARCHES, *SEVERAL, *CAPS)
