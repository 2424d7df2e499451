"""``rcgateway check ALIAS`` against prepared faults, over real sockets: each is named, with its mend."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.issue import Identity, load_identity, make_ca, make_client, make_server
from gateway import cli
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authorization.access import parse_access
from protocol.errors import ElasticsearchException
from tests.elasticsearch.rig.ports import free_port
from tests.gateway.client.checking import ports
from tests.gateway.client.checking.ports import played
from tests.gateway.processes import put
from tests.gateway.test_bad_input import Setting

ACCESS = {"search": [{"names": ["logs*"]}]}
ROLES = """\
reader:
  indices: [{names: ["logs*"], privileges: [read, read_cross_cluster, view_index_metadata]}]
  remote_indices: [{clusters: [there], names: ["logs*"], privileges: [read, read_cross_cluster]}]
wide:
  remote_indices: [{clusters: [there], names: ["products", "none-*"], privileges: [read, read_cross_cluster]}]
mixed:
  remote_indices: [{clusters: [there], names: ["logs*", "products"], privileges: [read, read_cross_cluster]}]
elsewhere:
  remote_indices: [{clusters: [other], names: ["*"], privileges: [read]}]
"""
SHAKING = ports.cluster()
SHORT = "0.5"
"""Seconds of waiting for what will not come."""


class Site(Setting):
    """A gateway, keys of all kinds, and the folder of a local cluster beside it."""

    def __init__(self, folder: Path) -> None:
        (folder / "roles.yml").write_text(ROLES)
        super().__init__(folder)
        self.keys = {"good": self.key["encoded"]}
        with ApiKeyStore(folder / "data") as store:
            self.keys["expired"] = store.create("expired", parse_access(ACCESS), expiration="1ms").to_json()["encoded"]
            self.keys["invalidated"] = store.create("invalidated", parse_access(ACCESS)).to_json()["encoded"]
            store.invalidate(name="invalidated")
            self.keys["rest"] = store.create("rest", None, type="rest").to_json()["encoded"]
        self.keys["wrong"] = base64.b64encode(f"{_id(self.key['encoded'])}:{'x' * 22}".encode()).decode()
        self.keys["unknown"] = base64.b64encode(f"{'y' * 20}:{'x' * 22}".encode()).decode()
        put(folder, "other-ca", make_ca("other"))

    def more_settings(self) -> dict[str, object]:
        return {"path.roles": "roles.yml", "path.data": "data"}


def _id(encoded: str) -> str:
    return base64.b64decode(encoded).decode().partition(":")[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        yield made
    finally:
        made.gateway.stop()


class Check:
    """Writes a ``local.yml`` with the remote cluster ``there``, and checks it."""

    def __init__(self, site: Site, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site, self._folder, self._capsys = site, folder, capsys

    def __call__(
        self, address: str, key: str | None = "good", target: str = "there", timeout: str = "10", **more: Any
    ) -> list[Any]:
        """The steps. ``key``: the name of one of the site's, the key itself, or ``None`` for the certificate model; ``more``: further
        settings, with ``__`` for a dot."""
        files = self.site.folder
        settings: dict[str, Any] = {
            "cluster.remote.there.mode": "proxy",
            "cluster.remote.there.proxy_address": address,
            "xpack.security.remote_cluster_client.ssl.certificate_authorities": str(files / "ca.crt"),
            "xpack.security.transport.ssl.certificate_authorities": str(files / "ca.crt"),
            "xpack.security.transport.ssl.certificate": str(files / "client.crt"),
            "xpack.security.transport.ssl.key": str(files / "client.key"),
            "path.roles": str(files / "roles.yml"),
            "users.alice.roles": ["reader"],
        }
        if key is not None:
            settings["cluster.remote.there.credentials"] = self.site.keys.get(key, key)
        settings |= {name.replace("__", "."): value for name, value in more.items()}
        config = self._folder / "local.yml"
        config.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items() if value is not None))
        self._capsys.readouterr()
        code = cli.run(["check", target, "--config", str(config), "--json", "--timeout", timeout])
        printed = self._capsys.readouterr()
        assert printed.err == ""
        steps = [json.loads(line) for line in printed.out.splitlines()]
        assert code == any(step["status"] == "fault" for step in steps)
        return steps

    def fault(
        self, address: str, key: str | None = "good", target: str = "there", timeout: str = "10", **more: Any
    ) -> tuple[str, str, str, str]:
        """The step that fails: its name, the fault's, what is told, and how to mend it. Those before it hold, those after are skipped."""
        steps = self(address, key, target, timeout, **more)
        (place,) = [number for number, step in enumerate(steps) if step["status"] == "fault"]
        assert {step["status"] for step in steps[:place]} <= {"ok", "warning", "skipped"}
        assert {step["status"] for step in steps[place + 1 :]} <= {"skipped"}
        found = steps[place]
        return found["step"], found["fault"], found["text"], found["mend"]

    @property
    def keyed(self) -> str:
        return self.site.address()

    @property
    def certified(self) -> str:
        return self.site.address("transport")


@pytest.fixture
def check(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    return Check(site, tmp_path, capsys)


@contextmanager
def with_certificate(folder: Path, identity: Identity, behaviour: ports.Behaviour = SHAKING) -> Iterator[str]:
    put(folder, "shown", identity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shown.crt", folder / "shown.key")
    with played(behaviour, context) as address:
        yield address


def authority(site: Site) -> Identity:
    return load_identity(site.folder / "ca.crt")


def by_step(steps: list[Any]) -> dict[str, Any]:
    return {step["step"]: step for step in steps}


def test_everything_holds_in_both_models_and_modes(check: Check) -> None:
    sniffed: dict[str, Any] = {"cluster__remote__there__mode": "sniff", "cluster__remote__there__proxy_address": None}
    for address, key in ((check.keyed, "good"), (check.certified, None)):
        by_seeds = {**sniffed, "cluster__remote__there__seeds": [address]}
        for more in ({}, by_seeds):
            steps = check(address, key, **more)
            named = by_step(steps)
            expected = {"settings", "name", "tcp", "tls", "handshake", "version", "credentials", "nodes", "privileges", "indices"}
            assert set(named) == expected
            assert {step["status"] for step in steps} == {"ok", "skipped"} if not more else {"ok"}
            assert named["tls"]["certificate"]["names"] == ["127.0.0.1"]
            assert named["version"]["version"] == 8841096
            assert "logs-app-1" in named["indices"]["text"]


def test_a_name_that_does_not_resolve(check: Check) -> None:
    step, fault, text, mend = check.fault("no-such-host.invalid:9443")
    assert (step, fault) == ("name", "name_not_resolved")
    assert "[no-such-host.invalid]" in text
    assert "getent hosts" in mend


def test_a_port_where_nobody_listens(check: Check) -> None:
    step, fault, text, mend = check.fault(f"127.0.0.1:{free_port()}")
    assert (step, fault) == ("tcp", "connection_refused")
    assert "nothing listens there" in text
    assert "remote cluster port ([remote_cluster.port] there, 9443 by default)" in mend


def test_packets_that_a_firewall_drops(check: Check) -> None:
    """A listener whose backlog is full: the kernel drops what comes, as a firewall does."""
    with closing(socket.socket()) as listener, closing(socket.socket()) as first, closing(socket.socket()) as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        step, fault, text, mend = check.fault(f"127.0.0.1:{listener.getsockname()[1]}", timeout=SHORT)
    assert (step, fault) == ("tcp", "connect_timeout")
    assert "a firewall drops the packets" in text
    assert "firewalls and security groups" in mend


def test_a_certificate_that_has_expired(check: Check, tmp_path: Path) -> None:
    old = make_server(authority(check.site), "old", ["127.0.0.1"], days=1, now=datetime.now(UTC) - timedelta(days=5))
    with with_certificate(tmp_path, old) as address:
        step, fault, text, mend = check.fault(address)
    assert (step, fault) == ("tls", "certificate_expired")
    assert "4 days ago" in text
    assert "renewed" in mend
    assert "clock" in mend


def test_a_clock_that_is_behind(check: Check, tmp_path: Path) -> None:
    early = make_server(authority(check.site), "early", ["127.0.0.1"], now=datetime.now(UTC) + timedelta(days=2))
    with with_certificate(tmp_path, early) as address:
        step, fault, text, mend = check.fault(address)
    assert (step, fault) == ("tls", "certificate_not_yet_valid")
    assert "clock is behind" in text
    assert "clocks" in mend


def test_a_certificate_that_ends_soon_is_a_warning(check: Check, tmp_path: Path) -> None:
    soon = make_server(authority(check.site), "soon", ["127.0.0.1"], days=3)
    with with_certificate(tmp_path, soon) as address:
        steps = check(address, timeout=SHORT)
    warning = next(step for step in steps if step["status"] == "warning")
    assert (warning["step"], warning["fault"]) == ("tls", "certificate_expires_soon")
    assert "expires in 3 days" in warning["text"]


def test_an_authority_that_is_not_known(check: Check) -> None:
    step, fault, text, mend = check.fault(
        check.keyed, xpack__security__remote_cluster_client__ssl__certificate_authorities=str(check.site.folder / "other-ca.crt")
    )
    assert (step, fault) == ("tls", "unknown_authority")
    assert "issued by [CN=tests]" in text
    assert "other-ca.crt" in text
    assert "[xpack.security.remote_cluster_client.ssl.certificate_authorities]" in mend


def test_a_certificate_for_another_name(check: Check, tmp_path: Path) -> None:
    other = make_server(authority(check.site), "other", ["es.example.com"])
    with with_certificate(tmp_path, other) as address:
        step, fault, text, mend = check.fault(address)
        assert check.fault(address, timeout=SHORT, cluster__remote__there__server_name="es.example.com")[0] == "credentials"
    assert (step, fault) == ("tls", "wrong_name")
    assert "is for es.example.com, and not for [127.0.0.1]" in text
    assert "[cluster.remote.there.server_name]" in mend


@pytest.mark.parametrize("key", ["good", None])
def test_an_http_interface_without_tls(check: Check, key: str | None) -> None:
    with played(ports.http) as address:
        step, fault, text, mend = check.fault(address, key)
    assert (step, fault) == ("tls", "http_port")
    assert "HTTP interface (HTTP without TLS)" in text
    assert "9443" in mend


def test_an_http_interface_with_tls(check: Check, tmp_path: Path) -> None:
    with with_certificate(tmp_path, make_server(authority(check.site), "http", ["127.0.0.1"]), ports.http) as address:
        step, fault, text, _ = check.fault(address)
    assert (step, fault) == ("handshake", "http_port")
    assert "HTTPS" in text


def test_an_http_interface_with_tls_that_does_not_answer_to_what_it_does_not_know(check: Check, tmp_path: Path) -> None:
    def behaviour(stream: socket.socket) -> None:
        if stream.recv(65536).startswith(b"GET "):
            stream.sendall(b"HTTP/1.1 401 Unauthorized\r\n\r\n")

    with with_certificate(tmp_path, make_server(authority(check.site), "http", ["127.0.0.1"]), behaviour) as address:
        assert check.fault(address)[:2] == ("handshake", "http_port")


def test_a_port_that_says_nothing(check: Check) -> None:
    with played(ports.silence) as address:
        step, fault, text, mend = check.fault(address, timeout=SHORT)
    assert (step, fault) == ("tls", "silent_port")
    assert "says nothing" in text
    assert "proxy on the way" in mend


def test_a_port_that_closes(check: Check) -> None:
    with played(ports.closing) as address:
        step, fault, text, _ = check.fault(address)
    assert (step, fault) == ("tls", "not_tls")
    assert "does not speak TLS" in text


def test_the_transport_protocol_without_tls(check: Check) -> None:
    with played(ports.plain_transport) as address:
        step, fault, _, mend = check.fault(address)
    assert (step, fault) == ("tls", "plain_transport")
    assert "switch TLS on" in mend


def test_tls_with_something_else_behind_it(check: Check, tmp_path: Path) -> None:
    with with_certificate(tmp_path, make_server(authority(check.site), "x", ["127.0.0.1"]), ports.silence) as address:
        step, fault, text, _ = check.fault(address, timeout=SHORT)
    assert (step, fault) == ("handshake", "no_transport_protocol")
    assert "no answer to the handshake within 0.5s" in text


@pytest.mark.parametrize(("version", "release"), [(8840011, "8.18.0"), (8521000, "8.11.4"), (7170099, "")])
def test_a_cluster_that_is_too_old(check: Check, tmp_path: Path, version: int, release: str) -> None:
    old = ports.cluster(version, release)
    with with_certificate(tmp_path, make_server(authority(check.site), "x", ["127.0.0.1"]), old) as address:
        step, fault, text, mend = check.fault(address)
    assert (step, fault) == ("version", "too_old")
    assert f"transport version {version}" in text
    assert release in text
    assert "upgrade the remote cluster to 8.19" in mend


def test_a_cluster_that_does_not_answer_to_requests(check: Check, tmp_path: Path) -> None:
    with with_certificate(tmp_path, make_server(authority(check.site), "x", ["127.0.0.1"])) as address:
        assert check.fault(address, timeout=SHORT)[:2] == ("credentials", "no_answer")


@pytest.mark.parametrize(
    ("key", "fault", "told", "mend"),
    [
        (
            "rest",
            "key_wrong_type",
            "it is for REST requests, and a cross-cluster API key is needed",
            "/_security/cross_cluster/api_key",
        ),
        ("invalidated", "key_invalidated", "has been invalidated", "make a new one"),
        ("expired", "key_expired", "has expired", "make a new one"),
        ("wrong", "key_wrong_secret", "its secret is another one", "copy the [encoded]"),
        ("unknown", "key_unknown", "knows no API key", "check that it was made on this remote cluster"),
    ],
)
def test_a_key_that_does_not_let_in(check: Check, key: str, fault: str, told: str, mend: str) -> None:
    found = check.fault(check.keyed, key)
    assert found[:2] == ("credentials", fault)
    assert told in found[2]
    assert _id(check.site.keys[key]) in found[2]
    assert mend in found[3]


@pytest.mark.parametrize("key", ["bad+key", base64.b64encode(b"id:short").decode(), base64.b64encode(b"no colon").decode()])
def test_a_malformed_key(check: Check, key: str) -> None:
    step, fault, text, mend = check.fault(check.keyed, key)
    assert (step, fault) == ("settings", "bad_settings")
    assert "cluster.remote.there.credentials" in text
    assert key not in text
    assert "[encoded]" in mend


def test_a_key_on_the_port_of_the_certificate_model(check: Check) -> None:
    step, fault, text, mend = check.fault(check.certified)
    assert (step, fault) == ("handshake", "key_mode_on_certificate_port")
    assert "is of the certificate model" in text
    assert "9443" in mend


def test_a_key_on_the_port_of_the_certificate_model_with_a_certificate(check: Check) -> None:
    files, prefix = check.site.folder, "xpack__security__remote_cluster_client__ssl"
    own = {f"{prefix}__certificate": str(files / "client.crt"), f"{prefix}__key": str(files / "client.key")}
    assert check.fault(check.certified, **own)[:2] == ("credentials", "key_mode_on_certificate_port")


def test_certificates_on_the_port_of_the_key_model(check: Check) -> None:
    step, fault, text, mend = check.fault(check.keyed, None)
    assert (step, fault) == ("credentials", "certificate_mode_on_key_port")
    assert "is of the API key model" in text
    assert "[cluster.remote.there.credentials]" in mend
    assert "9300" in mend


def test_a_client_certificate_that_is_not_trusted(check: Check, tmp_path: Path) -> None:
    put(tmp_path, "stranger", make_client(make_ca("strangers"), "stranger"))
    own = {
        "xpack__security__transport__ssl__certificate": str(tmp_path / "stranger.crt"),
        "xpack__security__transport__ssl__key": str(tmp_path / "stranger.key"),
    }
    step, fault, text, mend = check.fault(check.certified, None, **own)
    assert (step, fault) == ("handshake", "client_certificate_not_trusted")
    assert "stranger.crt" in text
    assert "[xpack.security.transport.ssl.certificate_authorities] there" in mend


def test_no_client_certificate(check: Check) -> None:
    nothing: dict[str, Any] = {"xpack__security__transport__ssl__certificate": None, "xpack__security__transport__ssl__key": None}
    step, fault, _, mend = check.fault(check.certified, None, **nothing)
    assert (step, fault) == ("handshake", "client_certificate_missing")
    assert "[xpack.security.transport.ssl.certificate]" in mend


def test_protocols_that_have_nothing_in_common(check: Check, tmp_path: Path) -> None:
    put(tmp_path, "shown", make_server(authority(check.site), "x", ["127.0.0.1"]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "shown.crt", tmp_path / "shown.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with played(ports.silence, context) as address:
        found = check.fault(address, xpack__security__remote_cluster_client__ssl__supported_protocols=["TLSv1.3"])
    assert found[:2] == ("tls", "no_common_protocol")
    assert "[xpack.security.remote_cluster_client.ssl.supported_protocols]" in found[3]


def test_a_license_that_does_not_allow_it(check: Check, tmp_path: Path) -> None:
    refusal = ElasticsearchException(
        "security_exception", "current license is non-compliant for [advanced-remote-cluster-security]", status=403
    )
    with with_certificate(
        tmp_path, make_server(authority(check.site), "x", ["127.0.0.1"]), ports.cluster(refusal=refusal)
    ) as address:
        assert check.fault(address, timeout=SHORT)[:2] == ("credentials", "license")


def test_a_user_without_privileges_on_that_cluster(check: Check) -> None:
    step, fault, text, mend = check.fault(check.keyed, users__alice__roles=["elsewhere", "gone"])
    assert (step, fault) == ("privileges", "no_remote_privileges")
    assert "(the roles [gone] are not defined here)" in text
    assert "remote_indices: [{clusters: [there]" in mend


def test_a_user_whose_role_cannot_be_used(check: Check, tmp_path: Path) -> None:
    roles = tmp_path / "broken.yml"
    roles.write_text('broken: {remote_indices: [{clusters: [there], names: ["*"], privileges: [nothing]}]}\n')
    steps = check(check.keyed, users__alice__roles=["broken"], path__roles=str(roles))
    assert by_step(steps)["privileges"]["fault"] == "bad_role"
    assert any(step["status"] == "warning" and "role [broken]" in step["text"] for step in steps)


def test_a_user_whose_role_is_not_defined_on_that_cluster(check: Check) -> None:
    step, fault, text, mend = check.fault(check.certified, None, users__alice__roles=["gone"])
    assert (step, fault) == ("privileges", "no_privileges")
    assert "(assigned roles [gone] were not found)" in text
    assert "define the roles [gone] on the remote cluster" in mend


def test_a_user_who_is_not_there(check: Check, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(check.keyed)
    code = cli.run(["check", "there", "--config", str(tmp_path / "local.yml"), "--user", "bob", "--json"])
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (code, by_step(steps)["privileges"]["fault"]) == (1, "unknown_user")


def test_a_key_without_an_index_that_roles_name(check: Check) -> None:
    step, fault, text, mend = check.fault(check.keyed, users__alice__roles=["wide"])
    assert (step, fault) == ("indices", "index_denied_by_key")
    assert "does not allow to search [none-*]; the roles of [alice] here do" in text
    assert "[access.search]" in mend
    steps = check(check.keyed, users__alice__roles=["mixed"])
    assert [step["fault"] for step in steps if step["status"] == "warning"] == ["index_denied_by_key"]


def test_indices_that_are_asked_for(check: Check) -> None:
    assert "logs-app-1" in by_step(check(check.keyed, target="there:logs-app-1,logs-web*"))["indices"]["text"]
    wide: dict[str, Any] = {"users__alice__roles": ["reader", "wide"]}
    for name, fault in (
        ("logs-nope", "index_not_found"),
        ("logs-nope*", "index_not_found"),
        ("products", "index_denied_by_key"),
        ("shop", "index_denied_by_roles"),
    ):
        found = check.fault(check.keyed, target=f"there:{name}", **wide)
        assert found[:2] == ("indices", fault)
        assert f"[{name}]" in found[2]


def test_an_index_that_is_not_there_and_one_that_is_denied_in_the_certificate_model(check: Check) -> None:
    assert check.fault(check.certified, None, target="there:logs-nope")[:2] == ("indices", "index_not_found")
    assert check.fault(check.certified, None, target="there:products")[:2] == ("indices", "index_denied")


def test_seeds_of_which_one_is_down(check: Check) -> None:
    sniffed: dict[str, Any] = {"cluster__remote__there__mode": "sniff", "cluster__remote__there__proxy_address": None}
    steps = check("", **sniffed, cluster__remote__there__seeds=[f"127.0.0.1:{free_port()}", check.keyed])
    assert [(step["step"], step["fault"]) for step in steps if step["status"] == "warning"] == [("tcp", "connection_refused")]
    assert by_step(steps)["indices"]["status"] == "ok"


def test_an_alias_that_is_not_there(check: Check) -> None:
    step, fault, text, mend = check.fault(check.keyed, target="their")
    assert (step, fault) == ("settings", "unknown_alias")
    assert "did you mean [there]?" in text
    assert "cluster.remote.their.proxy_address" in mend


def test_without_users_all_but_their_rights_is_checked(check: Check) -> None:
    steps = by_step(check(check.keyed, users__alice__roles=None))
    assert (steps["credentials"]["status"], steps["privileges"]["status"]) == ("ok", "skipped")
    assert "there are no users" in steps["privileges"]["text"]


def test_without_tls_and_without_verification_there_are_warnings(check: Check, tmp_path: Path) -> None:
    with played(ports.cluster()) as address:
        steps = check(address, timeout=SHORT, xpack__security__remote_cluster_client__ssl__enabled="false")
    assert "without TLS" in [step["text"] for step in steps]
    with with_certificate(tmp_path, make_server(make_ca("x"), "x", ["x"])) as address:
        blind = check(address, timeout=SHORT, xpack__security__remote_cluster_client__ssl__verification_mode="none")
    assert [step["fault"] for each in (steps, blind) for step in each if step["status"] == "warning"] == [
        "no_tls",
        "not_verified",
    ]


def test_people_are_told_line_by_line(check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(check.keyed, "expired")
    assert cli.run(["check", "there", "--config", str(tmp_path / "local.yml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["ok", "name"]
    place = next(number for number, line in enumerate(lines) if line.startswith("FAULT"))
    assert "credentials" in lines[place]
    assert "to mend it: make a new one there" in lines[place + 1]
    assert len(lines) == place + 2


def test_several_users_need_a_name(check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "local.yml"
    config.write_text(
        f"cluster.remote.there: {{mode: proxy, proxy_address: '{check.keyed}'}}\nusers: {{a: {{roles: [x]}}, b: {{roles: [x]}}}}\n"
    )
    assert cli.run(["check", "there", "--config", str(config)]) == 2
    assert "name one with --user: a, b" in capsys.readouterr().err


def test_options_of_this_check_do_not_go_with_the_gateways_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--json"]) == 2
    assert "name its ALIAS" in capsys.readouterr().err
