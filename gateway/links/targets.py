"""The addresses of the upstream, and which of them the next link goes to: the one with the fewest, and not one that failed just now."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from gateway.links.link import Address

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
SLOW_SECONDS = 1.0
"""An attempt that takes longer is not waited for: another address is tried meanwhile. A host that drops packets takes half a minute."""


@dataclass(slots=True, eq=False)
class Target:
    """One address. ``links`` are open; ``attempts`` are under way, each by the time at which it began."""

    address: Address
    links: int = 0
    attempts: list[float] = field(default_factory=list)
    problem: str | None = None
    """Why the last attempt failed, if it did."""
    not_before: float = -inf
    _pause: float = FIRST_PAUSE_SECONDS
    _last: float = -inf
    _failed: float = -inf

    def begin(self, now: float) -> float:
        self.attempts.append(now)
        self._last = now
        return now

    def succeeded(self, began: float) -> None:
        self.attempts.remove(began)
        self.links += 1
        self.problem, self.not_before, self._pause = None, -inf, FIRST_PAUSE_SECONDS

    def failed(self, began: float, now: float, problem: str) -> None:
        self.attempts.remove(began)
        self.problem = problem
        if began < self._failed:
            return  # it was under way as another one failed, and says nothing new: a burst of clients must not make for a long pause
        self._failed = now
        # Random, so that many gateways do not come back to a node that restarts all at the same moment.
        self.not_before = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    @property
    def load(self) -> tuple[int, float]:
        return self.links + len(self.attempts), self._last


class Targets:
    """``seeds`` are those of the settings; what sniffing has found takes their place, unless none of it can be reached."""

    def __init__(self, seeds: Sequence[Address]) -> None:
        # Each gateway, and each worker of one, begins with another.
        chosen = random.sample(list(dict.fromkeys(seeds)), len(set(seeds)))
        self._seeds = [Target(address) for address in chosen]
        self._found: list[Target] = []

    @property
    def active(self) -> list[Target]:
        if not self._found:
            return self._seeds
        if all(target.problem is not None for target in self._found):
            return self._found + [seed for seed in self._seeds if seed not in self._found]
        return self._found

    def found(self, addresses: Sequence[Address]) -> bool:
        """Sniffing has found these; whether they are others than before. Links to one that is gone stay until they end."""
        known = {target.address: target for target in (*self._seeds, *self._found)}
        now = [known.get(address) or Target(address) for address in dict.fromkeys(addresses)]
        changed = {target.address for target in now} != {target.address for target in self._found}
        self._found = now
        return changed

    def next(self, now: float, at_once: int, most: float = inf) -> Target | None:
        """Where to try, of those that may be tried now: ``at_once`` attempts at each, and one where the last has failed. ``most``: links to
        each."""
        able = [
            target
            for target in self.active
            if now >= target.not_before
            and len(target.attempts) < (at_once if target.problem is None else 1)
            and target.links + len(target.attempts) < most
        ]
        return min(able, key=lambda target: target.load, default=None)

    def hurry(self) -> None:
        """Somebody waits, or what they failed for has changed: addresses that failed may be tried again at once."""
        for target in self.active:
            target.not_before = -inf

    def promising(self, now: float) -> int:
        """Attempts under way that will soon give a link, as far as one can tell."""
        return sum(now - began < SLOW_SECONDS for target in self.active if target.problem is None for began in target.attempts)

    def silent(self, now: float) -> bool:
        """Whether somewhere an attempt gets no answer, neither yes nor no."""
        return any(now - began >= SLOW_SECONDS for target in self.active for began in target.attempts)

    def pause(self, now: float) -> float:
        """Seconds until there may be something new to try."""
        times = [target.not_before for target in self.active if target.not_before > now and not target.attempts]
        times += [began + SLOW_SECONDS for target in self.active for began in target.attempts if now - began < SLOW_SECONDS]
        return max(min(times, default=inf) - now, 0.0)

    def problems(self) -> str:
        """For an error message."""
        return "; ".join(f"[{target.address}] {target.problem or 'no answer yet'}" for target in self.active)
