"""Cancellation: a client that has lost interest in a request says so to the cluster that works on it."""

from __future__ import annotations

from protocol.messages.common import Request, TaskIdField
from protocol.schema import Boolean, Long, String, codec_of, wire

CANCEL_CHILD = "cluster:internal/admin/tasks/cancel_child"
CANCEL_CHILD_INTERNAL = "internal:admin/tasks/cancel_child"
"""The name in certificate mode, and within a cluster."""

BAN = "cluster:internal/admin/tasks/ban"
BAN_INTERNAL = "internal:admin/tasks/ban"


class CancelChildRequest(Request):
    """Cancel what the client's request ``child_request_id`` started; ids are those of the frames of the client's node."""

    task: TaskIdField
    child_request_id: Long
    reason: String


class BanRequest(Request):
    """Cancel and refuse the children of ``task`` (``ban``), or lift that again."""

    task: TaskIdField
    ban: Boolean
    reason: str | None = wire(when=lambda request: request.ban, codec=codec_of(String), default=None)
    wait_for_completion: Boolean
