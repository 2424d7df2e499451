import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.config import (
    ConfigError,
    Settings,
    load,
    remote_cluster_interface,
    require_interface,
    settings_of,
    transport_interface,
)
from gateway.configuration.model import setting_fields
from gateway.configuration.source import variable_of
from gateway.configuration.units import parse_duration, parse_integer, parse_size

NO_ENVIRONMENT: Mapping[str, str] = {}


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.yml"
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str, environ: Mapping[str, str] = NO_ENVIRONMENT) -> list[str]:
    """What is wrong with a file, its folder left out."""
    with pytest.raises(ConfigError) as raised:
        load(written(folder, text), environ)
    return [problem.replace(f"{folder}/", "") for problem in raised.value.problems]


ALL_OF_IT = """\
cluster.name: x
node.name: n1
network.host: 10.0.0.1
path:
  data: keys
  roles: /etc/roles.yml
http.port: 9201
remote_cluster_server.enabled: true
remote_cluster:
  bind_host: [10.0.0.2, 10.0.0.3]
  port: 0
  publish_host: gw.example.org
  publish_port: 443
  max_request_header_size: 32kb
transport: {port: 9301, publish_host: 10.0.0.4}
xpack.security:
  remote_cluster_server.ssl:
    certificate: s.crt
    key: s.key
    key_passphrase: opensesame
  transport.ssl:
    enabled: true
    certificate: t.crt
    key: t.key
    certificate_authorities: ca.crt, other.crt
    client_authentication: required
    supported_protocols: [TLSv1.3]
backend:
  type: memory
  memory.load: [data, more.ndjson.gz]
log: {level: debug, format: json}
limits.drain_timeout: 5s
"""


def test_flat_and_nested_keys_mean_the_same(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ALL_OF_IT), NO_ENVIRONMENT)
    assert settings.cluster.name == "x"
    assert settings.path.data == tmp_path / "keys"
    assert settings.path.roles == Path("/etc/roles.yml")
    assert settings.remote_cluster.max_request_header_size == 32 * 1024
    assert settings.remote_cluster_ssl.certificate == tmp_path / "s.crt"
    assert settings.transport_ssl.certificate_authorities == [tmp_path / "ca.crt", tmp_path / "other.crt"]
    assert settings.transport_ssl.supported_protocols == ["TLSv1.3"]
    assert settings.backend.memory.load == [tmp_path / "data", tmp_path / "more.ndjson.gz"]
    assert settings.limits.drain_timeout == 5 * 10**9
    assert settings.log.level == "debug"


def test_passphrases_are_not_shown(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ALL_OF_IT), NO_ENVIRONMENT)
    assert settings.remote_cluster_ssl.key_passphrase is not None
    assert settings.remote_cluster_ssl.key_passphrase.get_secret_value() == "opensesame"
    assert "opensesame" not in repr(settings)
    with pytest.raises(ConfigError) as raised:
        load(written(tmp_path, ALL_OF_IT.replace("  port: 0", "  port: many")), NO_ENVIRONMENT)
    assert "opensesame" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "cluster.name:\n", "~\n"])
def test_nothing_is_the_defaults(tmp_path: Path, text: str) -> None:
    settings = load(written(tmp_path, text), NO_ENVIRONMENT)
    assert settings.remote_cluster.port == 9443
    assert settings.transport.port == 9300
    assert settings.http.port == 9200
    assert settings.remote_cluster.max_request_header_size == 65536
    assert not settings.remote_cluster_server.enabled
    assert not settings.transport_ssl.enabled
    assert settings.path.data == tmp_path / "data"
    assert settings.path.roles == tmp_path / "roles.yml"
    assert settings.cluster.name == "rcgateway"
    assert settings.node.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\ncluster.nme: x\n",
            ["gateway.yml:1: unknown setting [a]", "gateway.yml:2: unknown setting [cluster.nme], did you mean [cluster.name]?"],
        ),
        (
            "remote_cluster:\n  prt: 1\n",
            ["gateway.yml:2: unknown setting [remote_cluster.prt], did you mean [remote_cluster.port]?"],
        ),
        (
            "log: info\n",
            ["gateway.yml:1: [log] is a group of settings, not a setting; allowed are [log.level, log.format]"],
        ),
        (
            "cluster.name: x\ncluster:\n  name: y\n",
            ["gateway.yml:3: setting [cluster.name] is given twice, first at gateway.yml:1"],
        ),
        ("cluster.name: x\ncluster.name: x\n", ["gateway.yml:2: setting [cluster.name] is given twice, first at gateway.yml:1"]),
        ("cluster.name: [a, b]\n", ["gateway.yml:1: setting [cluster.name] takes one value, not a list"]),
        (
            "cluster.name: a:b\n",
            ["gateway.yml:1: setting [cluster.name]: [a:b] is not allowed; a cluster name may not contain [:]"],
        ),
        ("cluster.name: ''\n", ["gateway.yml:1: setting [cluster.name]: must not be empty"]),
        (
            "remote_cluster.port: 65536\n",
            ["gateway.yml:1: setting [remote_cluster.port]: [65536] is not allowed; allowed is a whole number from 0 to 65535"],
        ),
        (
            "\n\nremote_cluster_server:\n  enabled: yes\n",
            ["gateway.yml:4: setting [remote_cluster_server.enabled]: [yes] is not a boolean; allowed are [true, false]"],
        ),
        (
            "limits.drain_timeout: 30\n",
            [
                "gateway.yml:1: setting [limits.drain_timeout]: [30] is not a time; allowed is a whole number and a unit "
                "(nanos, micros, ms, s, m, h, d), such as 30s"
            ],
        ),
        ("limits.drain_timeout: 0\n", ["gateway.yml:1: setting [limits.drain_timeout]: must be longer than nothing"]),
        (
            "remote_cluster.max_request_header_size: 3gb\n",
            [
                "gateway.yml:1: setting [remote_cluster.max_request_header_size]: [3221225472b] is not allowed; "
                "allowed is a size from 64b to 2147483648b"
            ],
        ),
        (
            "backend.type: http\n",
            [
                "gateway.yml:1: setting [backend.type]: [http] is not a backend; allowed are [memory, relay, socket] "
                "([http] is not available yet)"
            ],
        ),
        (
            "backend.type: disk\n",
            [
                "gateway.yml:1: setting [backend.type]: [disk] is not a backend; allowed are [memory, relay, socket] "
                "([http] is not available yet)"
            ],
        ),
        (
            "xpack.security.transport.ssl.client_authentication: optional\n",
            [
                "gateway.yml:1: setting [xpack.security.transport.ssl.client_authentication]: [optional] is not allowed; allowed is "
                "[required], because a user that a client names on this interface is trusted without a credential"
            ],
        ),
        (
            "xpack.security.transport.ssl.supported_protocols: [TLSv1.1]\n",
            [
                "gateway.yml:1: setting [xpack.security.transport.ssl.supported_protocols]: [TLSv1.1] is not allowed; "
                "allowed are [TLSv1.2, TLSv1.3]"
            ],
        ),
        (
            "network.host: _site_\n",
            ["gateway.yml:1: setting [network.host]: [_site_] is not allowed; allowed are an address, a host name, or [_local_]"],
        ),
        ("network.host: [{a: b}]\n", ["gateway.yml:1: setting [network.host]: a list may hold only single values"]),
        ("[a]: b\n", ["gateway.yml:1: the name of a setting must be text"]),
        ("- a\n", ["gateway.yml:1: expected settings as `name: value` lines"]),
        ("a: b: c\n", ["gateway.yml:1: not YAML: mapping values are not allowed here"]),
        ("a: 1\n---\nb: 2\n", ["gateway.yml:2: not YAML: but found another document"]),
        ("a: &a {b: *a}\n", ["gateway.yml:1: settings are nested more than 20 deep"]),
        (
            "node.name: ${NOBODY}\n",
            ["gateway.yml:1: setting [node.name]: could not resolve placeholder [NOBODY]: there is no such environment variable"],
        ),
        (
            "remote_cluster_server.enabled: true\n",
            [
                f"gateway.yml:1: setting [xpack.security.remote_cluster_server.ssl.{name}] is required when "
                "[remote_cluster_server.enabled] is true"
                for name in ("certificate", "key")
            ],
        ),
        (
            "xpack.security.transport.ssl: {enabled: true, certificate: c, key: k}\n",
            [
                "gateway.yml:1: setting [xpack.security.transport.ssl.certificate_authorities] is required when "
                "[xpack.security.transport.ssl.enabled] is true"
            ],
        ),
    ],
)
def test_what_stops_the_start(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert problems(tmp_path, text) == expected


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "remote_cluster.port: x\ntransport.port: y\nhttp.port: z\n")) == 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the settings file .*none\.yml: No such file or directory"):
        load(tmp_path / "none.yml", NO_ENVIRONMENT)
    (tmp_path / "latin.yml").write_bytes("cluster.name: é".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yml: not UTF-8 text"):
        load(tmp_path / "latin.yml", NO_ENVIRONMENT)
    (tmp_path / "big.yml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="this is not a settings file"):
        load(tmp_path / "big.yml", NO_ENVIRONMENT)


def test_nesting_without_end(tmp_path: Path) -> None:
    assert problems(tmp_path, "[" * 5000) == ["gateway.yml: nested too deeply"]
    assert problems(tmp_path, "a: &a [*a]\n") == ["gateway.yml:1: setting [a]: a list may hold only single values"]


@given(st.binary(max_size=200) | st.text(alphabet="abc.:[]{}&*!|>-#'\"\n ${}%@,?", max_size=60).map(str.encode))
@example(b"? [a]: b")
@example(b"!!python/object:os.system a")
@example(b"cluster.name: !!binary x")
@example(b"\x00")
@example(b"%YAML 9.9\n---\n")
def test_whatever_the_file_holds_only_our_error_is_raised(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "gateway.yml")
        path.write_bytes(content)
        with suppress(ConfigError):
            load(path, NO_ENVIRONMENT)


def test_values_stay_the_text_that_they_are(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "cluster.name: 2026-01-01\nnode.name: 007\n"), NO_ENVIRONMENT)
    assert (settings.cluster.name, settings.node.name) == ("2026-01-01", "007")


def test_the_environment_overrides(tmp_path: Path) -> None:
    environ = {
        "RCGATEWAY_CLUSTER_NAME": "y",
        "RCGATEWAY_REMOTE_CLUSTER_PORT": "1",
        "RCGATEWAY_XPACK_SECURITY_REMOTE_CLUSTER_SERVER_SSL_KEY": "other.key",
        "RCGATEWAY_BACKEND_MEMORY_LOAD": "a,/b",
        "RCGATEWAY_CONFIG": "not a setting but the option of the command line",
        "PATH": "/bin",
    }
    settings = load(written(tmp_path, ALL_OF_IT), environ)
    assert settings.cluster.name == "y"
    assert settings.remote_cluster.port == 1
    assert settings.remote_cluster_ssl.key == tmp_path / "other.key"
    assert settings.backend.memory.load == [tmp_path / "a", Path("/b")]


def test_problems_of_the_environment(tmp_path: Path) -> None:
    assert problems(tmp_path, "", {"RCGATEWAY_CLUSTER_NAM": "y"}) == [
        "environment variable RCGATEWAY_CLUSTER_NAM names no setting, did you mean RCGATEWAY_CLUSTER_NAME?"
    ]
    assert problems(tmp_path, "http.port: 1\n", {"RCGATEWAY_HTTP_PORT": "x"}) == [
        "environment variable RCGATEWAY_HTTP_PORT: setting [http.port]: [x] is not allowed; allowed is a whole number from 0 to 65535"
    ]


def test_each_setting_has_its_own_variable() -> None:
    names = [name for name, _ in setting_fields()]
    assert len({variable_of(name) for name in names}) == len(names) > 40


def test_placeholders(tmp_path: Path) -> None:
    text = "cluster.name: ${SITE}-${STAGE:dev}\nnetwork.host: ['${HOST}']\n"
    settings = load(written(tmp_path, text), {"SITE": "eu", "HOST": "10.1.1.1"})
    assert settings.cluster.name == "eu-dev"
    assert settings.network.host == ["10.1.1.1"]


def make(**flat: Any) -> Settings:
    return settings_of({name.replace("__", "."): value for name, value in flat.items()}, Path("/"))


def test_where_to_listen() -> None:
    here = remote_cluster_interface(make())
    assert (here.bind_hosts, here.port, here.publish_host, here.publish_port) == (("127.0.0.1",), 9443, "127.0.0.1", None)
    assert remote_cluster_interface(make(network__host="a")).bind_hosts == ("a",)
    assert remote_cluster_interface(make(network__host="a", transport__host="b")).bind_hosts == ("b",)
    assert remote_cluster_interface(make(network__host="a", transport__host="b", remote_cluster__host="c")).publish_host == "c"
    both = remote_cluster_interface(
        make(remote_cluster__host="c", remote_cluster__bind_host="d, e", remote_cluster__publish_port="5")
    )
    assert (both.bind_hosts, both.publish_host, both.publish_port) == (("d", "e"), "c", 5)
    assert transport_interface(make(network__host="a", remote_cluster__host="c")).bind_hosts == ("a",)
    assert transport_interface(make(transport__bind_host="a", transport__publish_host="b")).publish_host == "b"


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_a_wildcard_is_not_published(wildcard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    published = transport_interface(make(network__host=wildcard)).publish_host
    assert published not in ("0.0.0.0", "::")

    class NoRoute:
        def __init__(self, *_arguments: object) -> None:
            raise OSError("no route")

    monkeypatch.setattr(socket, "socket", NoRoute)
    assert transport_interface(make(network__host=wildcard)).publish_host == ("127.0.0.1" if "." in wildcard else "::1")


def test_nothing_to_listen_on() -> None:
    with pytest.raises(ConfigError, match=r"nothing to listen on: set \[remote_cluster_server\.enabled\]"):
        require_interface(make())
    ssl = "xpack__security__remote_cluster_server__ssl__"
    require_interface(make(remote_cluster_server__enabled="true", **{f"{ssl}certificate": "c", f"{ssl}key": "k"}))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1b", 1),
        ("64kb", 65536),
        ("64 KB", 65536),
        ("2k", 2048),
        ("1m", 1 << 20),
        ("3gb", 3 << 30),
        ("1tb", 1 << 40),
        ("1pb", 1 << 50),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1", "-1b", "1.5kb", "kb", "1 k b", "٣kb", "9223372036854775808b", "1eb"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1nanos", 1),
        ("1micros", 1000),
        ("5ms", 5_000_000),
        ("30s", 30 * 10**9),
        ("30S", 30 * 10**9),
        ("2m", 120 * 10**9),
        ("1H", 3600 * 10**9),
        ("30d", 30 * 86400 * 10**9),
    ],
)
def test_times(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "30", "1M", "-1", "-1s", "1.5s", "s", "1w", "106752d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "+1", "1 ", "1_0", "٣", "0x1", "9" * 5000])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="allowed is a whole number from -1 to 10"):
        parse_integer(text, -1, 10)
