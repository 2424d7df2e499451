"""What a real local cluster sends for users with various roles, as rows of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from protocol.frames import Header
from protocol.security import AUTHENTICATION_HEADER, SUBJECT_INFO_HEADER
from tests.elasticsearch.rig.clusters import forget_remote, set_remote, wait_connected
from tests.elasticsearch.rig.equivalence import roles_file
from tests.elasticsearch.rig.node import Node
from tests.elasticsearch.rig.recording import Recorder
from tests.gateway.client.local_security_cases import ALIAS, CERTIFICATE_ALIAS, FILE_ROLES, ROLE_PREFIX, ROLES, USER, USERS

SEARCH = "indices:data/read/search"
SECONDS = 60.0
POLL_SECONDS = 0.5
_PASSWORD = "e-password"


def record(node: Node, certificates: Path, users: Sequence[dict[str, Any]] = USERS) -> Iterator[dict[str, Any]]:
    """For each of the users ``{"version", "node", "user", "headers" or "refused"}``: the headers of a search in the API key model, or the
    error that the node answered itself; then ``certificate`` with those of the certificate model. The nodes' own handshakes come first,
    as ``{"version", "node", "handshakes": [{"action", "headers"}]}``."""
    files = {name: certificates / name for name in ("server.crt", "server.key", "ca.crt")}
    node.rest("POST", "/_security/role", {"roles": {ROLE_PREFIX + name: role for name, role in ROLES.items()}})
    file = node.folder / "config" / "roles.yml"
    written = file.read_text() if file.exists() else ""
    file.write_text(written + roles_file({ROLE_PREFIX + name: role for name, role in FILE_ROLES.items()}))
    about = {"version": node.version, "node": node.name}
    with (
        Recorder(files["server.crt"], files["server.key"]) as keyed,
        Recorder(files["server.crt"], files["server.key"], files["ca.crt"]) as certified,
    ):
        for alias, recorder in ((ALIAS, keyed), (CERTIFICATE_ALIAS, certified)):
            one = {"mode": "proxy", "proxy_address": recorder.address, "proxy_socket_connections": 1, "skip_unavailable": False}
            set_remote(node, alias, one)
            wait_connected(node, alias)
            yield {
                **about,
                "alias": alias,
                "handshakes": [{"action": each.action, "headers": _about(each)} for each in recorder.requests],
            }
        try:
            _wait_for_the_file(node)
            for user in users:
                node.rest("PUT", f"/_security/user/{USER}", {**user, "password": _PASSWORD})
                yield {
                    **about,
                    "user": user,
                    **_sent(node, ALIAS, keyed),
                    "certificate": _sent(node, CERTIFICATE_ALIAS, certified),
                }
        finally:
            for alias in (ALIAS, CERTIFICATE_ALIAS):
                forget_remote(node, alias)
            file.write_text(written)


def _about(header: Header) -> dict[str, str]:
    """Without the credentials."""
    return {name: value for name, value in header.request_headers.items() if name in (SUBJECT_INFO_HEADER, AUTHENTICATION_HEADER)}


def _wait_for_the_file(node: Node) -> None:
    """A node looks at its files every five seconds."""
    node.rest("PUT", f"/_security/user/{USER}", {"roles": [ROLE_PREFIX + "failures"], "password": _PASSWORD})
    deadline = monotonic() + SECONDS
    while not node.rest("GET", "/_security/user/_privileges", user=USER, password=_PASSWORD).get("remote_indices"):
        if monotonic() > deadline:
            raise AssertionError(f"{node.name} does not see its roles.yml")
        sleep(POLL_SECONDS)


def _sent(node: Node, alias: str, recorder: Recorder) -> dict[str, Any]:
    with node.client(USER, _PASSWORD) as client:
        answer = client.post(f"/{alias}:logs-1/_search", params={"ccs_minimize_roundtrips": "true"})
    requests = recorder.asked(SEARCH)
    if requests:
        return {"headers": _about(requests[0])}
    return {"refused": {"status": answer.status_code, **answer.json()}}
