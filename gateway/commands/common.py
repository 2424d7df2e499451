"""What several commands share: the settings file, JSON in and out, passphrases."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.config import Settings, load

_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """``--config``: the settings file."""
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path),
        default=Path("gateway.yml"),
        show_default=True,
        envvar="RCGATEWAY_CONFIG",
        show_envvar=True,
        help="The settings file.",
    )(command)


def settings_from(config: Path) -> Settings:
    """The settings of a file and of this process's environment."""
    return load(config, os.environ)


def print_json(value: Any) -> None:
    """On one line for a program, on several for a person."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def text_argument(value: str) -> str:
    """The text itself, or the content of a file for ``@FILE``."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read [{value[1:]}]: {error}") from error


def passphrase_from(file: Path | None) -> str | None:
    """The first line of a file: a passphrase on the command line would be there for all to see."""
    if file is None:
        return None
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read the passphrase file [{file}]: {error}") from error
    if not lines or not lines[0]:
        raise click.UsageError(f"the passphrase file [{file}] has an empty first line")
    return lines[0]
