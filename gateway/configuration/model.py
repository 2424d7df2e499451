"""Every setting that exists; its name is the path of attributes to it, as in ``settings.remote_cluster.port``."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from gateway import ip_filter
from gateway.configuration.units import parse_boolean, parse_duration, parse_integer, parse_size

ONE_GB = 1 << 30

COMMON_NAME_FIELD = "subjectAltName.otherName.commonName"
DNS_NAME_FIELD = "subjectAltName.dnsName"


def _from_text(parse: Callable[[str], Any]) -> BeforeValidator:
    """Settings come as text; a default or a value given in code is already what it should be."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _resolve(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if folder is None else folder / path


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def one_of(*allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"[{text}] is not allowed; allowed are [{', '.join(allowed)}]")
        return text

    return AfterValidator(check)


def _cluster_name(text: str) -> str:
    # Elasticsearch's own rule: the colon separates cluster and index in an expression.
    if ":" in text:
        raise ValueError(f"[{text}] is not allowed; a cluster name may not contain [:]")
    return text


def _host(text: str) -> str:
    if re.fullmatch(r"_.*_", text) and text != "_local_":
        raise ValueError(f"[{text}] is not allowed; allowed are an address, a host name, or [_local_]")
    return _filled(text)


def _backend_type(text: str) -> str:
    if text not in ("memory", "relay", "socket"):
        raise ValueError(f"[{text}] is not a backend; allowed are [memory, relay, socket] ([http] is not available yet)")
    return text


def _mutual(text: str) -> str:
    if text != "required":
        raise ValueError(
            f"[{text}] is not allowed; allowed is [required], because a user that a client names on this interface is trusted "
            "without a credential"
        )
    return text


def _x509_field(text: str) -> str:
    for field in (COMMON_NAME_FIELD, DNS_NAME_FIELD):
        if text.lower() == field.lower():
            return field
    raise ValueError(
        f"{text} is not a supported x509 field for trust restrictions. "
        f"Recognised values are [{COMMON_NAME_FIELD}, {DNS_NAME_FIELD}]"
    )


def _filter_rule(text: str) -> str:
    try:
        ip_filter.Rule.parse(text, allows=True)
    except ValueError as error:
        raise ValueError(f"invalid IP filter [{text}]: {error}") from None
    return text


def _size_between(lowest: int, highest: int) -> AfterValidator:
    def check(size: int) -> int:
        if not lowest <= size <= highest:
            raise ValueError(f"[{size}b] is not allowed; allowed is a size from {lowest}b to {highest}b")
        return size

    return AfterValidator(check)


def _socket_address(text: str, info: ValidationInfo) -> str:
    scheme, _, path = _filled(text).partition(":")
    return f"unix:{_resolve(Path(path), info)}" if scheme == "unix" and path else text


def _positive(duration: int) -> int:
    if duration <= 0:
        raise ValueError("must be longer than nothing")
    return duration


Boolean = Annotated[bool, _from_text(parse_boolean)]
Port = Annotated[int, _from_text(lambda text: parse_integer(text, 0, 65535))]
PublishPort = Annotated[int, _from_text(lambda text: parse_integer(text, -1, 65535))]
Count = Annotated[int, _from_text(lambda text: parse_integer(text, 1, 2**31 - 1))]
Size = Annotated[int, _from_text(parse_size)]
"""In bytes."""
Duration = Annotated[int, _from_text(parse_duration), AfterValidator(_positive)]
"""In nanoseconds."""
FilePath = Annotated[Path, AfterValidator(_resolve)]
Text = Annotated[str, AfterValidator(_filled)]
Hosts = list[Annotated[str, AfterValidator(_host)]]
FilterRules = list[Annotated[str, AfterValidator(_filter_rule)]]
"""See ``gateway.ip_filter``."""
Protocols = list[Annotated[str, one_of("TLSv1.2", "TLSv1.3")]]


class Group(BaseModel):
    """Settings under one prefix."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)

    named: ClassVar[type[Group] | None] = None
    """What stands under names that the operator chooses, where those are beside names of settings; see ``__pydantic_extra__``."""


class SigningSettings(Group):
    """Whom local clusters may have sign their requests; without any authority no signature is good."""

    certificate_authorities: list[FilePath] = []


class RemoteSettings(Group):
    signing: SigningSettings = Field(default_factory=SigningSettings)


class ClusterSettings(Group):
    name: Annotated[Text, AfterValidator(_cluster_name)] = "rcgateway"
    remote: RemoteSettings = Field(default_factory=RemoteSettings)


class NodeSettings(Group):
    name: Text = Field(default_factory=socket.gethostname)


class NetworkSettings(Group):
    host: Hosts = ["_local_"]


class PathSettings(Group):
    data: FilePath = Path("data")
    """The folder of the API keys; made when it is missing."""
    roles: FilePath = Path("roles.yml")
    """Roles in Elasticsearch's file format; a missing file is no roles."""


class HttpSettings(Group):
    port: Port = 9200


class RemoteClusterServerSettings(Group):
    enabled: Boolean = False


class RemoteClusterSettings(Group):
    """The interface of the API key model."""

    host: Hosts = []
    """Both bind_host and publish_host; network.host when empty."""
    bind_host: Hosts = []
    port: Port = 9443
    publish_host: Hosts = []
    publish_port: PublishPort = -1
    """-1 is the port that was bound."""
    # Elasticsearch's bounds: more than a frame's fixed header, at most what a Java array can hold.
    max_request_header_size: Annotated[Size, _size_between(64, 2 * ONE_GB)] = 64 << 10


class TransportSettings(Group):
    """The interface of the certificate model; open when xpack.security.transport.ssl.enabled."""

    host: Hosts = []
    bind_host: Hosts = []
    port: Port = 9300
    publish_host: Hosts = []
    publish_port: PublishPort = -1


class SslSettings(Group):
    """What both interfaces share. Files are PEM."""

    certificate: FilePath | None = None
    """The certificate of the server, then any intermediate ones."""
    key: FilePath | None = None
    key_passphrase: SecretStr | None = None
    supported_protocols: Protocols = ["TLSv1.3", "TLSv1.2"]
    cipher_suites: list[Text] = []
    """IANA names, as Java has them; OpenSSL's own choice when empty."""


class RemoteClusterServerSsl(SslSettings):
    enabled: Boolean = True
    client_authentication: Annotated[str, one_of("none")] = "none"


class TrustRestrictionsSettings(Group):
    """See ``gateway.trust_restrictions``."""

    path: FilePath | None = None
    x509_fields: list[Annotated[str, AfterValidator(_x509_field)]] = [COMMON_NAME_FIELD]


class TransportSsl(SslSettings):
    enabled: Boolean = False
    certificate_authorities: list[FilePath] = []
    trust_restrictions: TrustRestrictionsSettings = Field(default_factory=TrustRestrictionsSettings)
    client_authentication: Annotated[str, AfterValidator(_mutual)] = "required"


class RemoteClusterServerSecurity(Group):
    ssl: RemoteClusterServerSsl = RemoteClusterServerSsl()


class RemoteClusterFilter(Group):
    """Who may connect to the interface of the API key model; a list that is not given is that of ``transport.filter``."""

    allow: FilterRules = []
    deny: FilterRules = []


class TransportFilter(RemoteClusterFilter):
    """Who may connect to the interface of the certificate model. ``enabled`` is for both."""

    enabled: Boolean = True


class FilterSettings(Group):
    always_allow_bound_address: Boolean = True
    """Let in who connects from an address that the interface is bound to, before any rule."""


class RemoteClusterSecurity(Group):
    filter: RemoteClusterFilter = Field(default_factory=RemoteClusterFilter)


class TransportSecurity(Group):
    ssl: TransportSsl = TransportSsl()
    filter: TransportFilter = Field(default_factory=TransportFilter)


AUDIT_EVENTS = (
    "access_denied",
    "access_granted",
    "anonymous_access_denied",
    "authentication_failed",
    "authentication_success",
    "connection_denied",
    "connection_granted",
    "request_refused",
    "run_as_denied",
    "run_as_granted",
    "system_access_granted",
    "tampered_request",
)
"""Elasticsearch's names for those that exist there; ``request_refused`` is the gateway's own."""

EventNames = list[Annotated[str, one_of("_all", *AUDIT_EVENTS)]]


class AuditIgnoreFilter(Group):
    """A policy: events that match all five lists are not written. Patterns are those of role names; an empty text, or an empty list,
    matches an event without the field."""

    users: list[str] = ["*"]
    realms: list[str] = ["*"]
    roles: list[str] = ["*"]
    indices: list[str] = ["*"]
    actions: list[str] = ["*"]


class AuditEventSettings(Group):
    # All of Elasticsearch's default, and what it leaves out about other clusters: the accesses of its own internal users.
    include: EventNames = [name for name in AUDIT_EVENTS if name not in ("authentication_success", "connection_granted")]
    exclude: EventNames = []
    ignore_filters: dict[str, AuditIgnoreFilter] = {}
    """By the name of the policy."""


class AuditLogfileSettings(Group):
    events: AuditEventSettings = AuditEventSettings()


class SecurityAuditSettings(Group):
    enabled: Boolean = True
    logfile: AuditLogfileSettings = AuditLogfileSettings()


class AuditSettings(Group):
    """Where audit events go, and how long they may be."""

    output: Annotated[str, one_of("log", "file")] = "log"
    """log: among the other lines of the log."""
    path: FilePath = Path("audit.ndjson")
    max_indices: Count = 64
    """Names in each list of an event; a request may name thousands."""


class SecuritySettings(Group):
    audit: SecurityAuditSettings = SecurityAuditSettings()
    remote_cluster_server: RemoteClusterServerSecurity = RemoteClusterServerSecurity()
    transport: TransportSecurity = TransportSecurity()
    remote_cluster: RemoteClusterSecurity = Field(default_factory=RemoteClusterSecurity)
    filter: FilterSettings = Field(default_factory=FilterSettings)


class XPackSettings(Group):
    security: SecuritySettings = SecuritySettings()


class MemorySettings(Group):
    load: list[FilePath] = []
    """Files (NAME.index.json, *.ndjson, *.ndjson.gz) and folders of them, in this order."""


class ClientSsl(SslSettings):
    """For connections that this side makes. ``certificate`` is its own, for the certificate model."""

    certificate_authorities: list[FilePath] = []
    """Whom to trust; the system's authorities when empty."""
    verification_mode: Annotated[str, one_of("full", "certificate", "none")] = "full"


class RelaySettings(Group):
    """The upstream cluster, and how it is reached."""

    mode: Annotated[str, one_of("api_key", "certificate")] = "api_key"
    addresses: list[Text] = []
    """host:port of its remote cluster ports (9443), or of its transport ports (9300)."""
    sniff: Boolean = False
    """Look up the nodes of the cluster, and connect to them where they publish their addresses."""
    credentials: SecretStr | None = None
    """The gateway's own cross-cluster API key there, encoded."""
    credentials_file: FilePath | None = None
    server_name: Text | None = None
    """The name to ask for and to verify, when it is not that of the address."""
    ssl: ClientSsl = Field(default_factory=ClientSsl)
    connections: Count = 6
    """Kept open for clients to come; each connection of a client has one of its own."""
    max_connection_age: Duration = 3600 * 10**9
    """After which a connection is replaced, so that load spreads to nodes that have come since."""
    require_decoded: Boolean = False
    """Refuse requests whose index names cannot be decoded here, and which the upstream alone would judge."""


class SocketSettings(Group):
    """The program that is the backend, and how it is reached."""

    address: Annotated[str, AfterValidator(_socket_address)] | None = None
    """``unix:PATH``, where a relative path starts at the folder of the settings, or ``host:port``, which is always TLS."""
    server_name: Text | None = None
    """The name to ask for and to verify, when it is not that of the address."""
    ssl: ClientSsl = Field(default_factory=ClientSsl)
    connections: Count = 2
    timeout: Duration = 30 * 10**9
    """For the answer to a request."""


class BackendSettings(Group):
    type: Annotated[str, AfterValidator(_backend_type)] = "memory"
    relay: RelaySettings = Field(default_factory=RelaySettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)
    socket: SocketSettings = Field(default_factory=SocketSettings)


class LogSettings(Group):
    level: Annotated[str, one_of("debug", "info", "warn", "error")] = "info"
    format: Annotated[str, one_of("auto", "json", "console")] = "auto"
    """auto: console on a terminal, else json."""


class LimitSettings(Group):
    max_connections: Count = 4096
    """Connections open at once, over all interfaces. A local node opens 18, so this serves some 200 nodes."""
    max_requests_per_connection: Count = 1024
    """Requests of one connection that run at once."""
    max_message_size: Size = 128 << 20
    """One message, compressed or not. Elasticsearch's own requests stay under its http.max_content_length of 100mb."""
    in_flight_bytes: Size = 512 << 20
    """Requests and responses held at once; above it, circuit_breaking_exception."""
    handshake_timeout: Duration = 10 * 10**9
    """From accept to the end of the TCP handshake, TLS included; under Elasticsearch's connect timeout of 30s."""
    request_timeout: Duration = 300 * 10**9
    drain_timeout: Duration = 30 * 10**9
    """How long running requests may take to finish after SIGTERM."""


class Settings(Group):
    """All settings, validated. Attribute paths are Elasticsearch's setting names."""

    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    node: NodeSettings = Field(default_factory=NodeSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    path: PathSettings = Field(default_factory=PathSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    remote_cluster_server: RemoteClusterServerSettings = Field(default_factory=RemoteClusterServerSettings)
    remote_cluster: RemoteClusterSettings = Field(default_factory=RemoteClusterSettings)
    transport: TransportSettings = Field(default_factory=TransportSettings)
    xpack: XPackSettings = Field(default_factory=XPackSettings)
    backend: BackendSettings = Field(default_factory=BackendSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    workers: Count = 1
    """Processes that serve the same ports; each uses one core. The limits are those of one process."""

    @property
    def remote_cluster_ssl(self) -> RemoteClusterServerSsl:
        return self.xpack.security.remote_cluster_server.ssl

    @property
    def transport_ssl(self) -> TransportSsl:
        return self.xpack.security.transport.ssl


def setting_fields(group: type[Group] = Settings, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Each setting's full name, and whether it is a list. Where the operator chooses a part of the name there is a ``*`` for it."""
    if group.named is not None:
        yield from setting_fields(group.named, f"{prefix}*.")
    for name, field in group.model_fields.items():
        annotation = field.annotation
        origin = get_origin(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Group):
            yield from setting_fields(annotation, f"{prefix}{name}.")
        elif origin is dict:
            value = get_args(annotation)[1]
            if isinstance(value, type) and issubclass(value, Group):  # else it can be given in code only
                yield from setting_fields(value, f"{prefix}{name}.*.")
        else:
            yield prefix + name, origin is list
