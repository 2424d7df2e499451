"""Puts documents into a real node."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from gateway.demo.documents import DemoDataStream, DemoIndex, rest_calls
from tests.elasticsearch.equivalence import documents
from tests.elasticsearch.rig.node import PASSWORD, Node

SECURITY = ".security-7"
NDJSON = {"Content-Type": "application/x-ndjson"}


def fill(node: Node, made: Sequence[DemoIndex | DemoDataStream]) -> None:
    with node.client() as client:
        _make(client, made)


def fill_equivalence(node: Node) -> None:
    """All of ``equivalence.documents``. Elasticsearch's own index is beyond even a superuser."""
    fill(node, documents.everything())
    with _writer(node) as client:
        _make(client, [documents.restricted()])


def copy_keys(source: Node, target: Node) -> None:
    """The API keys of one cluster are then those of the other too, secrets included: no call makes a key with a given secret."""
    with _writer(source) as client:
        query = {"query": {"term": {"doc_type": "api_key"}}, "size": 1000}
        hits = checked(client.post(f"/{SECURITY}/_search", json=query))["hits"]["hits"]
    lines = [line for hit in hits for line in ({"create": {"_id": hit["_id"]}}, hit["_source"])]
    with _writer(target) as client:
        content = "".join(json.dumps(line) + "\n" for line in lines)
        checked(client.post(f"/{SECURITY}/_bulk?refresh=true", content=content, headers=NDJSON))


def _writer(node: Node) -> httpx.Client:
    """A client that may do to restricted indices what a superuser may not."""
    entry = {"names": ["*"], "privileges": ["all"], "allow_restricted_indices": True}
    node.rest("PUT", "/_security/role/restricted_writer", {"indices": [entry]})
    node.rest("PUT", "/_security/user/writer", {"password": PASSWORD, "roles": ["restricted_writer"]})
    return node.client("writer")


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
