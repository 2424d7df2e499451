import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs.files import CertificateError, identity_files, same_key, write_new
from certs.issue import Identity, is_authority, load_identity, make_ca, make_client, make_server, renew

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> Identity:
    return make_ca("Test CA", now=NOW)


def verify_server(certificate: x509.Certificate, ca: x509.Certificate, name: str, at: datetime = NOW) -> None:
    """By cryptography's own verifier, which holds certificates to RFC 5280 and to the rules of the web."""
    subject: x509.DNSName | x509.IPAddress
    try:
        subject = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)
    PolicyBuilder().store(Store([ca])).time(at).build_server_verifier(subject).verify(certificate, [])


def test_a_server_is_known_by_each_of_its_names(ca: Identity) -> None:
    server = make_server(ca, "gateway", ["gw.example.org", "10.0.0.7", "::1"], now=NOW)
    for name in ("gw.example.org", "10.0.0.7", "::1"):
        verify_server(server.certificate, ca.certificate, name)
    with pytest.raises(VerificationError):
        verify_server(server.certificate, ca.certificate, "other.example.org")
    assert same_key(server.certificate, server.key)
    assert not is_authority(server.certificate)


def test_a_certificate_of_another_ca_of_the_same_name_is_not_accepted(ca: Identity) -> None:
    other = make_ca("Test CA", now=NOW)
    server = make_server(other, "gateway", ["localhost"], now=NOW)
    with pytest.raises(VerificationError):
        verify_server(server.certificate, ca.certificate, "localhost")


def test_a_client_may_be_client_and_server(ca: Identity) -> None:
    client = make_client(ca, "CN=node-1,O=Local", ["node-1"], now=NOW)
    policy = PolicyBuilder().store(Store([ca.certificate])).time(NOW)
    policy.build_client_verifier().verify(client.certificate, [])
    verify_server(client.certificate, ca.certificate, "node-1")
    assert client.certificate.subject.rfc4514_string() == "CN=node-1,O=Local"


def test_a_server_is_no_client(ca: Identity) -> None:
    server = make_server(ca, "gateway", ["localhost"], now=NOW)
    with pytest.raises(VerificationError):
        PolicyBuilder().store(Store([ca.certificate])).time(NOW).build_client_verifier().verify(server.certificate, [])


@pytest.mark.parametrize(("kind", "cls"), [("ec", ec.EllipticCurvePrivateKey), ("rsa", rsa.RSAPrivateKey)])
def test_kinds_of_keys(ca: Identity, kind: Literal["ec", "rsa"], cls: type) -> None:
    server = make_server(ca, "gateway", ["localhost"], kind=kind, now=NOW)
    assert isinstance(server.key, cls)
    verify_server(server.certificate, ca.certificate, "localhost")


def test_no_certificate_outlives_its_ca(ca: Identity) -> None:
    server = make_server(ca, "gateway", ["localhost"], days=30000, now=NOW)
    assert server.certificate.not_valid_after_utc == ca.certificate.not_valid_after_utc
    with pytest.raises(CertificateError, match="ended on 2036-02-27; renew it first"):
        make_server(ca, "gateway", ["localhost"], now=NOW + timedelta(days=4000))


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "x" * 64, "*.*.org", "münchen.de", "a/b"])
def test_names_that_are_none(ca: Identity, name: str) -> None:
    with pytest.raises(CertificateError, match="neither an address nor a DNS name"):
        make_server(ca, "gateway", [name], now=NOW)


def test_a_server_needs_a_name(ca: Identity) -> None:
    with pytest.raises(CertificateError, match="at least one DNS name or address"):
        make_server(ca, "gateway", [], now=NOW)


@pytest.mark.parametrize("days", [0, -1, 40000])
def test_days_out_of_bounds(ca: Identity, days: int) -> None:
    with pytest.raises(CertificateError, match="days are not allowed; allowed are 1 to 36500"):
        make_client(ca, "n", days=days, now=NOW)


@pytest.mark.parametrize("name", ["CN=", "NOPE=x", "CN=a,=b"])
def test_subjects_that_are_none(name: str) -> None:
    with pytest.raises(CertificateError, match="cannot be a certificate's subject"):
        make_ca(name)


def test_only_a_ca_signs(ca: Identity) -> None:
    server = make_server(ca, "gateway", ["localhost"], now=NOW)
    with pytest.raises(CertificateError, match="is not a CA"):
        make_client(server, "n", now=NOW)


def test_renewing_keeps_all_but_the_time(ca: Identity) -> None:
    old = make_client(ca, "node", ["node-1", "10.0.0.1"], days=100, now=NOW)
    later = NOW + timedelta(days=90)
    new = renew(old, ca, now=later)
    assert new.certificate.subject == old.certificate.subject
    assert new.certificate.serial_number != old.certificate.serial_number
    assert new.certificate.not_valid_after_utc == later + timedelta(days=100)
    assert same_key(new.certificate, old.key)
    for extension in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.KeyUsage, x509.BasicConstraints):
        before, after = (each.certificate.extensions.get_extension_for_class(extension) for each in (old, new))
        assert before == after
    verify_server(new.certificate, ca.certificate, "node-1", later)


def test_renewing_with_a_new_key(ca: Identity) -> None:
    old = make_server(ca, "gateway", ["localhost"], kind="rsa", now=NOW)
    new = renew(old, ca, days=10, replace_key=True, now=NOW)
    assert isinstance(new.key, rsa.RSAPrivateKey)
    assert not same_key(new.certificate, old.key)
    assert same_key(new.certificate, new.key)
    verify_server(new.certificate, ca.certificate, "localhost")


def test_a_renewed_ca_still_vouches_for_what_it_signed(ca: Identity) -> None:
    server = make_server(ca, "gateway", ["localhost"], now=NOW)
    renewed = renew(ca, days=100, now=NOW)
    verify_server(server.certificate, renewed.certificate, "localhost")
    with pytest.raises(CertificateError, match="a CA with another key is another CA"):
        renew(ca, replace_key=True)


def test_only_a_ca_renews_itself(ca: Identity) -> None:
    with pytest.raises(CertificateError, match="only a CA renews itself"):
        renew(make_server(ca, "gateway", ["localhost"], now=NOW), None)


def test_an_intermediate_ca_is_sent_along(ca: Identity) -> None:
    """Such a CA is not made here, but an operator may bring one."""
    key = ec.generate_private_key(ec.SECP256R1())
    intermediate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=Intermediate"))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=50))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca.key, hashes.SHA256())
    )
    server = make_server(Identity(key, intermediate, (ca.certificate,)), "gateway", ["localhost"], now=NOW)
    assert server.issuers == (intermediate,)


@pytest.mark.parametrize("pkcs12", [False, True])
@pytest.mark.parametrize("passphrase", [None, "täglich"])
def test_files_bring_back_what_was_made(ca: Identity, tmp_path: Path, pkcs12: bool, passphrase: str | None) -> None:
    made = make_server(ca, "gateway", ["localhost"], now=NOW)
    write_new(identity_files(tmp_path / "s", made.key, [made.certificate], passphrase, pkcs12=pkcs12))
    found = load_identity(tmp_path / ("s.p12" if pkcs12 else "s.crt"), passphrase=passphrase)
    assert found.certificate == made.certificate
    assert same_key(found.certificate, found.key)


def test_usages_are_what_they_are_called(ca: Identity) -> None:
    for made, usages in (
        (make_server(ca, "s", ["localhost"], now=NOW), [ExtendedKeyUsageOID.SERVER_AUTH]),
        (make_client(ca, "c", now=NOW), [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
    ):
        assert list(made.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usages
