"""The requests that are sent and the answers that they ask for: searches as a local cluster sends them, one user, one key.

Each request differs from the one before as those of a real node do: by its id, by the id of its task, by the audit id, and by its body.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from protocol.frames import Status, encode_frame
from protocol.messages.common import TaskId
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import CREDENTIALS_HEADER, SUBJECT_INFO_HEADER, Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.bench.searches import INDEX, documents, searches

START = struct.Struct(">2siqBi")
"""Of a frame: marker, length after six bytes, id, status, version."""
PREFIX_BYTES, ID_START, ID_END = 6, 6, 14
AUDIT_ID = "audit-id-is-22-letters"
TASK_ID = 0x7E57_1D_7E57_1D_7E57 & 0x7FFF_FFFF_FFFF_FFFF
ANSWER_BYTES = re.compile(rb"answer-(\d{9})")
"""In a request: how many bytes to answer."""

USER = "bench"
ACCESS = {"search": [{"names": ["logs-*"]}]}
DESCRIPTORS = b'{"reader":{"indices":[{"names":["logs-*","metrics-*"],"privileges":["read","view_index_metadata"]}]}}'


@dataclass(frozen=True, slots=True)
class Template:
    """A request's frame, cut where requests differ."""

    start: bytes
    after_id: bytes
    after_audit: bytes
    after_task: bytes

    def frame(self, request_id: int) -> bytes:
        number = request_id.to_bytes(8, "big")
        audit = b"%022d" % request_id
        return b"".join((self.start, number, self.after_id, audit, self.after_audit, number, self.after_task))


def headers(credentials: str) -> dict[str, str]:
    """Of each request. ``credentials``: an encoded key."""
    realm = RealmRef(node_name="local", name="native1", type="native")
    info = SubjectInfo(Authentication(User(USER, roles=["reader"]), realm, version=V_8_19), [DESCRIPTORS])
    return {
        "_xpack_audit_request_id": AUDIT_ID,
        SUBJECT_INFO_HEADER: info.encode(),
        CREDENTIALS_HEADER: f"ApiKey {credentials}",
    }


def templates(answer: int, credentials: str) -> list[Template]:
    """Requests that want ``answer`` bytes each."""
    sent = headers(credentials)
    bodies = [body for search in searches(documents(100)) for body in search.bodies]
    return [_template(_frame(body, answer, sent)) for body in bodies]


def _frame(body: dict[str, object], answer: int, sent: dict[str, str]) -> bytes:
    request = SearchRequest(
        parent_task=TaskId("bTgdCqJYQCWcV1vhl-vbNw", TASK_ID),
        indices=[INDEX],
        preference=f"answer-{answer:09}",
        source=body,
        local_cluster_alias="remote",
        absolute_start_millis=1_790_000_000_000,
        final_reduce=False,
    )
    return encode_frame(
        request_id=0,
        status=Status(0),
        version=V_8_19,
        payload=request.encode(V_8_19),
        action=SEARCH,
        request_headers=sent,
    )


def _template(frame: bytes) -> Template:
    audit, task = frame.index(AUDIT_ID.encode()), frame.index(TASK_ID.to_bytes(8, "big"))
    after_audit = audit + len(AUDIT_ID)
    return Template(frame[:ID_START], frame[ID_END:audit], frame[after_audit:task], frame[task + 8 :])
