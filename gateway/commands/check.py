"""``rcgateway check``: whether ``serve`` would start, and what it would open; with an alias, the way to a remote cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from certs.files import read_certificates
from gateway.audit.filters import EventFilter
from gateway.authentication.api_key_database import Database
from gateway.authentication.api_keys import FILE_NAME
from gateway.authorization.role_files import RoleStore
from gateway.commands.common import settings_from
from gateway.config import ConfigError, Interface, Settings, remote_cluster_interface, require_interface, transport_interface
from gateway.configuration.model import SslSettings
from gateway.interfaces import trust_restrictions
from gateway.tls import expired_certificates, remote_cluster_server_context, signing_authorities, transport_context


@click.command()
@click.argument("target", metavar="[ALIAS[:INDEX,...]]", required=False)
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    envvar="RCGATEWAY_CONFIG",
    show_envvar=True,
    help="The settings file: gateway.yml by default, with an ALIAS local.yml.",
)
@click.option("--user", help="Whose privileges are checked, of the users in local.yml; not needed where there is one.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=10.0, show_default=True, help="Seconds for each wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each step.")
def check(target: str | None, config: Path | None, user: str | None, timeout: float, *, as_json: bool) -> int:
    """Check the gateway, or the way to a remote cluster.

    Without ALIAS: settings, certificates, roles, keys and what is to be loaded, without opening a port or changing anything.

    With the ALIAS of a remote cluster in local.yml: name, TCP, TLS, handshake, version, credentials, privileges and indices, until
    something is wrong, with how to mend it. Exit status 0 when everything holds, 1 when there is a fault.
    """
    if target is None:
        if user is not None or as_json:
            raise click.UsageError("--user and --json are for the check of a remote cluster, name its ALIAS")
        _check_gateway(config or Path("gateway.yml"))
        return 0
    # Imported late: the gateway's own check should not wait for all codecs.
    from gateway.commands import check_remote

    where = config or Path("local.yml")
    return 0 if check_remote.run(check_remote.Target.parse(target), where, user, timeout, as_json=as_json) else 1


def _check_gateway(config: Path) -> None:
    settings = settings_from(config)
    require_interface(settings)
    lines = list(_lines(settings))
    click.echo(f"{config}: ok")
    for line in lines:
        click.echo(f"  {line}")
    for sentence in (*RoleStore.load(settings.path.roles).problems, *expired_certificates(settings)):
        click.echo(f"warning: {sentence}", err=True)


def _lines(settings: Settings) -> Iterator[str]:
    yield f"cluster [{settings.cluster.name}], node [{settings.node.name}]"
    if settings.remote_cluster_server.enabled:
        context = remote_cluster_server_context(settings)
        about = _certificate(settings.remote_cluster_ssl) if context else "plain text, without TLS"
        yield f"API keys on {_address(remote_cluster_interface(settings))}, {about}"
    if settings.transport_ssl.enabled:
        transport_context(settings)
        authorities = ", ".join(map(str, settings.transport_ssl.certificate_authorities))
        yield f"certificates on {_address(transport_interface(settings))}, {_certificate(settings.transport_ssl)}, clients of {authorities}"
        restrictions = trust_restrictions(settings)
        if restrictions is not None:
            yield f"of those clients the ones whose {' or '.join(restrictions.fields)} is among [{', '.join(restrictions.patterns)}]"
    if signers := signing_authorities(settings):
        yield f"signed requests of {len(signers)} certificate authorities"
    roles = settings.path.roles
    if roles.exists():
        yield f"roles: {roles}, {len(RoleStore.load(roles).names())} with the reserved ones"
    else:
        yield f"roles: {roles} is not there, reserved roles only"
    store = settings.path.data / FILE_NAME
    if store.exists():
        database = Database(store, must_exist=True)
        yield f"keys: {store}, {len(database.all())}"
        database.close()
    else:
        yield f"keys: {store} will be made"
    yield _audit(settings)
    match settings.backend.type:
        case "relay":
            yield _relay(settings)
        case "socket":
            yield _socket(settings)
        case _:
            yield from _loads(settings.backend.memory.load)


def _socket(settings: Settings) -> str:
    """Which program would be asked. No connection is made."""
    from gateway.backends.socket.opening import place_of

    options = settings.backend.socket
    own = f", with {_certificate(options.ssl)}" if options.ssl.certificate is not None else ""
    return f"backend program at {place_of(options)}{own}"


def _relay(settings: Settings) -> str:
    """Where requests would go, and as whom. No connection is made."""
    # Imported late: the other commands should not wait for all codecs.
    from gateway.backends.relay.opening import open_relay

    options = settings.backend.relay
    addresses = ", ".join(map(str, open_relay(options, settings.limits).addresses))
    found = " and the nodes that they tell of" if options.sniff else ""
    own = "with an API key" if options.mode == "api_key" else f"with {_certificate(options.ssl)}"
    authorities = ", ".join(map(str, options.ssl.certificate_authorities)) or "the system's authorities"
    trusted = "whatever certificate they show" if options.ssl.verification_mode == "none" else f"trusting {authorities}"
    return f"relay to {addresses}{found}, {own}, {trusted}"


def _audit(settings: Settings) -> str:
    security = settings.xpack.security.audit
    EventFilter(security.logfile.events)
    if not security.enabled:
        return "audit: off"
    return f"audit: {settings.audit.path}" if settings.audit.output == "file" else "audit: among the lines of the log"


def _address(interface: Interface) -> str:
    hosts = ", ".join(
        f"[{host}]:{interface.port}" if ":" in host else f"{host}:{interface.port}" for host in interface.bind_hosts
    )
    return f"{hosts} (published as {interface.publish_host}:{interface.publish_port or interface.port})"


def _certificate(options: SslSettings) -> str:
    assert options.certificate is not None  # noqa: S101 - a context was made of it
    leaf = read_certificates(options.certificate)[0]
    return f"certificate [{leaf.subject.rfc4514_string()}] until {leaf.not_valid_after_utc:%Y-%m-%d}"


def _loads(paths: list[Path]) -> Iterator[str]:
    """Which files would be read. What is in them is not looked at: that would be to load them."""
    # Imported late: the other commands should not wait for numpy.
    from gateway.backends.memory.loading import LoadError, files_of

    problems: list[str] = []
    for path in paths:
        try:
            files = list(files_of([path]))
            for file in files:
                with file.open("rb"):
                    pass
        except LoadError as error:
            problems.append(f"setting [backend.memory.load]: {error}")
        except OSError as error:
            problems.append(f"setting [backend.memory.load]: cannot read [{error.filename}]: {error.strerror}")
        else:
            yield f"load: {path}, {len(files)} files"
    if problems:
        raise ConfigError(problems)
