from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.files import CertificateError, identity_files, write_new
from certs.issue import make_ca, make_client, make_server
from certs.show import describe

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    ca = make_ca("CA", now=NOW)
    server = make_server(ca, "CN=gw,O=Example", ["gw.example.org", "10.0.0.7"], days=10, kind="rsa", now=NOW)
    client = make_client(ca, "node", now=NOW)
    write_new(identity_files(folder / "ca", ca.key, [ca.certificate]))
    write_new(identity_files(folder / "both", server.key, [server.certificate, ca.certificate], "secret"))
    write_new(identity_files(folder / "client", client.key, [client.certificate], "secret", pkcs12=True))
    return folder


def test_a_chain(files: Path) -> None:
    server, ca = describe(files / "both.crt", now=NOW)
    serial, digest = server.pop("serial_number"), server.pop("sha256")
    assert int(serial, 16) > 0
    assert len(digest) == 64
    assert server == {
        "kind": "certificate",
        "subject": "CN=gw,O=Example",
        "issuer": "CN=CA",
        "names": ["gw.example.org", "10.0.0.7"],
        "usages": ["server"],
        "key": "RSA 3072",
        "not_before": "2026-03-01T11:55:00Z",
        "not_after": "2026-03-11T12:00:00Z",
        "days_left": 10,
        "state": "valid",
    }
    assert (ca["kind"], ca["subject"], ca["key"], ca["names"]) == ("CA certificate", "CN=CA", "EC secp256r1", [])


@pytest.mark.parametrize(("days", "state", "left"), [(-1, "not yet valid", 11), (9, "valid", 1), (11, "expired", -1)])
def test_the_end_comes(files: Path, days: int, state: str, left: int) -> None:
    entry = describe(files / "both.crt", now=NOW + timedelta(days=days))[0]
    assert (entry["state"], entry["days_left"]) == (state, left)


def test_keys_show_their_kind_and_never_themselves(files: Path) -> None:
    assert describe(files / "ca.key") == [{"kind": "private key", "key": "EC secp256r1", "encrypted": False}]
    assert describe(files / "both.key") == [{"kind": "private key", "encrypted": True}]
    assert describe(files / "both.key", "secret") == [{"kind": "private key", "key": "RSA 3072", "encrypted": True}]


def test_pkcs12(files: Path) -> None:
    certificate, key = describe(files / "client.p12", "secret", NOW)
    assert (certificate["subject"], certificate["usages"]) == ("CN=node", ["client", "server"])
    assert key == {"kind": "private key", "key": "EC secp256r1"}
    with pytest.raises(CertificateError, match="wrong or missing passphrase"):
        describe(files / "client.p12")


def test_neither(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    with pytest.raises(CertificateError, match=r"\[.*a\] holds neither a PEM certificate nor a PEM private key"):
        describe(tmp_path / "a")
