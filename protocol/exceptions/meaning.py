"""What an exception means to whoever shows it: its status, its class, the causes below wrappers and shard failures."""

from __future__ import annotations

from typing import Any, cast

from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import PHASE, ShardSearchFailure
from protocol.exceptions.java import built_in
from protocol.exceptions.kinds import KINDS, OF_BLOCKS, OF_CAUSE, ON_THE_WIRE, WRAPPER, Kind
from protocol.wire import Writer

MAX_LEVEL = 100
"""Deepest chain of causes that Elasticsearch writes; what lies below becomes one ``illegal_state_exception``."""

_MAX_WRAPPERS = 10
"""How many wrappers Elasticsearch looks through for the exception to show."""


def registered(exception: ElasticsearchException, writer: Writer | None = None) -> Kind:
    kind = WRAPPER if exception.details.get("wrapped") else KINDS.get(exception.type, WRAPPER)
    if writer is not None and kind.since is not None and not writer.version.supports(kind.since):
        return WRAPPER
    return kind


def sent_by(node: str, address: str, action: str, exception: ElasticsearchException) -> ElasticsearchException:
    """The exception as a node answers a request with it: within one that says which node, at which address (``127.0.0.1:9443``,
    ``[::1]:9443``), failed which action. REST looks through it; the logs of the asking node show it."""
    return ElasticsearchException("remote_transport_exception", f"[{node}][{address}][{action}]", exception)


def unwrap(exception: ElasticsearchException) -> ElasticsearchException:
    """The exception that is shown: wrappers such as ``remote_transport_exception`` give way to their cause."""
    for _ in range(_MAX_WRAPPERS + 1):
        if exception.cause is None or built_in(exception) is not None or not registered(exception).wrapper:
            break
        exception = exception.cause
    return exception


def root_causes(exception: ElasticsearchException) -> list[ElasticsearchException]:
    """What REST lists as ``root_cause``: the deepest exceptions of Elasticsearch, one per group of shard failures."""
    shown = unwrap(exception)
    if built_in(shown) is not None:
        # Elasticsearch puts an anonymous class around it: REST shows the name of its cause, and the wire carries none.
        return [ElasticsearchException("", shown.reason, shown)]
    if registered(shown).fields is PHASE:
        return causes_of_failures(shown)
    cause = shown.cause
    return root_causes(cause) if cause is not None and built_in(cause) is None else [shown]


def shard_failures(exception: ElasticsearchException) -> list[ShardSearchFailure]:
    """The shard failures of a ``search_phase_execution_exception``, one for each index, class and message."""
    groups: dict[tuple[object, ...], ShardSearchFailure] = {}
    for failure in cast("list[ShardSearchFailure]", exception.details.get("failures", [])):
        cause = failure.cause
        index = failure.index
        if index is None and cause is not None and cause.metadata.get("es.index"):
            index = cause.metadata["es.index"][0]
        groups.setdefault((cause and cause.reason, index, cause and java_class(cause)), failure)
    return list(groups.values())


def causes_of_failures(exception: ElasticsearchException) -> list[ElasticsearchException]:
    return [root for failure in shard_failures(exception) if failure.cause is not None for root in root_causes(failure.cause)]


def status_of(exception: ElasticsearchException) -> int:
    """The HTTP status that a node which receives the exception answers with.

    It follows from the type. Only types that carry a status on the wire (``security_exception``, ``status_exception`` and what is
    wrapped) have the one that ``exception.status`` says; 500 otherwise.
    """
    shown = unwrap(exception)
    entry = built_in(shown)
    if entry is not None:
        return entry.status
    kind = registered(shown)
    rule = kind.status
    if isinstance(rule, int):
        return rule
    if rule is ON_THE_WIRE:
        return shown.status or 500
    if rule is OF_CAUSE:
        return status_of(shown.cause) if shown.cause is not None else 500
    if rule is OF_BLOCKS:
        return _status_of_blocks([block.status for block in cast("list[Any]", shown.details.get("blocks", []))])
    failures = [failure.status for failure in cast("list[Any]", shown.details.get("failures", []))]
    if failures:
        return _status_of_failures(failures)
    if shown.cause is not None:
        return status_of(shown.cause)
    return 503 if shown.type == "search_phase_execution_exception" else 500


def _status_of_failures(statuses: list[int]) -> int:
    """What can be retried comes first, then other server errors, then the first."""
    status = None
    for candidate in statuses:
        if 502 <= candidate <= 504:
            return candidate
        if candidate >= 500:
            status = candidate
    return statuses[0] if status is None else status


def _status_of_blocks(statuses: list[int]) -> int:
    """The highest but for 429, which only counts where there is nothing else."""
    return max((status for status in statuses if status != 429), default=429)


def java_class(exception: ElasticsearchException) -> str:
    """The full name of the Java class that the exception has on the other side."""
    entry = built_in(exception)
    return entry.java_class if entry is not None else f"org.elasticsearch.{registered(exception).java_class}"


def stack_trace(exception: ElasticsearchException) -> str:
    """What stands for a stack trace where a message carries one as text (``ShardSearchFailure.reason``): classes and messages."""
    lines: list[str] = []
    cause: ElasticsearchException | None = exception
    while cause is not None and len(lines) <= MAX_LEVEL:
        text = java_class(cause) if cause.reason is None else f"{java_class(cause)}: {cause.reason}"
        lines.append(f"Caused by: {text}" if lines else text)
        cause = cause.cause
    return "\n".join(lines) + "\n"
