"""A running gateway and those who send it something else than a local cluster would: each is closed, logged, and the others served."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import make_ca, make_client, make_server
from gateway.demo.documents import indices, write
from protocol.compression import Compression, compress
from protocol.errors import ElasticsearchException
from protocol.frames import PING, Status, encode_frame
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, HandshakeResponse
from protocol.security import Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19, TransportVersion
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.raw import RawClient

HANDSHAKE_SECONDS = 2
CLOSE_SECONDS = 10.0
HANDSHAKE_REQUEST = b"\x00"


class Setting:
    """A gateway with a key, and what is needed to use it."""

    def __init__(self, folder: Path, *, workers: int = 1) -> None:
        ca = make_ca("tests")
        for name, identity in (
            ("server", make_server(ca, "gw", ["127.0.0.1"])),
            ("client", make_client(ca, "client")),
            ("ca", ca),
        ):
            (folder / f"{name}.crt").write_bytes(certificates_to_pem([identity.certificate]))
            (folder / f"{name}.key").write_bytes(key_to_pem(identity.key))
        write(folder / "documents", indices(30))
        prefixes = ("xpack.security.remote_cluster_server.ssl", "xpack.security.transport.ssl")
        files = {
            f"{prefix}.{kind}": f"server.{suffix}"
            for prefix in prefixes
            for kind, suffix in (("certificate", "crt"), ("key", "key"))
        }
        self.folder = folder
        self.gateway = Gateway(
            folder,
            {
                "remote_cluster_server.enabled": True,
                "remote_cluster.port": 0,
                "transport.port": 0,
                f"{prefixes[1]}.enabled": True,
                f"{prefixes[1]}.certificate_authorities": ["ca.crt"],
                **files,
                "backend.memory.load": ["documents"],
                "limits.handshake_timeout": f"{HANDSHAKE_SECONDS}s",
                "workers": workers,
                **self.more_settings(),
            },
        )
        self.gateway.write_config()
        self.key = self.gateway.create_key("k", {"search": [{"names": ["logs*"]}]})
        self.gateway.start()

    def more_settings(self) -> dict[str, object]:
        return {}

    def address(self, interface: str = "remote_cluster") -> str:
        return f"127.0.0.1:{self.gateway.port(interface)}"

    def client(self) -> RawClient:
        return RawClient(self.address(), self.folder / "ca.crt")

    def headers(self) -> dict[str, str]:
        realm = RealmRef(node_name="n", name="r", type="native")
        subject = SubjectInfo(Authentication(User("alice"), realm, version=V_8_19), [b"{}"])
        return {
            "_cross_cluster_access_credentials": f"ApiKey {self.key['encoded']}",
            "_cross_cluster_access_subject_info": subject.encode(),
        }

    def plain(self, interface: str = "remote_cluster") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.gateway.port(interface)), CLOSE_SECONDS)

    def log_lines(self) -> list[str]:
        return [
            str(json.loads(line).get("event.reason"))
            for line in self.gateway.log.read_text().splitlines()
            if line.startswith("{")
        ]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    made = Setting(tmp_path_factory.mktemp("gateway"))
    yield made
    assert made.gateway.stop() == 0


@pytest.fixture
def bystander(setting: Setting) -> Iterator[RawClient]:
    """Another client, which must be served before and after."""
    with setting.client() as client:
        client.shake_hands()
        assert_served(client, setting)
        yield client
        assert_served(client, setting)


def assert_served(client: RawClient, setting: Setting) -> None:
    # The system user's handshake is what each connection begins with; alice's is refused, which is an answer as well.
    answer = client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, setting.headers())
    assert isinstance(answer, ElasticsearchException)
    assert "is unauthorized for user [alice]" in str(answer)


def closes(connection: socket.socket) -> float:
    """Seconds until the other side closes."""
    began = time.monotonic()
    connection.settimeout(CLOSE_SECONDS)
    try:
        while connection.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    return time.monotonic() - began


def wait_for_log(setting: Setting, text: str) -> None:
    deadline = time.monotonic() + CLOSE_SECONDS
    while not any(text in line for line in setting.log_lines()):
        assert time.monotonic() < deadline, setting.log_lines()[-10:]
        time.sleep(0.02)


def fixed_header(size: int, status: int = 0, version: int = V_8_19.id, variable: int = 0) -> bytes:
    return struct.pack(">2siqBii", b"ES", size, 1, status, version, variable)


def compressed(headers: dict[str, str], payload: bytes) -> bytes:
    return encode_frame(
        request_id=5, status=Status.COMPRESSED, version=V_8_19, payload=payload, action="x", request_headers=headers
    )


def bomb(headers: dict[str, str], scheme: Compression) -> bytes:
    return compressed(headers, compress(bytes(200 << 20), scheme))


AFTER_HANDSHAKE: dict[str, tuple[Callable[[dict[str, str]], bytes], str]] = {
    "random": (lambda _: os.urandom(64), "invalid internal transport message format"),
    "wrong-marker": (lambda _: b"XX" + bytes(50), "invalid internal transport message format, got (58,58,0,0)"),
    "two-gigabytes": (lambda _: fixed_header(2**31 - 1), "illegal transport message of size [2147483647b]"),
    "negative-length": (lambda _: fixed_header(-5), "invalid data length: -5"),
    "large-header": (lambda _: fixed_header(100_000, variable=70_000), "header size [70023] exceeds limit of [65536b]"),
    "header-beyond-message": (lambda _: fixed_header(20, variable=100), "a header of 100 bytes in a message of 20"),
    "malformed-header": (lambda _: fixed_header(21, variable=4) + b"\xff\xff\xff\x0f", "a collection of"),
    "deflate-bomb": (lambda headers: bomb(headers, Compression.DEFLATE), "a compressed message of more than"),
    "lz4-bomb": (lambda headers: bomb(headers, Compression.LZ4), "a compressed message of more than"),
    "unknown-compression": (lambda headers: compressed(headers, b"ABCDEFGH"), "marked as compressed"),
    "second-handshake": (lambda _: fixed_header(19, status=8, version=8800000, variable=2) + b"\0\0", ""),
    "a-response": (lambda _: fixed_header(19, status=1, variable=2) + b"\0\0", "a response is not expected"),
    "version-of-the-future": (
        lambda _: encode_frame(request_id=1, status=Status(0), version=TransportVersion(9458007), payload=b"", action="x"),
        "unsupported version: [9458007]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AFTER_HANDSHAKE)
@pytest.mark.usefixtures("bystander")
def test_what_is_no_message_closes_the_connection(setting: Setting, name: str) -> None:
    make, text = AFTER_HANDSHAKE[name]
    with setting.client() as client:
        client.shake_hands()
        client.socket.sendall(make(setting.headers()))
        assert closes(client.socket) < CLOSE_SECONDS
    wait_for_log(setting, text)


@pytest.mark.usefixtures("bystander")
def test_http_over_tls_is_told_so(setting: Setting) -> None:
    with setting.client() as client:
        client.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.socket.recv(1000) == b"This is not an HTTP port"
        closes(client.socket)
    wait_for_log(setting, "This is not an HTTP port")


@pytest.mark.parametrize("interface", ["remote_cluster", "transport"])
@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", PING, b"plain text, and quite a lot of it"])
@pytest.mark.usefixtures("bystander")
def test_plain_text_on_a_tls_port_is_closed(setting: Setting, interface: str, data: bytes) -> None:
    with setting.plain(interface) as connection:
        connection.sendall(data)
        assert closes(connection) < CLOSE_SECONDS
    wait_for_log(setting, "TLS handshake failed")


@pytest.mark.usefixtures("bystander")
def test_a_client_without_a_certificate_does_not_get_in(setting: Setting) -> None:
    with (
        pytest.raises((ssl.SSLError, ConnectionError, AssertionError)),
        RawClient(setting.address("transport"), setting.folder / "ca.crt") as client,
    ):
        client.shake_hands()
    wait_for_log(setting, "TLS handshake failed")


@pytest.mark.usefixtures("bystander")
def test_a_tls_handshake_that_does_not_end_has_a_deadline(setting: Setting) -> None:
    with setting.plain() as connection:
        assert HANDSHAKE_SECONDS - 0.5 < closes(connection) < HANDSHAKE_SECONDS + 3
    wait_for_log(setting, "the TLS handshake was not complete in time")


@pytest.mark.usefixtures("bystander")
def test_a_tcp_handshake_that_does_not_come_has_a_deadline(setting: Setting) -> None:
    with setting.client() as client:
        client.socket.sendall(b"ES\x00")
        assert closes(client.socket) < HANDSHAKE_SECONDS + 3
    wait_for_log(setting, "the handshake was not complete in time")


@pytest.mark.usefixtures("bystander")
def test_half_a_message_and_an_end_is_logged(setting: Setting) -> None:
    with setting.client() as client:
        client.shake_hands()
        client.socket.sendall(fixed_header(1000)[:10])
    wait_for_log(setting, "the connection ended within a message")


def test_a_payload_that_is_not_the_actions_answers_its_request_only(setting: Setting) -> None:
    with setting.client() as client:
        client.shake_hands()
        answer = client.call("indices:data/read/search", b"\xff\xff\xff", setting.headers())
        assert isinstance(answer, ElasticsearchException)
        assert "Failed to deserialize" in str(answer)
        assert_served(client, setting)


def test_an_unknown_action_names_itself(setting: Setting) -> None:
    with setting.client() as client:
        client.shake_hands()
        answer = client.call("indices:data/read/nonsense", b"\0", setting.headers())
        assert isinstance(answer, ElasticsearchException)
        assert "No handler for action [indices:data/read/nonsense]" in str(answer)


def test_a_version_that_is_too_old_is_told_so(setting: Setting) -> None:
    with setting.client() as client:
        client.shake_hands(TransportVersion(8840010))
        client.send("x", b"\0", setting.headers(), version=TransportVersion(8840010))
        frame = client.receive()
        assert frame is not None
        assert b"minimal compatible version is: [8841000]" in frame.payload  # type: ignore[union-attr]


def test_the_handshake_of_the_system_user_says_who_answers(setting: Setting) -> None:
    realm = RealmRef(node_name="n", name="__attach", type="__attach")
    system = Authentication(User("_system", internal=True), realm, AuthenticationType.INTERNAL, version=V_8_19)
    headers = setting.headers() | {"_cross_cluster_access_subject_info": SubjectInfo(system, []).encode()}
    with setting.client() as client:
        client.shake_hands()
        answer = client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers)
        assert isinstance(answer, bytes), answer
        response = HandshakeResponse.decode(answer, V_8_19)
        assert (response.cluster_name, response.node.address.port) == ("rcgateway", setting.gateway.port("remote_cluster"))
