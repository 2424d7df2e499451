"""A cluster with names of every kind, and the requests of tests/vectors/engine/names.jsonl.gz on it, asked of the in-memory cluster as the
users who asked a real node."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from gateway.authentication.subjects import Subject
from gateway.authorization import Role, authorize_indices
from gateway.backends import Call
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.definitions import create_data_stream, create_index
from gateway.backends.memory.index import Index
from gateway.requests import known_action
from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.exceptions.rest import rest_error
from protocol.messages.common import Request
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.get import GET, GetRequest, GetResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import (
    RESOLVE_CLUSTER,
    RESOLVE_INDEX,
    ResolveClusterRequest,
    ResolveClusterResponse,
    ResolvedIndex,
    ResolveIndexRequest,
    ResolveIndexResponse,
)
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumRequest, TermsEnumResponse
from protocol.versions import V_8_19
from tests.gateway.authorization.support import authentication, descriptors, entry

ENGINE = Path(__file__).parents[3] / "vectors" / "engine"
MAPPINGS: dict[str, Any] = {
    "properties": {"@timestamp": {"type": "date"}, "level": {"type": "keyword"}, "team": {"type": "keyword"}}
}
ERRORS = {"filter": {"term": {"level": "error"}}}
TEAM_X = {"filter": {"term": {"team": "x"}}}

INDICES: dict[str, dict[str, Any]] = {
    "hn-app-1": {"aliases": {"hn-app": {}, "hn-errors": ERRORS, "hn-team": TEAM_X}},
    "hn-app-2": {"aliases": {"hn-app": {}, "hn-errors": ERRORS}},
    "hn-app-3": {"state": "close", "aliases": {"hn-app": {}, "hn-team": TEAM_X}},
    "hn-old": {"state": "close", "aliases": {"hn-gone": {}}},
    "hn-hidden": {
        "settings": {"index.hidden": True},
        "aliases": {"hn-hide": {"is_hidden": True}, "hn-seen": {}, "hn-seen-x": TEAM_X},
    },
    ".hn-dot": {"settings": {"index.hidden": True}, "aliases": {".hn-dots": {"is_hidden": True}}},
    ".hn-plain": {},
    "hn-routed": {"aliases": {"hn-route": {"search_routing": "1"}, "hn-team": TEAM_X}},
    "hn-empty": {},
    "hn-DATE": {},
    ".security-7": {"system": True, "settings": {"index.hidden": True}, "aliases": {".security": {"is_hidden": True}}},
}
"""DATE is that of the recording. The last one a node has by itself."""

STREAMS: dict[str, dict[str, Any]] = {
    "hn-ds": {"template": {"aliases": {"hn-dsa": ERRORS, "hn-dsb": {}, "hn-dsc": ERRORS}}, "generations": ["data"] * 2},
    "hn-ds2": {"template": {"aliases": {"hn-dsa": {}, "hn-dsc": TEAM_X}}},
    "hn-dshid": {"data_stream": {"hidden": True}, "template": {"aliases": {"hn-dsd": TEAM_X}}},
    "hn-dsold": {"template": {}, "generations": ["data"] * 2},
}
CLOSED_BACKING = "hn-dsold"
"""The older index of this stream is closed."""


def documents(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Of one index: each level with each team. What is in Elasticsearch's own is not ours to know."""
    if name.endswith("-empty") or name.startswith(".security"):
        return []
    pairs = [(level, team) for level in ("error", "info") for team in ("x", "y")]
    return [(f"{name}#{level}{team}", {"@timestamp": "2026-11-01", "level": level, "team": team}) for level, team in pairs]


_READ = ["read", "view_index_metadata"]


def _role(*names: str, privileges: Sequence[str] = _READ, **more: Any) -> list[dict[str, Any]]:
    return [{"names": list(names), "privileges": list(privileges), **more}]


ROLES: dict[str, list[dict[str, Any]]] = {
    "wide": _role("hn-*", ".hn-*"),
    "star": _role("*"),
    "exact": _role("hn-app-1"),
    "wild": _role("hn-app-*"),
    "question": _role("hn-app-?"),
    "regex": _role("/hn-(app-[12]|ds2?)/"),
    "alias": _role("hn-app"),
    "filtered": _role("hn-errors"),
    "aliases": _role("hn-errors", "hn-team", "hn-dsc"),
    "backing": _role(".ds-hn-ds-*-000001"),
    "stream": _role("hn-ds"),
    "streams": _role("hn-ds*"),
    "stream-alias": _role("hn-dsa"),
    "dots": _role(".hn-*", ".ds-hn-*"),
    "hidden": _role("hn-hidden", "hn-hide", "hn-dshid"),
    "closed": _role("hn-app-3", "hn-old", "hn-gone"),
    "restricted": _role(".security*", "hn-app-1", allow_restricted_indices=True),
    "unrestricted": _role(".security*", "hn-app-1"),
    "none": [],
    "metadata": _role("hn-*", privileges=["view_index_metadata"]),
    "reading": _role("hn-*", privileges=["read"]),
    "mixed": _role("hn-app-1", privileges=["read"]) + _role("hn-app", "hn-ds", privileges=["view_index_metadata"]),
    "failures": _role("hn-ds", "hn-dsa", privileges=["read_failure_store"]),
    "both": _role("hn-ds*", privileges=["read_failure_store"]) + _role("hn-ds", privileges=["read"]),
    "dated": _role("hn-20*"),
}
NAMED_ONLY = frozenset({"star", "unrestricted"})
"""Users who could see what others have on the node, so that they must not ask for everything."""

SEARCHED = "hn-app-1,hn-app-2,hn-hidden,.hn-dot,.hn-plain,hn-ds,hn-ds2,hn-dshid,hn-dsd"
"""Where values of ``_index`` are searched for."""

GOTTEN = "hn-app-1#errorx"
"""A document of one of the indices, which is looked for by its id."""

DEFAULTS = {
    "search": IndicesOptions(),
    "caps": IndicesOptions(ignore_throttled=False),
    "resolve": IndicesOptions.STRICT_EXPAND_OPEN,
    "cluster": IndicesOptions.STRICT_EXPAND_OPEN,
    "terms": IndicesOptions(),
    "get": IndicesOptions(),
}


@functools.cache
def _lines() -> list[dict[str, Any]]:
    with gzip.open(ENGINE / "names.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def cases() -> list[dict[str, Any]]:
    return _lines()[1:]


def recorded_at() -> datetime:
    return datetime.fromisoformat(_lines()[0]["recorded"]).replace(tzinfo=UTC)


@functools.cache
def backend() -> MemoryBackend:
    date = recorded_at()
    indices: list[Index] = []
    for name, body in INDICES.items():
        made = create_index(name.replace("DATE", f"{date:%Y.%m.%d}"), {"mappings": MAPPINGS, **body})
        indices.append(_filled(made, name))
    for name, body in STREAMS.items():
        template = {"mappings": MAPPINGS, **body["template"]}
        stream = create_data_stream(name, {**body, "template": template, "created": f"{date:%Y-%m-%d}"})
        for number, index in enumerate(stream, 1):
            index.closed = name == CLOSED_BACKING and number == 1
            indices.append(_filled(index, f"{name}-{number}"))
    return MemoryBackend(MemoryCluster(indices, name="memory"))


def _filled(index: Index, name: str) -> Index:
    for _id, document in documents(name):
        index.add(_id, json.dumps(document).encode())
    return index


@functools.cache
def user(name: str, key: str | None = None) -> Role:
    """The user of that name, in the certificate model; limited by the role of a key."""
    who = f"hn-{name}"
    sets = [descriptors(*_entries(one), name=who) for one in (name, key) if one is not None]
    return Role(Subject(authentication(who, [who])), tuple(sets), (who,))


def _entries(role: str) -> list[dict[str, Any]]:
    return [entry(*given["names"], **{key: value for key, value in given.items() if key != "names"}) for given in ROLES[role]]


def options_of(kind: str, parameters: Mapping[str, str]) -> IndicesOptions:
    """As REST makes them of its parameters."""
    options = dataclasses.replace(DEFAULTS[kind])
    for name in ("ignore_unavailable", "allow_no_indices", "ignore_throttled"):
        if name in parameters:
            setattr(options, name, parameters[name] == "true")
    if "expand_wildcards" in parameters:
        states = set(parameters["expand_wildcards"].split(","))
        for state in ("open", "closed", "hidden"):
            setattr(options, f"expand_{state}", bool({"all", state} & states))
    return options


def ask(case: Mapping[str, Any]) -> tuple[int, Any]:
    """The status, and what `shown` keeps of the answer."""
    kind, names = case["kind"], case["names"].split(",")
    action, request = _request(case, kind, names)
    try:
        answer = _read(kind, _answer(user(case["user"], case.get("key")), action, request))
    except ElasticsearchException as error:
        return status_of(error), _kept(case, rest_error(error))
    return 404 if kind == "get" and not answer["found"] else 200, answer


def _request(case: Mapping[str, Any], kind: str, names: list[str]) -> tuple[str, Request]:
    if kind == "value":
        return SEARCH, SearchRequest(indices=names, source={"size": 100, "query": {"term": {"_index": case["value"]}}})
    options = options_of(kind, case["parameters"])
    match kind:
        case "search":
            return SEARCH, SearchRequest(indices=names, indices_options=options, source={"size": 100})
        case "caps":
            return FIELD_CAPS, FieldCapsRequest(fields=["level"], indices=names, options=options, merge_results=False)
        case "resolve":
            return RESOLVE_INDEX, ResolveIndexRequest(names=names, options=options)
        case "cluster":
            return RESOLVE_CLUSTER, ResolveClusterRequest(names=names, options=options)
        case "terms":
            return TERMS_ENUM, TermsEnumRequest(indices=names, options=options, field="level")
        case _:
            return GET, GetRequest(index=names[0], id=GOTTEN)


def _answer(role: Role, action: str, request: Request) -> bytes:
    payload = request.encode(V_8_19)
    known = known_action(action)
    message = known.message.decode(payload, V_8_19)
    assert known.targets is not None
    targets = known.targets(message)
    grant = authorize_indices(role, action, targets.names, targets.options, backend().metadata(), clock=recorded_at)

    async def execute() -> bytes:
        return await backend().execute(Call(action, V_8_19, payload, message, grant))

    return trio.run(execute)


def _read(kind: str, payload: bytes) -> Any:
    if kind in ("search", "value"):
        found = SearchResponse.decode(payload, V_8_19)
        return {"shards": found.total_shards, "hits": sorted(f"{hit.index} {hit.id}" for hit in found.hits.hits)}
    if kind == "caps":
        return sorted(each.index for each in FieldCapsResponse.decode(payload, V_8_19).index_responses)
    if kind == "terms":
        terms = TermsEnumResponse.decode(payload, V_8_19)
        return {"shards": terms.total_shards, "terms": terms.terms}
    if kind == "get":
        gotten = GetResponse.decode(payload, V_8_19)
        return {"index": gotten.index, "found": gotten.exists}
    if kind == "cluster":
        info = ResolveClusterResponse.decode(payload, V_8_19).clusters[""]
        return {"matching_indices": info.matching_indices, "error": info.error}
    resolved = ResolveIndexResponse.decode(payload, V_8_19)
    return {
        "indices": [told(index) for index in resolved.indices],
        "aliases": [{"name": alias.name, "indices": alias.indices} for alias in resolved.aliases],
        "data_streams": [
            {"name": stream.name, "backing_indices": stream.backing_indices, "timestamp_field": stream.timestamp_field}
            for stream in resolved.data_streams
        ],
    }


def shown(case: Mapping[str, Any], status: int, answer: Any) -> Any:
    """What is kept of a real node's answer."""
    kind = case["kind"]
    if "error" in answer:
        return _kept(case, answer)
    match kind:
        case "search" | "value":
            hits = [
                f"{hit['_index']} {hit['_id']}" for hit in answer["hits"]["hits"] if not hit["_index"].startswith(".security")
            ]
            return {"shards": answer["_shards"]["total"], "hits": sorted(hits)}
        case "caps":
            return sorted([answer["indices"]] if isinstance(answer["indices"], str) else answer["indices"])
        case "terms":
            return {"shards": answer["_shards"]["total"], "terms": answer["terms"]}
        case "get":
            return {"index": answer["_index"], "found": answer["found"]}
        case "cluster":
            local = answer["(local)"]
            return {"matching_indices": local.get("matching_indices"), "error": local.get("error")}
        case _:
            return answer


def _kept(case: Mapping[str, Any], refusal: Any) -> Any:
    """A refusal without what differs from run to run; one of a key does not say who was refused, which has an identifier."""
    kept = without_uuids(refusal)
    return json.loads(_WHO.sub("unauthorized for X", json.dumps(kept))) if "key" in case else kept


_WHO = re.compile(r"unauthorized for .*?(?= on (?:restricted )?indices \[|, this action)")


def without_uuids(body: Any) -> Any:
    """Identifiers differ from run to run."""
    if isinstance(body, dict):
        return {name: without_uuids(value) for name, value in body.items() if name not in ("index_uuid", "node")}
    return [without_uuids(one) for one in body] if isinstance(body, list) else body


def told(index: ResolvedIndex) -> dict[str, Any]:
    """An index of ``_resolve/index`` as REST shows it."""
    shown: dict[str, Any] = {"name": index.name, "attributes": index.attributes}
    if index.aliases:
        shown["aliases"] = index.aliases
    if index.data_stream is not None:
        shown["data_stream"] = index.data_stream
    return shown
