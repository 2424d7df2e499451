"""The settings of the relay: whatever is wrong with them is told by the name of the setting, by ``rcgateway check`` as well."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import make_ca, make_client, make_server
from gateway import cli
from gateway.backends.relay.opening import open_relay
from gateway.backends.relay.trust import Trust
from gateway.config import ConfigError, load
from gateway.reload import stamps
from gateway.tls import expired_certificates

KEY = base64.b64encode(b"id:" + b"s" * 22).decode()
OTHER_KEY = base64.b64encode(b"id:" + b"t" * 22).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("settings")
    ca = make_ca("tests")
    for name, identity in (("server", make_server(ca, "gw", ["127.0.0.1"])), ("client", make_client(ca, "c")), ("ca", ca)):
        (made / f"{name}.crt").write_bytes(certificates_to_pem([identity.certificate]))
        (made / f"{name}.key").write_bytes(key_to_pem(identity.key))
    (made / "key.txt").write_text(KEY + "\n")
    (made / "bad.txt").write_text("not a key")
    (made / "binary.txt").write_bytes(b"\xff\xfe")
    (made / "empty.txt").write_text("\n")
    return made


Write = Callable[..., Path]


@pytest.fixture
def write(folder: Path) -> Write:
    def written(**relay: Any) -> Path:
        settings: dict[str, Any] = {
            "remote_cluster_server.enabled": True,
            "xpack.security.remote_cluster_server.ssl.certificate": "server.crt",
            "xpack.security.remote_cluster_server.ssl.key": "server.key",
            "backend.type": "relay",
            "backend.relay.addresses": ["127.0.0.1:9443"],
            "backend.relay.ssl.certificate_authorities": ["ca.crt"],
            **{f"backend.relay.{name.replace('__', '.')}": value for name, value in relay.items()},
        }
        path = folder / "gateway.yml"
        path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items() if value is not None))
        return path

    return written


def checked(path: Path) -> tuple[int, str]:
    """The exit code of ``rcgateway check`` and all that it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        code = cli.run(["check", "--config", str(path)])
    return code, printed.getvalue()


def opened(path: Path, environ: Mapping[str, str]) -> None:
    settings = load(path, environ)
    open_relay(settings.backend.relay, settings.limits)


def problems(path: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The same that ``check`` shows."""
    with pytest.raises(ConfigError) as raised:
        opened(path, environ or {})
    if environ is None:
        code, printed = checked(path)
        assert code == 2
        assert all(" ".join(problem.split("\n")) in printed for problem in raised.value.problems)
    return raised.value.problems


@pytest.mark.parametrize(
    ("relay", "expected"),
    [
        ({"addresses": None, "credentials": KEY}, "setting [backend.relay.addresses] is required with [backend.type: relay]"),
        ({"addresses": ["up"], "credentials": KEY}, "setting [backend.relay.addresses]: [up] is not host:port"),
        ({"addresses": ["up:0"], "credentials": KEY}, "setting [backend.relay.addresses]: [up:0] is not host:port"),
        ({"addresses": ["::1:9443"], "credentials": KEY}, "setting [backend.relay.addresses]: [::1:9443] is not host:port"),
        (
            {"mode": "both", "credentials": KEY},
            "setting [backend.relay.mode]: [both] is not allowed; allowed are [api_key, certificate]",
        ),
        ({"sniff": "maybe", "credentials": KEY}, "[backend.relay.sniff]"),
        (
            {},
            "setting [backend.relay.credentials] or [backend.relay.credentials_file] is required with [backend.relay.mode: api_key]",
        ),
        (
            {"credentials": KEY, "credentials_file": "key.txt"},
            "settings [backend.relay.credentials] and [backend.relay.credentials_file] exclude each other",
        ),
        ({"credentials": "abc"}, "setting [backend.relay.credentials]: is not an encoded API key"),
        ({"credentials_file": "none.txt"}, "setting [backend.relay.credentials_file]: cannot read"),
        ({"credentials_file": "bad.txt"}, "bad.txt]: is not an encoded API key"),
        ({"credentials_file": "binary.txt"}, "binary.txt]: is not text"),
        ({"credentials_file": "empty.txt"}, "empty.txt]: is not an encoded API key"),
        ({"mode": "certificate"}, "setting [backend.relay.ssl.certificate] is required with [backend.relay.mode: certificate]"),
        (
            {"mode": "certificate", "ssl__certificate": "client.crt"},
            "settings [backend.relay.ssl.certificate] and [backend.relay.ssl.key] are both required",
        ),
        (
            {"mode": "certificate", "ssl__certificate": "client.crt", "ssl__key": "server.key"},
            "setting [backend.relay.ssl.key]: the key in",
        ),
        (
            {"mode": "certificate", "ssl__certificate": "client.crt", "ssl__key": "client.key", "credentials": KEY},
            "setting [backend.relay.credentials] is of no use with [backend.relay.mode: certificate]",
        ),
        (
            {"credentials": KEY, "ssl__certificate_authorities": ["none.crt"]},
            "setting [backend.relay.ssl.certificate_authorities]",
        ),
        (
            {"credentials": KEY, "ssl__verification_mode": "some"},
            "setting [backend.relay.ssl.verification_mode]: [some] is not allowed; allowed are [full, certificate, none]",
        ),
    ],
)
def test_a_problem_names_its_setting(relay: dict[str, Any], expected: str, write: Write) -> None:
    assert any(expected in problem for problem in problems(write(**relay)))


def test_all_problems_are_told_at_once(write: Write) -> None:
    told = problems(write(addresses=["up", "down"], credentials="abc", ssl__certificate_authorities=["none.crt"]))
    assert len(told) == 4


def test_a_secret_is_never_told(write: Write) -> None:
    secret = base64.b64encode(b"noseparator-but-secret").decode()
    assert secret not in " ".join(problems(write(credentials=secret)))
    settings = load(write(credentials=KEY), {})
    assert KEY not in repr(settings)
    assert KEY not in repr(Trust.load(settings.backend.relay))


def test_the_key_may_come_from_the_environment(write: Write) -> None:
    environ = {"RCGATEWAY_BACKEND_RELAY_CREDENTIALS": KEY}
    assert Trust.load(load(write(), environ).backend.relay).credentials == KEY
    told = problems(write(), {"RCGATEWAY_BACKEND_RELAY_CREDENTIALS": "abc"})
    assert told == ["setting [backend.relay.credentials]: is not an encoded API key, which is base64 of [id:key]"]


def test_check_shows_where_requests_would_go(write: Write) -> None:
    code, printed = checked(write(credentials=KEY, addresses=["up:9443", "up:9443", "[::1]:9444"], sniff=True))
    assert code == 0, printed
    told = "relay to up:9443, [::1]:9444 and the nodes that they tell of, with an API key, trusting"
    assert told in printed.replace("[::1]:9444, up:9443", "up:9443, [::1]:9444")


def test_check_shows_the_certificate_and_that_nothing_is_verified(write: Write) -> None:
    files = {"ssl__certificate": "client.crt", "ssl__key": "client.key"}
    _, printed = checked(write(mode="certificate", ssl__verification_mode="none", **files))
    assert "with certificate [CN=c" in printed
    assert "whatever certificate they show" in printed


def test_changes_are_noticed_by_what_is_in_the_files(folder: Path, write: Write) -> None:
    settings = load(write(credentials_file="key.txt"), {}).backend.relay
    before = Trust.load(settings)
    (folder / "key.txt").write_text(KEY)
    assert Trust.load(settings).credentials == before.credentials
    (folder / "key.txt").write_text(OTHER_KEY)
    assert Trust.load(settings).credentials == OTHER_KEY
    assert Trust.load(settings).tls == before.tls
    kept = (folder / "ca.crt").read_bytes()
    try:
        (folder / "ca.crt").write_bytes(kept + certificates_to_pem([make_ca("more").certificate]))
        assert Trust.load(settings).tls != before.tls
    finally:
        (folder / "ca.crt").write_bytes(kept)
        (folder / "key.txt").write_text(KEY)


def test_files_of_the_upstream_are_watched_for_the_relay_only(folder: Path, write: Write) -> None:
    files = {"ssl__certificate": "client.crt", "ssl__key": "client.key", "credentials_file": "key.txt"}
    path = write(**files)
    watched = {each.name for each in stamps(load(path, {}))}
    assert {"client.crt", "client.key", "key.txt", "ca.crt"} <= watched
    path.write_text(path.read_text().replace('"relay"', '"memory"'))
    assert "key.txt" not in {each.name for each in stamps(load(path, {}))}


def test_a_certificate_of_the_gateway_whose_time_is_over_is_told(write: Write) -> None:
    """The upstream would refuse it."""
    files = {"ssl__certificate": "client.crt", "ssl__key": "client.key"}
    settings = load(write(mode="certificate", **files), {})
    later = datetime.now(UTC) + timedelta(days=36_500)
    sentences = [sentence for sentence in expired_certificates(settings, later) if "[backend.relay.ssl.certificate]" in sentence]
    assert len(sentences) == 1
    assert not expired_certificates(settings)
