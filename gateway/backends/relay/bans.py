"""Tasks of clients that are cancelled with all that runs for them.

To cancel one request ends that one upstream, and leaves to itself what it has started there (``TaskManager.cancelChildLocal``); to ban the
task for which it runs ends all of that (``TaskCancellationService``). So a ban goes on to the upstream, over each link that has such a
request, and is lifted there when the client lifts it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.links.link import Link
from gateway.tasks import MAX_BANS_PER_CONNECTION, ParentTask
from protocol.errors import ElasticsearchException


@dataclass(slots=True)
class Ban:
    """``connection``: of the client that has told of it. ``links``: over which the upstream was told."""

    connection: int
    reason: str
    links: set[Link] = field(default_factory=set)


class Bans:
    """Those of all clients, by task."""

    def __init__(self) -> None:
        self._bans: dict[ParentTask, Ban] = {}

    def begin(self, task: ParentTask, reason: str, connection: int) -> None:
        """Raises illegal_state_exception for more than a node can have."""
        if task in self._bans:
            return
        if sum(ban.connection == connection for ban in self._bans.values()) >= MAX_BANS_PER_CONNECTION:
            raise ElasticsearchException(
                "illegal_state_exception", f"more than [{MAX_BANS_PER_CONNECTION}] bans on one connection"
            )
        self._bans[task] = Ban(connection, reason)

    def of(self, task: ParentTask) -> Ban | None:
        return self._bans.get(task)

    def end(self, task: ParentTask) -> set[Link]:
        """The links over which it is to be lifted."""
        ban = self._bans.pop(task, None)
        return set() if ban is None else ban.links

    def of_connection(self, connection: int) -> list[ParentTask]:
        return [task for task, ban in self._bans.items() if ban.connection == connection]
