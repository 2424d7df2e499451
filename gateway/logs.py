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
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, Literal, TextIO, cast

import click
import orjson
import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
REDACTED = "[redacted]"
NAMESPACE = "rcgateway"

_ECS = {
    "event": "message",
    "level": "log.level",
    "timestamp": "@timestamp",
    "exception": "error.stack_trace",
    "peer": "source.address",
    "reason": "event.reason",
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
    output = _Output(stream)
    global _write_event
    if as_json:
        ending: list[structlog.typing.Processor] = [to_ecs, _render_json]
        _write_event = partial(_write_json, output)
    else:
        colors = stream.isatty()
        console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        ending = [_escape, console]
        _write_event = partial(_write_text, output, console)
    structlog.configure(
        processors=[*common, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, output)),
        cache_logger_on_first_use=False,
    )


def _write_json(output: _Output, event: Event) -> None:
    output.write(render(event).decode("utf-8") + "\n")
    output.flush()


def _write_text(output: _Output, console: structlog.dev.ConsoleRenderer, event: Event) -> None:
    plain = _escape(None, "", redact(None, "", _plain(event)))
    output.write(f"{console(None, '', plain)}\n")
    output.flush()


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


def write_event(event: Event) -> None:
    """A finished event of the audit, in the fields of the schema, among the lines of the log. It comes whatever the level of the log: an
    audit is switched off by its own settings."""
    _write_event(event)


def _unconfigured_event(event: Event) -> None:
    structlog.get_logger("gateway.audit").info(event["message"], **{key: event[key] for key in event if key != "message"})


_write_event: Callable[[Event], None] = _unconfigured_event


def render(event: Event) -> bytes:
    """An event of the audit as one line of JSON, without what looks like a secret. None of its fields is named like one, so most events
    need no closer look."""
    line = _json(event)
    suspect = b"ApiKey" in line or b"Bearer" in line or b"Basic" in line
    return _json(redact(None, "", event)) if suspect else line


def _plain(event: Event) -> Event:
    """For people: without what is the same in each event, or said by another field."""
    kept = {key: value for key, value in event.items() if not key.startswith(("event.", "@", "message", "source.", "service."))}
    kept = {key.removeprefix(f"{NAMESPACE}."): value for key, value in kept.items()}
    level, when = kept.pop("log.level", "info"), event.get("@timestamp")
    if (duration := event.get("event.duration")) is not None:
        kept["duration"] = f"{duration / 1e6:.1f}ms"
    return {"timestamp": when, "level": level, "event": event["message"], "peer": event.get("source.address"), **kept}


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
        fields[_ECS.get(name) or (name if "." in name else f"{NAMESPACE}.{name}")] = value
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
    return _json(event).decode("utf-8")


def _json(event: Event) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:
        # Names come in UTF-16 and may hold half a character, which UTF-8 has no bytes for; numbers may be longer than 64 bits.
        return json.dumps(event, default=str).encode("ascii")
