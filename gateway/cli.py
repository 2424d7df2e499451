"""The command ``rcgateway``. Results go to standard output, what went wrong to standard error: one line, and exit code 2 for how the
command was called or configured, 1 for anything else.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence

import click

from certs.files import CertificateError
from gateway.authorization.role_files import RoleFileError
from gateway.commands.certs import certs
from gateway.commands.check import check
from gateway.commands.demo import demo
from gateway.commands.explain import explain
from gateway.commands.keys import keys
from gateway.commands.report import report
from gateway.commands.roles import roles
from gateway.commands.search import search
from gateway.commands.serve import serve
from gateway.config import ConfigError
from protocol.errors import ElasticsearchException

PROGRAM = "rcgateway"


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.version_option(package_name="remote-cluster-gateway", prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """A daemon that is a remote cluster to any Elasticsearch cluster."""


for _command in (serve, keys, certs, check, search, roles, explain, report, demo):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    try:
        result = cli.main(args=None if arguments is None else list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        return _failed(f"{where}: {_one_line(error.format_message())} (see {where} --help)", 2)
    except click.ClickException as error:
        return _failed(f"{PROGRAM}: {_one_line(error.format_message())}", error.exit_code)
    except (ConfigError, RoleFileError) as error:
        return _failed("\n".join(f"{PROGRAM}: {_one_line(problem)}" for problem in error.problems), 2)
    except (click.Abort, KeyboardInterrupt):
        return _failed(f"{PROGRAM}: interrupted", 1)
    except ElasticsearchException as error:
        cause = f" (caused by: {error.cause.reason})" if error.cause else ""
        return _failed(f"{PROGRAM}: {_one_line(f'{error.reason}{cause}')}", 1)
    except BrokenPipeError:
        # Whoever read our output has had enough, which is no error; but Python would try to flush once more at exit.
        sys.stdout = None
        return 1
    except (CertificateError, OSError, sqlite3.Error, ValueError) as error:
        return _failed(f"{PROGRAM}: {_one_line(str(error))}", 1)
    return result if isinstance(result, int) else 0


def _failed(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
