"""The gateway in front of a real cluster: what a local cluster gets through it is what it gets from that cluster itself.

By version of the local cluster, and by the models on either side of the gateway: eight ways; the many searches in four of them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.elasticsearch.case import Case
from tests.elasticsearch.cases import SEARCHES
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import USER_PASSWORD, Clusters, forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.test_apis import CALLS, Call

UPSTREAM_MODELS = {"key": "api_key", "cert": "certificate"}
ALIASES = {"key": "gw_restarted", "cert": "relayed"}
"""By the model of the local cluster; the first has the credential of the gateway's main key from the start."""
ELSEWHERE = {"access": {"search": [{"names": ["*"], "allow_restricted_indices": True}]}}
"""Of the gateway's own key at the upstream: it bounds all clients of the gateway, and takes nothing away here."""


@dataclass(frozen=True)
class Way:
    """A local cluster, an alias of it that leads through a relay, and one that leads to the real remote by the same model."""

    local: Node
    alias: str
    real: str

    def call(self, alias: str, method: str, path: str, body: Any = None, user: str = "elastic", **more: Any) -> httpx.Response:
        login = ("elastic", "changeme") if user == "elastic" else (user, USER_PASSWORD)
        with self.local.client(*login) as client:
            return client.request(method, path.replace("R:", f"{alias}:"), json=body, **more)

    def compare(
        self, method: str, path: str, body: Any = None, user: str = "elastic", status: int | None = 200, **more: Any
    ) -> Any:
        """The real remote's answer, which that through the relay must equal."""
        answers = []
        for alias in (self.real, self.alias):
            sent = more | ({"content": more["content"].replace('"R:', f'"{alias}:')} if "content" in more else {})
            answer = self.call(alias, method, path, body, user, **sent)
            answers.append({"status": answer.status_code, "body": _anonymous(normalize(answer.json(), alias))})
        real, relayed = answers
        assert status is None or real["status"] == status, f"the case itself is wrong: {real}"
        assert not (found := list(differences(real, relayed))), "\n".join(found[:20])
        return real["body"]


def _anonymous(value: Any) -> Any:
    """Without the id and the owner of a key, which are the gateway's or the real remote's."""
    if isinstance(value, dict):
        return {key: _anonymous(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_anonymous(entry) for entry in value]
    if isinstance(value, str):
        return re.sub(r"API key id \[[^]]*\] of user \[[^]]*\]", "API key id […] of user […]", value)
    return value


@pytest.fixture(scope="module")
def relays(clusters: Clusters) -> Iterator[dict[str, Gateway]]:
    """By the model of the upstream, with the keys and the roles of the gateway that answers by itself."""
    remote, files = clusters.remote, clusters.folder / "certificates"
    own = remote.rest("POST", "/_security/cross_cluster/api_key", {"name": "the gateway's own", **ELSEWHERE})
    started: dict[str, Gateway] = {}
    try:
        for model, mode in UPSTREAM_MODELS.items():
            folder = clusters.folder / f"relay-{model}"
            shutil.copytree(clusters.gateway.folder / "data", folder / "data")
            shutil.copy(clusters.gateway.folder / "roles.yml", folder)
            settings: dict[str, Any] = {
                name: value for name, value in clusters.gateway.settings.items() if not name.startswith("backend.")
            }
            settings |= {"remote_cluster.port": 0, "transport.port": 0, "path.roles": "roles.yml"}
            settings |= {
                "backend.type": "relay",
                "backend.relay.mode": mode,
                "backend.relay.addresses": [clusters.address("real", model)],
                "backend.relay.ssl.certificate_authorities": [str(files / "ca.crt")],
            }
            if model == "key":
                (folder / "own.key").write_text(own["encoded"])
                settings["backend.relay.credentials_file"] = "own.key"
            else:
                settings["backend.relay.ssl.certificate"] = str(files / "client.crt")
                settings["backend.relay.ssl.key"] = str(files / "client.key")
            relay = Gateway(folder, settings)
            relay.start()
            started[model] = relay
        yield started
    finally:
        for relay in started.values():
            relay.stop()


WAYS = [(version, inner, outer) for version in (NEWEST_9, NEWEST_8) for outer in UPSTREAM_MODELS for inner in ALIASES]
PAIRWISE = [way for way in WAYS if (way[1] == way[2]) == (way[0] == NEWEST_9)]
"""Ways in which each two of version and models meet: the searches are many, and how one is passed on does not depend on its body."""


def _name(way: tuple[str, str, str]) -> str:
    return f"{way[0]}-{way[1]}-to-{way[2]}"


@pytest.fixture(scope="module", params=WAYS, ids=_name)
def way(request: pytest.FixtureRequest, clusters: Clusters, relays: dict[str, Gateway]) -> Iterator[Way]:
    version, inner, outer = request.param
    local, alias = clusters.locals[version], ALIASES[inner]
    port = relays[outer].port("remote_cluster" if inner == "key" else "transport")
    settings = {"mode": "proxy", "proxy_address": f"127.0.0.1:{port}", "skip_unavailable": False, "proxy_socket_connections": 6}
    set_remote(local, alias, settings)
    try:
        wait_connected(local, alias)
        yield Way(local, alias, f"real_{inner}_proxy")
    finally:
        forget_remote(local, alias)


@pytest.mark.parametrize("way", PAIRWISE, indirect=True, ids=_name)
@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: case.name)
def test_a_search_gives_what_the_cluster_itself_gives(way: Way, case: Case) -> None:
    expression = ",".join(f"R:{name}" for name in case.index.split(","))
    answers = []
    for alias in (way.real, way.alias):
        answer = way.call(alias, "POST", f"/{expression}/_search", case.sent(alias))
        answers.append({"status": answer.status_code, "body": normalize(answer.json(), alias)})
    assert answers[0]["status"] == 200
    assert not (found := list(differences(answers[0], answers[1]))), "\n".join(found[:20])


@pytest.mark.parametrize("wanted", CALLS, ids=lambda each: each.name)
def test_a_call_gives_what_the_cluster_itself_gives(way: Way, wanted: Call) -> None:
    if wanted.lines:
        lines = "".join(json.dumps(line) + "\n" for line in wanted.lines)
        way.compare(wanted.method, wanted.path, status=None, content=lines, headers={"Content-Type": "application/x-ndjson"})
    else:
        way.compare(wanted.method, wanted.path, wanted.body, status=None)


APART = "?ccs_minimize_roundtrips=false"
SEARCH = {"query": {"match": {"message": "timeout"}}, "size": 7, "aggs": {"s": {"terms": {"field": "service"}}}}


@pytest.mark.parametrize(
    "path",
    [
        f"/R:logs-*/_search{APART}",
        f"/R:logs-*,R:events/_search{APART}&search_type=dfs_query_then_fetch",
        f"/R:logs-*/_search{APART}&pre_filter_shard_size=1",
        f"/logs-local-1,R:logs-*/_search{APART}",
    ],
)
def test_a_search_whose_shards_are_asked_one_by_one(way: Way, path: str) -> None:
    assert way.compare("POST", path, SEARCH)["hits"]["hits"]
    sorted_body = {
        "sort": [{"@timestamp": "desc"}],
        "size": 20,
        "highlight": {"fields": {"message": {}}},
        "query": SEARCH["query"],
    }
    way.compare("POST", path, sorted_body)


def pages(way: Way, alias: str, size: int = 400) -> list[str]:
    """Ids of all documents, by a scroll."""
    found: list[str] = []
    answer = way.call(alias, "POST", "/R:logs-app-1/_search?scroll=1m", {"size": size, "sort": ["_doc"]}).json()
    assert "hits" in answer, answer
    while hits := answer["hits"]["hits"]:
        found += [hit["_id"] for hit in hits]
        answer = way.call(alias, "POST", "/_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]}).json()
        assert "hits" in answer, answer
    assert way.call(alias, "DELETE", "/_search/scroll", {"scroll_id": answer["_scroll_id"]}).json()["num_freed"] == 1
    return found


def test_a_scroll_comes_to_the_last_page(way: Way) -> None:
    relayed = pages(way, way.alias)
    assert len(relayed) == 1500
    assert relayed == pages(way, way.real)


def points(way: Way, alias: str, size: int = 600) -> list[str]:
    """Ids of all documents, by a point in time."""
    pit = way.call(alias, "POST", "/R:logs-app-1/_pit?keep_alive=1m").json()["id"]
    found: list[str] = []
    after: dict[str, Any] = {}
    while True:
        body = {"size": size, "pit": {"id": pit, "keep_alive": "1m"}, "sort": [{"@timestamp": "asc"}, "_shard_doc"], **after}
        answer = way.call(alias, "POST", "/_search", body).json()
        hits = answer["hits"]["hits"]
        if not hits:
            break
        found += [hit["_id"] for hit in hits]
        pit, after = answer["pit_id"], {"search_after": hits[-1]["sort"]}
    assert way.call(alias, "DELETE", "/_pit", {"id": pit}).json()["succeeded"] is True
    return found


def test_a_point_in_time_comes_to_the_last_page(way: Way) -> None:
    relayed = points(way, way.alias)
    assert len(relayed) == 1500
    assert relayed == points(way, way.real)


def test_terms_are_enumerated(way: Way) -> None:
    assert way.compare("POST", "/R:logs-*/_terms_enum", {"field": "service", "string": ""})["terms"]


def test_a_large_answer_comes_whole(way: Way) -> None:
    body = {
        "size": 1500,
        "fields": ["*"],
        "highlight": {"fields": {"*": {}}},
        "query": {"match_all": {}},
        "docvalue_fields": ["@timestamp"],
    }
    assert len(way.compare("POST", "/R:logs-app-1/_search", body)["hits"]["hits"]) == 1500


@pytest.mark.parametrize("user", ["alice", "bob"])
@pytest.mark.parametrize("expression", ["*", "logs-*", "logs-app-1", "products", "secret", "missing", "logs-app-1,products"])
@pytest.mark.parametrize("more", ["", "?ignore_unavailable=true"])
def test_a_user_sees_what_both_sides_allow(way: Way, user: str, expression: str, more: str) -> None:
    path = ",".join(f"R:{name}" for name in expression.split(","))
    way.compare("POST", f"/{path}/_search{more}", {"size": 3}, user, status=None)
    way.compare("GET", f"/{path}/_field_caps?fields=*{more.replace('?', '&')}", None, user, status=None)


def test_a_name_outside_of_the_key_is_refused_for_a_superuser_too(way: Way) -> None:
    way.compare("POST", "/R:secret/_search", {"size": 3}, status=None)
