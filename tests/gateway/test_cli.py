import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from certs.demo import ensure_demo_certificates
from certs.issue import load_identity
from gateway import cli
from gateway.authentication.api_keys import ApiKeyStore

ACCESS = '{"search":[{"names":["logs*"]}]}'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    ensure_demo_certificates(folder)
    return folder


@pytest.fixture
def config(tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("RCGATEWAY_"):
            monkeypatch.delenv(name)
    path = tmp_path / "gateway.yml"
    path.write_text(f"""\
cluster.name: demo
node.name: n1
remote_cluster_server.enabled: true
xpack.security.remote_cluster_server.ssl: {{certificate: {certificates}/server.crt, key: {certificates}/server.key}}
xpack.security.transport.ssl:
  enabled: true
  certificate: {certificates}/server.crt
  key: {certificates}/server.key
  certificate_authorities: {certificates}/ca.crt
backend.memory.load: [demo]
""")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "logs.index.json").write_text("{}")
    (tmp_path / "demo" / "logs.ndjson").write_text("")
    monkeypatch.chdir(tmp_path)
    return path


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What the command printed; for another exit code than 0, its one line of error."""
        self._capsys.readouterr()
        assert cli.run(arguments) == code, self._capsys.readouterr()
        printed = self._capsys.readouterr()
        if code == 0:
            assert printed.err == ""
            return printed.out
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        return printed.err.rstrip("\n")

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments))


@pytest.fixture
def shell(config: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_the_life_of_a_key(shell: Shell, config: Path) -> None:
    made = shell.json(
        "keys", "create", "k1", "--access", ACCESS, "--expiration", "30d", "--metadata", '{"team":"a"}',
        "--certificate-identity", "CN=.*", "--username", "ops", "--config", str(config),
    )  # fmt: skip
    assert list(made) == ["id", "name", "expiration", "api_key", "encoded"]
    assert base64.b64decode(made["encoded"]).decode() == f"{made['id']}:{made['api_key']}"
    key_id = made["id"]

    shown = shell.json("keys", "show", key_id)
    assert (shown["username"], shown["metadata"], shown["certificate_identity"]) == ("ops", {"team": "a"}, "CN=.*")
    assert shown["access"] == {"search": [{"names": ["logs*"], "allow_restricted_indices": False}]}
    assert shell.json("keys", "list") == {"api_keys": [shown]}
    assert made["api_key"] not in shell("keys", "show", key_id) + shell("keys", "list")

    assert shell.json("keys", "update", key_id, "--no-certificate-identity") == {"updated": True}
    assert shell.json("keys", "update", key_id, "--no-certificate-identity") == {"updated": False}
    assert shell.json("keys", "update", key_id, "--access", '{"search":[{"names":["m"]}]}', "--metadata", "{}") == {
        "updated": True
    }
    with ApiKeyStore(config.parent / "data") as store:
        assert store.verify(key_id, made["api_key"]).to_json()["access"]["search"][0]["names"] == ["m"]

    assert shell.json("keys", "invalidate", key_id)["invalidated_api_keys"] == [key_id]
    assert shell.json("keys", "invalidate", key_id)["previously_invalidated_api_keys"] == [key_id]
    assert shell.json("keys", "list", "--active") == {"api_keys": []}
    assert (
        shell("keys", "update", key_id, "--metadata", "{}", code=1) == f"rcgateway: cannot update invalidated API key [{key_id}]"
    )


def test_keys_by_name(shell: Shell) -> None:
    ids = [shell.json("keys", "create", name, "--access", ACCESS)["id"] for name in ("a", "b", "a")]
    assert [key["id"] for key in shell.json("keys", "list", "--name", "a")["api_keys"]] == [ids[0], ids[2]]
    assert shell.json("keys", "invalidate", "--name", "a")["invalidated_api_keys"] == [ids[0], ids[2]]


def test_access_from_a_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text(ACCESS)
    assert shell.json("keys", "create", "k", "--access", "@access.json")["name"] == "k"
    assert "cannot read [none.json]" in shell("keys", "create", "k", "--access", "@none.json", code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("keys", "create", "k"), 2, "rcgateway keys create: Missing option '--access'. (see rcgateway keys create --help)"),
        (
            ("keys", "create", "k", "--access", "{}"),
            1,
            "rcgateway: must specify non-empty access for either [search] or [replication]",
        ),
        (
            ("keys", "create", "_k", "--access", ACCESS),
            1,
            "rcgateway: Validation Failed: 1: api key name may not begin with an underscore;",
        ),
        (
            ("keys", "create", "k", "--access", ACCESS, "--metadata", "[]"),
            2,
            "rcgateway keys create: --metadata must be a JSON object. (see rcgateway keys create --help)",
        ),
        (
            ("keys", "create", "k", "--access", ACCESS, "--expiration", "1"),
            1,
            "rcgateway: failed to parse setting [expiration] with value [1] as a time value: unit is missing or unrecognized",
        ),
        (("keys", "show", "nobody"), 1, "rcgateway: there is no API key with id [nobody]"),
        (("keys", "invalidate", "nobody"), 1, "rcgateway: there is no API key with id [nobody]"),
        (
            ("keys", "invalidate"),
            2,
            "rcgateway keys invalidate: Give ids, or --name, and not both. (see rcgateway keys invalidate --help)",
        ),
        (
            ("keys", "update", "x", "--certificate-identity", "a", "--no-certificate-identity"),
            2,
            "rcgateway keys update: --certificate-identity and --no-certificate-identity contradict each other. "
            "(see rcgateway keys update --help)",
        ),
        (
            ("keys", "list", "--config", "none.yml"),
            2,
            "rcgateway: cannot read the settings file none.yml: No such file or directory",
        ),
        (("roles", "show", "nobody"), 1, None),
        (("nothing",), 2, "rcgateway: No such command 'nothing'. (see rcgateway --help)"),
        ((), 2, "rcgateway: Missing command. (see rcgateway --help)"),
        (("certs", "show", "none.crt"), 1, "rcgateway: cannot read [none.crt]: No such file or directory"),
    ],
)
def test_errors_are_one_line(shell: Shell, arguments: tuple[str, ...], code: int, line: str | None) -> None:
    printed = shell(*arguments, code=code)
    if line is not None:
        assert printed == line


def test_settings_problems_are_a_line_each(shell: Shell, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("a: 1\nb: 2\n")
    assert cli.run(["check"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "rcgateway: gateway.yml:1: unknown setting [a]",
        "rcgateway: gateway.yml:2: unknown setting [b]",
    ]


def test_the_settings_file_from_the_environment(
    shell: Shell, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.rename(tmp_path / "other.yml")
    monkeypatch.setenv("RCGATEWAY_CONFIG", "other.yml")
    monkeypatch.setenv("RCGATEWAY_PATH_DATA", "elsewhere")
    shell("keys", "create", "k", "--access", ACCESS)
    assert (tmp_path / "elsewhere" / "api_keys.sqlite").exists()


def test_check_says_what_serve_would_open(shell: Shell, config: Path, tmp_path: Path, certificates: Path) -> None:
    printed = shell("check")
    assert printed.splitlines()[0] == "gateway.yml: ok"
    for text in (
        "cluster [demo], node [n1]",
        "API keys on 127.0.0.1:9443 (published as 127.0.0.1:9443), certificate [CN=rcgateway] until ",
        "certificates on 127.0.0.1:9300 (published as 127.0.0.1:9300), certificate [CN=rcgateway] until ",
        f"clients of {certificates}/ca.crt",
        f"roles: {tmp_path}/roles.yml is not there, reserved roles only",
        f"keys: {tmp_path}/data/api_keys.sqlite will be made",
        "audit: among the lines of the log",
        f"load: {tmp_path}/demo, 2 files",
    ):
        assert text in printed
    # It only looks.
    assert not (tmp_path / "data").exists()
    shell("keys", "create", "k", "--access", ACCESS)
    (tmp_path / "roles.yml").write_text("reader:\n  indices: [{names: [a], privileges: [read]}]\n")
    printed = shell("check")
    assert f"keys: {tmp_path}/data/api_keys.sqlite, 1\n" in printed
    assert f"roles: {tmp_path}/roles.yml, " in printed


def test_check_says_whom_serve_would_trust(shell: Shell, config: Path, tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "trust.yml").write_text("trust.subject_name: [ '*.local', node-1 ]\n")
    more = f"""
cluster.remote.signing.certificate_authorities: {certificates}/ca.crt
xpack.security.transport.ssl.trust_restrictions: {{ path: trust.yml, x509_fields: [ subjectAltName.dnsName ] }}
"""
    config.write_text(config.read_text() + more)
    printed = shell("check")
    assert "signed requests of 1 certificate authorities" in printed
    assert "of those clients the ones whose subjectAltName.dnsName is among [*.local, node-1]" in printed


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "cluster.remote.signing.certificate_authorities: none.crt",
            "rcgateway: setting [cluster.remote.signing.certificate_authorities]: cannot read [{folder}/none.crt]: "
            "No such file or directory",
        ),
        (
            "xpack.security.transport.ssl.trust_restrictions.path: none.yml",
            "rcgateway: setting [xpack.security.transport.ssl.trust_restrictions.path]: cannot read the settings file {folder}/none.yml: "
            "No such file or directory",
        ),
        (
            "backend.memory.load: [demo, none]",
            "rcgateway: setting [backend.memory.load]: {folder}/none: no such file or folder",
        ),
        (
            "xpack.security.audit.logfile.events.ignore_filters.p.users: /a",
            "rcgateway: setting [xpack.security.audit.logfile.events.ignore_filters.p.users]: invalid pattern [/a]. patterns starting "
            "with '/' indicate regular expression pattern and therefore must also end with '/'. other patterns (those that do not "
            "start with '/') will be treated as simple wildcard patterns",
        ),
        ("path.roles: bad.yml", "rcgateway: {folder}/bad.yml: not UTF-8 at byte [8]"),
    ],
)
def test_check_finds_what_would_fail(shell: Shell, config: Path, tmp_path: Path, change: str, line: str) -> None:
    text = config.read_text().replace("backend.memory.load: [demo]\n", "")
    config.write_text(text + change + "\n")
    (tmp_path / "bad.yml").write_bytes(b"reader: \xff\n")
    assert shell("check", code=2) == line.format(folder=tmp_path)


def test_check_of_settings_that_open_nothing(shell: Shell, config: Path) -> None:
    config.write_text("")
    assert shell("check", code=2).startswith("rcgateway: nothing to listen on: ")


def test_roles(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "roles.yml").write_text("reader:\n  indices: [{names: [a], privileges: [read]}]\n")
    roles = {role["name"]: role["reserved"] for role in shell.json("roles", "list")["roles"]}
    assert (roles["reader"], roles["superuser"]) == (False, True)
    assert shell.json("roles", "show", "reader")["reader"]["indices"] == [
        {"names": ["a"], "privileges": ["read"], "allow_restricted_indices": False}
    ]


def test_bad_roles_are_skipped_and_told(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "roles.yml").write_text("bad: 5\nreader: {cluster: [monitr]}\n")
    warnings = f"""\
warning: {tmp_path}/roles.yml:1: invalid role definition [bad]. expected an object. skipping role...
warning: {tmp_path}/roles.yml:2: role [reader] refuses every request of those who have it: unknown cluster privilege [monitr]"""
    for command in (("check",), ("roles", "list"), ("roles", "show", "reader")):
        assert cli.run(command) == 0
        assert capsys.readouterr().err.startswith(warnings), command


def test_certificates_from_end_to_end(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("opensesame\n")
    assert shell("certs", "ca", "--name", "My CA", "--out", "c/ca", "--passphrase-file", "pass") == "c/ca.key\nc/ca.crt\n"
    ca = ("--ca", "c/ca.crt", "--ca-passphrase-file", "pass")
    shell("certs", "server", *ca, "--dns", "gw", "--ip", "10.0.0.1", "--out", "c/server")
    shell("certs", "client", *ca, "--name", "CN=n1,O=Local", "--out", "c/client", "--format", "p12", "--passphrase-file", "pass")
    shell("certs", "renew", "c/server.crt", *ca, "--days", "7", "--out", "c/renewed")
    shell("certs", "renew", "c/ca.crt", "--key-passphrase-file", "pass", "--out", "c/ca2")
    server, renewed = (load_identity(Path(f"c/{name}.crt")) for name in ("server", "renewed"))
    assert server.certificate.public_key() == renewed.certificate.public_key()
    entries = [
        json.loads(line) for line in shell("certs", "show", "--json", "c/renewed.crt", "c/renewed.key", "c/ca2.key").splitlines()
    ]
    assert [entry["kind"] for entry in entries] == ["certificate", "private key", "private key"]
    assert (entries[0]["names"], entries[0]["days_left"]) == (["gw", "10.0.0.1"], 6)
    assert [entry.get("encrypted") for entry in entries] == [None, False, True]
    assert "subject: CN=n1,O=Local\n" in shell("certs", "show", "c/client.p12", "--passphrase-file", "pass")

    before = Path("c/server.key").read_bytes()
    assert "exists already" in shell("certs", "server", *ca, "--dns", "gw", "--out", "c/server", code=1)
    assert Path("c/server.key").read_bytes() == before
    assert "needs at least one DNS name" in shell("certs", "server", *ca, "--out", "c/s2", code=1)
    assert "is encrypted and no passphrase is given" in shell(
        "certs", "server", "--ca", "c/ca.crt", "--dns", "a", "--out", "c/s2", code=1
    )
    assert "only a CA renews itself" in shell("certs", "renew", "c/server.crt", "--out", "c/s2", code=2)


def put_server(monkeypatch: pytest.MonkeyPatch, serve: Any) -> None:
    """A server that needs no port."""
    module = ModuleType("gateway.server")
    module.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gateway.server", module)


def test_serve_runs_the_server_with_the_settings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def serve(read: Callable[[], Any], settings: Any, ready_file: Path | None) -> None:
        started.append((settings.cluster.name, read() == settings, ready_file))

    put_server(monkeypatch, serve)
    assert shell("serve", "--config", "gateway.yml", "--ready-file", "ready.json") == ""
    assert started == [("demo", True, Path("ready.json"))]


def test_a_port_that_is_taken(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(*_arguments: Any) -> None:
        raise OSError(98, "Address already in use")

    put_server(monkeypatch, serve)
    assert shell("serve", code=1) == "rcgateway: [Errno 98] Address already in use"


def test_as_a_program(config: Path) -> None:
    """Once through the interpreter: the module runs, and the exit code is the command's."""

    def run(*arguments: str) -> tuple[int, str, str]:
        environ = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent.parent)}
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, check=False, env=environ
        )
        return done.returncode, done.stdout, done.stderr

    code, out, err = run("keys", "create", "k", "--access", ACCESS, "--config", str(config))
    assert (code, err, json.loads(out)["name"]) == (0, "", "k")
    assert run("keys", "list", "--config", "none.yml")[0] == 2
