"""A running gateway whose files change under it: who is let in follows within a second or two, and open connections stay."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.issue import Identity, load_identity, make_ca, make_client, make_server
from gateway.authentication.api_keys import ApiKeyStore
from protocol.errors import ElasticsearchException
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE
from protocol.security import SIGNATURE_HEADER, Signature
from protocol.versions import TransportVersion
from tests.elasticsearch.rig.raw import RawClient
from tests.gateway import processes
from tests.gateway.processes import put
from tests.gateway.test_bad_input import HANDSHAKE_REQUEST, Setting

PATIENCE_SECONDS = 20.0
eventually = partial(processes.eventually, seconds=PATIENCE_SECONDS)
SERVER, TRANSPORT = "xpack.security.remote_cluster_server.ssl", "xpack.security.transport.ssl"


class Site(Setting):
    """A gateway with everything that can be read again."""

    def __init__(self, folder: Path, *, workers: int = 1) -> None:
        self.signers, self.others = make_ca("Signers"), make_ca("Other signers")
        put(folder, "signers", self.signers)
        (folder / "trust.yml").write_text("trust.subject_name: [ '*.local' ]\n")
        super().__init__(folder, workers=workers)

    def more_settings(self) -> dict[str, Any]:
        return {
            f"{TRANSPORT}.trust_restrictions.path": "trust.yml",
            f"{TRANSPORT}.trust_restrictions.x509_fields": ["subjectAltName.dnsName"],
            "cluster.remote.signing.certificate_authorities": ["signers.crt"],
            "xpack.security.transport.filter.deny": ["127.0.0.3", "127.0.0.4"],
            "xpack.security.remote_cluster.filter.deny": ["127.0.0.2", "127.0.0.4"],
        }

    def change(self, **settings: Any) -> None:
        """Other settings, and the signal to read them."""
        self.gateway.settings |= {name.replace("__", "."): value for name, value in settings.items()}
        self.gateway.write_config()
        assert self.gateway.process is not None
        os.kill(self.gateway.process.pid, signal.SIGHUP)

    def update_key(self, **changes: Any) -> None:
        """As ``rcgateway keys update`` does it, in another process than the gateway's."""
        with ApiKeyStore(self.folder / "data") as store:
            assert store.update(self.key["id"], **changes)

    def lets_in(self, source: str, interface: str = "remote_cluster") -> bool:
        """Whether a client with that address gets as far as TLS."""
        with socket.create_connection(("127.0.0.1", self.gateway.port(interface)), 10, (source, 0)) as plain:
            context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
            context.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
            try:
                context.wrap_socket(plain, server_hostname="127.0.0.1").close()
            except (ssl.SSLError, ConnectionError):
                return False
            return True

    def serial(self, interface: str = "remote_cluster") -> int:
        """Of the certificate that new connections get."""
        with self.plain(interface) as plain:
            context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
            context.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                found = secure.getpeercert()
        assert found is not None
        return int(str(found["serialNumber"]), 16)

    def trusts(self, client: str) -> bool:
        """Whether a client with that certificate can speak in the certificate model."""
        files = (self.folder / f"{client}.crt", self.folder / f"{client}.key")
        try:
            with RawClient(self.address("transport"), self.folder / "ca.crt", files) as raw:
                raw.shake_hands()
        except (AssertionError, ConnectionError, ssl.SSLError):
            return False
        return True

    def signed(self, identity: Identity) -> dict[str, str]:
        """Headers that this one signed."""
        headers = self.headers()
        texts = [headers["_cross_cluster_access_subject_info"], headers["_cross_cluster_access_credentials"]]
        assert isinstance(identity.key, ec.EllipticCurvePrivateKey)
        signature = identity.key.sign("\n".join(texts).encode(), ec.ECDSA(hashes.SHA256()))
        der = identity.certificate.public_bytes(serialization.Encoding.DER)
        return headers | {SIGNATURE_HEADER: Signature(TransportVersion(9458007), [der], "SHA256withECDSA", signature).encode()}

    def answers(self, headers: dict[str, str]) -> str:
        """The reason of the answer on a connection of its own. The user of these tests is authenticated and may do nothing."""
        with self.client() as client:
            client.shake_hands()
            return reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers))

    def messages(self) -> list[str]:
        lines = [json.loads(line) for line in self.gateway.log.read_text().splitlines() if line.startswith("{")]
        return [f"{line.get('message')}: {line.get('event.reason') or line.get('rcgateway.problems')}" for line in lines]


def reason(answer: bytes | ElasticsearchException) -> str:
    assert isinstance(answer, ElasticsearchException)
    return str(answer.reason)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), workers=2)
    yield made
    assert made.gateway.stop() == 0


DENIED = "is unauthorized for user [alice]"


@pytest.fixture
def bystander(site: Site) -> Iterator[RawClient]:
    """Who is connected before, and must not notice anything."""
    with site.client() as client:
        client.shake_hands()
        assert DENIED in reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, site.headers()))
        yield client
        assert DENIED in reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, site.headers()))


def everywhere(condition: Callable[[], bool]) -> None:
    """Until it holds for each of the workers, which a connection does not choose among."""
    held = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while held < 12:
        held = held + 1 if condition() else 0
        assert time.monotonic() < deadline


def test_filters(site: Site, bystander: RawClient) -> None:
    assert [site.lets_in(f"127.0.0.{last}") for last in (1, 2, 3, 4)] == [True, False, True, False]
    assert [site.lets_in(f"127.0.0.{last}", "transport") for last in (1, 2, 3, 4)] == [True, True, False, False]
    eventually(lambda: "closing connection: the IP filter has the rule [deny 127.0.0.2]" in site.messages())
    site.change(**{"xpack.security.remote_cluster.filter.deny": ["127.0.0.3"]})
    everywhere(lambda: site.lets_in("127.0.0.2") and not site.lets_in("127.0.0.3"))
    site.change(
        **{"xpack.security.filter.always_allow_bound_address": False, "xpack.security.remote_cluster.filter.deny": ["_all"]}
    )
    everywhere(lambda: not site.lets_in("127.0.0.1"))
    site.change(**{"xpack.security.remote_cluster.filter.deny": ["10.0.0.0/33"]})
    eventually(lambda: any("invalid IP filter [10.0.0.0/33]" in line for line in site.messages()))
    everywhere(lambda: not site.lets_in("127.0.0.1"))
    del site.gateway.settings["xpack.security.remote_cluster.filter.deny"]
    site.change(**{"xpack.security.filter.always_allow_bound_address": True})
    # Without a list of its own the interface has that of the other one.
    everywhere(lambda: site.lets_in("127.0.0.2") and not site.lets_in("127.0.0.3"))
    site.change(**{"xpack.security.transport.filter.enabled": False})
    everywhere(lambda: all(site.lets_in("127.0.0.3", interface) for interface in ("remote_cluster", "transport")))


def test_other_settings_wait_for_the_next_start(site: Site, bystander: RawClient) -> None:
    site.change(**{"limits.max_connections": 1, f"{SERVER}.enabled": False})
    eventually(lambda: any("settings that take effect with the next start only" in line for line in site.messages()))
    everywhere(lambda: site.lets_in("127.0.0.1"))
    del site.gateway.settings["limits.max_connections"], site.gateway.settings[f"{SERVER}.enabled"]
    site.change()


def test_certificates(site: Site, bystander: RawClient) -> None:
    ca = load_identity(site.folder / "ca.crt")
    before = site.serial()
    renewed = make_server(ca, "gw", ["127.0.0.1"])
    put(site.folder, "server", renewed)
    assert renewed.certificate.serial_number != before
    everywhere(lambda: site.serial() == renewed.certificate.serial_number)
    everywhere(lambda: site.serial("transport") == renewed.certificate.serial_number)
    put(site.folder, "server", Identity(renewed.key, make_server(ca, "gw", ["127.0.0.1"]).certificate))
    eventually(lambda: any("is not that of the first certificate" in line for line in site.messages()))
    everywhere(lambda: site.serial() == renewed.certificate.serial_number)
    put(site.folder, "server", renewed)


def test_trust_restrictions(site: Site, bystander: RawClient) -> None:
    ca = load_identity(site.folder / "ca.crt")
    put(site.folder, "known", make_client(ca, "known", ["node-1.local"]))
    put(site.folder, "unknown", make_client(ca, "unknown", ["node-1.other"]))
    put(site.folder, "nameless", make_client(ca, "nameless"))
    assert [site.trusts(client) for client in ("known", "unknown", "nameless")] == [True, False, False]
    text = (
        "TLS handshake failed: Certificate for CN=unknown with fields [subjectAltName.dnsName] with values [node-1.other] "
        "does not match the trusted names [*.local]"
    )
    eventually(lambda: f"closing connection: {text}" in site.messages())
    (site.folder / "trust.yml").write_text("trust.subject_name: [ '*.other', '/x+/' ]\n")
    everywhere(lambda: site.trusts("unknown") and not site.trusts("known"))
    (site.folder / "trust.yml").write_text("trust.subject_names: [ '*' ]\n")
    eventually(lambda: any("has no [trust.subject_name]" in line for line in site.messages()))
    everywhere(lambda: site.trusts("unknown") and not site.trusts("known"))


def test_signed_requests(site: Site, bystander: RawClient) -> None:
    signer, stranger = make_client(site.signers, "CN=node-1,O=Local"), make_client(site.others, "CN=node-1,O=Local")
    asking = {"identity": "CN=node-.*,O=Local"}
    site.update_key(certificate_identity=asking["identity"])
    unsigned = f"requires certificate identity matching [{asking['identity']}], but no certificate was provided"
    everywhere(lambda: unsigned in site.answers(site.headers()))
    failed = "Failed to verify cross cluster api key signature certificate from [(CN=node-1, O=Local;X.509;SHA1:"
    assert DENIED in site.answers(site.signed(signer))
    assert site.answers(site.signed(stranger)).startswith(failed)
    with site.client() as client:
        client.shake_hands()
        headers = site.signed(signer)
        assert DENIED in reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers))
        put(site.folder, "signers", site.others)
        eventually(lambda: DENIED in site.answers(site.signed(stranger)))
        # Also on a connection that has long been open, whatever was remembered of its user.
        eventually(lambda: reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, headers)).startswith(failed))
    site.update_key(certificate_identity=None)
    everywhere(lambda: DENIED in site.answers(site.headers()))


def test_a_worker_that_starts_later_has_what_is_in_force(site: Site, bystander: RawClient) -> None:
    assert site.gateway.process is not None
    pid = site.gateway.process.pid
    site.change(**{"xpack.security.transport.filter.enabled": True, "xpack.security.remote_cluster.filter.deny": ["127.0.0.7"]})
    everywhere(lambda: not site.lets_in("127.0.0.7"))
    children = Path(f"/proc/{pid}/task/{pid}/children")
    before = children.read_text().split()
    # The bystander's connection must stay.
    kept = serving(bystander, before)
    for child in before:
        if child != kept:
            os.kill(int(child), signal.SIGKILL)
    eventually(lambda: len(children.read_text().split()) == 2 and children.read_text().split() != before)
    everywhere(lambda: not site.lets_in("127.0.0.7"))


def serving(client: RawClient, workers: list[str]) -> str:
    """The worker that holds the other end of a connection: the one with a socket of that port."""
    port = client.socket.getsockname()[1]
    entries = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(entry[9] for entry in entries if int(entry[2].split(":")[1], 16) == port)
    for worker in workers:
        for link in Path(f"/proc/{worker}/fd").iterdir():
            if os.readlink(link) == f"socket:[{inode}]":
                return worker
    raise AssertionError("nobody serves the connection")


def test_a_client_that_is_gone_before_it_is_accepted(site: Site, bystander: RawClient) -> None:
    for _ in range(50):
        plain = site.plain()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()
    assert site.lets_in("127.0.0.1")


def test_one_process_reads_again_too(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.client() as client:
        client.shake_hands()
        assert not site.lets_in("127.0.0.2")
        site.change(**{"xpack.security.remote_cluster.filter.deny": ["127.0.0.3"]})
        eventually(lambda: site.lets_in("127.0.0.2") and not site.lets_in("127.0.0.3"))
        (site.folder / "ca.crt").replace(site.folder / "elsewhere.crt")
        eventually(lambda: any("ca.crt" in line and line.startswith("not all reloaded") for line in site.messages()))
        assert DENIED in reason(client.call(REMOTE_CLUSTER_HANDSHAKE, HANDSHAKE_REQUEST, site.headers()))
    assert site.gateway.stop() == 0
