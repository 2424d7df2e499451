"""``rcgateway roles``: the roles of certificate mode, as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.authorization.reserved_roles import RESERVED_NAMES
from gateway.authorization.role_files import RoleStore
from gateway.commands.common import config_option, print_json, settings_from
from protocol.errors import ElasticsearchException


@click.group()
def roles() -> None:
    """Roles that users of local clusters have in certificate mode: those of the file `path.roles`, and reserved ones."""


@roles.command("list")
@config_option
def list_roles(config: Path) -> None:
    """The names of all roles."""
    store = RoleStore.load(settings_from(config).path.roles)
    print_json({"roles": [{"name": name, "reserved": name in RESERVED_NAMES} for name in store.names()]})
    _warn(store)


@roles.command()
@click.argument("name")
@config_option
def show(name: str, config: Path) -> None:
    """One role, in the form of Elasticsearch's get-role call."""
    path = settings_from(config).path.roles
    store = RoleStore.load(path)
    _warn(store)
    role = store.get(name)
    if role is None:
        raise ElasticsearchException("resource_not_found_exception", f"there is no role [{name}] in [{path}], nor a reserved one")
    print_json({name: role.to_json()})


def _warn(store: RoleStore) -> None:
    for problem in store.problems:
        click.echo(f"warning: {problem}", err=True)
