"""``rcgateway check ALIAS``: what is wrong on the way to a remote cluster, and how to mend it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.authorization.role_files import RoleFileError
from gateway.client.authorization import LocalSecurity
from gateway.client.checking import NOT_REACHED, Status, Step, check_remote
from gateway.client.settings import LocalSettings
from gateway.commands import local
from gateway.config import ConfigError
from gateway.configuration.source import did_you_mean

_NAME = "settings"
_WIDTH = 12
_MARKS = {Status.OK: "ok", Status.WARNING: "warning", Status.FAULT: "FAULT", Status.SKIPPED: "-"}
_COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.FAULT: "red", Status.SKIPPED: "bright_black"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be checked. ``indices``: index expressions; none for those that the user's roles name."""

    alias: str
    indices: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Target:
        """From ``ALIAS`` or ``ALIAS:INDEX,…``."""
        alias, _, indices = text.partition(":")
        return cls(alias, tuple(name for name in indices.split(",") if name))


def run(target: Target, config: Path, user: str | None, seconds: float, *, as_json: bool) -> bool:
    """Whether everything holds; each step is printed as soon as it was taken. Raises click.UsageError."""
    tell: Callable[[Step], None] = _print_json if as_json else _print
    try:
        settings = local.local_settings(config)
        security = LocalSecurity.load(settings.users, settings.path.roles, settings.node.name)
    except (ConfigError, RoleFileError) as error:
        tell(_broken(config, error.problems))
        return False
    if (fault := _unknown(settings, target.alias, config)) is not None:
        tell(fault)
        return False
    user = local.chosen_user(settings, user)
    for problem in security.roles.problems:
        tell(Step(_NAME, Status.WARNING, problem, "role_problem", "mend the role, which gives nothing as it is"))
    model = "API key model" if settings.remotes[target.alias].credentials else "certificate model"
    tell(Step(_NAME, Status.OK, f"{config}, {settings.remotes[target.alias].mode} mode, {model}"))

    async def check() -> bool:
        return await check_remote(settings, security, target.alias, user, target.indices, tell=tell, seconds=seconds)

    try:
        return local.run(check)
    except ConfigError as error:
        tell(_broken(config, error.problems))
        return False


def _broken(config: Path, problems: list[str]) -> Step:
    return Step(
        _NAME,
        Status.FAULT,
        "; ".join(problems),
        "bad_settings",
        f"mend {config}; the credentials of an alias are the [encoded] that the remote cluster gave with a cross-cluster API key",
        {"problems": problems},
    )


def _unknown(settings: LocalSettings, alias: str, config: Path) -> Step | None:
    if alias in settings.remotes:
        return None
    known = ", ".join(settings.remotes) or "none"
    return Step(
        _NAME,
        Status.FAULT,
        f"there is no remote cluster [{alias}] in {config}{did_you_mean(alias, settings.remotes)}",
        "unknown_alias",
        f"use one that is there ({known}), or set [cluster.remote.{alias}.mode] to proxy and [cluster.remote.{alias}.proxy_address]",
    )


def _print_json(step: Step) -> None:
    click.echo(json.dumps(step.to_json(), ensure_ascii=False))
    sys.stdout.flush()


def _print(step: Step) -> None:
    if step.text == NOT_REACHED:
        return  # people see where it ends
    mark = click.style(f"{_MARKS[step.status]:<9}", fg=_COLORS[step.status], bold=step.status is Status.FAULT)
    click.echo(f"{mark}{step.name:<{_WIDTH}}{step.text}")
    if step.mend is not None:
        click.echo(f"{'':9}{'':{_WIDTH}}to mend it: {step.mend}")
    sys.stdout.flush()
