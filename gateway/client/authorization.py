"""Authorization on the local side: the headers with which a user's request goes to a remote cluster, or the refusal.

In the API key model what the user's roles give on that cluster (``remote_indices``, ``remote_cluster``) goes along in the subject info,
and a user to whom they give nothing there is refused here. In the certificate model the user goes along with the names of the roles,
and the remote cluster alone decides. It can only narrow what the key or the remote cluster's own roles allow.

Source: ``SecurityServerTransportInterceptor`` and ``AuthorizationUtils`` of x-pack 8.19.21.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.authorization.denials import remote_action_denied
from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.hash_order import hash_order
from gateway.authorization.local_roles import as_sent, check_remote_privileges, sent_bytes
from gateway.authorization.reserved_roles import SUPERUSER
from gateway.authorization.role_files import RoleStore
from gateway.authorization.roles import DescriptorSet
from gateway.client.users import Users, find_user
from protocol.errors import ElasticsearchException
from protocol.messages.tasks import BAN, BAN_INTERNAL, CANCEL_CHILD, CANCEL_CHILD_INTERNAL
from protocol.security import (
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    SYSTEM_USER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
    User,
)
from protocol.values import HashMap
from protocol.versions import TransportVersion

MAX_KEPT: Final = 1024
"""Headers that are kept, one for each user, alias and version. Those of a user with many roles have some 10 kB."""

_CLUSTER_STATE: Final = "cluster:monitor/state"

_RENAMED: Final = {
    CANCEL_CHILD_INTERNAL: CANCEL_CHILD,
    BAN_INTERNAL: BAN,
    "internal:admin/ccr/restore/session/put": "indices:internal/admin/ccr/restore/session/put",
    "internal:admin/ccr/restore/session/clear": "indices:internal/admin/ccr/restore/session/clear",
    "internal:admin/ccr/restore/file_chunk/get": "indices:internal/admin/ccr/restore/file_chunk/get",
    "internal:data/read/esql/open_exchange": "cluster:internal:data/read/esql/open_exchange",
    "internal:data/read/esql/exchange": "cluster:internal:data/read/esql/exchange",
}


class RemoteCluster(Protocol):
    """What the headers of a request depend on: the name of the remote cluster here, and the encoded cross-cluster API key for it, or
    ``None`` in the certificate model. Read anew for each request, so that a key may be renewed."""

    @property
    def alias(self) -> str: ...

    @property
    def credentials(self) -> str | None: ...


def is_system_action(action: str) -> bool:
    """Whether the local cluster asks this for itself, whichever user it is about."""
    return action.startswith(("internal:", "cluster:internal/remote_cluster/")) or action in _RENAMED.values()


def sent_action(remote: RemoteCluster, action: str) -> str:
    """The name by which an action is sent: in the API key model those within a cluster have others, which privileges can be given for."""
    return action if remote.credentials is None else _RENAMED.get(action, action)


class LocalSecurity:
    """Users and roles of the local cluster. Immutable but for what it remembers: changed settings make a new one.

    ``node_name``: the node that the remote cluster is told the user was authenticated on.
    """

    def __init__(self, users: Users, roles: RoleStore, node_name: str) -> None:
        self.users = users
        self.roles = roles
        self._node_name = node_name
        self._kept: OrderedDict[Hashable, str] = OrderedDict()

    @classmethod
    def load(cls, users: Users, path_roles: Path | None, node_name: str) -> LocalSecurity:
        """With the roles of a file in the format of ``roles.yml``; of ``None``, the reserved roles alone. Raises RoleFileError."""
        return cls(users, RoleStore() if path_roles is None else RoleStore.load(path_roles), node_name)

    def headers(self, user: str, remote: RemoteCluster, action: str, version: TransportVersion) -> dict[str, str]:
        """For a request of the user for ``action``, over a connection that speaks ``version``.

        Raises the security_exception that a node gives: 401 for an unknown user, 403 for one whose roles give nothing on that cluster;
        and what is wrong with a role.
        """
        if is_system_action(action) or (action == _CLUSTER_STATE and remote.credentials is not None):
            return self.system_headers(remote, version)
        key = user, remote.alias, remote.credentials is None, version.id
        header = self._kept.get(key)
        if header is None:
            authentication = self.authentication(user, version)
            roles = self._roles(user)
            if remote.credentials is None:
                header = authentication.encode()
            elif (sent := as_sent(roles, remote.alias)) is not None:
                header = SubjectInfo(authentication, [sent_bytes(sent)]).encode()
            else:
                raise remote_action_denied(authentication, [role.name for role in roles], action, remote.alias)
            if len(self._kept) >= MAX_KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = header
        return self._with(remote, header)

    def system_headers(self, remote: RemoteCluster, version: TransportVersion) -> dict[str, str]:
        """For the local cluster's own requests, such as the handshake."""
        authentication = Authentication(
            User(SYSTEM_USER, internal=True),
            RealmRef(node_name=self._node_name, name="__attach", type="__attach"),
            type=AuthenticationType.INTERNAL,
            version=version,
        )
        if remote.credentials is None:
            return self._with(remote, authentication.encode())
        return self._with(remote, SubjectInfo(authentication, []).encode())

    def authentication(self, user: str, version: TransportVersion) -> Authentication:
        """As which the user is shown to remote clusters. Raises the security_exception (401) of an unknown user."""
        found = find_user(self.users, user)
        return Authentication(
            User(user, list(found.roles), _in_hash_order(found.metadata) or HashMap(), found.full_name, found.email),
            RealmRef(node_name=self._node_name, name="default_native", type="native"),
            version=version,
        )

    def _roles(self, user: str) -> list[RoleDescriptor]:
        """Those of the user's roles that there are. Raises what is wrong with one of them."""
        names = find_user(self.users, user).roles
        found = [role for name in dict.fromkeys(names) if (role := self.roles.get(name)) is not None]
        try:
            DescriptorSet(f"roles of user [{user}]", found)
            check_remote_privileges(found)
        except ElasticsearchException:
            # A superuser is not locked out by another role that cannot be used: that one then does not count.
            found = [role for role in found if role.name == SUPERUSER]
            if not found:
                raise
        return found

    @staticmethod
    def _with(remote: RemoteCluster, header: str) -> dict[str, str]:
        if remote.credentials is None:
            return {AUTHENTICATION_HEADER: header}
        return {CREDENTIALS_HEADER: f"ApiKey {remote.credentials}", SUBJECT_INFO_HEADER: header}


def _in_hash_order(value: Any) -> Any:
    """Maps in the order of Java's hash maps of the same entries: the order in which a node keeps them."""
    match value:
        case dict():
            return {key: _in_hash_order(value[key]) for key in hash_order(value)}
        case list():
            return [_in_hash_order(one) for one in value]
        case _:
            return value
