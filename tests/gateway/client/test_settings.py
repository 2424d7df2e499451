"""The settings of a local cluster: Elasticsearch's names, defaults and words."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateway.client.settings import LocalSettings, load, settings_of
from gateway.configuration.source import ConfigError

KEY = base64.b64encode(b"id:" + b"s" * 22).decode()
REM = "cluster.remote.rem"


def made(flat: dict[str, str | list[str]]) -> LocalSettings:
    return settings_of(flat, Path("/etc/local"))


def problem(flat: dict[str, str | list[str]]) -> str:
    with pytest.raises(ConfigError) as raised:
        made(flat)
    return str(raised.value)


def test_a_file_with_all_that_is_fixed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "local.yml"
    path.write_text(
        """
cluster:
  remote:
    berlin:
      mode: proxy
      proxy_address: berlin.example:9443
      credentials: ${KEY}
      transport: {compress: true, ping_schedule: 5s}
    paris: {seeds: ["paris-1:9300", "[::1]:9300"], skip_unavailable: false, node_connections: 2}
xpack.security.remote_cluster_client.ssl.certificate_authorities: ca.crt
xpack.security.transport.ssl: {certificate: own.crt, key: own.key, certificate_authorities: [ca.crt]}
path.roles: roles.yml
users:
  alice: {roles: [logs_reader]}
  john.doe: {roles: [a, b]}
"""
    )
    settings = load(path, {"KEY": KEY})
    berlin, paris = settings.remotes["berlin"], settings.remotes["paris"]
    assert list(settings.remotes) == ["berlin", "paris"]
    assert berlin.credentials is not None
    assert berlin.credentials.get_secret_value() == KEY
    assert KEY not in repr(settings)
    assert (berlin.proxy_socket_connections, berlin.skip_unavailable) == (18, True)
    assert (berlin.transport.compress, berlin.transport.ping_schedule) == ("true", 5 * 10**9)
    assert (paris.mode, paris.seeds, paris.skip_unavailable, paris.node_connections) == (
        "sniff",
        ["paris-1:9300", "[::1]:9300"],
        False,
        2,
    )
    assert settings.path.roles == tmp_path / "roles.yml"
    assert settings.transport_ssl.certificate == tmp_path / "own.crt"
    assert {name: user.roles for name, user in settings.users.items()} == {"alice": ["logs_reader"], "john.doe": ["a", "b"]}


def test_what_is_not_given_is_as_in_elasticsearch() -> None:
    settings = made({f"{REM}.seeds": "127.0.0.1:9300"})
    remote = settings.cluster.remote
    assert (remote.initial_connect_timeout, remote.connections_per_cluster, remote.node.attr) == (30 * 10**9, 3, None)
    assert (settings.transport.compress, settings.transport.compression_scheme) == ("indexing_data", "lz4")
    assert settings.transport.ping_schedule is None


def test_an_alias_without_an_address_is_no_remote_cluster() -> None:
    assert made({f"{REM}.mode": "proxy"}).remotes == {}
    assert made({f"{REM}.credentials": KEY}).remotes == {}


def test_a_ping_schedule_of_minus_one_is_none() -> None:
    settings = made({f"{REM}.seeds": "a:1", f"{REM}.transport.ping_schedule": "-1", "transport.ping_schedule": "3s"})
    assert settings.remotes["rem"].transport.ping_schedule is None
    assert settings.transport.ping_schedule == 3 * 10**9


@pytest.mark.parametrize(
    ("flat", "words"),
    [
        (
            {f"{REM}.mode": "proxy", f"{REM}.seeds": "a:1"},
            f'Setting "{REM}.seeds" cannot be used with the configured "{REM}.mode" [required=SNIFF, configured=PROXY]',
        ),
        (
            {f"{REM}.seeds": "a:1", f"{REM}.proxy_socket_connections": "3"},
            f'Setting "{REM}.proxy_socket_connections" cannot be used with the configured "{REM}.mode" [required=PROXY, configured=SNIFF]',
        ),
        (
            {f"{REM}.skip_unavailable": "true"},
            f"Cannot configure setting [{REM}.skip_unavailable] if remote cluster is not enabled.",
        ),
        (
            {f"{REM}.transport.compress": "true"},
            f"Cannot configure setting [{REM}.transport.compress] if remote cluster is not enabled.",
        ),
        ({f"{REM}.mode": "tunnel"}, f"setting [{REM}.mode]: [tunnel] is not allowed; allowed are [sniff, proxy]"),
        ({f"{REM}.seeds": "a"}, f"setting [{REM}.seeds]: [a] is not host:port"),
        ({f"{REM}.seeds": "a:0"}, f"setting [{REM}.seeds]: [a:0] is not host:port"),
        (
            {f"{REM}.credentials": "geheim"},
            f"setting [{REM}.credentials]: is not an encoded API key, which is base64 of [id:key]",
        ),
        ({f"{REM}.node_connections": "0"}, f"setting [{REM}.node_connections]: [0] is not allowed"),
        ({f"{REM}.sedes": "a:1"}, f"unknown setting [{REM}.sedes]"),
        ({"cluster.remote.initial_connect_timeout": "soon"}, "[soon] is not a time"),
        ({"users.alice.role": "x"}, "unknown setting [users.alice.role]"),
        ({f"{REM}.mode": ["sniff"]}, f"setting [{REM}.mode] takes one value, not a list"),
    ],
)
def test_what_cannot_be_is_named(flat: dict[str, str | list[str]], words: str) -> None:
    found = problem(flat)
    assert words in found
    assert "geheim" not in found


def test_a_problem_has_the_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "local.yml"
    path.write_text("cluster.remote.rem:\n  mode: proxy\n  seeds: ['a:1']\n")
    with pytest.raises(ConfigError, match=r"local\.yml:3: Setting"):
        load(path, {})
