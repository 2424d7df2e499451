"""A gateway without sockets over some documents, and users of a local cluster who ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from gateway.authorization.access import parse_access
from gateway.backends.memory.backend import MemoryBackend
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.config import settings_of
from gateway.demo.documents import DemoIndex, write
from gateway.dispatch import Dispatcher
from gateway.node import NodeIdentity
from gateway.peer import Peer
from protocol.events import RequestReceived
from protocol.frames import Header, Status
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.security import CREDENTIALS_HEADER, SUBJECT_INFO_HEADER, Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19

REALM = RealmRef(node_name="n", name="r", type="native")


@contextmanager
def exported(folder: Path, indices: list[DemoIndex]) -> Iterator[Remote]:
    write(folder / "documents", indices)
    settings = settings_of({"backend.memory.load": ["documents"], "path.roles": "roles.yml", "path.data": "data"}, folder)
    identity = NodeIdentity.load(settings.path.data, "exported", "gateway")
    with Dispatcher.build(settings, identity, MemoryBackend.load(settings.backend.memory.load, identity)) as dispatcher:
        yield Remote(dispatcher)


class Remote:
    """The gateway, with a key that takes nothing away, so that the sets of the subject info decide alone."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._wide = self.key({"names": ["*"]})

    def __repr__(self) -> str:
        return "remote"

    def key(self, *search: Mapping[str, Any]) -> str:
        """The credentials of a new key with this access."""
        return f"ApiKey {self.dispatcher.keys.create('k', parse_access({'search': list(search)})).encoded}"

    def user(self, *sets: bytes, credentials: str | None = None) -> Asking:
        """A user of a local cluster, for whom it sends these descriptor sets."""
        return self.asking(SubjectInfo(Authentication(User("alice"), REALM, version=V_8_19), list(sets)).encode(), credentials)

    def asking(self, subject_info: str, credentials: str | None = None, **headers: str) -> Asking:
        return Asking(
            self.dispatcher,
            {CREDENTIALS_HEADER: credentials or self._wide, SUBJECT_INFO_HEADER: subject_info, **headers},
        )


class Asking:
    """One who sends requests with the same headers."""

    def __init__(self, dispatcher: Dispatcher, headers: Mapping[str, str], interface: str = REMOTE_CLUSTER) -> None:
        self._dispatcher = dispatcher
        self._headers = dict(headers)
        self._interface = interface

    def call(self, action: str, payload: bytes) -> bytes:
        """The answer's payload. Raises ElasticsearchException."""
        return trio.run(self.ask, action, payload)

    async def ask(self, action: str, payload: bytes) -> bytes:
        """The same, for who is in a trio loop already."""
        request = RequestReceived(Header(1, Status(0), V_8_19, 100, action, self._headers), payload, None)
        answer = await self._dispatcher.handle(request, Peer(self._interface, "a", 1))
        assert isinstance(answer, bytes)
        return answer

    def search(self, *names: str, **source: Any) -> SearchResponse:
        payload = SearchRequest(indices=list(names), source=source).encode(V_8_19)
        return SearchResponse.decode(self.call(SEARCH, payload), V_8_19)
