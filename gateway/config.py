"""The settings of the gateway: ``load`` reads them from ``gateway.yml`` and the environment, ``Settings`` holds them.

Names are Elasticsearch's where the meaning is the same; keys may be flat (``cluster.name: x``) or nested, in any mixture. See
``gateway.configuration.model`` for every setting and its default, ``gateway.configuration.source`` for the rule of the
environment variables. An unknown or malformed setting is an error that names it, its place, and what is allowed: passing
over a misspelt one would run a gateway that its operator did not describe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.configuration.addresses import Interface, remote_cluster_interface, transport_interface
from gateway.configuration.model import Settings
from gateway.configuration.reading import Form, where
from gateway.configuration.source import ConfigError, Written

__all__ = [
    "ConfigError",
    "Interface",
    "Settings",
    "load",
    "remote_cluster_interface",
    "require_interface",
    "settings_of",
    "transport_interface",
]

_FORM = Form(Settings)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of a file, with environment variables over them. Paths in both are relative to the file's folder.

    Raises ConfigError with every problem found.
    """
    return _validate(_FORM.read(path, environ, overrides=True), path.absolute().parent, str(path))


def settings_of(flat: Mapping[str, str | list[str]], folder: Path) -> Settings:
    """Settings from dotted names and their text, as if they stood in a file in ``folder``."""
    return _validate({name: Written(value, "settings") for name, value in flat.items()}, folder, "settings")


def require_interface(settings: Settings) -> None:
    """Raises ConfigError when no interface is switched on, so that ``serve`` would have nothing to serve."""
    if not settings.remote_cluster_server.enabled and not settings.transport_ssl.enabled:
        raise ConfigError(
            [
                "nothing to listen on: set [remote_cluster_server.enabled] to true for API keys, "
                "or [xpack.security.transport.ssl.enabled] to true for certificates"
            ]
        )


def _validate(written: Mapping[str, Written], folder: Path, origin: str) -> Settings:
    settings = _FORM.validate(written, folder, origin)
    problems = [f"{where(written, cause, origin)}: {text}" for cause, text in _missing(settings)]
    if problems:
        raise ConfigError(problems)
    return settings


def _missing(settings: Settings) -> list[tuple[str, str]]:
    """What an interface that is switched on cannot do without, as (the setting that asks for it, what is wrong)."""
    missing: list[tuple[str, str]] = []
    server_ssl, transport_ssl = settings.remote_cluster_ssl, settings.transport_ssl
    needs: list[tuple[bool, str, str, dict[str, object]]] = [
        (
            settings.remote_cluster_server.enabled and server_ssl.enabled,
            "remote_cluster_server.enabled",
            "xpack.security.remote_cluster_server.ssl",
            {"certificate": server_ssl.certificate, "key": server_ssl.key},
        ),
        (
            transport_ssl.enabled,
            "xpack.security.transport.ssl.enabled",
            "xpack.security.transport.ssl",
            {
                "certificate": transport_ssl.certificate,
                "key": transport_ssl.key,
                "certificate_authorities": transport_ssl.certificate_authorities,
            },
        ),
    ]
    for wanted, cause, prefix, values in needs:
        if wanted:
            missing += [
                (cause, f"setting [{prefix}.{name}] is required when [{cause}] is true")
                for name, value in values.items()
                if not value
            ]
    return missing
