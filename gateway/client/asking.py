"""One request to several remote clusters at once, for answers that are merged then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import structlog
import trio

from gateway.client.expressions import Groups
from gateway.client.remote import Caller, RemoteCluster, Remotes
from protocol.errors import ElasticsearchException
from protocol.exceptions import unwrap
from protocol.messages.common import Request
from protocol.schema import Message

log = structlog.get_logger("gateway.client")

CANCELLED = "task_cancelled_exception"

M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class Answers(Generic[M]):
    """By alias, in the order of the groups: what came, and what failed."""

    came: dict[str, M] = field(default_factory=dict)
    failed: dict[str, ElasticsearchException] = field(default_factory=dict)


def remote_failure(alias: str, error: ElasticsearchException) -> ElasticsearchException:
    """As a local cluster shows that one of its remote clusters failed."""
    if unwrap(error).type == CANCELLED:
        return error
    return ElasticsearchException(
        "remote_transport_exception", f"error while communicating with remote cluster [{alias}]", cause=error
    )


async def together(calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """All at once. The first ElasticsearchException ends the others, and is raised as it is."""
    failure: ElasticsearchException | None = None

    async def run(call: Callable[[], Awaitable[None]]) -> None:
        nonlocal failure
        try:
            await call()
        except ElasticsearchException as error:
            failure = failure or error
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(run, call)
    if failure is not None:
        raise failure


async def ask_all(
    remotes: Remotes,
    caller: Caller,
    action: str,
    groups: Groups,
    request: Callable[[str, list[str]], Request],
    response: type[M],
) -> Answers[M]:
    """Every cluster, with the request that is made of its alias and its expressions; failures are for the caller to judge."""
    answers: Answers[M] = Answers()

    async def ask(alias: str, indices: list[str]) -> None:
        try:
            answers.came[alias] = await remotes[alias].ask(caller, action, request(alias, indices), response)
        except ElasticsearchException as error:
            if unwrap(error).type == CANCELLED:
                raise
            answers.failed[alias] = error

    await together([partial(ask, alias, indices) for alias, indices in groups.items()])
    answers.came = {alias: answers.came[alias] for alias in groups if alias in answers.came}
    answers.failed = {alias: answers.failed[alias] for alias in groups if alias in answers.failed}
    return answers


def required(remotes: Remotes, action: str, answers: Answers[M]) -> dict[str, M]:
    """What came, of an action whose answer has no place for failures. Raises that of a cluster that may not be skipped, and where nothing
    came; a cluster that is skipped is told of in the log."""
    for alias, error in answers.failed.items():
        if not remotes[alias].skip_unavailable or not answers.came:
            raise remote_failure(alias, error)
        log.warning("remote cluster skipped", cluster=alias, action=action, reason=str(unwrap(error)))
    return answers.came


async def ask_one(remotes: Remotes, caller: Caller, action: str, alias: str, request: Request, response: type[M]) -> M:
    """Raises remote_transport_exception around the cluster's error."""
    remote: RemoteCluster = remotes[alias]
    try:
        return await remote.ask(caller, action, request, response)
    except ElasticsearchException as error:
        raise remote_failure(alias, error) from error
