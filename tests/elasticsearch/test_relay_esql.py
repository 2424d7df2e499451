"""ES|QL across clusters through a gateway in front of the real one: it gives what it gives with no gateway between.

Maven Central has ES|QL for the older release alone, so both clusters are of that.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest

from tests.elasticsearch.comparing import anonymous, differences, normalize
from tests.elasticsearch.rig.clusters import MODELS, Clusters, forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.maven import NEWEST_8
from tests.elasticsearch.rig.relays import make
from tests.elasticsearch.ways import Route, Way, over

ROUTES = [Route(NEWEST_8, model, "real", f"relay-real-{outer}") for model, outer in product(MODELS, MODELS)]

QUERIES = {
    "rows": "FROM R:logs-* | SORT @timestamp DESC, message | LIMIT 7 | KEEP @timestamp, level, service, message, host.ip",
    "where": 'FROM R:logs-app-1 | WHERE level == "ERROR" AND latency > 100 | SORT @timestamp, message | LIMIT 20',
    "text": 'FROM R:logs-* METADATA _index | WHERE message LIKE "*timeout*" | STATS c = COUNT(*) BY _index | SORT _index',
    "match": 'FROM R:logs-* | WHERE MATCH(message, "timeout") | STATS c = COUNT(*) BY level | SORT level',
    "stats": "FROM R:logs-* | STATS c = COUNT(*), m = AVG(latency), d = COUNT_DISTINCT(service) BY level | SORT level",
    "stats-by-time": "FROM R:logs-* | STATS b = SUM(http.bytes) BY hour = DATE_TRUNC(1 hour, @timestamp) | SORT hour",
    "alias": "FROM R:logs-all | STATS c = COUNT(*) BY service | SORT c DESC, service | LIMIT 3",
    "several": "FROM R:logs-app-1,R:events,R:products METADATA _index | STATS c = COUNT(*) BY _index | SORT _index",
    "local-and-remote": "FROM logs-local-1,R:logs-* METADATA _index | STATS c = COUNT(*) BY _index | SORT _index",
    "two-remotes": "FROM R:logs-app-1,Q:logs-web-1 METADATA _index | STATS c = COUNT(*) BY _index | SORT _index",
    "two-remotes-and-local": 'FROM logs-local-1,R:logs-*,Q:logs-* | WHERE level != "INFO" | STATS c = COUNT(*) BY level | SORT c',
    "eval": "FROM R:products | EVAL twice = price * 2 | SORT twice DESC, name | LIMIT 5 | KEEP name, price, twice",
    "no-rows": "FROM R:logs-* | LIMIT 0",
    "many-rows": "FROM R:logs-* | SORT @timestamp, message | LIMIT 2000",
    "wildcard": "FROM R:log*-1 | KEEP l*, @* | SORT @timestamp, latency, level | LIMIT 5",
}

REFUSED = {
    "denied": "FROM R:secret | LIMIT 1",
    "denied-of-several": "FROM R:logs-app-1,R:secret | STATS COUNT(*)",
    "missing": "FROM R:missing | LIMIT 1",
    "missing-of-several": "FROM R:logs-app-1,R:missing-1 | STATS COUNT(*)",
    "nothing-matches": "FROM R:nothing-* | LIMIT 1",
    "unknown-column": "FROM R:logs-* | KEEP no_such_field",
    "wrong-type": 'FROM R:logs-* | WHERE latency == "x"',
}
BY_USERS = ("rows", "stats", "wildcard", "several", "local-and-remote", "match", "denied", "denied-of-several", "missing")


def ask(way: Way, query: str, *, direct: bool, user: str = "elastic") -> Any:
    """``R`` is the alias of the way, and ``Q`` one by the other model."""
    model = next(each for each in MODELS if each != way.route.model)
    aliases = (
        {"R:": way.real, "Q:": f"real_{model}_proxy"} if direct else {"R:": way.alias, "Q:": f"{way.route.ours}_{model}_proxy"}
    )
    for letter, alias in aliases.items():
        query = query.replace(letter, f"{alias}:")
    answer = way.call("", "POST", "/_query", {"query": query, "include_ccs_metadata": True}, user)
    body: Any = answer.json()
    for letter, alias in aliases.items():
        body = normalize(body, alias, letter.removesuffix(":"))
    return {"status": answer.status_code, "body": anonymous(_alike(body))}


def _alike(value: Any) -> Any:
    """Places in the query's text depend on how long the aliases are; how many values are loaded, on which shard is read first."""
    if isinstance(value, dict):
        return {key: _alike(entry) for key, entry in value.items() if key != "values_loaded"}
    if isinstance(value, list):
        return [_alike(entry) for entry in value]
    return re.sub(r"\bline \d+:\d+", "line …", value) if isinstance(value, str) else value


def assert_alike(way: Way, query: str, user: str = "elastic") -> Any:
    real, ours = ask(way, query, direct=True, user=user), ask(way, query, direct=False, user=user)
    assert not (found := list(differences(real, ours))), "\n".join(found[:20])
    return real


@over(ROUTES)
@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_what_the_cluster_itself_gives(way: Way, name: str) -> None:
    real = assert_alike(way, QUERIES[name])
    assert real["status"] == 200, f"the case itself is wrong: {real}"
    assert real["body"]["is_partial"] is False
    assert bool(real["body"]["values"]) is (name != "no-rows")


@over(ROUTES)
@pytest.mark.parametrize("name", REFUSED)
def test_a_query_fails_as_the_cluster_itself_fails_it(way: Way, name: str) -> None:
    assert_alike(way, REFUSED[name])


@over(ROUTES)
@pytest.mark.parametrize("user", ["alice", "bob", "dora"])
@pytest.mark.parametrize("name", BY_USERS)
def test_a_user_sees_what_both_sides_allow(way: Way, user: str, name: str) -> None:
    assert_alike(way, {**QUERIES, **REFUSED}[name], user)


@over(ROUTES)
def test_document_and_field_rules_hold(way: Way) -> None:
    seen = ask(way, "FROM R:logs-* METADATA _index | STATS c = COUNT(*) BY level", direct=False, user="dora")
    assert [row[1] for row in seen["body"]["values"]] == ["ERROR"]
    columns = ask(way, "FROM R:logs-* | LIMIT 1", direct=False, user="dora")["body"]["columns"]
    assert {column["name"] for column in columns} == {"@timestamp", "level", "service", "message"}


def test_a_query_is_refused_where_everything_has_to_be_decoded(clusters: Clusters, relays: None) -> None:
    name = "relay-real-decoding"
    own = (clusters.relays["relay-real-key"].folder / "own.key").read_text()
    relay = make(clusters, name, "real", "key", own, {"backend.relay.require_decoded": True})
    local, alias = clusters.locals[NEWEST_8], "gw_restarted"
    relay.start()
    try:
        address = f"127.0.0.1:{relay.port('remote_cluster')}"
        set_remote(local, alias, {"mode": "proxy", "proxy_address": address, "skip_unavailable": False})
        wait_connected(local, alias)
        with local.client() as client:
            refused = client.post("/_query", json={"query": f"FROM {alias}:logs-app-1 | LIMIT 1"})
            searched = client.post(f"/{alias}:logs-app-1/_search", json={"size": 1})
        assert searched.status_code == 200
        assert refused.status_code == 403
        assert "the indices of [indices:data/read/esql/resolve_fields] cannot be decoded" in refused.text
        assert "[backend.relay.require_decoded] is true" in refused.text
    finally:
        forget_remote(local, alias)
        relay.stop()


@over(ROUTES[:1])
def test_the_audit_says_that_indices_were_not_decoded(way: Way) -> None:
    query = {"query": f"FROM {way.alias}:logs-app-1 | LIMIT 1"}
    assert way.call("", "POST", "/_query", query, headers={"X-Opaque-Id": "of-a-query"}).status_code == 200
    lines = [json.loads(line) for line in way.gateway.log.read_text().splitlines() if line.startswith("{")]
    events = [line for line in lines if line.get("rcgateway.opaque_id") == "of-a-query"]
    of_indices = {
        event["rcgateway.action"]: event.get("rcgateway.indices") for event in events if "indices:" in event["rcgateway.action"]
    }
    assert of_indices == dict.fromkeys(("indices:data/read/esql/resolve_fields", "indices:data/read/esql/cluster"), "not decoded")
