"""How sockets of long-lived connections are set."""

from __future__ import annotations

import socket

import trio

_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 300), (socket.TCP_KEEPINTVL, 300), (socket.TCP_KEEPCNT, 6))
"""Seconds idle, seconds between probes, probes: Elasticsearch's values for connections between nodes."""


def set_keep_alive(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        stream.setsockopt(socket.IPPROTO_TCP, option, value)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
