"""Exceptions as REST shows them: ``{"error": {"root_cause": [...], "type": ..., "reason": ...}, "status": 404}``."""

from __future__ import annotations

from enum import Enum
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import PHASE, ScriptPosition
from protocol.exceptions.java import built_in
from protocol.exceptions.meaning import MAX_LEVEL, registered, root_causes, shard_failures, status_of, unwrap


def rest_error(exception: ElasticsearchException) -> dict[str, Any]:
    """The body of the answer to a request that failed."""
    causes = [_render(cause, 0, with_cause=False) for cause in root_causes(exception)]
    return {"error": {"root_cause": causes, **render(exception)}, "status": status_of(exception)}


def render(exception: ElasticsearchException) -> dict[str, Any]:
    """Type, reason and what else REST shows of an exception, with its causes."""
    return _render(exception, 0, with_cause=True)


def _render(exception: ElasticsearchException, level: int, *, with_cause: bool) -> dict[str, Any]:
    if level > MAX_LEVEL:
        return {"type": "illegal_state_exception", "reason": "too many nested exceptions"}
    shown = unwrap(exception)
    body: dict[str, Any] = {"type": shown.type, "reason": shown.reason}
    if not shown.type and shown.cause is not None and not shown.details.get("wrapped"):
        body["type"] = shown.cause.type
    if built_in(shown) is None:
        for key, values in shown.metadata.items():
            _put(body, key.removeprefix("es."), values)
        _put_fields(body, shown)
    if with_cause and shown.cause is not None:
        body["caused_by"] = _render(shown.cause, level + 1, with_cause=True)
    if shown.headers:
        header: dict[str, Any] = {}
        for key, values in shown.headers.items():
            _put(header, key, values)
        body["header"] = header
    if shown.suppressed:
        body["suppressed"] = [_render(each, level + 1, with_cause=with_cause) for each in shown.suppressed]
    return body


def _put(body: dict[str, Any], key: str, values: list[str]) -> None:
    if values:
        body[key] = values[0] if len(values) == 1 else list(values)


def _put_fields(body: dict[str, Any], exception: ElasticsearchException) -> None:
    kind = registered(exception)
    details = exception.details
    if kind.fields is PHASE:
        body.update(phase=details.get("phase"), grouped=True, failed_shards=_failed_shards(exception))
        return
    for field in kind.fields:
        value = details.get(field.name, field.default)
        if not field.shown or (kind.type == "parsing_exception" and details.get("line", -1) == -1):
            continue
        if isinstance(value, Enum):
            value = value.name
        elif isinstance(value, ScriptPosition):
            value = {"offset": value.offset, "start": value.start, "end": value.end}
        elif isinstance(value, tuple):
            value = list(value)
        elif value is None and field.name == "position":
            continue
        body[field.name] = value


def _failed_shards(exception: ElasticsearchException) -> list[dict[str, Any]]:
    failed = []
    for failure in shard_failures(exception):
        target = failure.target
        entry: dict[str, Any] = {"shard": target.shard_id.shard if target else -1, "index": failure.index}
        if target is not None:
            entry["node"] = target.node_id
        if failure.cause is not None:
            entry["reason"] = render(failure.cause)
        failed.append(entry)
    return failed
