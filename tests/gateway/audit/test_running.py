"""A running gateway: what it tells of those who do not get as far as a request."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import make_ca, make_client
from protocol.frames import Status, encode_frame
from protocol.messages.search_request import SEARCH
from protocol.versions import V_8_19
from tests.elasticsearch.rig.raw import RawClient
from tests.gateway.audit.auditing import by_key
from tests.gateway.test_bad_input import Setting

WAIT_SECONDS = 10.0


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    made = Setting(tmp_path_factory.mktemp("gateway"))
    yield made
    assert made.gateway.stop() == 0


def eventually(setting: Setting, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The events of a kind, once there is one."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        lines = [json.loads(line) for line in setting.gateway.log.read_text().splitlines() if line.startswith("{")]
        found = [line for line in lines if line.get("event.dataset") == "rcgateway.audit" and wanted(line)]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_a_client_whose_certificate_is_not_trusted(setting: Setting, tmp_path: Path) -> None:
    stranger = make_client(make_ca("others"), "stranger")
    (tmp_path / "c.crt").write_bytes(certificates_to_pem([stranger.certificate]))
    (tmp_path / "c.key").write_bytes(key_to_pem(stranger.key))
    files = tmp_path / "c.crt", tmp_path / "c.key"
    with (
        pytest.raises((ssl.SSLError, ConnectionError, AssertionError)),  # with TLS 1.3 it is told by the first read
        RawClient(setting.address("transport"), setting.folder / "ca.crt", files) as client,
    ):
        client.shake_hands()
    (event,) = eventually(setting, lambda event: event["rcgateway.interface"] == "transport")
    assert (event["event.action"], event["event.outcome"]) == ("connection_denied", "failure")
    assert "certificate verify failed" in event["error.message"]
    assert event["source.ip"] == "127.0.0.1"


@pytest.mark.parametrize("whole", [True, False])
def test_a_refused_header(setting: Setting, whole: bool) -> None:
    credentials = "ApiKey " + base64.b64encode(f"nobody-{whole}:{'s' * 22}".encode()).decode()
    frame = encode_frame(
        request_id=7,
        status=Status(0),
        version=V_8_19,
        payload=b"\0" * 5000,
        action=SEARCH,
        request_headers=by_key(credentials, user=f"user-{whole}"),
    )
    with setting.client() as client:
        client.shake_hands()
        client.socket.sendall(frame if whole else frame[:-4000])
        assert client.receive() is not None
        assert client.receive() is None
    (event,) = eventually(setting, lambda event: event.get("user.name") == f"user-{whole}")
    assert (event["event.action"], event["rcgateway.action"]) == ("authentication_failed", SEARCH)
    assert event["rcgateway.api_key.id"] == f"nobody-{whole}"
    assert event["error.code"] == "401"
    assert "s" * 22 not in setting.gateway.log.read_text()
