"""``rcgateway keys``: cross-cluster API keys. Each command prints one JSON object; a secret is printed once, by ``create``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from gateway.authentication.api_keys import DEFAULT_USERNAME, UNCHANGED, ApiKeyStore
from gateway.authorization.access import parse_access
from gateway.authorization.parsing import load_json
from gateway.commands.common import config_option, print_json, settings_from, text_argument
from protocol.errors import ElasticsearchException


@click.group()
def keys() -> None:
    """Cross-cluster API keys. A running gateway honours a change within a second."""


_ACCESS = click.option(
    "--access", help='What the key may do, as JSON: {"search":[{"names":["logs*"]}]}. @FILE reads it from a file.'
)
_EXPIRATION = click.option("--expiration", help="When the key ends, from now: 30d, 12h.")
_METADATA = click.option("--metadata", help="A JSON object to keep with the key. @FILE reads it from a file.")
_IDENTITY = click.option("--certificate-identity", help="A regular expression that the signing certificate's name must match.")


@keys.command()
@click.argument("name")
@_ACCESS
@_EXPIRATION
@_METADATA
@_IDENTITY
@click.option("--username", default=DEFAULT_USERNAME, show_default=True, help="The owner, named when a request is denied.")
@config_option
def create(
    name: str,
    access: str | None,
    expiration: str | None,
    metadata: str | None,
    certificate_identity: str | None,
    username: str,
    config: Path,
) -> None:
    """Make a key. `encoded` in the output is the credential for the local cluster's keystore."""
    if access is None:
        raise click.UsageError("Missing option '--access'.", click.get_current_context())
    parsed = parse_access(text_argument(access))
    with _store(config) as store:
        created = store.create(
            name,
            parsed,
            expiration=expiration,
            metadata=_metadata(metadata),
            certificate_identity=certificate_identity,
            username=username,
        )
    print_json(created.to_json())


@keys.command("list")
@click.option("--active", is_flag=True, help="Neither invalidated nor expired ones.")
@click.option("--name", help="Only keys of this name.")
@config_option
def list_keys(active: bool, name: str | None, config: Path) -> None:
    """Show all keys, in the order of their creation."""
    now = time.time_ns() // 1_000_000
    with _store(config) as store:
        found = store.all_keys()
    print_json(
        {
            "api_keys": [
                key.to_json()
                for key in found
                if (name is None or key.name == name) and not (active and (key.invalidated or key.is_expired(now)))
            ]
        }
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@config_option
def show(key_id: str, config: Path) -> None:
    """Show one key."""
    with _store(config) as store:
        key = store.get(key_id)
    if key is None:
        raise _unknown(key_id)
    print_json(key.to_json())


@keys.command()
@click.argument("key_id", metavar="ID")
@_ACCESS
@_EXPIRATION
@_METADATA
@_IDENTITY
@click.option(
    "--no-certificate-identity", is_flag=True, help="Take the identity away: any caller with the secret may use the key."
)
@config_option
def update(
    key_id: str,
    access: str | None,
    expiration: str | None,
    metadata: str | None,
    certificate_identity: str | None,
    no_certificate_identity: bool,
    config: Path,
) -> None:
    """Change what is given, and nothing else."""
    if certificate_identity is not None and no_certificate_identity:
        raise click.UsageError(
            "--certificate-identity and --no-certificate-identity contradict each other.", click.get_current_context()
        )
    changes_identity = certificate_identity is not None or no_certificate_identity
    parsed = parse_access(text_argument(access)) if access is not None else None
    with _store(config) as store:
        updated = store.update(
            key_id,
            access=parsed,
            metadata=_metadata(metadata),
            certificate_identity=certificate_identity if changes_identity else UNCHANGED,
            expiration=expiration,
        )
    print_json({"updated": updated})


@keys.command()
@click.argument("key_ids", metavar="[ID]...", nargs=-1)
@click.option("--name", help="All keys of this name.")
@config_option
def invalidate(key_ids: tuple[str, ...], name: str | None, config: Path) -> None:
    """Invalidate keys, for good."""
    if bool(key_ids) == (name is not None):
        raise click.UsageError("Give ids, or --name, and not both.", click.get_current_context())
    with _store(config) as store:
        for key_id in key_ids:
            if store.get(key_id) is None:
                raise _unknown(key_id)
        result = store.invalidate(key_ids, name=name)
    print_json(result.to_json())


def _store(config: Path) -> ApiKeyStore:
    return ApiKeyStore(settings_from(config).path.data)


def _metadata(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    value = load_json(text_argument(text))
    if not isinstance(value, dict):
        raise click.UsageError("--metadata must be a JSON object.", click.get_current_context())
    return value


def _unknown(key_id: str) -> ElasticsearchException:
    return ElasticsearchException("resource_not_found_exception", f"there is no API key with id [{key_id}]")
