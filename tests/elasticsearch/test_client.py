"""The local cluster in Python gives what a real local cluster gives, and the same of every kind of remote cluster.

Remote clusters: real ones of 8.19.21 and 9.5.3, the gateway, and gateways in front of the real ones; in both models and both modes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio

from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.versions import V_8_19
from tests.elasticsearch.case import Case
from tests.elasticsearch.cases import SEARCHES
from tests.elasticsearch.cases_failing import EVERYWHERE
from tests.elasticsearch.comparing import anonymous, differences, normalize
from tests.elasticsearch.local_client import alias_of, ask, local_client
from tests.elasticsearch.rig.clusters import MODELS, MODES, RELAYS, USER_PASSWORD, Clusters, forget_remote, set_remote
from tests.elasticsearch.rig.maven import NEWEST_8
from tests.elasticsearch.rig.ports import free_port
from tests.elasticsearch.test_apis import CALLS, Call

REAL = "real_key_proxy"
SEVERAL = (REAL, "real_cert_proxy", "gw_key_proxy", "gw_cert_sniff")
PAGED = ("real", "newest", *RELAYS)
"""The in-memory cluster has neither points in time nor scrolls."""
KINDS = ("gw", *PAGED)
DOCUMENTS = 2250
PARTS = 10
"""Of the searches: each has its own connections."""

LOGS = "logs-app*,R:logs-web*"
"""Not the documents that a real local cluster has of its own, since one of these is a remote cluster as well."""


def each_of(kinds: Iterable[str], modes: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "alias", [alias_of(kind, model, mode) for kind in kinds for model in MODELS for mode in modes], indirect=True
    )


@pytest.fixture
def alias(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name.split("_")[0] in RELAYS:
        request.getfixturevalue("relays")
    return name


def path_of(expression: str, *aliases: str) -> str:
    """The path's part for indices, ``R:`` before each."""
    names = f"R:{expression}".replace(",R:", ",").replace(",", ",R:").replace("R:logs-*", f"R:{LOGS}")
    return "/" + ",".join(names.replace("R:", f"{alias}:") for alias in aliases)


async def real(
    clusters: Clusters, path: str, body: Any = None, lines: Sequence[Any] = (), user: str | None = None
) -> dict[str, Any]:
    """What a real local node answers; the client's connections live on meanwhile."""
    return await trio.to_thread.run_sync(_real, clusters, path, body, lines, user)


def _real(clusters: Clusters, path: str, body: Any, lines: Sequence[Any], user: str | None) -> dict[str, Any]:
    login = ("elastic", "changeme") if user is None else (user, USER_PASSWORD)
    content = "".join(json.dumps(line) + "\n" for line in lines) or None
    with clusters.locals[NEWEST_8].client(*login) as client:
        answer = client.request(
            "GET" if body is None and not lines else "POST",
            path,
            json=body,
            content=content,
            headers={"Content-Type": "application/x-ndjson"} if lines else None,
        )
    return {"status": answer.status_code, "body": answer.json()}


def unlike(expected: Any, got: Any, alias: str = "", other: str = "") -> list[str]:
    """The differences, apart from times, and from the alias where that is another one."""
    left, right = (anonymous(normalize(value, name or "\0")) for value, name in ((expected, alias), (got, other or alias)))
    return list(differences(left, right))


def alike(expected: Any, got: Any, alias: str = "", other: str = "") -> None:
    assert not (found := unlike(expected, got, alias, other)), "\n".join(found[:20])


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_search_gives_what_a_real_local_cluster_gives(clusters: Clusters, tmp_path: Path, part: int) -> None:
    found: list[str] = []
    async with local_client(clusters, tmp_path, REAL) as local:
        for case in SEARCHES[part::PARTS]:
            path, body = path_of(case.index, REAL) + "/_search", case.sent(REAL)
            ours = await ask(local, path, body)
            assert ours["status"] == 200, (case.name, ours)
            found += [f"{case.name}{line}" for line in unlike(await real(clusters, path, body), ours)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_search_over_several_clusters_is_merged_as_by_a_real_one(clusters: Clusters, tmp_path: Path, part: int) -> None:
    found: list[str] = []
    async with local_client(clusters, tmp_path, *SEVERAL) as local:
        for case in SEARCHES[part::PARTS]:
            path, body = path_of(case.index, *SEVERAL) + "/_search", case.sent(REAL)
            ours, theirs = await ask(local, path, body), await real(clusters, path, body)
            if "top_hits" in case.name:
                # Of hits that sort alike a real node takes those of the cluster that answers first.
                ours, theirs = (_without_indices(each) for each in (ours, theirs))
            found += [f"{case.name}{line}" for line in unlike(theirs, ours)]
    assert not found, "\n".join(found)


def _without_indices(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_indices(entry) for key, entry in value.items() if key != "_index"}
    return [_without_indices(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("wanted", CALLS, ids=lambda each: each.name)
async def test_a_call_gives_what_a_real_local_cluster_gives(clusters: Clusters, tmp_path: Path, wanted: Call) -> None:
    def named(text: str) -> str:
        return text.replace("R:logs-*", f"R:{LOGS}").replace("R:", f"{REAL}:")

    path, lines = named(wanted.path), json.loads(named(json.dumps(wanted.lines)))
    async with local_client(clusters, tmp_path, REAL) as local:
        ours = await ask(local, path, wanted.body, lines)
    alike(await real(clusters, path, wanted.body, lines), ours)


async def test_a_search_fails_in_the_words_of_a_real_local_cluster(clusters: Clusters, tmp_path: Path) -> None:
    found: list[str] = []
    async with local_client(clusters, tmp_path, REAL) as local:
        for name, failing in EVERYWHERE.items():
            path, body = path_of("logs-app-1", REAL) + "/_search", Case(name, "logs-app-1", failing).sent(REAL)
            ours, theirs = await ask(local, path, body), await real(clusters, path, body)
            assert theirs["status"] >= 400
            found += [f"{name}{line}" for line in unlike(theirs, ours)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("model", MODELS)
async def test_a_user_is_allowed_and_refused_as_by_a_real_local_cluster(clusters: Clusters, tmp_path: Path, model: str) -> None:
    alias, body = alias_of("real", model, "proxy"), {"size": 3}
    found: list[str] = []
    async with local_client(clusters, tmp_path, alias) as local:
        for user in ("alice", "bob", "dora"):
            for expression in ("logs-app-1", "logs-*", "products", "secret", "missing", "missing-*"):
                path = path_of(expression, alias) + "/_search"
                ours, theirs = await ask(local, path, body, user=user), await real(clusters, path, body, user=user)
                found += [f"{user} {expression}{line}" for line in unlike(theirs, ours)]
    assert not found, "\n".join(found)


# The same of every kind of remote cluster


@each_of(KINDS, MODES)
async def test_each_kind_of_remote_cluster_is_connected(clusters: Clusters, tmp_path: Path, alias: str) -> None:
    async with local_client(clusters, tmp_path, alias) as local:
        info = local.remote_info()[alias]
        await local.search("root", f"{alias}:logs-app-1", {"size": 0})
        link = local.remote(alias).pool.idle()
    _, model, mode = alias.split("_")
    assert info["connected"] is True
    assert info["mode"] == mode
    assert ("cluster_credentials" in info) == (model == "key")
    assert link is not None
    assert link.version == V_8_19


@each_of(KINDS, MODES)
async def test_each_kind_of_remote_cluster_gives_the_same(clusters: Clusters, tmp_path: Path, alias: str) -> None:
    searches = [case for case in SEARCHES if not case.name.startswith("query-index")][::6]
    # What a cluster says of itself, and of all that it has, is not the same of all.
    calls = [call for call in CALLS if not call.name.startswith("resolve_")]
    async with local_client(clusters, tmp_path, REAL, alias) as local:
        for case in searches:
            expected, got = [await ask(local, path_of(case.index, each) + "/_search", case.sent(each)) for each in (REAL, alias)]
            alike(expected, got, REAL, alias)
        for call in calls:
            answers = []
            for each in (REAL, alias):
                path, lines = (
                    text.replace("R:logs-*", f"R:{LOGS}").replace("R:", f"{each}:")
                    for text in (call.path, json.dumps(call.lines))
                )
                answers.append(await ask(local, path, call.body, json.loads(lines)))
            alike(answers[0], answers[1], REAL, alias)


@each_of(PAGED, ["proxy"])
async def test_a_point_in_time_gives_every_hit_once_and_in_order(clusters: Clusters, tmp_path: Path, alias: str) -> None:
    body = {"sort": [{"@timestamp": "desc"}], "_source": False}
    async with (
        local_client(clusters, tmp_path, alias) as local,
        aclosing(local.scan("root", path_of("logs-*", alias)[1:], body, page=400)) as hits,
    ):
        found = [hit async for hit in hits]
    assert len({(hit["_index"], hit["_id"]) for hit in found}) == len(found) == DOCUMENTS
    stamps = [hit["sort"][0] for hit in found]
    assert stamps == sorted(stamps, reverse=True)
    assert all(hit["_index"].startswith(f"{alias}:logs-") for hit in found)


@each_of(PAGED, ["sniff"])
async def test_a_scroll_comes_to_the_last_page(clusters: Clusters, tmp_path: Path, alias: str) -> None:
    async with local_client(clusters, tmp_path, alias) as local:
        page = await local.search("root", path_of("logs-*", alias)[1:], {"size": 1000, "_source": False}, scroll="1m")
        found = list(page["hits"]["hits"])
        while page["hits"]["hits"]:
            page = await local.scroll("root", page["_scroll_id"], "1m")
            found += page["hits"]["hits"]
        freed = await local.clear_scroll("root", [page["_scroll_id"]])
        with pytest.raises(ElasticsearchException) as gone:
            await local.scroll("root", page["_scroll_id"])
    assert len({(hit["_index"], hit["_id"]) for hit in found}) == len(found) == DOCUMENTS
    assert freed["succeeded"] is True
    assert status_of(gone.value) == 404


@pytest.mark.parametrize("skip", ["true", "false"])
async def test_a_cluster_that_is_not_there_is_told_of_as_by_a_real_local_cluster(
    clusters: Clusters, tmp_path: Path, skip: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    local_node = clusters.locals[NEWEST_8]
    set_remote(local_node, "gone", {"mode": "proxy", "proxy_address": address, "skip_unavailable": skip == "true"})
    more = {
        "cluster.remote.gone.mode": "proxy",
        "cluster.remote.gone.proxy_address": address,
        "cluster.remote.gone.skip_unavailable": skip,
    }
    path = f"/{REAL}:logs-app-1,gone:logs-*/_search"
    try:
        theirs = await real(clusters, path, {"size": 2})
    finally:
        forget_remote(local_node, "gone")
    async with local_client(clusters, tmp_path, REAL, **more) as local:
        ours = await ask(local, path, {"size": 2})
        cluster = await ask(local, "/_resolve/cluster/*:logs-app-1")
    assert theirs["status"] == ours["status"]
    if skip == "true":
        assert ours["body"]["_clusters"]["details"]["gone"]["status"] == "skipped"
        for each in (theirs, ours):
            each["body"]["_clusters"]["details"].pop("gone")  # the words differ with what a socket says
        alike(theirs, ours)
    else:
        assert theirs["body"]["error"]["type"] == ours["body"]["error"]["type"]
    assert cluster["body"]["gone"] == {"connected": False, "skip_unavailable": skip == "true"}
