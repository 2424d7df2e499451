"""Keys and roles that change while connections are open: the change holds within a second, and nothing of before is answered after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from gateway.authentication.api_keys import ApiKeyStore
from gateway.authorization.access import parse_access
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.equivalence.roles import ROLES as EQUIVALENCE_ROLES
from tests.elasticsearch.rig.clusters import (
    CHANGED_ROLE,
    ROLES,
    USER_PASSWORD,
    Clusters,
    forget_remote,
    set_remote,
    wait_connected,
)
from tests.elasticsearch.rig.equivalence import roles_file
from tests.elasticsearch.rig.keys import CHANGED
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9

CHANGE_SECONDS = 1.0
SETTLED_SECONDS = 2.0
ALIKE = 5
"""Answers in a row that are those of after the change."""

RULES: dict[str, dict[str, Any]] = {
    "other documents": {"query": {"term": {"tenant": "b"}}},
    "fewer documents": {"query": {"bool": {"filter": [{"term": {"tenant": "b"}}, {"term": {"region": "north"}}]}}},
    "fewer fields": {"query": {"term": {"tenant": "b"}}, "field_security": {"grant": ["*"], "except": ["secret", "customer.*"]}},
    "few fields": {"field_security": {"grant": ["region"]}},
    "no documents": {"query": {"match_none": {}}},
    "another index": {"names": ["sales-us"]},
}
"""One after the other."""

SEARCH: dict[str, Any] = {
    "size": 20,
    "sort": ["_doc"],
    "query": {"bool": {"should": [{"match_all": {}}, {"term": {"secret": "s1"}}]}},
    "aggs": {"s": {"terms": {"field": "secret"}}, "i": {"terms": {"field": "_index"}}, "g": {"global": {}}},
}

Ask = Callable[[str], Any]
VERSIONS = pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8])


def asking(clusters: Clusters, version: str, alias: str, login: tuple[str, str]) -> Ask:
    """A search through the alias of a KIND."""

    def ask(kind: str) -> Any:
        name = alias.replace("KIND", kind)
        with clusters.locals[version].client(*login) as client:
            answer = client.post(f"/{name}:sales-*/_search", json=SEARCH)
        return {"status": answer.status_code, "body": normalize(answer.json(), name)}

    return ask


def entry(rules: dict[str, Any]) -> dict[str, Any]:
    return {"names": ["sales-eu"], **rules}


def assert_changes(ask: Ask, change: Callable[[], None], after: Any) -> None:
    """Every answer is that of before or that of after, none is of before again, and after a second there are only those of after."""
    before = ask("gw")
    assert list(differences(before, after)), "the case changes nothing"
    change()
    changed = time.monotonic()
    while list(differences(after, got := ask("gw"))):
        elapsed = time.monotonic() - changed
        assert not (found := list(differences(before, got))), f"neither before nor after: {found[:10]}"
        assert elapsed < CHANGE_SECONDS, f"still as before after {elapsed:.1f} s"
    for _ in range(ALIKE):
        assert not (found := list(differences(after, ask("gw")))), f"after the change: {found[:10]}"


@contextmanager
def connected(clusters: Clusters, version: str, key: str) -> Iterator[str]:
    """The alias with KIND in it, with the credential of a key of that name on both remote clusters."""
    local = clusters.locals[version]
    aliases = {kind: f"{kind}_{key}" for kind in ("real", "gw")}
    try:
        for kind, alias in aliases.items():
            address = clusters.address(kind, "key")
            set_remote(local, alias, {"mode": "proxy", "proxy_address": address, "skip_unavailable": False})
            wait_connected(local, alias)
        yield f"KIND_{key}"
    finally:
        for alias in aliases.values():
            forget_remote(local, alias)


@VERSIONS
def test_a_changed_key_holds_on_open_connections(clusters: Clusters, version: str) -> None:
    real, ours = (clusters.keys[kind, "changed"]["id"] for kind in ("real", "gw"))
    with connected(clusters, version, "changed") as alias:
        ask = asking(clusters, version, alias, ("elastic", "changeme"))
        for rules in (*RULES.values(), CHANGED["search"][0]):
            access = {"search": [entry(rules)]}
            clusters.remote.rest("PUT", f"/_security/cross_cluster/api_key/{real}", {"access": access})
            after = ask("real")
            assert_changes(ask, partial(_update, clusters, ours, access), after)


def _update(clusters: Clusters, key: str, access: dict[str, Any]) -> None:
    """By another process than the gateway's, as its command would."""
    with ApiKeyStore(clusters.gateway.folder / "data") as store:
        assert store.update(key, access=parse_access(access))


@VERSIONS
def test_an_invalidated_key_is_refused_on_open_connections(clusters: Clusters, version: str) -> None:
    key = f"ended-{version.partition('.')[0]}"
    real, ours = (clusters.keys[kind, key]["id"] for kind in ("real", "gw"))
    with connected(clusters, version, key) as alias:
        ask = asking(clusters, version, alias, ("elastic", "changeme"))
        assert ask("gw")["status"] == ask("real")["status"] == 200
        clusters.remote.rest("DELETE", "/_security/api_key", {"ids": [real]})
        assert (after := ask("real"))["status"] == 401
        with ApiKeyStore(clusters.gateway.folder / "data") as store:
            store.invalidate([ours])
        changed = time.monotonic()
        while (got := ask("gw"))["status"] == 200:
            assert time.monotonic() - changed < CHANGE_SECONDS
        assert got["status"] == after["status"]
        assert got["body"]["error"]["type"] == after["body"]["error"]["type"]
        assert all(ask("gw")["status"] == 401 for _ in range(ALIKE))


@VERSIONS
def test_a_changed_role_holds_on_open_connections(clusters: Clusters, version: str) -> None:
    ask = asking(clusters, version, "KIND_cert_proxy", ("carol", USER_PASSWORD))
    for rules in (*RULES.values(), CHANGED["search"][0]):
        role = {"indices": [{**entry(rules), "privileges": ["read", "read_cross_cluster"]}]}
        clusters.remote.rest("PUT", f"/_security/role/{CHANGED_ROLE}", role)
        after = ask("real")
        assert_changes(ask, partial(_write_roles, clusters, {**ROLES, **EQUIVALENCE_ROLES, CHANGED_ROLE: role}), after)


@VERSIONS
def test_a_role_that_is_gone_allows_nothing_on_open_connections(clusters: Clusters, version: str) -> None:
    ask = asking(clusters, version, "KIND_cert_proxy", ("carol", USER_PASSWORD))
    clusters.remote.rest("DELETE", f"/_security/role/{CHANGED_ROLE}")
    without = {name: role for name, role in {**ROLES, **EQUIVALENCE_ROLES}.items() if name != CHANGED_ROLE}
    try:
        assert_changes(ask, partial(_write_roles, clusters, without), ask("real"))
    finally:
        clusters.remote.rest("PUT", f"/_security/role/{CHANGED_ROLE}", ROLES[CHANGED_ROLE])
        _write_roles(clusters, {**ROLES, **EQUIVALENCE_ROLES})
        time.sleep(SETTLED_SECONDS)
    assert ask("gw")["status"] == 200


def _write_roles(clusters: Clusters, roles: dict[str, Any]) -> None:
    path = clusters.gateway.folder / "roles.yml"
    written = path.with_suffix(".new")
    written.write_text(roles_file(roles))
    written.replace(path)
