"""A client of the gateway with many searches under way at once, over one connection for as long as the test goes on."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from protocol.errors import ElasticsearchException
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Frame, Status
from protocol.messages.common import TaskId, TimeUnit, TimeValue
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.security import CREDENTIALS_HEADER, SUBJECT_INFO_HEADER, Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from protocol.wire import Reader
from tests.elasticsearch.rig.raw import RawClient

LOGS = "logs-app-1"
RIGHTS = {"reader": {"indices": [{"names": ["*"], "privileges": ["read"]}]}}
Outcome = SearchResponse | ElasticsearchException
_numbers = itertools.count(1)


def headers(key: str) -> dict[str, str]:
    """Of a request by a user who may read all that the key allows."""
    realm = RealmRef(node_name="local", name="native1", type="native")
    info = SubjectInfo(Authentication(User("alice", roles=["reader"]), realm, version=V_8_19), [json.dumps(RIGHTS).encode()])
    return {CREDENTIALS_HEADER: f"ApiKey {key}", SUBJECT_INFO_HEADER: info.encode()}


class Caller(RawClient):
    """Shakes hands at once. ``patience``: seconds for an answer, which nothing takes longer than."""

    def __init__(self, address: str, ca: Path, key: str, patience: float = 20.0) -> None:
        super().__init__(address, ca)
        self.task = TaskId("local-cluster-node", next(_numbers))
        self._headers: Mapping[str, str] = headers(key)
        self.shake_hands()
        self.socket.settimeout(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def start(self, source: dict[str, Any] | None = None, index: str = LOGS, after: int | None = None) -> int:
        """Send a search, and return its id. With ``after`` it waits upstream until the operation of that number can be searched for."""
        request = SearchRequest(
            parent_task=self.task,
            indices=[index],
            source={"size": 1} if source is None else source,
            local_cluster_alias="up",
            absolute_start_millis=time.time_ns() // 1_000_000,
            wait_for_checkpoints={} if after is None else {index: [after]},
            wait_for_checkpoints_timeout=TimeValue(-1, TimeUnit.MILLISECONDS),
        )
        return self.send(SEARCH, request.encode(V_8_19), self._headers)

    def take(self) -> tuple[int, Outcome]:
        """The next answer, with the id of its search. Raises TimeoutError; a connection that was closed is a failed test."""
        frame = self.receive()
        assert isinstance(frame, Frame), "the gateway has closed the connection"
        header = frame.header
        if header.status & Status.ERROR:
            return header.request_id, unwrap(read_exception(Reader(frame.payload, header.version)))
        return header.request_id, SearchResponse.decode(frame.payload, header.version)

    def take_all(self, searches: list[int]) -> dict[int, Outcome]:
        """The answers to these, which are all that are under way."""
        taken = dict(self.take() for _ in searches)
        assert set(taken) == set(searches)
        return taken

    def search(self, source: dict[str, Any] | None = None) -> Outcome:
        asked = self.start(source)
        answered, outcome = self.take()
        assert answered == asked
        return outcome

    def reset(self) -> None:
        """As the kernel does for a process that was killed with data unread."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket(fileno=self.socket.detach()).close()


def found(outcome: Outcome) -> bool:
    """Whether it is a whole answer. Raises the exception that is the answer instead."""
    if isinstance(outcome, ElasticsearchException):
        raise outcome
    return bool(outcome.hits.hits) and not outcome.failures and outcome.successful_shards == outcome.total_shards
