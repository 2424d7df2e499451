"""The tables of privileges."""

import pytest

from gateway.authorization.cluster_privileges import (
    CLUSTER_PRIVILEGES,
    ClusterPrivilege,
    cluster_privilege,
    cluster_privileges_that_grant,
    is_cluster_action,
)
from gateway.authorization.field_patterns import language_of
from gateway.authorization.privileges import (
    FAILURES_ONLY,
    INDEX_PRIVILEGES,
    index_privilege,
    index_privileges_that_grant,
    is_index_action,
)
from gateway.lucene import languages
from gateway.lucene.automaton import is_subset
from gateway.lucene.languages import Language
from protocol.errors import ElasticsearchException


@pytest.mark.parametrize(
    ("action", "privileges"),
    [
        ("indices:data/read/search", "read,all"),
        ("indices:data/read/search[phase/query]", "read,all"),
        ("internal:transport/proxy/indices:data/read/search[phase/query]", "read_cross_cluster,all"),
        ("indices:data/read/field_caps", "view_index_metadata,manage,read,all"),
        ("indices:admin/resolve/index", "view_index_metadata,manage,read,all"),
        ("indices:admin/resolve/cluster", "view_index_metadata,manage,read,read_cross_cluster,all"),
        ("indices:admin/search/search_shards", "view_index_metadata,manage,read_cross_cluster,all"),
        ("indices:admin/shards/search_shards", "view_index_metadata,manage,read_cross_cluster,all"),
        ("indices:monitor/stats", "monitor,cross_cluster_replication,manage,all"),
        ("indices:data/read/xpack/ccr/shard_changes", "cross_cluster_replication,read,all"),
        ("indices:internal/admin/ccr/restore/session/put", "cross_cluster_replication_internal,all"),
        ("indices:data/read/esql", "read,read_cross_cluster,all"),
        ("indices:data/write/index", "create_doc,create,index,write,all"),
        ("indices:data/write/bulk[s]", "create_doc,create,delete,index,write,all"),
        ("indices:admin/auto_create", "auto_configure,create_index,manage,all"),
    ],
)
def test_index_privileges_that_grant(action: str, privileges: str) -> None:
    assert ",".join(index_privileges_that_grant(action)) == privileges


@pytest.mark.parametrize(
    ("action", "privileges"),
    [
        (
            "cluster:monitor/state",
            "cross_cluster_replication,read_ccr,transport_client,manage_ccr,monitor,manage,all",
        ),
        ("cluster:monitor/stats/remote", "cross_cluster_search,monitor_stats,monitor,manage,all"),
        ("cluster:monitor/xpack/info", "cross_cluster_replication,cross_cluster_search,monitor,manage,all"),
        ("cluster:internal/remote_cluster/handshake", "cross_cluster_replication,cross_cluster_search,manage,all"),
        ("cluster:internal/remote_cluster/nodes", "cross_cluster_replication,cross_cluster_search,manage,all"),
        (
            "cluster:monitor/xpack/enrich/esql/resolve_policy",
            "cross_cluster_search,monitor_enrich,manage_enrich,monitor,manage,all",
        ),
        ("cluster:internal:data/read/esql/exchange", "cross_cluster_search,manage,all"),
        ("cluster:admin/xpack/security/user/has_privileges", "read_ccr,read_security,manage_ccr,manage_security,all"),
        ("cluster:admin/xpack/connector/secret/get", "read_connector_secrets,manage,all"),
        ("indices:admin/template/get", "manage_index_templates,monitor,manage,all"),
        ("internal:anything", ""),
    ],
)
def test_cluster_privileges_that_grant(action: str, privileges: str) -> None:
    assert ",".join(cluster_privileges_that_grant(action)) == privileges


def test_kinds_of_actions() -> None:
    assert is_index_action("indices:data/read/search")
    assert is_index_action("internal:transport/proxy/indices:data/read/search")
    assert not is_index_action("cluster:monitor/state")
    assert not is_index_action("internal:transport/handshake")
    assert is_cluster_action("cluster:internal/remote_cluster/nodes")
    assert is_cluster_action("indices:admin/template/get")
    assert not is_cluster_action("internal:admin/tasks/ban")


def test_privileges_by_action_pattern() -> None:
    assert index_privilege("indices:data/read/search").allows("indices:data/read/search[can_match][n]")
    assert not index_privilege("indices:data/read/search").allows("indices:data/read/get")
    assert index_privilege("READ") is INDEX_PRIVILEGES["read"]
    assert cluster_privilege("cluster:monitor/nodes").allows("cluster:monitor/nodes/info")
    assert not cluster_privilege("manage").allows("cluster:admin/xpack/security/user/get")
    assert not cluster_privilege("manage_own_api_key").allows("cluster:admin/xpack/security/api_key/get")
    assert not index_privilege("none").allows("indices:data/read/search")


def test_failure_store() -> None:
    assert index_privileges_that_grant("indices:data/read/search", FAILURES_ONLY) == ["read_failure_store", "all"]
    assert index_privileges_that_grant("indices:admin/rollover", FAILURES_ONLY) == ["manage_failure_store", "manage", "all"]


def test_unknown_privileges_are_refused() -> None:
    with pytest.raises(ElasticsearchException) as index:
        index_privilege("reed")
    assert index.value.type == "illegal_argument_exception"
    assert index.value.reason is not None
    assert index.value.reason.startswith(
        "unknown index privilege [reed]. a privilege must be either one of the predefined fixed indices privileges "
        "[manage_failure_store=[manage_failure_store],read_failure_store=[read_failure_store],none=[none],create_doc=[create_doc],"
    )
    assert index.value.reason.endswith("] or a pattern over one of the available index actions")
    with pytest.raises(ElasticsearchException) as cluster:
        cluster_privilege("monitr")
    assert cluster.value.reason is not None
    assert cluster.value.reason.startswith(
        "unknown cluster privilege [monitr]. a privilege must be either one of the predefined cluster privilege names ["
    )


def _index_language(name: str) -> Language:
    return languages.union(language_of(pattern) for pattern in INDEX_PRIVILEGES[name].actions)


def test_index_privileges_stand_in_elasticsearchs_order() -> None:
    """Those that are within more of the others come first, then by name; failure store privileges are a group of their own."""
    for names in (
        [name for name, privilege in INDEX_PRIVILEGES.items() if privilege.selectors == FAILURES_ONLY],
        [name for name, privilege in INDEX_PRIVILEGES.items() if privilege.selectors != FAILURES_ONLY],
    ):
        within = {
            one: sum(is_subset(_index_language(one), _index_language(other)) for other in names if other != one) for one in names
        }
        assert names == sorted(names, key=lambda name: (-within[name], name))


def _cluster_language(privilege: ClusterPrivilege) -> Language:
    allowed = languages.union(map(language_of, privilege.actions))
    return languages.intersection([allowed, languages.complement(languages.union(map(language_of, privilege.excluded)))])


def test_neighbours_among_cluster_privileges_stand_in_order() -> None:
    """What holds of Elasticsearch's order without counting: a privilege comes after those whose actions are all among its own."""
    names = list(CLUSTER_PRIVILEGES)
    for name in ("all", "manage", "monitor", "manage_security", "manage_transform", "manage_ml", "create_snapshot", "manage_ccr"):
        larger = _cluster_language(CLUSTER_PRIVILEGES[name])
        for other in names[names.index(name) + 1 :]:
            smaller = _cluster_language(CLUSTER_PRIVILEGES[other])
            assert not is_subset(smaller, larger), (other, name)
