"""A gateway without sockets, and the events of what it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.audit import Audit
from gateway.authorization.access import parse_access
from gateway.backends.memory.backend import MemoryBackend
from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.config import settings_of
from gateway.demo.documents import indices, write
from gateway.dispatch import Dispatcher
from gateway.node import NodeIdentity
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header, Status
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import (
    AUTHENTICATION_HEADER,
    CREDENTIALS_HEADER,
    SUBJECT_INFO_HEADER,
    Authentication,
    RealmRef,
    SubjectInfo,
    User,
)
from protocol.versions import V_8_19

REALM = RealmRef(node_name="n", name="native1", type="native")
SUPERUSER = b'{"su":{"indices":[{"names":["*"],"privileges":["all"],"allow_restricted_indices":true}]}}'
CERTIFICATE = "CN=node-1,O=local"


@dataclass
class Audited:
    """``events`` are those since ``take``."""

    dispatcher: Dispatcher
    events: list[dict[str, Any]] = field(default_factory=list)

    def audit(self, **settings: Any) -> None:
        """Audit by these settings from now on; dots are written as ``__``."""
        base = self.dispatcher.settings
        made = settings_of({name.replace("__", "."): value for name, value in settings.items()}, base.path.data.parent)
        self.dispatcher.audit = Audit.build(made, self.events.append)

    def take(self) -> list[dict[str, Any]]:
        taken, self.events[:] = list(self.events), []
        return taken

    def key(self, access: Mapping[str, Any] | None = None) -> str:
        """The credentials of a new key, as the header has them."""
        made = self.dispatcher.keys.create("main", parse_access(access or {"search": [{"names": ["logs*"]}]}))
        return f"ApiKey {made.encoded}"

    async def ask(
        self, headers: Mapping[str, str], *names: str, action: str = SEARCH, payload: bytes | None = None, **source: Any
    ) -> ElasticsearchException | None:
        """The error that is the answer, if it is one. With an authentication header it is the certificate model."""
        if payload is None:
            payload = SearchRequest(indices=list(names), source={"size": 0, **source}).encode(V_8_19)
        request = RequestReceived(Header(5, Status(0), V_8_19, 100, action, dict(headers)), payload, None)
        by_key = AUTHENTICATION_HEADER not in headers and CREDENTIALS_HEADER in headers
        peer = Peer(REMOTE_CLUSTER if by_key else TRANSPORT, "10.0.0.1", 40000, None if by_key else CERTIFICATE)
        try:
            await self.dispatcher.handle(request, peer)
        except ElasticsearchException as error:
            return error
        return None


@contextmanager
def audited(folder: Path, roles: str = "") -> Iterator[Audited]:
    write(folder / "documents", indices(20))
    (folder / "roles.yml").write_text(roles)
    settings = settings_of({"backend.memory.load": ["documents"], "path.roles": "roles.yml", "path.data": "data"}, folder)
    identity = NodeIdentity.load(settings.path.data, "exported", "gateway")
    with Dispatcher.build(settings, identity, MemoryBackend.load(settings.backend.memory.load, identity)) as dispatcher:
        dispatcher.publish(TRANSPORT, "127.0.0.1", 9300)
        made = Audited(dispatcher)
        made.audit(node__name="gw-1")
        yield made


def by_key(credentials: str, user: str = "alice", *, sets: tuple[bytes, ...] = (SUPERUSER,)) -> dict[str, str]:
    info = SubjectInfo(Authentication(User(user, roles=["reader"]), REALM, version=V_8_19), list(sets))
    return {CREDENTIALS_HEADER: credentials, SUBJECT_INFO_HEADER: info.encode()}


def by_certificate(*roles: str, user: str = "bob", acting: User | None = None) -> dict[str, str]:
    looked_up = None if acting is None else RealmRef(node_name="n", name="ldap1", type="ldap")
    authentication = Authentication(
        User(user, roles=list(roles)), REALM, authenticating_user=acting, looked_up_by=looked_up, version=V_8_19
    )
    return {AUTHENTICATION_HEADER: authentication.encode()}
