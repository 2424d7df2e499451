"""Documents by their ids, against a real 8.19.21 node, also for users who may not see all documents and fields."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from protocol.errors import ElasticsearchException
from protocol.messages.get import GET, GetRequest, GetResponse, VersionType
from protocol.versions import V_8_19
from tests.gateway.backends.memory.terms_cases import answer, cases, name_of, refusal, without_uuids


def request(path: str) -> GetRequest:
    """As REST makes it of a path and its parameters."""
    parts = urlsplit(path)
    _, index, _, id_ = parts.path.split("/")
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    source: Any = None
    if given.get("_source") == "false":
        source = False
    elif given.keys() & {"_source", "_source_includes", "_source_excludes"}:
        includes = given.get("_source") or given.get("_source_includes") or ""
        excludes = given.get("_source_excludes", "")
        source = {"includes": includes.split(",") if includes else [], "excludes": excludes.split(",") if excludes else []}
    return GetRequest(
        index=index,
        id=id_,
        routing=given.get("routing"),
        refresh=given.get("refresh") == "true",
        realtime=given.get("realtime") != "false",
        stored_fields=given["stored_fields"].split(",") if "stored_fields" in given else None,
        version=int(given.get("version", -3)),
        version_type=VersionType[given.get("version_type", "internal").upper()],
        source=source,
    )


def ask(case: dict[str, Any]) -> tuple[int, Any]:
    try:
        found = GetResponse.decode(answer(case["user"], GET, request(case["path"])), V_8_19)
    except ElasticsearchException as error:
        return refusal(error)
    shown: dict[str, Any] = {"_index": found.index, "_id": found.id}
    if not found.exists:
        return 404, {**shown, "found": False}
    shown |= {"_version": found.version, "_seq_no": found.seq_no, "_primary_term": found.primary_term, "found": True}
    for name, field in found.meta_fields.items():
        shown[name] = field.values
    if found.source:
        shown["_source"] = json.loads(found.source)
    if found.fields:
        shown["fields"] = {name: field.values for name, field in found.fields.items()}
    return 200, shown


@pytest.mark.parametrize("case", cases("get"), ids=name_of)
def test_get(case: dict[str, Any]) -> None:
    assert ask(case) == (case["status"], without_uuids(case["answer"]))
