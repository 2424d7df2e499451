import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certs.files import certificates_to_pem, identity_files, write_new
from certs.issue import Identity, make_ca, make_client, make_server
from gateway.config import ConfigError, Settings, settings_of
from gateway.tls import PeerCertificate, expired_certificates, peer_certificate, remote_cluster_server_context, transport_context

SERVER = "xpack.security.remote_cluster_server.ssl"
TRANSPORT = "xpack.security.transport.ssl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of two CAs: ``server``, ``client``, and ``stranger`` of the other one; encrypted keys by their form."""
    folder = tmp_path_factory.mktemp("tls")
    ca, other = make_ca("CA"), make_ca("Other CA")
    server = make_server(ca, "gateway", ["localhost"])
    rsa = make_server(ca, "gateway", ["localhost"], kind="rsa")
    for name, made in (
        ("ca", ca),
        ("other", other),
        ("server", server),
        ("rsa", rsa),
        ("client", make_client(ca, "CN=node-1,O=Local", days=30)),
        ("stranger", make_client(other, "stranger")),
    ):
        write_new(identity_files(folder / name, made.key, [made.certificate]))
    encryption = serialization.BestAvailableEncryption(b"opensesame")
    forms = {"PKCS8": serialization.PrivateFormat.PKCS8, "TraditionalOpenSSL": serialization.PrivateFormat.TraditionalOpenSSL}
    for form_name, form in forms.items():
        for name, made in (("server", server), ("rsa", rsa)):
            content = made.key.private_bytes(serialization.Encoding.PEM, form, encryption)
            (folder / f"{name}.{form_name}.key").write_bytes(content)
    return folder


def api_key_settings(folder: Path, **ssl_settings: str | list[str]) -> Settings:
    flat: dict[str, str | list[str]] = {"remote_cluster_server.enabled": "true"}
    given = {"certificate": "server.crt", "key": "server.key", **ssl_settings}
    return settings_of(flat | {f"{SERVER}.{name}": value for name, value in given.items()}, folder)


def certificate_settings(folder: Path, **ssl_settings: str | list[str]) -> Settings:
    given = {
        "enabled": "true",
        "certificate": "server.crt",
        "key": "server.key",
        "certificate_authorities": "ca.crt",
        **ssl_settings,
    }
    return settings_of({f"{TRANSPORT}.{name}": value for name, value in given.items()}, folder)


def client_context(folder: Path, identity: str | None = None, adjust: Callable[[ssl.SSLContext], object] = id) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if identity:
        context.load_cert_chain(folder / f"{identity}.crt", folder / f"{identity}.key")
    adjust(context)
    return context


def tls_1_2(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def tls_1_3(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3


async def shake_hands(server: ssl.SSLContext | None, client: ssl.SSLContext) -> tuple[Any, Any]:
    """Both ends after the handshake and a byte each way; raises what the server raised."""
    assert server is not None
    near, far = trio.testing.memory_stream_pair()
    ours = trio.SSLStream(near, server, server_side=True, https_compatible=True)
    theirs = trio.SSLStream(far, client, server_hostname="localhost", https_compatible=True)

    async def call() -> None:
        try:
            await theirs.do_handshake()
            await theirs.send_all(b"x")
            await theirs.receive_some(1)
        except (trio.BrokenResourceError, ssl.SSLError):
            await far.aclose()

    refused: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        try:
            await ours.do_handshake()
            assert await ours.receive_some(1) == b"x"
            await ours.send_all(b"y")
        except trio.BrokenResourceError as error:
            refused = error.__cause__
            await near.aclose()
    if refused is not None:
        raise refused
    return ours, theirs


@pytest.mark.parametrize(("adjust", "version"), [(tls_1_2, "TLSv1.2"), (tls_1_3, "TLSv1.3")])
@pytest.mark.parametrize("key", ["server", "rsa"])
async def test_api_key_model_asks_for_no_certificate(folder: Path, adjust: Any, version: str, key: str) -> None:
    context = remote_cluster_server_context(api_key_settings(folder, certificate=f"{key}.crt", key=f"{key}.key"))
    ours, theirs = await shake_hands(context, client_context(folder, adjust=adjust))
    assert theirs.version() == version
    assert peer_certificate(ours) is None


@pytest.mark.parametrize(("adjust", "version"), [(tls_1_2, "TLSv1.2"), (tls_1_3, "TLSv1.3")])
async def test_certificate_model_knows_the_client(folder: Path, adjust: Any, version: str) -> None:
    ours, theirs = await shake_hands(transport_context(certificate_settings(folder)), client_context(folder, "client", adjust))
    assert theirs.version() == version
    found = peer_certificate(ours)
    assert isinstance(found, PeerCertificate)
    assert (found.subject, found.issuer) == ("CN=node-1,O=Local", "CN=CA")
    assert timedelta(days=29) < found.not_after - datetime.now(UTC) < timedelta(days=30)
    assert len(found.sha256) == 64


@pytest.mark.parametrize("identity", [None, "stranger"])
@pytest.mark.parametrize("adjust", [tls_1_2, tls_1_3])
async def test_certificate_model_refuses_who_has_none_of_the_ca(folder: Path, identity: str | None, adjust: Any) -> None:
    reason = "CERTIFICATE_VERIFY_FAILED" if identity else "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    with pytest.raises(ssl.SSLError, match=reason):
        await shake_hands(transport_context(certificate_settings(folder)), client_context(folder, identity, adjust))


async def test_each_listed_ca_is_trusted(folder: Path) -> None:
    context = transport_context(certificate_settings(folder, certificate_authorities=["other.crt", "ca.crt"]))
    for identity, subject in (("client", "CN=node-1,O=Local"), ("stranger", "CN=stranger")):
        ours, _ = await shake_hands(context, client_context(folder, identity))
        found = peer_certificate(ours)
        assert found is not None
        assert found.subject == subject


async def test_a_listed_certificate_is_an_anchor_itself(folder: Path) -> None:
    """As in Java: what stands in the file is trusted, whoever signed it."""
    context = transport_context(certificate_settings(folder, certificate_authorities="stranger.crt"))
    await shake_hands(context, client_context(folder, "stranger"))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        await shake_hands(context, client_context(folder, "client"))


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize("name", ["server", "rsa"])
async def test_encrypted_keys(folder: Path, form: str, name: str) -> None:
    given = {"certificate": f"{name}.crt", "key": f"{name}.{form}.key"}
    await shake_hands(
        remote_cluster_server_context(api_key_settings(folder, **given, key_passphrase="opensesame")), client_context(folder)
    )
    with pytest.raises(ConfigError, match=rf"setting \[{SERVER}\.key\]: cannot decrypt the key in \[.*{form}\.key\]"):
        remote_cluster_server_context(api_key_settings(folder, **given, key_passphrase="wrong"))
    with pytest.raises(
        ConfigError, match=rf"{form}\.key\] is encrypted and no passphrase is given; set \[{SERVER}\.key_passphrase\]"
    ):
        remote_cluster_server_context(api_key_settings(folder, **given))


@pytest.mark.parametrize(
    ("protocols", "adjust", "works"),
    [
        (["TLSv1.2"], tls_1_2, True),
        (["TLSv1.2"], tls_1_3, False),
        (["TLSv1.3"], tls_1_2, False),
        (["TLSv1.3"], tls_1_3, True),
    ],
)
async def test_supported_protocols(folder: Path, protocols: list[str], adjust: Any, works: bool) -> None:
    context = remote_cluster_server_context(api_key_settings(folder, supported_protocols=protocols))
    if works:
        await shake_hands(context, client_context(folder, adjust=adjust))
    else:
        with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
            await shake_hands(context, client_context(folder, adjust=adjust))


async def test_cipher_suites(folder: Path) -> None:
    suites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    context = remote_cluster_server_context(api_key_settings(folder, cipher_suites=suites))
    _, theirs = await shake_hands(context, client_context(folder))
    # Without a suite of TLS 1.3 in the list that protocol is off.
    assert (theirs.version(), theirs.cipher()[0]) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"cipher_suites": "TLS_RSA_WITH_RC4_128_SHA"},
            r"cipher_suites\]: \[TLS_RSA_WITH_RC4_128_SHA\] is not allowed; allowed are \[TLS_AES",
        ),
        ({"cipher_suites": "TLS_AES_128_GCM_SHA256"}, r"list all of \[TLS_AES_256_GCM_SHA384, .*\], or none of them"),
        (
            {"cipher_suites": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "supported_protocols": "TLSv1.3"},
            r"has no suite for \[.*supported_protocols\]",
        ),
        ({"supported_protocols": ""}, r"supported_protocols\] is empty; allowed are \[TLSv1\.2, TLSv1\.3\]"),
        ({"certificate": "none.crt"}, r"setting \[.*ssl\.certificate\]: cannot read \[.*none\.crt\]: No such file"),
        ({"certificate": "server.key"}, r"setting \[.*ssl\.certificate\]: no PEM certificate in .*it holds a private key"),
        ({"key": "server.crt"}, r"setting \[.*ssl\.key\]: no PEM private key in \[.*server\.crt\]: it holds a certificate"),
        (
            {"key": "client.key"},
            r"setting \[.*ssl\.key\]: the key in \[.*client\.key\] is not that of the first certificate in \[.*server\.crt\]",
        ),
    ],
)
def test_errors_name_setting_and_file(folder: Path, given: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        remote_cluster_server_context(api_key_settings(folder, **given))
    with pytest.raises(ConfigError, match=text):
        transport_context(certificate_settings(folder, **given))


def test_errors_of_the_authorities(folder: Path) -> None:
    with pytest.raises(ConfigError, match=rf"setting \[{TRANSPORT}\.certificate_authorities\]: cannot read \[.*none\.crt\]"):
        transport_context(certificate_settings(folder, certificate_authorities=["ca.crt", "none.crt"]))


def test_certificate_model_is_never_without_its_ca(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not true, or no"):
        transport_context(settings_of({}, folder))


def test_no_context_where_tls_is_switched_off(folder: Path) -> None:
    assert remote_cluster_server_context(api_key_settings(folder, enabled="false")) is None


def test_certificates_out_of_date(folder: Path, tmp_path: Path) -> None:
    settings = api_key_settings(folder)
    assert expired_certificates(settings) == []
    later = datetime.now(UTC) + timedelta(days=1000)
    (sentence,) = expired_certificates(settings, later)
    assert sentence.startswith(f"the certificate of [{SERVER}.certificate] in [{folder}/server.crt] is valid only from ")
    # Nothing is said of an interface that is not open.
    assert expired_certificates(settings_of({f"{SERVER}.certificate": str(tmp_path / "none.crt")}, folder)) == []


async def test_a_chain_is_sent_whole(folder: Path, tmp_path: Path) -> None:
    """The server's file holds its certificate and then the one above it."""
    root, middle = make_ca("Root"), make_ca("Middle")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(middle.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(middle.key.public_key())
        .serial_number(7)
        .not_valid_before(middle.certificate.not_valid_before_utc)
        .not_valid_after(middle.certificate.not_valid_after_utc)
    )
    for extension in middle.certificate.extensions:
        certificate = certificate.add_extension(extension.value, extension.critical)
    signed = certificate.sign(root.key, hashes.SHA256())
    server = make_server(Identity(middle.key, signed), "gateway", ["localhost"])
    write_new(identity_files(tmp_path / "server", server.key, [server.certificate, *server.issuers]))
    assert (tmp_path / "server.crt").read_bytes() == certificates_to_pem([server.certificate, signed])
    client = ssl.create_default_context(cadata=certificates_to_pem([signed]).decode())
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _, theirs = await shake_hands(remote_cluster_server_context(api_key_settings(tmp_path)), client)
    chain = theirs.getpeercert()
    assert ("commonName", "Middle") in chain["issuer"][0]
