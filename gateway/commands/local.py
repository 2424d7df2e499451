"""What the commands that act as a local cluster have in common: its settings, its user, the end of its run."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeVar

import click
import trio

from gateway import logs
from gateway.client.settings import LocalSettings, load

_T = TypeVar("_T")


def local_settings(config: Path) -> LocalSettings:
    """Of a file; what is logged then goes to standard error, where it is an error. Raises ConfigError."""
    logs.configure("error", stream=sys.stderr)
    return load(config, os.environ)


def only(settings: LocalSettings, aliases: Collection[str]) -> LocalSettings:
    """The same with these remote clusters alone, so that no other one is waited for."""
    remote = settings.cluster.remote.model_copy()
    for alias in set(remote.__pydantic_extra__).difference(aliases):
        del remote.__pydantic_extra__[alias]
    return settings.model_copy(update={"cluster": settings.cluster.model_copy(update={"remote": remote})})


def chosen_user(settings: LocalSettings, user: str | None) -> str | None:
    """The one that was named, or the only one; ``None`` where there are none. Raises click.UsageError where there are several."""
    if user is not None:
        return user
    if len(settings.users) > 1:
        raise click.UsageError(f"there are several users in the settings, name one with --user: {', '.join(settings.users)}")
    return next(iter(settings.users), None)


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    """To its end in an event loop. Raises what it raises, and click.Abort when it is interrupted."""
    try:
        return trio.run(work)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise click.Abort from None
        raise
