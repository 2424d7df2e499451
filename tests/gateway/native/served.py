"""A gateway process over some documents, with both ports, and native clients of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.native.client import NativeClient, connect
from protocol.native.messages import Hello
from protocol.native.values import VERSION
from tests.gateway.test_bad_input import Setting

ROLES = """
analyst:
  indices:
    - names: ["logs-app*"]
      privileges: [read, view_index_metadata]
"""

ALL = {"r": {"indices": [{"names": ["*"], "privileges": ["all"]}]}}


class NativeSetting(Setting):
    """The key allows ``logs*``; of the roles that port 9300 looks up there is ``analyst``, for ``logs-app*``."""

    def more_settings(self) -> dict[str, object]:
        (self.folder / "roles.yml").write_text(ROLES)
        return {"path.roles": "roles.yml"}

    def context(self, *, certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        if certificate:
            context.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        return context

    @asynccontextmanager
    async def keyed(self, *sets: dict[str, Any], **hello: Any) -> AsyncIterator[NativeClient]:
        """At the port of the API key model, with the key, for ``alice``, who may do all that these sets allow."""
        said = {
            "credentials": self.key["encoded"],
            "user": {"username": "alice", "role_descriptors": list(sets or [ALL])},
            **hello,
        }
        port = self.gateway.port(REMOTE_CLUSTER)
        async with connect("127.0.0.1", port, self.context(), Hello([VERSION], name="tests", **said)) as client:
            yield client

    @asynccontextmanager
    async def certified(self, *roles: str) -> AsyncIterator[NativeClient]:
        """At the port of the certificate model, for ``bob``, who has these roles."""
        hello = Hello([VERSION], user={"username": "bob", "roles": list(roles)})
        port = self.gateway.port(TRANSPORT)
        async with connect("127.0.0.1", port, self.context(certificate=True), hello) as client:
            yield client
