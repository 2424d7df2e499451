"""The settings of the gateway: ``load`` reads them from ``gateway.yml`` and the environment, ``Settings`` holds them.

Names are Elasticsearch's where the meaning is the same; keys may be flat (``cluster.name: x``) or nested, in any mixture. See
``gateway.configuration.model`` for every setting and its default, ``gateway.configuration.source`` for the rule of the
environment variables. An unknown or malformed setting is an error that names it, its place, and what is allowed: passing
over a misspelt one would run a gateway that its operator did not describe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.configuration.addresses import Interface, remote_cluster_interface, transport_interface
from gateway.configuration.model import Settings, setting_fields
from gateway.configuration.source import (
    ConfigError,
    Written,
    did_you_mean,
    read_environment,
    read_file,
    split_list,
)

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

_ALL_FIELDS = dict(setting_fields())
_IS_LIST = {name: is_list for name, is_list in _ALL_FIELDS.items() if "*" not in name}
_NAMED_BY_OPERATOR = {tuple(name.split(".")): is_list for name, is_list in _ALL_FIELDS.items() if "*" in name}


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of a file, with environment variables over them. Paths in both are relative to the file's folder.

    Raises ConfigError with every problem found.
    """
    written = read_file(path, environ)
    written |= read_environment(environ, _IS_LIST, [name for name, is_list in _IS_LIST.items() if is_list])
    return _validate(written, path.absolute().parent, str(path))


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
    problems: list[str] = []
    tree: dict[str, Any] = {}
    for name in _IS_LIST:
        _group_of(tree, name)  # also the groups nothing is said of, so that their default paths are resolved as well
    for name, entry in written.items():
        is_list = _is_list(name)
        if is_list is None:
            problems.append(f"{entry.where}: {_unknown(name)}")
            continue
        value = entry.value
        if is_list:
            value = split_list(value) if isinstance(value, str) else value
        elif not isinstance(value, str):
            problems.append(f"{entry.where}: setting [{name}] takes one value, not a list")
            continue
        _group_of(tree, name)[name.rpartition(".")[2]] = value
    if problems:
        raise ConfigError(problems)
    try:
        settings = Settings.model_validate(tree, context={"folder": folder})
    except ValidationError as error:
        raise ConfigError([_problem(detail, written, origin) for detail in error.errors(include_input=False)]) from None
    problems = [f"{_where(written, cause, origin)}: {text}" for cause, text in _missing(settings)]
    if problems:
        raise ConfigError(problems)
    return settings


def _is_list(name: str) -> bool | None:
    """Whether a setting holds several values; None where there is no such setting."""
    known = _IS_LIST.get(name)
    if known is not None:
        return known
    parts = name.split(".")
    for form, is_list in _NAMED_BY_OPERATOR.items():
        if len(form) == len(parts) and all(part and want in ("*", part) for want, part in zip(form, parts, strict=True)):
            return is_list
    return None


def _group_of(tree: dict[str, Any], name: str) -> dict[str, Any]:
    for group in name.split(".")[:-1]:
        tree = tree.setdefault(group, {})
    return tree


def _unknown(name: str) -> str:
    members = [known for known in _ALL_FIELDS if known.startswith(f"{name}.")]
    if members:
        return f"[{name}] is a group of settings, not a setting; allowed are [{', '.join(members)}]"
    if ".keystore." in name or ".truststore." in name:
        return f"setting [{name}] is not supported: key stores are not read here; give PEM files instead"
    return f"unknown setting [{name}]{did_you_mean(name, _IS_LIST)}"


def _problem(detail: Any, written: Mapping[str, Written], origin: str) -> str:
    # The location ends in the index of a list's item, which is no part of the name.
    name = ".".join(part for part in detail["loc"] if isinstance(part, str))
    cause = detail.get("ctx", {}).get("error")
    return f"{_where(written, name, origin)}: setting [{name}]: {cause or detail['msg']}"


def _where(written: Mapping[str, Written], name: str, origin: str) -> str:
    return written[name].where if name in written else origin


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
