"""``rcgateway serve``."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import logs
from gateway.commands.common import config_option, settings_from
from gateway.config import ConfigError, require_interface


@click.command()
@config_option
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    help="A file to write, as JSON, once all interfaces are open: their addresses.",
)
def serve(config: Path, ready_file: Path | None) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    run_gateway(config, ready_file)


def run_gateway(config: Path, ready_file: Path | None) -> None:
    """Returns when it has been told to stop. Raises ConfigError and OSError."""
    settings = settings_from(config)
    require_interface(settings)
    logs.configure(settings.log.level, settings.log.format)
    # Imported late: the other commands should not wait for numpy and all codecs.
    from gateway.backends.memory.loading import LoadError
    from gateway.server import serve as run

    try:
        run(lambda: settings_from(config), settings, ready_file)
    except LoadError as error:
        raise ConfigError([f"setting [backend.memory.load]: {error}"]) from error
