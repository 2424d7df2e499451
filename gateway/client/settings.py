"""The settings of a local cluster: ``load`` reads them from ``local.yml``, ``settings_of`` takes them from a mapping.

Names are Elasticsearch's. An alias with ``credentials`` is of the API key model, one without is of the certificate model, as in
Elasticsearch; so is an alias that has neither ``seeds`` nor a ``proxy_address``: it is no remote cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr

from gateway.client.users import UserSettings
from gateway.configuration.model import Boolean, ClientSsl, Count, Duration, FilePath, Group, Text, one_of
from gateway.configuration.reading import Form, where
from gateway.configuration.source import ConfigError, Written
from gateway.configuration.units import parse_duration
from gateway.links.link import Address
from protocol.errors import WireError
from protocol.security import ApiKeyCredentials

REMOTE_PREFIX = "cluster.remote"
CLIENT_SSL_PREFIX = "xpack.security.remote_cluster_client.ssl"
TRANSPORT_SSL_PREFIX = "xpack.security.transport.ssl"

SNIFF, PROXY = "sniff", "proxy"
_ONLY_WITH = {
    "seeds": SNIFF,
    "node_connections": SNIFF,
    "proxy_address": PROXY,
    "proxy_socket_connections": PROXY,
    "server_name": PROXY,
}


def _schedule(value: Any) -> Any:
    return None if value == "-1" else parse_duration(value) if isinstance(value, str) else value


def _address(text: str) -> str:
    Address.parse(text)  # in Elasticsearch too the name is looked up only when connections are opened
    return text


def _key(value: SecretStr) -> SecretStr:
    try:
        ApiKeyCredentials.decode(f"ApiKey {value.get_secret_value()}")
    except WireError:
        # Not the error's own words, which might show the secret.
        raise ValueError("is not an encoded API key, which is base64 of [id:key]") from None
    return value


HostAndPort = Annotated[str, AfterValidator(_address)]
Schedule = Annotated[int | None, BeforeValidator(_schedule)]
"""Nanoseconds, or None for ``-1``: never."""
Compress = Annotated[str, one_of("true", "false", "indexing_data")]
Scheme = Annotated[str, one_of("lz4", "deflate")]


class ConnectionTransport(Group):
    """How an alias's connections are used; what is not given is as for all connections (``transport.*``)."""

    ping_schedule: Schedule = None
    compress: Compress | None = None
    compression_scheme: Scheme | None = None


class RemoteClusterSettings(Group):
    """One remote cluster."""

    mode: Annotated[str, one_of(SNIFF, PROXY)] = SNIFF
    seeds: list[HostAndPort] = Field(default_factory=list)
    node_connections: Count | None = None
    """Nodes to connect to; ``cluster.remote.connections_per_cluster`` when not given."""
    proxy_address: HostAndPort | None = None
    proxy_socket_connections: Count = 18
    server_name: Text | None = None
    """The name to ask for and to verify, when it is not that of the address."""
    skip_unavailable: Boolean = True
    transport: ConnectionTransport = Field(default_factory=ConnectionTransport)
    credentials: Annotated[SecretStr, AfterValidator(_key)] | None = None
    """An encoded cross-cluster API key of the remote cluster."""

    @property
    def enabled(self) -> bool:
        """Whether it says where the cluster is."""
        return bool(self.seeds) if self.mode == SNIFF else self.proxy_address is not None


class RemoteNode(Group):
    attr: Text | None = None
    """An attribute: only nodes that have it as ``true`` are connected to in sniff mode."""


class RemotesSettings(Group):
    """``cluster.remote``: beside these settings, the remote clusters by their alias."""

    model_config = ConfigDict(extra="allow")
    named: ClassVar[type[Group] | None] = RemoteClusterSettings
    __pydantic_extra__: dict[str, RemoteClusterSettings] = Field(init=False)

    initial_connect_timeout: Duration = 30 * 10**9
    """How long the start, and a request, waits for a connection."""
    connections_per_cluster: Count = 3
    node: RemoteNode = Field(default_factory=RemoteNode)


class LocalClusterName(Group):
    name: Text = "rcgateway-client"
    remote: RemotesSettings = Field(default_factory=RemotesSettings)


class LocalNode(Group):
    name: Text = "rcgateway-client"
    """What requests say of the node that authenticated the user."""


class TransportDefaults(Group):
    """For the connections of aliases that do not say it themselves."""

    connect_timeout: Duration = 30 * 10**9
    ping_schedule: Schedule = None
    compress: Compress = "indexing_data"
    compression_scheme: Scheme = "lz4"


class LocalPaths(Group):
    roles: FilePath = Path("roles.yml")
    """Roles in Elasticsearch's file format; a missing file is no roles."""


class RemoteClusterClientSsl(ClientSsl):
    """Towards remote clusters of the API key model."""

    enabled: Boolean = True


class ClientTransportSsl(ClientSsl):
    """Towards remote clusters of the certificate model."""

    enabled: Boolean = True


class RemoteClusterClient(Group):
    ssl: RemoteClusterClientSsl = Field(default_factory=RemoteClusterClientSsl)


class ClientTransport(Group):
    ssl: ClientTransportSsl = Field(default_factory=ClientTransportSsl)


class LocalSecuritySettings(Group):
    remote_cluster_client: RemoteClusterClient = Field(default_factory=RemoteClusterClient)
    transport: ClientTransport = Field(default_factory=ClientTransport)


class LocalXPack(Group):
    security: LocalSecuritySettings = Field(default_factory=LocalSecuritySettings)


class LocalSettings(Group):
    """All settings of a local cluster, validated."""

    cluster: LocalClusterName = Field(default_factory=LocalClusterName)
    node: LocalNode = Field(default_factory=LocalNode)
    path: LocalPaths = Field(default_factory=LocalPaths)
    transport: TransportDefaults = Field(default_factory=TransportDefaults)
    xpack: LocalXPack = Field(default_factory=LocalXPack)
    users: dict[str, UserSettings] = Field(default_factory=dict)

    @property
    def remotes(self) -> dict[str, RemoteClusterSettings]:
        """By alias, in the order of the settings; only those that say where the cluster is."""
        return {alias: remote for alias, remote in self.cluster.remote.__pydantic_extra__.items() if remote.enabled}

    @property
    def remote_cluster_client_ssl(self) -> RemoteClusterClientSsl:
        return self.xpack.security.remote_cluster_client.ssl

    @property
    def transport_ssl(self) -> ClientTransportSsl:
        return self.xpack.security.transport.ssl


_FORM = Form(LocalSettings, dotted={"users"})


def load(path: Path, environ: Mapping[str, str]) -> LocalSettings:
    """The settings of a file; ``${NAME}`` in it is an environment variable. Paths are relative to the file's folder.

    Raises ConfigError with every problem found.
    """
    return _validate(_FORM.read(path, environ, overrides=False), path.absolute().parent, str(path))


def settings_of(flat: Mapping[str, str | list[str]], folder: Path) -> LocalSettings:
    """Settings from dotted names and their text, as if they stood in a file in ``folder``. Raises ConfigError."""
    return _validate({name: Written(value, "settings") for name, value in flat.items()}, folder, "settings")


def _validate(written: Mapping[str, Written], folder: Path, origin: str) -> LocalSettings:
    settings = _FORM.validate(written, folder, origin)
    problems = [
        f"{where(written, name, origin)}: {text}"
        for alias, remote in settings.cluster.remote.__pydantic_extra__.items()
        for name, text in _contradictions(alias, remote)
    ]
    if problems:
        raise ConfigError(problems)
    return settings


def _contradictions(alias: str, remote: RemoteClusterSettings) -> Iterator[tuple[str, str]]:
    """As (setting, what is wrong), in Elasticsearch's words."""
    given = remote.model_fields_set
    for name, mode in _ONLY_WITH.items():
        if name in given and remote.mode != mode:
            yield (
                f"{REMOTE_PREFIX}.{alias}.{name}",
                f'Setting "{REMOTE_PREFIX}.{alias}.{name}" cannot be used with the configured "{REMOTE_PREFIX}.{alias}.mode" '
                f"[required={mode.upper()}, configured={remote.mode.upper()}]",
            )
    if not remote.enabled:
        for name in ("skip_unavailable", "transport"):
            for inner in (
                sorted(remote.transport.model_fields_set) if name == "transport" and name in given else [""] * (name in given)
            ):
                key = ".".join(filter(None, (REMOTE_PREFIX, alias, name, inner)))
                yield key, f"Cannot configure setting [{key}] if remote cluster is not enabled."
