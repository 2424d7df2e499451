"""Who sees what: the intersection of the key and of the local user's privileges, and in certificate mode the roles of the remote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.equivalence.documents import open_to_wildcards
from tests.elasticsearch.rig.clusters import USER_PASSWORD, Clusters, forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9

VERSIONS = pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8])
SEEN = {"size": 0, "aggs": {"i": {"terms": {"field": "_index", "size": 50}}}}
"""The indices that a search finds documents in."""


def ask(clusters: Clusters, version: str, alias: str, user: str, expression: str) -> Any:
    login = ("elastic", "changeme") if user == "elastic" else (user, USER_PASSWORD)
    with clusters.locals[version].client(*login) as client:
        # A wildcard stands for closed indices too under authorization, and they fail a search that does not leave them out.
        answer = client.post(f"/{alias}:{expression}/_search?ignore_unavailable=true", json=SEEN)
    return {"status": answer.status_code, "body": normalize(answer.json(), alias)}


def indices(answer: Any) -> dict[str, int]:
    assert answer["status"] == 200, answer
    buckets = answer["body"].get("aggregations", {"i": {"buckets": []}})["i"]["buckets"]
    return {bucket["key"].removeprefix("ALIAS:"): bucket["doc_count"] for bucket in buckets}


ALL = {"logs-app-1": 1500, "logs-web-1": 750, "products": 500, "events": 150}
EXPECTED = {
    ("key", "elastic", "*"): ALL,
    ("key", "elastic", "logs-all"): {"logs-app-1": 1500, "logs-web-1": 750},
    ("key", "alice", "*"): {"logs-app-1": 1500},
    ("key", "alice", "logs-*"): {"logs-app-1": 1500},
    ("key", "alice", "prod*"): {},
    ("cert", "elastic", "*"): {**ALL, "secret": 1, **open_to_wildcards()},
    ("cert", "alice", "*"): {"logs-app-1": 1500},
    ("cert", "alice", "logs-*"): {"logs-app-1": 1500},
}


@VERSIONS
@pytest.mark.parametrize(("model", "user", "expression"), EXPECTED)
def test_a_wildcard_stands_for_what_both_sides_allow(
    clusters: Clusters, version: str, model: str, user: str, expression: str
) -> None:
    real = ask(clusters, version, f"real_{model}_proxy", user, expression)
    ours = ask(clusters, version, f"gw_{model}_proxy", user, expression)
    assert indices(ours) == EXPECTED[model, user, expression]
    # A real remote has system indices besides, which a superuser of the certificate model sees where wildcards do not hide them.
    assert not (found := list(differences(real, ours))), "\n".join(found)


@VERSIONS
@pytest.mark.parametrize(("user", "expected"), [("elastic", {"logs-web-1": 750}), ("alice", {})])
def test_a_narrower_key_narrows_even_a_superuser(clusters: Clusters, version: str, user: str, expected: dict[str, int]) -> None:
    local = clusters.locals[version]
    answers = []
    for kind in ("real", "gw"):
        alias = f"{kind}_narrow"
        set_remote(local, alias, {"mode": "proxy", "proxy_address": clusters.address(kind, "key"), "skip_unavailable": False})
        wait_connected(local, alias)
        answers.append(ask(clusters, version, alias, user, "*"))
        forget_remote(local, alias)
    real, ours = answers
    assert indices(ours) == expected
    assert not (found := list(differences(real, ours))), "\n".join(found)


def test_one_event_tells_of_a_request_and_none_of_secrets_or_documents(clusters: Clusters) -> None:
    with clusters.locals[NEWEST_9].client("alice", USER_PASSWORD) as client:
        client.headers["X-Opaque-Id"] = "find-me"
        client.post("/gw_key_proxy:logs-*/_search", json={"query": {"match": {"message": "kafka"}}})
    text = clusters.gateway.log.read_text()
    (event,) = [line for line in map(json.loads, filter(None, text.splitlines())) if line.get("rcgateway.opaque_id") == "find-me"]
    assert event["event.action"] == "access_granted"
    assert event["rcgateway.action"] == "indices:data/read/search"
    assert event["event.outcome"] == "success"
    assert event["user.name"] == "alice"
    assert event["rcgateway.api_key.id"] == clusters.keys["gw", "main"]["id"]
    assert event["rcgateway.indices_requested"] == ["logs-*"]
    assert event["rcgateway.indices"] == ["logs-app-1"]
    assert event["event.duration"] > 0
    assert event["source.bytes"] > 0
    assert event["destination.bytes"] > 0
    assert event["rcgateway.connection"] > 0
    for (kind, _), key in clusters.keys.items():
        if kind == "gw":
            assert key["encoded"] not in text
            assert str(key.get("api_key")) not in text
    assert "kafka" not in text.lower()
