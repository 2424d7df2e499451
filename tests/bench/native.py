"""The native protocol beside the transport protocol: the same searches of one gateway's in-memory cluster, no nodes.

A client of the transport protocol still has to decode its answer and to show it as JSON, which the gateway has done for a native one; what
that takes in this project's own code is told as well. Requests are made beforehand, of an answer only the frames are looked at.
"""

from __future__ import annotations

import argparse
import json
import platform
import selectors
import socket
import ssl
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import make_ca, make_server
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.demo.documents import write
from protocol.frames import Frame, FrameDecoder, Status, encode_frame
from protocol.messages.search_request import SEARCH
from protocol.messages.search_response import SearchResponse
from protocol.native import frames as native
from protocol.native.messages import Hello, Request
from protocol.native.values import ALPN, ANSWER_LIMITS, pack, unpack_untrusted
from protocol.rest import render_search, search_request
from protocol.security import Authentication, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.bench.relay.load import Usage
from tests.bench.searches import INDEX, Search, documents, searches
from tests.elasticsearch.rig.gateway import Gateway

BLOCKS = 4
DECODED = 50
ALL = {"r": {"indices": [{"names": ["*"], "privileges": ["all"]}]}}
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol: what is sent first, a request of a number, the length of a frame from its first bytes, and what a client does with
    an answer."""

    name: str
    alpn: str | None
    greeting: bytes
    request: Callable[[int, Search, int], bytes]
    prefix: struct.Struct
    error: Callable[[bytes], bool]
    understand: Callable[[bytes], Any]


@dataclass(slots=True)
class Side:
    """What one protocol's requests took: seconds, and the gateway's CPU."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    answer: bytes = b""


class Connection:
    """One request at a time."""

    def __init__(self, wire: Wire, port: int, ca: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if wire.alpn is not None:
            context.set_alpn_protocols([wire.alpn])
        plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self._wire = wire
        self._buffer = bytearray()
        self.sent = 0.0
        self.number = 0
        if wire.greeting:
            self.stream.sendall(wire.greeting)
            while self.receive() is None:
                pass

    def send(self, search: Search, variant: int) -> None:
        self.number += 1
        data = self._wire.request(self.number, search, variant)
        self.sent = time.perf_counter()
        self.stream.sendall(data)

    def receive(self) -> bytes | None:
        """The answer, once it is whole. Raises RuntimeError for an error."""
        data = self.stream.recv(1 << 18)
        if not data:
            raise RuntimeError("the gateway has closed a connection")
        self._buffer += data
        prefix = self._wire.prefix
        if len(self._buffer) < prefix.size or len(self._buffer) < prefix.size + prefix.unpack_from(self._buffer)[-1]:
            return None
        whole, self._buffer = bytes(self._buffer), bytearray()
        if self._wire.error(whole):
            raise RuntimeError(f"not an answer to measure: {whole[:2000]!r}")
        return whole


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    index = documents(options.documents)
    made = [*searches(index), Search("1000 hits", ({"size": 1000},))]
    report: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}", "figures": []}
    with tempfile.TemporaryDirectory(prefix="rcgateway-bench-") as folder, _gateway(Path(folder), index) as (gateway, key):
        assert gateway.process is not None
        wires = [_native(key), _transport(key)]
        print(
            f"{'search':22} {'clients':>7} {'':12} {'per second':>10} {'CPU, ms':>8} {'median, ms':>10} {'bytes':>8} {'client, ms':>10}"
        )
        for search in made:
            for clients in options.clients:
                sides = {wire.name: Side() for wire in wires}
                for block in range(2 * BLOCKS):
                    wire = wires[(block + block // 2) % 2]
                    _run(wire, sides[wire.name], gateway, Path(folder) / "ca.crt", search, clients, options.seconds / BLOCKS)
                for wire in wires:
                    figures = _figures(wire, sides[wire.name])
                    report["figures"].append({"search": search.name, "clients": clients, "protocol": wire.name, **figures})
                    print(
                        f"{search.name:22} {clients:7} {wire.name:12} {figures['per_second']:10.0f} {figures['cpu_ms']:8.3f}"
                        f" {figures['median_ms']:10.3f} {figures['bytes']:8} {figures['client_ms']:10.3f}",
                        flush=True,
                    )
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench native", description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000, help="how many log documents (%(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16], help="numbers of clients (1 16)")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="for each search, protocol and number of clients (%(default)s)"
    )
    parser.add_argument("--json", type=Path, help="a file for all figures")
    return parser.parse_args(arguments)


@contextmanager
def _gateway(folder: Path, index: Any) -> Iterator[tuple[Gateway, str]]:
    ca = make_ca("bench")
    server = make_server(ca, "gw", ["127.0.0.1"])
    (folder / "ca.crt").write_bytes(certificates_to_pem([ca.certificate]))
    (folder / "server.crt").write_bytes(certificates_to_pem([server.certificate]))
    (folder / "server.key").write_bytes(key_to_pem(server.key))
    write(folder / "documents", [index])
    prefix = "xpack.security.remote_cluster_server.ssl"
    gateway = Gateway(
        folder,
        {
            "remote_cluster_server.enabled": True,
            "remote_cluster.port": 0,
            f"{prefix}.certificate": "server.crt",
            f"{prefix}.key": "server.key",
            "backend.memory.load": ["documents"],
        },
    )
    gateway.write_config()
    key = gateway.create_key("bench", {"search": [{"names": ["*"]}]})["encoded"]
    gateway.start()
    try:
        yield gateway, key
    finally:
        gateway.stop()


def _native(key: str) -> Wire:
    hello = Hello([1], credentials=key, user={"username": "bench", "role_descriptors": [ALL]})

    bodies = _Memo(lambda search, variant: pack(search.bodies[variant]))
    return Wire(
        "native",
        ALPN,
        native.encode_frame(hello.to_header()),
        lambda number, search, variant: native.encode_frame(
            Request(number, "search", [INDEX]).to_header(), bodies.of(search, variant)
        ),
        struct.Struct(">I"),
        lambda answer: b"\xa5error" in answer[:40],
        _native_body,
    )


def _native_body(answer: bytes) -> Any:
    frame = next(item for item in native.FrameDecoder(ANSWER_LIMITS).receive(answer) if isinstance(item, native.Frame))
    return unpack_untrusted(frame.body, ANSWER_LIMITS)


class _Memo:
    """Bodies by search and variant, made once."""

    def __init__(self, make: Callable[[Search, int], bytes]) -> None:
        self._make = make
        self._made: dict[tuple[str, int], bytes] = {}

    def of(self, search: Search, variant: int) -> bytes:
        key = search.name, variant
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(search, variant)
        return made


def _transport(key: str) -> Wire:
    authentication = Authentication(User("bench"), RealmRef(node_name="n", name="r", type="native"), version=V_8_19)
    headers = {
        "_cross_cluster_access_credentials": f"ApiKey {key}",
        "_cross_cluster_access_subject_info": SubjectInfo(authentication, [json.dumps(ALL).encode()]).encode(),
    }

    def make(search: Search, variant: int) -> bytes:
        payload = search_request([INDEX], search.bodies[variant]).encode(V_8_19)
        return encode_frame(
            request_id=0, status=Status(0), version=V_8_19, payload=payload, action=SEARCH, request_headers=headers
        )

    frames = _Memo(make)

    def request(number: int, search: Search, variant: int) -> bytes:
        frame = frames.of(search, variant)
        return frame[:6] + number.to_bytes(8) + frame[14:]

    def understand(answer: bytes) -> Any:
        frame = next(item for item in FrameDecoder().receive(answer) if isinstance(item, Frame))
        return render_search(SearchResponse.decode(frame.payload, V_8_19))

    return Wire(
        "transport", None, b"", request, struct.Struct(">2sI"), lambda answer: bool(answer[14] & Status.ERROR), understand
    )


def _run(wire: Wire, side: Side, gateway: Gateway, ca: Path, search: Search, clients: int, seconds: float) -> None:
    assert gateway.process is not None
    connections = [Connection(wire, gateway.port(REMOTE_CLUSTER), ca) for _ in range(clients)]
    variants = len(search.bodies)
    before, began = Usage.of(gateway.process.pid), time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for place, connection in enumerate(connections):
            selector.register(connection.stream, selectors.EVENT_READ, connection)
            connection.send(search, place % variants)
        while time.perf_counter() - began < seconds or not side.latencies:
            for ready, _ in selector.select(TIMEOUT_SECONDS):
                connection = ready.data
                answer = connection.receive()
                while answer is None and connection.stream.pending():
                    answer = connection.receive()
                if answer is not None:
                    side.latencies.append(time.perf_counter() - connection.sent)
                    side.answer = answer
                    connection.send(search, connection.number % variants)
    side.seconds += time.perf_counter() - began
    side.cpu += Usage.of(gateway.process.pid).since(before).running
    for connection in connections:
        connection.stream.close()


def _figures(wire: Wire, side: Side) -> dict[str, Any]:
    began = time.process_time()
    for _ in range(DECODED):
        wire.understand(side.answer)
    return {
        "per_second": len(side.latencies) / side.seconds,
        "cpu_ms": side.cpu / len(side.latencies) * 1e3,
        "median_ms": statistics.median(side.latencies) * 1e3,
        "bytes": len(side.answer),
        "client_ms": (time.process_time() - began) / DECODED * 1e3,
    }
