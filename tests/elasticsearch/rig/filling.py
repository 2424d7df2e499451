"""Puts documents into a real node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from gateway.demo.documents import DemoDataStream, DemoIndex, rest_calls
from tests.elasticsearch.equivalence import documents
from tests.elasticsearch.rig.node import PASSWORD, Node

NDJSON = {"Content-Type": "application/x-ndjson"}


def fill(node: Node, made: Sequence[DemoIndex | DemoDataStream]) -> None:
    with node.client() as client:
        _make(client, made)


def fill_equivalence(node: Node) -> None:
    """All of ``equivalence.documents``. Elasticsearch's own index is beyond even a superuser."""
    fill(node, documents.everything())
    index = documents.restricted()
    entry = {"names": [index.name], "privileges": ["all"], "allow_restricted_indices": True}
    node.rest("PUT", "/_security/role/restricted_writer", {"indices": [entry]})
    node.rest("PUT", "/_security/user/writer", {"password": PASSWORD, "roles": ["restricted_writer"]})
    with node.client("writer") as client:
        _make(client, [index])


def checked(answer: httpx.Response) -> Any:
    """The JSON of an answer, which must be a success in all its parts."""
    if not answer.is_success or (body := answer.json()).get("errors"):
        raise AssertionError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:2000]}")
    return body


def _make(client: httpx.Client, made: Iterable[DemoIndex | DemoDataStream]) -> None:
    for call in rest_calls(made):
        if isinstance(call.body, str):
            checked(client.request(call.method, call.path, content=call.body.encode(), headers=NDJSON))
        else:
            checked(client.request(call.method, call.path, json=call.body))
