"""The requests of tests/vectors/engine/terms.jsonl.gz, asked of the in-memory cluster as the users who asked a real node."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import trio

from gateway.authentication.subjects import Subject
from gateway.authorization import Role, authorize_indices
from gateway.authorization.interceptors import check_rules
from gateway.backends import Call
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.requests import known_action
from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.exceptions.rest import rest_error
from protocol.messages.common import Request
from protocol.versions import V_8_19
from tests.gateway.authorization.support import authentication, descriptors, entry

ENGINE = Path(__file__).parents[3] / "vectors" / "engine"


@functools.cache
def _lines() -> list[dict[str, Any]]:
    with gzip.open(ENGINE / "terms.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def cases(kind: str) -> list[dict[str, Any]]:
    """The recorded requests of a kind."""
    return [case for case in _lines()[1:] if case["kind"] == kind]


def name_of(case: dict[str, Any]) -> str:
    return f"{case['user']} {case['path']} {json.dumps(case['body'], ensure_ascii=False)}"[:200]


@functools.cache
def backend() -> MemoryBackend:
    indices = []
    for name, made in _lines()[0]["indices"].items():
        index = Index(name, mapping=parse_mappings(made["mappings"]), mappings=made["mappings"], aliases=made["aliases"])
        for number, document in enumerate(made["documents"]):
            index.add(str(number), json.dumps(document).encode())
        indices.append(index)
    return MemoryBackend(MemoryCluster(indices, name="memory"))


@functools.cache
def user(name: str) -> Role:
    """The user of that name, in the certificate model."""
    entries = []
    for given in _lines()[0]["roles"][name]:
        rule = dict(given)
        if "query" in rule:
            rule["query"] = json.dumps(rule["query"])
        entries.append(entry(*rule.pop("names"), **rule))
    who = f"gt-{name}"
    return Role(Subject(authentication(who, [who])), (descriptors(*entries, name=who),), (who,))


def answer(who: str, action: str, request: Request) -> bytes:
    """The payload of the answer. Raises ElasticsearchException."""
    payload = request.encode(V_8_19)
    known = known_action(action)
    message = known.message.decode(payload, V_8_19)
    assert known.targets is not None
    targets = known.targets(message)
    grant = authorize_indices(user(who), action, targets.names, targets.options, backend().metadata())
    check_rules(action, message, grant)

    async def ask() -> bytes:
        return await backend().execute(Call(action, V_8_19, payload, message, grant))

    return trio.run(ask)


def refusal(error: ElasticsearchException) -> tuple[int, Any]:
    """The status and the body with which a node shows an error; identifiers that differ from run to run are left out."""
    return status_of(error), without_uuids(rest_error(error))


def without_uuids(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: without_uuids(value) for name, value in body.items() if name not in ("index_uuid", "node", "resource.id")}
    return [without_uuids(one) for one in body] if isinstance(body, list) else body
