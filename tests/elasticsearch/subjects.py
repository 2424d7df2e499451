"""Whom a local cluster may say that it asks for, in the certificate model: users, keys, accounts and Elasticsearch's own users."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.messages.cluster_state import CLUSTER_STATE, ClusterStateRequest
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.info import XPACK_INFO, XPackInfoRequest
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import RESOLVE_INDEX, ResolveIndexRequest
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import (
    API_KEY_CREATOR_REALM_NAME,
    API_KEY_ID,
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_ROLE_DESCRIPTORS,
    API_KEY_TYPE,
    Authentication,
    AuthenticationType,
    RealmRef,
    User,
)
from protocol.values import BytesReference
from protocol.versions import V_8_19


@dataclass(frozen=True)
class Names:
    """What the remote cluster has: a role that reads ``index`` (and not ``other``), one that may act for users ``u-*``, and an index of
    Elasticsearch's own."""

    reader: str
    runner: str
    index: str
    other: str
    restricted: str


def realm(name: str, kind: str | None = None) -> RealmRef:
    return RealmRef(node_name="local", name=name, type=kind or name)


NATIVE = realm("native1", "native")


def _who(user: User, by: RealmRef, kind: AuthenticationType = AuthenticationType.REALM, **more: Any) -> Authentication:
    return Authentication(user, by, kind, version=V_8_19, **more)


def _key(user: str, **metadata: Any) -> Authentication:
    full = {API_KEY_ID: "k1"} | {
        name: BytesReference(value) if isinstance(value, bytes) else value for name, value in metadata.items()
    }
    return _who(User(user), realm("_es_api_key"), AuthenticationType.API_KEY, metadata=full)


def _descriptors(*entries: Mapping[str, Any], **rest: Any) -> bytes:
    return json.dumps({"r": {"indices": list(entries), **rest}}).encode()


def _internal(name: str, by: str = "__attach") -> Authentication:
    return _who(User(name, internal=True), realm(by), AuthenticationType.INTERNAL)


def subjects(names: Names) -> dict[str, Authentication]:
    """By what is special about each."""
    alice = User("alice", [names.reader])
    own, owner = API_KEY_ROLE_DESCRIPTORS, API_KEY_LIMITED_BY_ROLE_DESCRIPTORS
    everything = _descriptors({"names": ["*"], "privileges": ["all"]}, cluster=["all"])
    reading = _descriptors({"names": [names.index], "privileges": ["read", "view_index_metadata"]}, cluster=["monitor"])
    legacy = {
        "cluster": ["all"],
        "indices": [{"names": ["*"], "privileges": ["all"], "allow_restricted_indices": True}],
        "applications": [{"application": "*", "privileges": ["*"], "resources": ["*"]}],
        "run_as": ["*"],
        "metadata": {"_reserved": True},
    }

    def acting(who: User, for_whom: User, looked_up: bool = True, **more: Any) -> Authentication:
        return _who(for_whom, NATIVE, authenticating_user=who, looked_up_by=NATIVE if looked_up else None, **more)

    def account(name: str) -> Authentication:
        return _who(User(name), realm("_service_account"), AuthenticationType.TOKEN)

    return {
        "user": _who(alice, NATIVE),
        "user without roles": _who(User("alice"), NATIVE),
        "user with unknown roles": _who(User("alice", ["x", "a-role"]), NATIVE),
        "user with some unknown roles": _who(User("alice", ["x", names.reader, "superuser "]), NATIVE),
        "superuser": _who(User("elastic", ["superuser"]), NATIVE),
        "superuser and more": _who(User("elastic", ["superuser", "x", "viewer"]), NATIVE),
        "viewer": _who(User("v", ["viewer"]), NATIVE),
        "editor": _who(User("v", ["editor", "viewer"]), NATIVE),
        "kibana": _who(User("k", ["kibana_system"]), NATIVE),
        "monitoring": _who(User("m", ["monitoring_user", "remote_monitoring_collector"]), NATIVE),
        "snapshots": _who(User("s", ["snapshot_user"]), NATIVE),
        "user of a file realm": _who(alice, realm("file1", "file")),
        "disabled user": _who(User("alice", [names.reader], enabled=False), NATIVE),
        "token": _who(alice, NATIVE, AuthenticationType.TOKEN),
        "acts for another": acting(User("admin", [names.runner]), User("u-1", [names.reader])),
        "acts for an unknown": acting(User("admin", [names.runner]), User("u-1", ["x"])),
        "acts without looking up": acting(User("admin", [names.runner]), User("u-1", [names.reader]), looked_up=False),
        "may not act": acting(User("admin", [names.reader, "x"]), User("u-1", [names.reader])),
        "may not act for this one": acting(User("admin", [names.runner]), User("alice", ["superuser"])),
        "superuser acts": acting(User("elastic", ["superuser"]), User("alice", [names.reader])),
        "token acts": acting(User("admin", [names.runner]), User("u-1", [names.reader]), kind=AuthenticationType.TOKEN),
        "key": _key("bob", **{own: reading, owner: everything}),
        "key of less": _key("bob", **{own: everything, owner: reading}),
        "key without its own": _key("bob", **{own: b"{}", owner: reading}),
        "key with none of its own": _key("bob", **{owner: reading}),
        "key that gives nothing": _key("bob", **{own: _descriptors(), owner: everything}),
        "key of an owner without anything": _key("bob", **{own: everything, owner: b"{}"}),
        "key of 7.x's superuser": _key("bob", **{owner: json.dumps({"superuser": legacy}).encode()}),
        "key of a rest type": _key("bob", **{own: reading, owner: everything, API_KEY_TYPE: "rest"}),
        "key within a workflow": _key(
            "bob", **{own: _descriptors(restriction={"workflows": ["search_application_query"]}), owner: everything}
        ),
        "key with an unknown privilege": _key(
            "bob", **{own: _descriptors({"names": ["*"], "privileges": ["x"]}), owner: everything}
        ),
        "key with a bad pattern": _key(
            "bob", **{own: _descriptors({"names": ["/(/"], "privileges": ["all"]}), owner: everything}
        ),
        "key of fleet": _key("elastic/fleet-server", **{owner: b"{}", API_KEY_CREATOR_REALM_NAME: "_service_account"}),
        "key of another account": _key("elastic/kibana", **{owner: b"{}", API_KEY_CREATOR_REALM_NAME: "_service_account"}),
        "key of whom is called fleet": _key("elastic/fleet-server", **{owner: b"{}", API_KEY_CREATOR_REALM_NAME: "native1"}),
        "account of kibana": account("elastic/kibana"),
        "account of fleet": account("elastic/fleet-server"),
        "account of ops": account("elastic/auto-ops"),
        "account that is none": account("elastic/nothing"),
        "account of nobody": account("kibana"),
        "system": _internal("_system"),
        "system that falls back": _internal("_system", "__fallback"),
        "xpack": _internal("_xpack"),
        "xpack security": _internal("_xpack_security"),
        "storage": _internal("_storage"),
        "async search": _internal("_async_search"),
        "profile": _internal("_security_profile"),
        "called like the system": _who(User("_system", [names.reader]), NATIVE),
        "anonymous": _who(User("_anonymous", ["superuser"]), realm("__anonymous"), AuthenticationType.ANONYMOUS),
        "contradicts itself": _who(User("elastic", ["superuser"]), NATIVE, AuthenticationType.ANONYMOUS),
    }


STRICTER = {
    "anonymous": "action [{action}] requires authentication",
    "contradicts itself": "error attempting to authenticate request",
}
"""Whom the gateway refuses, in these words, and a real node believes: the local cluster's anonymous user, and what no node would write."""


def requests(names: Names) -> dict[str, tuple[str, bytes]]:
    """Action and payload by what is asked."""
    options = IndicesOptions.STRICT_EXPAND_OPEN

    def search(*indices: str) -> tuple[str, bytes]:
        return SEARCH, SearchRequest(indices=list(indices), source={"size": 0}).encode(V_8_19)

    return {
        "search": search(names.index),
        "search of both": search(names.index, names.other),
        "search of what is not there": search("nowhere"),
        "search of the restricted": search(names.restricted),
        "search of a pattern": search(f"{names.index[:-1]}*"),
        "resolve": (RESOLVE_INDEX, ResolveIndexRequest(names=[names.other], options=options).encode(V_8_19)),
        "field caps": (
            FIELD_CAPS,
            FieldCapsRequest(fields=["*"], indices=[names.other], options=options, merge_results=False).encode(V_8_19),
        ),
        "state": (
            CLUSTER_STATE,
            ClusterStateRequest(
                options=options, routing_table=False, metadata=False, blocks=False, customs=False, nodes=True, indices=[]
            ).encode(V_8_19),
        ),
        "info": (XPACK_INFO, XPackInfoRequest(verbose=False, categories=["LICENSE"]).encode(V_8_19)),
    }
