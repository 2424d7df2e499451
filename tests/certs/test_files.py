import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from certs.demo import ensure_demo_certificates
from certs.files import (
    CertificateError,
    identity_files,
    key_to_pem,
    read_certificates,
    read_key,
    read_pkcs12,
    same_key,
    write_new,
)
from certs.issue import Identity, load_identity, make_ca
from certs.show import describe

EC_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def ca() -> Identity:
    return make_ca("CA")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("passphrase", [None, "secret"])
def test_keys_in_each_form(tmp_path: Path, form: serialization.PrivateFormat, passphrase: str | None) -> None:
    encryption = serialization.BestAvailableEncryption(b"secret") if passphrase else serialization.NoEncryption()
    for key in (EC_KEY, rsa.generate_private_key(65537, 2048)):
        path = write(tmp_path / "a.key", key.private_bytes(serialization.Encoding.PEM, form, encryption))
        assert key_to_pem(read_key(path, passphrase)) == key_to_pem(key)
        if passphrase:
            with pytest.raises(CertificateError, match=r"a\.key\] is encrypted and no passphrase is given"):
                read_key(path)
            with pytest.raises(CertificateError, match=r"cannot decrypt the key in \[.*a\.key\]"):
                read_key(path, "other")
        else:
            # A passphrase that is not needed does no harm: the setting may stay when the key is replaced by a plain one.
            assert key_to_pem(read_key(path, "other")) == key_to_pem(key)


def test_what_is_no_key(tmp_path: Path, ca: Identity) -> None:
    x = x25519.X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content, text in (
        (b"", "expected -----BEGIN PRIVATE KEY-----"),
        (identity_files(tmp_path / "n", ca.key, [ca.certificate])[tmp_path / "n.crt"][0], "it holds a certificate"),
        (x, "cannot sign"),
    ):
        with pytest.raises(CertificateError, match=rf"a\.key\].*{text}"):
            read_key(write(tmp_path / "a.key", content))
    with pytest.raises(CertificateError, match=r"cannot read \[.*none\.key\]: No such file or directory"):
        read_key(tmp_path / "none.key")
    with pytest.raises(CertificateError, match="larger than"):
        read_key(write(tmp_path / "big", b" " * ((1 << 20) + 1)))


def test_what_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"no PEM certificate in \[.*a\]: expected -----BEGIN CERTIFICATE-----"):
        read_certificates(write(tmp_path / "a", b"text"))
    with pytest.raises(CertificateError, match="it holds a private key"):
        read_certificates(write(tmp_path / "a", key_to_pem(EC_KEY)))
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(CertificateError, match="no PEM certificate"):
        read_certificates(write(tmp_path / "a", broken))


def test_a_key_of_another_certificate(tmp_path: Path, ca: Identity) -> None:
    write_new(identity_files(tmp_path / "a", EC_KEY, [ca.certificate]))
    with pytest.raises(CertificateError, match=r"a\.key\] is not that of the first certificate in \[.*a\.crt\]"):
        load_identity(tmp_path / "a.crt")


def test_pkcs12_needs_its_passphrase(tmp_path: Path, ca: Identity) -> None:
    write_new(identity_files(tmp_path / "a", ca.key, [ca.certificate], "secret", pkcs12=True))
    for wrong in (None, "other"):
        with pytest.raises(CertificateError, match=r"cannot read \[.*a\.p12\] as PKCS#12: wrong or missing passphrase"):
            read_pkcs12(tmp_path / "a.p12", wrong)


def test_keys_are_for_the_owner_alone(tmp_path: Path, ca: Identity) -> None:
    before = os.umask(0)
    try:
        write_new(identity_files(tmp_path / "deep" / "a", ca.key, [ca.certificate]))
        write_new(identity_files(tmp_path / "b", ca.key, [ca.certificate], pkcs12=True))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.*")}
    assert modes == {"a.key": 0o600, "a.crt": 0o644, "b.p12": 0o600}


@pytest.mark.parametrize("taken", ["a.crt", "a.key"])
def test_nothing_is_written_over(tmp_path: Path, ca: Identity, taken: str) -> None:
    write(tmp_path / taken, b"mine")
    with pytest.raises(CertificateError, match=r"exists already and is not written over"):
        write_new(identity_files(tmp_path / "a", ca.key, [ca.certificate]))
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_bytes() == b"mine"


def test_a_dangling_link_is_not_followed(tmp_path: Path, ca: Identity) -> None:
    (tmp_path / "a.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CertificateError, match="exists already"):
        write_new(identity_files(tmp_path / "a", ca.key, [ca.certificate]))
    assert not (tmp_path / "elsewhere").exists()


def test_a_pair_is_written_whole_or_not_at_all(tmp_path: Path, ca: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file fails, as it does when the disk is full."""
    link = os.link
    calls: list[Path] = []

    def failing(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(target))
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(CertificateError, match=r"cannot write \[.*a\.crt\]: No space left on device"):
        write_new(identity_files(tmp_path / "a", ca.key, [ca.certificate]))
    assert list(tmp_path.iterdir()) == []


def test_demo_certificates_are_made_once(tmp_path: Path) -> None:
    first = ensure_demo_certificates(tmp_path)
    contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert ensure_demo_certificates(tmp_path) == first
    assert contents == {path: path.read_bytes() for path in tmp_path.iterdir()}
    server = load_identity(first.server_certificate, first.server_key)
    ca = load_identity(first.ca_certificate, first.ca_key)
    server.certificate.verify_directly_issued_by(ca.certificate)
    load_identity(first.client_certificate, first.client_key).certificate.verify_directly_issued_by(ca.certificate)
    assert {"localhost", "127.0.0.1", "::1"} <= set(describe(first.server_certificate)[0]["names"])


def test_demo_certificates_that_are_missing_are_made_with_the_same_ca(tmp_path: Path) -> None:
    first = ensure_demo_certificates(tmp_path)
    for path in (first.client_certificate, first.client_key):
        path.unlink()
    again = ensure_demo_certificates(tmp_path)
    ca = load_identity(again.ca_certificate)
    load_identity(again.client_certificate).certificate.verify_directly_issued_by(ca.certificate)


def test_half_a_pair_is_not_papered_over(tmp_path: Path) -> None:
    first = ensure_demo_certificates(tmp_path)
    first.ca_key.unlink()
    with pytest.raises(CertificateError, match=r"cannot read \[.*ca\.key\]"):
        ensure_demo_certificates(tmp_path)


def test_same_key(ca: Identity) -> None:
    assert same_key(ca.certificate, ca.key)
    assert not same_key(ca.certificate, EC_KEY)
