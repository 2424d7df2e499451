"""The wrapper around a request for one node of the remote cluster: ``internal:transport/proxy/<action>``."""

from __future__ import annotations

from typing import Annotated

from protocol.messages.common import DiscoveryNode, Request
from protocol.schema import Codec
from protocol.wire import Reader, Writer

PROXY_PREFIX = "internal:transport/proxy/"


def unwrap_action(action: str) -> str | None:
    """The action within a proxy action's name, or None where it is not one."""
    return action.removeprefix(PROXY_PREFIX) if action.startswith(PROXY_PREFIX) else None


class ProxyRequest(Request):
    """``wrapped`` is the inner request from its own parent task on, still encoded."""

    target: DiscoveryNode
    wrapped: Annotated[bytes, Codec(Reader.rest, Writer.raw)]
