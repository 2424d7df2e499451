"""In which security model, and with which settings, a remote cluster is reached."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from gateway.client.settings import CLIENT_SSL_PREFIX, REMOTE_PREFIX, SNIFF, TRANSPORT_SSL_PREFIX, LocalSettings
from gateway.configuration.model import ClientSsl
from gateway.tls import client_context


@dataclass(frozen=True, slots=True)
class Model:
    """``alias``: of the remote cluster; ``context``: ``None`` without TLS."""

    alias: str
    api_key: bool
    sniff: bool
    server_name: str | None
    context: ssl.SSLContext | None
    certificate: Path | None
    authorities: tuple[Path, ...]

    @classmethod
    def of(cls, settings: LocalSettings, alias: str) -> Model:
        """Raises ConfigError."""
        remote = settings.remotes[alias]
        api_key = remote.credentials is not None
        options: ClientSsl = settings.remote_cluster_client_ssl if api_key else settings.transport_ssl
        enabled = settings.remote_cluster_client_ssl.enabled if api_key else settings.transport_ssl.enabled
        prefix = CLIENT_SSL_PREFIX if api_key else TRANSPORT_SSL_PREFIX
        return cls(
            alias,
            api_key,
            remote.mode == SNIFF,
            remote.server_name,
            client_context(options, prefix) if enabled else None,
            options.certificate,
            tuple(options.certificate_authorities),
        )

    @property
    def ssl_prefix(self) -> str:
        return CLIENT_SSL_PREFIX if self.api_key else TRANSPORT_SSL_PREFIX

    @property
    def address_setting(self) -> str:
        return f"{REMOTE_PREFIX}.{self.alias}.{'seeds' if self.sniff else 'proxy_address'}"

    @property
    def credentials_setting(self) -> str:
        return f"{REMOTE_PREFIX}.{self.alias}.credentials"

    @property
    def port_text(self) -> str:
        """Which port the model needs."""
        return (
            "remote cluster port ([remote_cluster.port] there, 9443 by default)"
            if self.api_key
            else "transport port ([transport.port] there, 9300 by default)"
        )
