"""The way to a remote cluster, step after step, until one cannot be taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from gateway.client.authorization import LocalSecurity
from gateway.client.checking.model import Model
from gateway.client.checking.reaching import Reach
from gateway.client.checking.rights import Rights
from gateway.client.checking.speaking import Dialogue
from gateway.client.checking.steps import FaultError, Found, Status, Step
from gateway.client.settings import LocalSettings
from gateway.links.link import Address

STEPS: Final = ("name", "tcp", "tls", "handshake", "version", "credentials", "nodes", "privileges", "indices")
"""In this order. Before them comes ``settings``, which is the caller's."""

NOT_REACHED: Final = "not reached"
"""What is told of a step behind a fault."""

Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class _Identity:
    alias: str
    credentials: str | None


async def check_remote(
    settings: LocalSettings,
    security: LocalSecurity,
    alias: str,
    user: str | None,
    indices: Sequence[str] = (),
    *,
    tell: Tell,
    seconds: float = 10.0,
) -> bool:
    """Whether everything holds. ``tell`` gets each step as soon as it was taken, and at last those that were not.

    ``alias`` must be one of ``settings.remotes``; without a ``user`` privileges and indices are not looked at. ``seconds``: what each wait
    may take. Raises ConfigError.
    """
    walk = _Walk(settings, security, alias, tell, seconds)
    try:
        await walk.go(user, tuple(indices))
    except FaultError:
        holds = False
    else:
        holds = True
    for name in STEPS[walk.taken :]:
        tell(Step(name, Status.SKIPPED, walk.reason))
    return holds


class _Walk:
    def __init__(self, settings: LocalSettings, security: LocalSecurity, alias: str, tell: Tell, seconds: float) -> None:
        remote = settings.remotes[alias]
        self._model = Model.of(settings, alias)
        self._security, self._tell, self._seconds = security, tell, seconds
        key = None if remote.credentials is None else remote.credentials.get_secret_value()
        self._identity = _Identity(alias, key)
        self._addresses = [Address.parse(text) for text in remote.seeds or [remote.proxy_address or ""]]
        self.taken = 0
        self.reason = NOT_REACHED

    async def go(self, user: str | None, indices: tuple[str, ...]) -> None:
        """Raises the FaultError that was told last."""
        for number, address in enumerate(self._addresses, 1):
            self.taken = 0
            last = number == len(self._addresses)
            try:
                await self._by(address, user, indices, last=last)
            except FaultError:
                if last or self.taken > STEPS.index("handshake"):
                    raise
            else:
                return

    async def _by(self, address: Address, user: str | None, indices: tuple[str, ...], *, last: bool) -> None:
        """``last``: there is no other seed."""
        wrong = Status.FAULT if last else Status.WARNING
        reach = Reach(address, self._model, self._seconds)
        await self._take(reach.resolve, wrong)
        await self._take(reach.connect, wrong)
        opened: list[trio.abc.Stream] = []

        async def secure() -> Found:
            stream, found = await reach.secure()
            opened.append(stream)
            return found

        await self._take(secure, wrong)
        try:
            await self._speak(
                Dialogue(reach, opened[0], self._model, self._identity, self._security, self._seconds), user, indices, wrong
            )
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.aclose_forcefully(opened[0])

    async def _speak(self, dialogue: Dialogue, user: str | None, indices: tuple[str, ...], wrong: Status) -> None:
        await self._take(dialogue.handshake, wrong)
        await self._take(dialogue.version)
        faults: list[FaultError] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dialogue.open_link.run)
            try:
                await self._ask(dialogue, user, indices)
            except FaultError as fault:
                faults.append(fault)
            nursery.cancel_scope.cancel()
        if faults:
            raise faults[0]

    async def _ask(self, dialogue: Dialogue, user: str | None, indices: tuple[str, ...]) -> None:
        await self._take(dialogue.credentials)
        if self._model.sniff:
            await self._take(dialogue.nodes)
        else:
            self._skip("the proxy mode does not look at the nodes behind the address")
        if user is None:
            self.reason = "there are no users in the settings, name one with its roles to check what it may do"
            return
        rights = Rights(dialogue, user, indices)
        await self._take(rights.privileges)
        await self._take(rights.find_indices)

    async def _take(self, step: Callable[[], Awaitable[Found]], wrong: Status = Status.FAULT) -> None:
        name = STEPS[self.taken]
        self.taken += 1
        try:
            found = await step()
        except FaultError as fault:
            self._tell(fault.step(name, wrong))
            raise
        for warning in found.warnings:
            self._tell(warning.step(name, Status.WARNING))
        self._tell(Step(name, Status.OK, found.text, details=found.details))

    def _skip(self, reason: str) -> None:
        self._tell(Step(STEPS[self.taken], Status.SKIPPED, reason))
        self.taken += 1
