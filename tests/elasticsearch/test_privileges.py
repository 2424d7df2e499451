"""Privileges, roles and restricted names are what Elasticsearch's own classes say that they are."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from gateway.authorization.actions import ACTION_ONLY, SCROLL_ACTIONS, traits
from gateway.authorization.cluster_privileges import (
    CLUSTER_PRIVILEGES,
    NEWER_CLUSTER_PRIVILEGES,
    cluster_privilege,
    cluster_privileges_that_grant,
)
from gateway.authorization.patterns import compile_pattern
from gateway.authorization.privileges import (
    DATA_ONLY,
    FAILURES_ONLY,
    INDEX_PRIVILEGES,
    NEWER_INDEX_PRIVILEGES,
    index_privilege,
    index_privileges_that_grant,
)
from gateway.authorization.reserved_roles import RESERVED_NAMES
from gateway.authorization.restricted import is_restricted_name
from gateway.authorization.role_files import parse_role_file
from gateway.authorization.system import check_system
from protocol.errors import ElasticsearchException
from tests.elasticsearch import role_file_samples
from tests.elasticsearch.builtin_roles import DATA_FILE, builtin_roles
from tests.elasticsearch.oracle import Oracle
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9, jars

_ACTION = re.compile(rb"(?:cluster|indices|internal):[\w:/.*\[\]+\-]{2,}")
_SUFFIXES = (
    "",
    "[s]",
    "[p]",
    "[r]",
    "[n]",
    "[shard]",
    "x",
    "/x",
    "[phase/query]",
    "[phase/query+fetch/scroll]",
    "[can_match][n]",
)


@cache
def named_actions() -> tuple[str, ...]:
    """Every action that the jars of both versions name."""
    names: set[str] = set()
    for version in (NEWEST_8, NEWEST_9):
        for jar in sorted(jars(version).glob("*elasticsearch-*.jar")) + sorted(jars(version).glob("x-pack-*.jar")):
            with zipfile.ZipFile(jar) as archive:
                for entry in archive.namelist():
                    if entry.endswith(".class"):
                        names.update(match.decode() for match in _ACTION.findall(archive.read(entry)))
    assert len(names) > 500
    return tuple(sorted({name.rstrip("*") for name in names}))


@cache
def actions() -> tuple[str, ...]:
    """Those, and what is derived from them: actions on shards and nodes, proxied ones, and some that do not exist."""
    derived = {name + suffix for name in named_actions() for suffix in _SUFFIXES}
    proxied = {"internal:transport/proxy/" + name for name in named_actions()}
    return tuple(sorted(derived | proxied))


@pytest.fixture(scope="module", params=[NEWEST_8, NEWEST_9])
def release(peers: None, request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def oracle(release: str) -> Iterator[Oracle]:
    with Oracle("PrivilegeOracle", release) as started:
        yield started


@pytest.fixture(scope="module")
def oracle_of_8(peers: None) -> Iterator[Oracle]:
    """For what the gateway says and does as an 8.19.21 cluster alone."""
    with Oracle("PrivilegeOracle", NEWEST_8) as started:
        yield started


WIDER_IN_9 = {
    "read": (
        "internal:transport/proxy/indices:data/read/*",
        "indices:admin/*search_shards",
        "indices:admin/inference/fields/get",
    ),
    "read_failure_store": (
        "internal:transport/proxy/indices:data/read/*",
        "indices:admin/*search_shards",
        "indices:admin/inference/fields/get",
        "indices:admin/resolve/cluster",
    ),
    "create": ("indices:data/write/otlp/*", "indices:data/write/prometheus/*"),
    "create_doc": ("indices:data/write/otlp/*", "indices:data/write/prometheus/*"),
    "index": ("indices:data/write/otlp/*", "indices:data/write/prometheus/*"),
    "auto_configure": ("indices:admin/data_stream/auto_create_past_tsdb",),
    "create_index": ("indices:admin/data_stream/auto_create_past_tsdb",),
    "_system": ("indices:admin/refresh?*", "indices:admin/reshard*", "cluster:internal/readiness"),
}
"""What 9.5.3 allows by a name beyond 8.19.21. The gateway is an 8.19.21 cluster, whose narrower meaning holds."""


def expected(name: str, release: str, ours: set[str]) -> set[str]:
    """What the release allows, by what is allowed here."""
    wider = () if release == NEWEST_8 else WIDER_IN_9.get(name, ())
    matchers = [compile_pattern(pattern) for pattern in wider]
    return ours | {action for action in actions() if any(matches(_inner(name, action)) for matches in matchers)}


def _inner(name: str, action: str) -> str:
    """The system user may do through a proxy what it may do."""
    return action.removeprefix("internal:transport/proxy/") if name == "_system" else action


def test_names(oracle: Oracle, release: str) -> None:
    names = oracle.ask(op="names")
    if release == NEWEST_8:
        assert names == {"index": list(INDEX_PRIVILEGES), "cluster": list(CLUSTER_PRIVILEGES)}
    else:
        assert set(names["index"]) == {*INDEX_PRIVILEGES, *NEWER_INDEX_PRIVILEGES}
        assert set(names["cluster"]) == {*CLUSTER_PRIVILEGES, *NEWER_CLUSTER_PRIVILEGES}


def test_index_privileges(oracle: Oracle, release: str) -> None:
    for name in oracle.ask(op="names")["index"]:
        answer = oracle.ask(op="allowed", kind="index", name=name, actions=actions())
        ours = index_privilege(name)
        assert sorted(selector.value for selector in ours.selectors) == sorted(answer["selectors"]), name
        assert set(answer["allowed"]) == expected(name, release, set(filter(ours.allows, actions()))), name


def test_cluster_privileges(oracle: Oracle, release: str) -> None:
    for name in oracle.ask(op="names")["cluster"]:
        answer = oracle.ask(op="allowed", kind="cluster", name=name, actions=actions())
        ours = cluster_privilege(name)
        assert set(answer["allowed"]) == set(filter(ours.allows, actions())), name


def test_the_system_user(oracle: Oracle, release: str) -> None:
    answer = oracle.ask(op="system", actions=actions())
    ours = {action for action in actions() if check_system(action).allowed}
    assert set(answer["allowed"]) == expected("_system", release, ours)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("index", "indices:data/read/search"),
        ("index", "indices:data/read/*"),
        ("index", "INDICES:data/READ/get"),
        ("index", "indices:*"),
        ("index", "indices:admin/?et"),
        ("index", "indices:monitor/*stats"),
        ("index", "indices:data/read/search[phase/query]"),
        ("index", "internal:transport/proxy/indices:data/read/search"),
        ("index", "internal:transport/proxy/indices:*[phase*"),
        ("index", "indices:data/read/sea\\rch"),
        ("index", "indices:data/read/\\*"),
        ("index", "indices:(admin|data)/*"),
        ("cluster", "cluster:monitor/*"),
        ("cluster", "cluster:monitor/state"),
        ("cluster", "Cluster:Monitor/NODES"),
        ("cluster", "cluster:*"),
        ("cluster", "cluster:admin/xpack/*/get"),
        ("cluster", "cluster:admin/?pack/security/user/has_privileges"),
        ("cluster", "indices:admin/template/get"),
        ("cluster", "indices:admin/index_template/*"),
        ("cluster", "cluster:internal:data/read/esql/exchange"),
    ],
)
def test_action_patterns(oracle: Oracle, kind: str, name: str) -> None:
    answer = oracle.ask(op="allowed", kind=kind, name=name, actions=actions())
    ours = index_privilege(name) if kind == "index" else cluster_privilege(name)
    assert set(answer["allowed"]) == set(filter(ours.allows, actions()))


@pytest.mark.parametrize("kind", ["index", "cluster"])
@pytest.mark.parametrize(
    "name", ["reed", "READ_ALL", "", "internal:admin/tasks/ban", "/indices:.*/", "*", "data/read/search", "read "]
)
def test_unknown_privileges(oracle: Oracle, release: str, kind: str, name: str) -> None:
    answer = oracle.ask(op="allowed", kind=kind, name=name, actions=[])
    with pytest.raises(ElasticsearchException) as caught:
        (index_privilege if kind == "index" else cluster_privilege)(name)
    assert caught.value.type == "illegal_argument_exception"
    if release == NEWEST_8:
        assert answer["refused"] == caught.value.reason
    else:
        assert answer["refused"].startswith(f"unknown {kind} privilege [{name.lower()}]. a privilege must be either one of the ")


def test_privileges_that_would_help(oracle_of_8: Oracle) -> None:
    for action in named_actions():
        cluster = cluster_privileges_that_grant(action)
        assert oracle_of_8.ask(op="granting", kind="cluster", action=action)["names"] == cluster, action
        for failures, selectors in ((False, DATA_ONLY), (True, FAILURES_ONLY)):
            index = index_privileges_that_grant(action, selectors)
            assert oracle_of_8.ask(op="granting", kind="index", action=action, failures=failures)["names"] == index, action


def test_built_in_roles(peers: None) -> None:
    assert DATA_FILE.read_text(encoding="utf-8") == builtin_roles()


OTHER_MODULES = (
    *(".kibana_*", ".kibana", ".reporting-*", ".apm-agent-configuration*", ".apm-custom-link*"),
    *(".fleet-actions~(-results*)", ".fleet-actions", ".fleet-agents*", ".fleet-artifacts*", ".fleet-enrollment-api-keys*"),
    *(".fleet-policies-[0-9]+*", ".fleet-policies", ".fleet-policies-leader*", ".fleet-secrets*", ".fleet-servers*"),
    *(".fleet-actions-results", ".(migrated-)?[fd]s-.fleet-actions-results-*"),
    *(
        ".ml-meta*",
        ".ml-config*",
        ".ml-inference-*",
        ".transform-internal-*",
        ".data-frame-internal-*",
        ".logstash*",
        ".enrich-*",
    ),
    *(".watches*", ".triggered_watches*", ".geoip_databases*", ".inference*", ".secrets-inference*", ".snapshot-blob-cache*"),
    *(".query-rules-*", ".query-rules", ".search-app-*", ".search-app", ".connector-secrets*"),
)
"""Patterns and aliases of system indices in modules that are not in the jars."""


def test_restricted_names(oracle: Oracle) -> None:
    """The server, core and security tell theirs, and what the patterns of other modules mean."""
    stems = [
        ".security",
        ".security-tokens",
        ".security-profile",
        ".tasks",
        ".synonyms",
        ".async-search",
        "security",
        ".securit",
        ".",
    ]
    stems += sorted({re.split(r"[*\[(~]", pattern)[0].rstrip("-_") for pattern in OTHER_MODULES} - {"."})
    stems += [".ds-.fleet-actions-results", ".migrated-fs-.fleet-actions-results", ".xs-.fleet-actions-results", ".fleet"]
    ends = [
        "",
        "-",
        "-7",
        "-7-reindexed-for-8",
        "-0x",
        "-a",
        "7",
        "-1-2",
        "*",
        "-*",
        "-[0-9]",
        ".7",
        "_7",
        "-07",
        "-results",
        "-leader",
    ]
    names = [stem + end for stem in stems for end in ends] + [f"x{stem}" for stem in stems]
    told = oracle.ask(op="restricted", names=names, patterns=OTHER_MODULES)["restricted"]
    assert told == [name for name in names if is_restricted_name(name)]
    assert len(told) > 200


REQUESTS = {
    "indices:data/read/search": "action.search.SearchRequest",
    "indices:data/read/field_caps": "action.fieldcaps.FieldCapabilitiesRequest",
    "indices:data/read/esql/resolve_fields": "action.fieldcaps.FieldCapabilitiesRequest",
    "indices:data/read/open_point_in_time": "action.search.OpenPointInTimeRequest",
    "indices:data/read/xpack/termsenum/list": "xpack.core.termsenum.action.TermsEnumRequest",
    "indices:admin/resolve/index": "action.admin.indices.resolve.ResolveIndexAction$Request",
    "indices:admin/resolve/cluster": "action.admin.indices.resolve.ResolveClusterActionRequest",
    "indices:admin/search/search_shards": "action.search.SearchShardsRequest",
    "indices:admin/shards/search_shards": "action.admin.cluster.shards.ClusterSearchShardsRequest",
    "indices:admin/get": "action.admin.indices.get.GetIndexRequest",
    "indices:admin/mappings/get": "action.admin.indices.mapping.get.GetMappingsRequest",
    "indices:admin/data_stream/get": "action.datastreams.GetDataStreamAction$Request",
    "indices:monitor/stats": "action.admin.indices.stats.IndicesStatsRequest",
    "indices:monitor/settings/get": "action.admin.indices.settings.get.GetSettingsRequest",
    "indices:monitor/transform/checkpoint": "xpack.core.transform.action.GetCheckpointAction$Request",
    "indices:data/read/get": "action.get.GetRequest",
    "indices:data/read/explain": "action.explain.ExplainRequest",
}
"""The class of request that each action carries, where the jars have it."""


def test_kinds_of_requests(oracle_of_8: Oracle) -> None:
    for action, name in REQUESTS.items():
        told, ours = oracle_of_8.ask(op="request", **{"class": name}), traits(action)
        assert told == {
            "replaceable": ours.expands, "remote": not ours.local_only, "data_streams": ours.data_streams
        }, action  # fmt: skip


def test_actions_of_which_only_the_name_is_checked(oracle_of_8: Oracle) -> None:
    sets = oracle_of_8.ask(op="action_sets", actions=actions())
    assert set(sets["scroll"]) == SCROLL_ACTIONS
    on_shards = {f"indices:data/write/{verb}[{kind}]" for verb in ("index", "delete") for kind in "pr"}
    assert set(sets["name_only"]) - on_shards == ACTION_ONLY & set(actions())


def contents(role: dict[str, Any]) -> dict[str, Any]:
    """A role in a form in which equal ones are equal."""
    role = {key: value for key, value in role.items() if key not in ("transient_metadata", "global")} | {
        "global": {kind: value for kind, value in role.get("global", {}).items() if value}
    }
    for entry in (*role["indices"], *role.get("remote_indices", ())):
        if "query" in entry and entry["query"].strip().startswith("{"):
            entry["query"] = json.loads(entry["query"])
        if entry.get("field_security", {}).get("except") == []:
            del entry["field_security"]["except"]
    return role


def read_here(text: str) -> dict[str, dict[str, Any]]:
    store = parse_role_file(text.encode())
    roles = {name: role for name in store.names() if name not in RESERVED_NAMES and (role := store.get(name)) is not None}
    return {name: contents(role.to_json()) for name, role in roles.items()}


def read_there(oracle: Oracle, text: str) -> dict[str, dict[str, Any]] | None:
    """``None``: a node would not start with this file."""
    told = oracle.ask(op="role_file", text=text.encode().decode("latin-1"))
    if "refused" in told:
        return None
    return {name: contents(role) for name, role in told["roles"].items()}


def test_role_files(oracle: Oracle) -> None:
    for text in role_file_samples.SAME:
        assert read_here(text) == read_there(oracle, text), text
    for text in role_file_samples.REFUSED_WHOLE:
        assert read_there(oracle, text) is None, text
        assert set(read_here(text)) == {"s"}, text
    for text in role_file_samples.STRICTER:
        assert set(read_there(oracle, text) or ()) == {"r"}, text
        assert read_here(text) == {}, text
    for text in role_file_samples.LATER:
        assert read_there(oracle, text) == {}, text
