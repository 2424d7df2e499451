"""Index privileges: which actions each name allows.

Data, from ``IndexPrivilege`` of Elasticsearch 8.19 (x-pack-core). Where 9.5 allows more by a name, as with ``read``, 8.19's meaning
holds: that is the cluster this one presents itself as, and the narrower one. The order is Elasticsearch's own, from the least to the
most that a privilege allows (privileges of the failure store first): denials list the privileges that would help in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from gateway.authorization.patterns import compile_pattern
from protocol.errors import ElasticsearchException


class Selector(Enum):
    """Which component of a name is meant: its data, or its failure store (``name::failures``)."""

    DATA = "data"
    FAILURES = "failures"


DATA_ONLY = frozenset({Selector.DATA})
FAILURES_ONLY = frozenset({Selector.FAILURES})
EVERY_SELECTOR = frozenset(Selector)


@dataclass(frozen=True, slots=True)
class IndexPrivilege:
    """A named privilege or an action pattern: the actions it allows, and on which component of an index."""

    name: str
    actions: tuple[str, ...]
    selectors: frozenset[Selector] = DATA_ONLY

    def allows(self, action: str) -> bool:
        return any(compile_pattern(pattern)(action) for pattern in self.actions)


def is_index_action(action: str) -> bool:
    """Whether index privileges decide over this action (``indices:*`` and its proxied form)."""
    return INDEX_PRIVILEGES["all"].allows(action)


@lru_cache(4096)
def index_privilege(name: str) -> IndexPrivilege:
    """A privilege by its name, or by an action pattern, which allows all actions that begin so. Unknown: illegal_argument_exception."""
    name = name.lower()
    if is_index_action(name):
        return IndexPrivilege(name, (name + "*",))
    privilege = INDEX_PRIVILEGES.get(name) or NEWER_INDEX_PRIVILEGES.get(name)
    if privilege is None:
        known = ",".join(f"{known}=[{known}]" for known in INDEX_PRIVILEGES)
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"unknown index privilege [{name}]. a privilege must be either one of the predefined fixed indices privileges "
            f"[{known}] or a pattern over one of the available index actions",
            status=400,
        )
    return privilege


def index_privileges_that_grant(action: str, selectors: Iterable[Selector] = DATA_ONLY) -> list[str]:
    """Names of the privileges that would allow the action on any of these components, from the least to the most powerful."""
    wanted = frozenset(selectors)
    return [name for name, privilege in INDEX_PRIVILEGES.items() if privilege.selectors & wanted and privilege.allows(action)]


INDEX_PRIVILEGES: dict[str, IndexPrivilege] = {
    "manage_failure_store": IndexPrivilege(
        "manage_failure_store",
        (
            "indices:monitor/*",
            "indices:admin/*",
            "indices:data/read/field_caps*",
            "indices:data/read/xpack/rollup/get/index/caps*",
        ),
        FAILURES_ONLY,
    ),
    "read_failure_store": IndexPrivilege(
        "read_failure_store",
        (
            "indices:data/read/*",
            "indices:admin/resolve/index",
        ),
        FAILURES_ONLY,
    ),
    "none": IndexPrivilege("none", ()),
    "create_doc": IndexPrivilege(
        "create_doc",
        (
            "indices:data/write/index",
            "indices:data/write/index[*",
            "indices:data/write/index:op_type/create",
            "indices:data/write/bulk*",
            "indices:data/write/simulate/bulk*",
        ),
    ),
    "create": IndexPrivilege(
        "create",
        (
            "indices:data/write/index*",
            "indices:data/write/bulk*",
            "indices:data/write/simulate/bulk*",
        ),
    ),
    "auto_configure": IndexPrivilege(
        "auto_configure",
        (
            "indices:admin/mapping/auto_put",
            "indices:admin/auto_create",
        ),
    ),
    "create_index": IndexPrivilege(
        "create_index",
        (
            "indices:admin/create",
            "indices:admin/auto_create",
            "indices:admin/data_stream/create",
        ),
    ),
    "delete": IndexPrivilege(
        "delete",
        (
            "indices:data/write/delete*",
            "indices:data/write/bulk*",
        ),
    ),
    "delete_index": IndexPrivilege(
        "delete_index",
        (
            "indices:admin/delete",
            "indices:admin/data_stream/delete",
        ),
    ),
    "index": IndexPrivilege(
        "index",
        (
            "indices:data/write/index*",
            "indices:data/write/bulk*",
            "indices:data/write/update*",
            "indices:data/write/simulate/bulk*",
        ),
    ),
    "maintenance": IndexPrivilege(
        "maintenance",
        (
            "indices:admin/refresh*",
            "indices:admin/flush*",
            "indices:admin/synced_flush",
            "indices:admin/forcemerge*",
        ),
    ),
    "manage_data_stream_lifecycle": IndexPrivilege(
        "manage_data_stream_lifecycle", ("indices:admin/data_stream/lifecycle/*",), EVERY_SELECTOR
    ),
    "manage_follow_index": IndexPrivilege(
        "manage_follow_index",
        (
            "indices:admin/xpack/ccr/put_follow",
            "indices:admin/xpack/ccr/unfollow",
            "indices:admin/close*",
            "indices:admin/data_stream/promote",
            "indices:admin/rollover",
        ),
    ),
    "manage_ilm": IndexPrivilege("manage_ilm", ("indices:admin/ilm/*",)),
    "manage_leader_index": IndexPrivilege("manage_leader_index", ("indices:admin/xpack/ccr/forget_follower*",)),
    "monitor": IndexPrivilege("monitor", ("indices:monitor/*",)),
    "view_index_metadata": IndexPrivilege(
        "view_index_metadata",
        (
            "indices:admin/aliases/get",
            "indices:admin/get",
            "indices:admin/mappings/fields/get*",
            "indices:admin/mappings/get",
            "indices:admin/shards/search_shards",
            "indices:admin/search/search_shards",
            "indices:admin/validate/query*",
            "indices:monitor/settings/get",
            "indices:admin/ilm/explain",
            "indices:admin/data_stream/lifecycle/get",
            "indices:admin/data_stream/lifecycle/explain",
            "indices:admin/data_stream/get",
            "indices:admin/resolve/index",
            "indices:admin/resolve/cluster",
            "indices:data/read/field_caps*",
            "indices:data/read/xpack/rollup/get/index/caps*",
            "indices:monitor/transform/checkpoint*",
            "indices:monitor/get/metering/stats",
            "indices:admin/get/metering/stats",
        ),
    ),
    "cross_cluster_replication": IndexPrivilege(
        "cross_cluster_replication",
        (
            "indices:data/read/xpack/ccr/shard_changes*",
            "indices:monitor/stats*",
            "indices:admin/seq_no/add_retention_lease*",
            "indices:admin/seq_no/remove_retention_lease*",
            "indices:admin/seq_no/renew_retention_lease*",
        ),
    ),
    "cross_cluster_replication_internal": IndexPrivilege(
        "cross_cluster_replication_internal",
        (
            "indices:internal/admin/ccr/restore/session/clear*",
            "indices:internal/admin/ccr/restore/file_chunk/get*",
            "indices:internal/admin/ccr/restore/session/put*",
            "internal:transport/proxy/indices:internal/admin/ccr/restore/session/clear*",
            "internal:transport/proxy/indices:internal/admin/ccr/restore/file_chunk/get*",
        ),
    ),
    "manage": IndexPrivilege(
        "manage",
        (
            "indices:monitor/*",
            "indices:admin/*",
            "indices:data/read/field_caps*",
            "indices:data/read/xpack/rollup/get/index/caps*",
        ),
        EVERY_SELECTOR,
    ),
    "read": IndexPrivilege(
        "read",
        (
            "indices:data/read/*",
            "indices:admin/resolve/index",
            "indices:admin/resolve/cluster",
        ),
    ),
    "read_cross_cluster": IndexPrivilege(
        "read_cross_cluster",
        (
            "internal:transport/proxy/indices:data/read/*",
            "indices:admin/shards/search_shards",
            "indices:admin/search/search_shards",
            "indices:admin/resolve/cluster",
            "indices:data/read/esql",
            "indices:data/read/esql/compute",
        ),
    ),
    "write": IndexPrivilege(
        "write",
        (
            "indices:data/write/*",
            "indices:admin/mapping/auto_put",
        ),
    ),
    "all": IndexPrivilege(
        "all",
        (
            "indices:*",
            "internal:transport/proxy/indices:*",
        ),
        EVERY_SELECTOR,
    ),
}

NEWER_INDEX_PRIVILEGES: dict[str, IndexPrivilege] = {
    privilege.name: privilege
    for privilege in (
        IndexPrivilege("create_dataset", ("indices:admin/esql/dataset/put",)),
        IndexPrivilege("create_view", ("indices:admin/esql/view/put",)),
        IndexPrivilege("delete_dataset", ("indices:admin/esql/dataset/delete",)),
        IndexPrivilege("delete_view", ("indices:admin/esql/view/delete",)),
        IndexPrivilege("manage_dataset", ("indices:admin/esql/dataset/*",)),
        IndexPrivilege("manage_view", ("indices:admin/esql/view*",)),
        IndexPrivilege("read_dataset_metadata", ("indices:admin/esql/dataset/get",)),
        IndexPrivilege("read_view_metadata", ("indices:admin/esql/view/get",)),
    )
}
"""Names that 9.5 has and 8.19 has not: understood in descriptors from newer clusters, and not proposed in denials."""
