"""Logs: structlog, as JSON with the field names of the Elastic Common Schema, or for people when they go to a terminal.

Code logs with plain names (``log.info("connected", peer=…)``); ``_ECS`` says which field each becomes, and a name that is not there
goes under ``rcgateway.``. Secrets are not logged by the code that has them; ``redact`` is the second line of defence.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Literal, TextIO, cast

import click
import orjson
import structlog

from protocol.errors import ElasticsearchException

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
MAX_INDICES = 64  # names in one event; a request may name thousands
REDACTED = "[redacted]"
NAMESPACE = "rcgateway"

_ECS = {
    "event": "message",
    "level": "log.level",
    "timestamp": "@timestamp",
    "exception": "error.stack_trace",
    "peer": "source.address",
    "reason": "event.reason",
    "action": "event.action",
    "user": "user.name",
    "outcome": "event.outcome",
    "duration": "event.duration",
    "bytes_in": "source.bytes",
    "bytes_out": "destination.bytes",
    "error_type": "error.type",
    "error_message": "error.message",
    "certificate_subject": "tls.client.subject",
    "opaque_id": "trace.id",
    "dataset": "event.dataset",
}
# The last part of a name, in lower case without separators.
_SECRET_NAMES = frozenset(
    {
        "apikey",
        "authorization",
        "credential",
        "credentials",
        "crossclusteraccesscredentials",
        "crossclusteraccesssubjectinfo",
        "encoded",
        "keypassphrase",
        "passphrase",
        "password",
        "privatekey",
        "secret",
        "source",
        "xpacksecurityauthentication",
    }
)
_SECRET_TEXT = re.compile(r"\b(ApiKey|Bearer|Basic)\s+[A-Za-z0-9+/=_\-.]{8,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_DEPTH = 4

Event = MutableMapping[str, Any]

_requests = structlog.get_logger("gateway.requests")


def configure(level: str = "info", form: Literal["auto", "json", "console"] | str = "auto", stream: TextIO | None = None) -> None:
    """Set structlog up for the process; ``level`` and ``form`` as in the settings ``log.level`` and ``log.format``."""
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    as_json = form == "json" or (form == "auto" and not stream.isatty())
    common: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    if as_json:
        ending: list[structlog.typing.Processor] = [to_ecs, _render_json]
    else:
        colors = stream.isatty()
        ending = [_escape, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*common, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Output(stream))),
        cache_logger_on_first_use=False,
    )
    # Bound once: finding the configuration anew for each request would cost more than a request that is not logged should.
    global _requests
    _requests = structlog.get_logger("gateway.requests").bind()


class _Output:
    """A stream that fails quietly: a log whose reader has gone must not take down the requests that it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failed = False

    def write(self, text: str) -> None:
        self._guarded(self._stream.write, text)

    def flush(self) -> None:
        self._guarded(self._stream.flush)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            call(*arguments)
        except OSError as error:
            if not self._failed:
                self._failed = True
                with suppress(OSError):
                    click.echo(f"rcgateway: the log cannot be written any more: {error}", err=True)


def request_event(
    *,
    connection: int,
    interface: str,
    peer: str,
    action: str,
    outcome: Literal["success", "failure"],
    duration: int,
    bytes_in: int,
    bytes_out: int,
    key_id: str | None = None,
    certificate_subject: str | None = None,
    user: str | None = None,
    indices: Sequence[str] = (),
    error: ElasticsearchException | None = None,
    opaque_id: str | None = None,
    compression: str | None = None,
) -> None:
    """The one event of a request, at level info. ``peer`` is address and port, ``duration`` in nanoseconds, the sizes in bytes of body
    before ``compression`` (``lz4``, ``deflate``).

    Exactly one of ``key_id`` and ``certificate_subject`` is known after authentication. Costs next to nothing when info is off.
    """
    if not _requests.is_enabled_for(logging.INFO):
        return
    about: dict[str, Any] = {
        "dataset": "rcgateway.audit",
        "connection": connection,
        "interface": interface,
        "peer": peer,
        "action": action,
        "outcome": outcome,
        "duration": duration,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
    }
    if key_id is not None:
        about["api_key.id"] = key_id
    if certificate_subject is not None:
        about["certificate_subject"] = certificate_subject
    if user is not None:
        about["user"] = user
    if indices:
        about["indices"] = list(indices[:MAX_INDICES])
        if len(indices) > MAX_INDICES:
            about["indices_count"] = len(indices)
    if error is not None:
        about["error_type"] = error.type
        about["error_message"] = error.reason
    if opaque_id is not None:
        about["opaque_id"] = opaque_id
    if compression is not None:
        about["compression"] = compression
    _requests.info("request", **about)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Replace what is named like a secret, or looks like a credential in a header."""
    for name, value in event.items():
        event[name] = _redacted(name, value, 0)
    return event


def to_ecs(_logger: Any, _method: str, event: Event) -> Event:
    """Plain names to the fields of the schema, message first as people expect it."""
    fields: dict[str, Any] = {"@timestamp": event.pop("timestamp", None), "log.level": event.pop("level", None)}
    fields["message"] = event.pop("event", None)
    for name, value in event.items():
        field = _ECS.get(name) or (name if "." in name and not name.startswith("api_key.") else f"{NAMESPACE}.{name}")
        fields[field] = value
    return fields


def _redacted(name: str, value: Any, depth: int) -> Any:
    if _names_secret(name):
        return REDACTED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\1 {REDACTED}", value) if " " in value else value
    if depth >= _MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _redacted(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted("", item, depth + 1) for item in value]
    return value


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return name.rpartition(".")[2].replace("_", "").replace("-", "").lower() in _SECRET_NAMES


def _escape(_logger: Any, _method: str, event: Event) -> Event:
    """A name from a request must not steer the terminal."""
    for name, value in event.items():
        if name == "exception":
            event[name] = "\n".join(map(_escaped, str(value).split("\n")))
        elif isinstance(value, str):
            event[name] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _render_json(_logger: Any, _method: str, event: Event) -> str:
    try:
        return orjson.dumps(event, default=str).decode("utf-8")
    except TypeError:
        # Names come in UTF-16 and may hold half a character, which UTF-8 has no bytes for; numbers may be longer than 64 bits.
        return json.dumps(event, default=str)
