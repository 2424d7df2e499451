"""``rcgateway certs``: make, renew and show certificates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from certs.files import identity_files, write_new
from certs.issue import CA_DAYS, LEAF_DAYS, Identity, is_authority, load_identity, make_ca, make_client, make_server
from certs.issue import renew as renew_identity
from certs.show import describe
from gateway.commands.common import passphrase_from

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)


@click.group()
def certs() -> None:
    """Certificates: a CA, servers, clients. Nothing is ever written over."""


def _options(*options: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_OUTPUT = _options(
    click.option("--out", required=True, type=_FILE, help="Path without an ending: OUT.crt and OUT.key, or OUT.p12, are made."),
    click.option("--format", "form", type=click.Choice(["pem", "p12"]), default="pem", show_default=True),
    click.option("--passphrase-file", type=_FILE, help="Encrypt the new key with the first line of this file."),
)
_KIND = click.option("--key-type", type=click.Choice(["ec", "rsa"]), default="ec", show_default=True, help="EC P-256 or RSA.")
_SIGNER = _options(
    click.option("--ca", type=_FILE, required=True, help="The CA's certificate (PEM), or its .p12 file."),
    click.option("--ca-key", type=_FILE, help="The CA's key (PEM); beside its certificate when not given."),
    click.option("--ca-passphrase-file", type=_FILE, help="The passphrase of the CA's key: the first line of this file."),
)
_NAMES = _options(
    click.option("--dns", multiple=True, help="A DNS name it is reached by; may be given several times."),
    click.option("--ip", multiple=True, help="An address it is reached by; may be given several times."),
)


@certs.command()
@click.option("--name", default="rcgateway CA", show_default=True, help="Common name, or a whole distinguished name.")
@click.option("--days", default=CA_DAYS, show_default=True)
@_KIND
@_OUTPUT
def ca(name: str, days: int, key_type: Literal["ec", "rsa"], out: Path, form: str, passphrase_file: Path | None) -> None:
    """Make a CA."""
    _write(make_ca(name, days=days, kind=key_type), out, form, passphrase_from(passphrase_file))


def _leaf(command: str, make: Callable[..., Identity], text: str, **name_option: Any) -> None:
    """The command that makes a certificate below a CA."""

    @certs.command(command, help=text)
    @click.option("--name", help="Common name, or a whole distinguished name.", **name_option)
    @click.option("--days", default=LEAF_DAYS, show_default=True)
    @_NAMES
    @_KIND
    @_SIGNER
    @_OUTPUT
    def leaf(
        name: str,
        days: int,
        dns: tuple[str, ...],
        ip: tuple[str, ...],
        key_type: Literal["ec", "rsa"],
        ca: Path,
        ca_key: Path | None,
        ca_passphrase_file: Path | None,
        out: Path,
        form: str,
        passphrase_file: Path | None,
    ) -> None:
        signer = load_identity(ca, ca_key, passphrase_from(ca_passphrase_file))
        made = make(signer, name, [*dns, *ip], days=days, kind=key_type)
        _write(made, out, form, passphrase_from(passphrase_file))


_leaf("server", make_server, "Make a certificate for the gateway.", default="rcgateway", show_default=True)
_leaf(
    "client",
    make_client,
    "Make a certificate for the nodes of a local cluster: to connect with, or to sign requests with.",
    required=True,
)


@certs.command()
@click.argument("certificate", type=_FILE)
@click.option("--key", type=_FILE, help="Its key (PEM); beside the certificate when not given.")
@click.option("--key-passphrase-file", type=_FILE, help="The passphrase of that key: the first line of this file.")
@click.option("--days", type=int, help="As long as before when not given.")
@click.option("--new-key", is_flag=True, help="Make a new key too.")
@click.option("--ca", type=_FILE, help="The CA's certificate (PEM), or its .p12 file; a CA renews itself.")
@click.option("--ca-key", type=_FILE, help="The CA's key (PEM); beside its certificate when not given.")
@click.option("--ca-passphrase-file", type=_FILE, help="The passphrase of the CA's key: the first line of this file.")
@_OUTPUT
def renew(
    certificate: Path,
    key: Path | None,
    key_passphrase_file: Path | None,
    days: int | None,
    new_key: bool,
    ca: Path | None,
    ca_key: Path | None,
    ca_passphrase_file: Path | None,
    out: Path,
    form: str,
    passphrase_file: Path | None,
) -> None:
    """Make CERTIFICATE again, with the same subject, names and (unless --new-key) key, from today on."""
    passphrase = passphrase_from(key_passphrase_file)
    old = load_identity(certificate, key, passphrase)
    if ca is None and not is_authority(old.certificate):
        raise click.UsageError("Missing option '--ca': only a CA renews itself.", click.get_current_context())
    signer = load_identity(ca, ca_key, passphrase_from(ca_passphrase_file)) if ca is not None else None
    made = renew_identity(old, signer, days=days, replace_key=new_key)
    # A key that was encrypted does not become plain by being renewed.
    _write(made, out, form, passphrase_from(passphrase_file) or passphrase)


@certs.command()
@click.argument("files", metavar="FILE...", type=_FILE, nargs=-1, required=True)
@click.option("--passphrase-file", type=_FILE, help="The passphrase of the files: the first line of this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per certificate and key, each on a line.")
def show(files: tuple[Path, ...], passphrase_file: Path | None, as_json: bool) -> None:
    """Show what files hold, and when it ends."""
    passphrase = passphrase_from(passphrase_file)
    for file in files:
        for entry in describe(file, passphrase):
            if as_json:
                click.echo(json.dumps({"file": str(file), **entry}, ensure_ascii=False))
            else:
                _print_entry(file, entry)


def _print_entry(file: Path, entry: dict[str, Any]) -> None:
    click.echo(f"{file}: {entry['kind']}")
    for name, value in entry.items():
        if name != "kind" and value != []:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            click.echo(f"  {name.replace('_', ' ')}: {text}")


def _write(made: Identity, out: Path, form: str, passphrase: str | None) -> None:
    files = identity_files(out, made.key, [made.certificate, *made.issuers], passphrase, pkcs12=form == "p12")
    write_new(files)
    for path in files:
        click.echo(f"{path}")
