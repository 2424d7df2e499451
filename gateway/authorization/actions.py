"""Actions that bind to indices: what kind of request each carries, as far as authorization must know.

From the request classes of Elasticsearch 8.19. An action that is not here is taken as one whose request names its indices explicitly,
which is the strictest kind.
"""

from __future__ import annotations

from dataclasses import dataclass

PROXY_PREFIX = "internal:transport/proxy/"
"""Before the action of a request that is to be forwarded to another node of the cluster."""

HANDSHAKE_ACTION = "internal:transport/handshake"
HAS_PRIVILEGES_ACTION = "cluster:admin/xpack/security/user/has_privileges"


@dataclass(frozen=True, slots=True)
class ActionTraits:
    """``expands``: wildcards in the request are expanded here, and its names replaced. ``local_only``: the request cannot name indices of
    remote clusters, so without any privilege for the action it is denied before its names are looked at. ``data_streams``: its names may be
    data streams."""

    expands: bool = False
    local_only: bool = True
    data_streams: bool = False


_EXPLICIT = ActionTraits()
_EXPANDING = ActionTraits(expands=True, local_only=False, data_streams=True)
_EXPANDING_LOCALLY = ActionTraits(expands=True, local_only=True, data_streams=True)
_EXPANDING_TO_INDICES = ActionTraits(expands=True, local_only=True, data_streams=False)

_TRAITS = {
    "indices:data/read/search": _EXPANDING,
    "indices:data/read/field_caps": _EXPANDING,
    "indices:data/read/open_point_in_time": _EXPANDING,
    "indices:data/read/eql": _EXPANDING,
    "indices:data/read/esql/resolve_fields": _EXPANDING,
    "indices:data/read/esql/cluster": _EXPANDING_TO_INDICES,
    "indices:data/read/xpack/termsenum/list": _EXPANDING,
    "indices:admin/resolve/index": _EXPANDING,
    "indices:admin/resolve/cluster": _EXPANDING,
    "indices:admin/search/search_shards": _EXPANDING_LOCALLY,
    "indices:admin/shards/search_shards": _EXPANDING_LOCALLY,
    "indices:admin/get": _EXPANDING_LOCALLY,
    "indices:admin/mappings/get": _EXPANDING_LOCALLY,
    "indices:admin/data_stream/get": _EXPANDING_LOCALLY,
    "indices:monitor/stats": _EXPANDING_LOCALLY,
    "indices:monitor/settings/get": _EXPANDING_LOCALLY,
    "indices:monitor/transform/checkpoint": _EXPANDING_TO_INDICES,
}

SCROLL_ACTIONS = frozenset(
    {
        "indices:data/read/scroll",
        "indices:data/read/search[phase/fetch/id/scroll]",
        "indices:data/read/search[phase/query+fetch/scroll]",
        "indices:data/read/search[phase/query/scroll]",
        "indices:data/read/search[free_context]",
        "indices:data/read/search[free_context/scroll]",
        "indices:data/read/scroll/clear",
        "indices:data/read/sql/close_cursor",
        "indices:data/read/search[clear_scroll_contexts]",
    }
)
"""They name no indices: the context that they continue was authorized when it was opened, and belongs to the same user."""

ACTION_ONLY = frozenset(
    {
        "indices:data/read/mget",
        "indices:data/read/mtv",
        "indices:data/read/msearch",
        "indices:data/read/mpercolate",
        "indices:data/read/msearch/template",
        "indices:data/read/search/template",
        "indices:data/read/sql",
        "indices:data/read/sql/translate",
        "indices:data/read/esql",
        "indices:data/read/esql/compute",
        "indices:data/write/bulk",
        "indices:data/write/index",
        "indices:data/write/delete",
        "indices:data/write/reindex",
    }
)
"""Made of parts, each authorized by itself when it runs: of these only the action is checked."""


def traits(action: str) -> ActionTraits:
    return _TRAITS.get(action, _EXPLICIT)


def is_proxy_action(action: str) -> bool:
    return action.startswith(PROXY_PREFIX)
