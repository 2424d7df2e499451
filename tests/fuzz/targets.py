"""What is fuzzed: a function over bytes per target, the errors that it may raise, and the vectors that it starts from."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.authorization.access import parse_access
from gateway.authorization.parsing import parse_descriptor_set
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.loading import load
from gateway.demo.documents import indices, write
from gateway.requests import ACTIONS
from protocol.client import ClientConnection, Connected, ResponseStarted
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import read_exception
from protocol.frames import Frame, FrameDecoder, Header, Limits, Ping
from protocol.messages.aggregations import AGGREGATIONS
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SearchRequest
from protocol.messages.search_source import SEARCH_SOURCE
from protocol.security import ApiKeyCredentials, Authentication, Signature, SubjectInfo
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19
from protocol.wire import Reader
from tests.fuzz import native
from tests.vectors import read_lines

LIMITS = Limits(payload=4 * 1024 * 1024)
"""A bomb is one past any limit; a small one lets the fuzzer make more of them."""

PIECE = 7
REQUESTS = 16
DOCUMENTS = 50


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` takes any bytes; ``allowed`` is what it may raise."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Iterator[bytes]]
    allowed: type[Exception] = WireError

    def __call__(self, data: bytes) -> None:
        with suppress(self.allowed):
            self.run(data)


class Difference(Exception):  # noqa: N818
    """Two ways that must come to the same did not."""


def _frames(data: bytes) -> None:
    """Whole or in pieces, a stream is the same frames, and fails at the same place."""
    whole, pieces = _decoded([data]), _decoded([data[start : start + PIECE] for start in range(0, len(data), PIECE)])
    if whole != pieces:
        raise Difference(f"{whole} is not {pieces}")


def _decoded(parts: list[bytes]) -> list[Frame | Header | Ping | str]:
    decoder, items = FrameDecoder(LIMITS), list[Frame | Header | Ping | str]()
    try:
        for part in parts:
            # One by one: what came before an error stays.
            for item in decoder.receive(part):
                items.append(item)
    except WireError as error:
        items.append(type(error).__name__)
    return items


def _connection(data: bytes) -> None:
    for _ in ServerConnection(offered=V_8_19, release="8.19.21", limits=LIMITS).receive_data(data):
        pass


def _client(data: bytes) -> None:
    """What an upstream sends, whole or in pieces, is the same answers, and fails at the same place."""
    whole, pieces = _answers([data]), _answers([data[start : start + PIECE] for start in range(0, len(data), PIECE)])
    if whole != pieces:
        raise Difference(f"{whole} is not {pieces}")


def _answers(parts: list[bytes]) -> list[tuple[Header, bytes] | str]:
    """The answers that came whole, and the error that ended it."""
    connection = ClientConnection(offered=V_8_19, oldest=MINIMUM_COMPATIBLE, release="8.19.21", limits=LIMITS)
    connection.handshake()
    answers, header, payload = list[tuple[Header, bytes] | str](), None, b""
    try:
        for part in parts:
            for event in connection.receive_data(part):
                if isinstance(event, Connected):
                    for _ in range(REQUESTS):
                        connection.request("a", b"", {}, V_8_19)
                elif isinstance(event, ResponseStarted):
                    header, payload = event.header, b""
                elif header is not None:
                    payload += event.data
                    if event.last:
                        answers.append((header, payload))
    except WireError as error:
        answers.append(type(error).__name__)
    return answers


def _messages(data: bytes) -> None:
    """The first byte says for which action the rest is the payload."""
    if data:
        actions = list(ACTIONS.values())
        actions[data[0] % len(actions)].message.decode(data[1:], V_8_19)


def _read_source(data: bytes) -> dict[str, Any]:
    source: dict[str, Any] = SEARCH_SOURCE.read(Reader(data, V_8_19))
    return source


def _read_aggregations(data: bytes) -> None:
    reader = Reader(data, V_8_19)
    AGGREGATIONS.read(reader)
    reader.expect_end("the aggregations")


def _header(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: decode(base64.b64encode(data).decode())


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


@cache
def _cluster() -> MemoryCluster:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), indices(DOCUMENTS))
        return MemoryCluster(load([Path(folder)]).values(), name="fuzzed")


def _query_string(text: str) -> None:
    source = {"query": {"query_string": {"query": text, "fields": ["message", "level", "host.ip"]}}, "size": 1}
    _cluster().search(["logs-app-1"], IndicesOptions(), source, now_millis=0)


def _engine(data: bytes) -> None:
    """A search from its bytes to its answer's."""
    request = SearchRequest.decode(data, V_8_19)
    with suppress(ElasticsearchException):
        answer = _cluster().search(["logs-app-1"], request.indices_options, request.source or {}, now_millis=0)
        answer.encode(V_8_19)


def _raw_frames() -> Iterator[bytes]:
    return (bytes.fromhex(line["frame"]) for line in read_lines("frames.jsonl.gz"))


def _conversations() -> Iterator[bytes]:
    """A handshake with each of the requests that may follow."""
    frames = list(_raw_frames())
    decoded = [next((item for item in FrameDecoder().receive(frame) if isinstance(item, Frame)), None) for frame in frames]
    requests = [(frame, item.header) for frame, item in zip(frames, decoded, strict=True) if item and item.header.is_request]
    for first, _ in ((frame, header) for frame, header in requests if header.is_handshake):
        yield from (first + frame for frame, header in requests if not header.is_handshake)


def _upstream_conversations() -> Iterator[bytes]:
    """The answer to a handshake with each of the answers that may follow, as if they were answers to this end's requests."""
    frames = [
        (frame, item.header) for frame in _raw_frames() for item in FrameDecoder().receive(frame) if isinstance(item, Frame)
    ]
    answers = [(frame, header) for frame, header in frames if not header.is_request]
    for first in (frame for frame, header in answers if header.is_handshake):
        others = (frame for frame, header in answers if not header.is_handshake)
        yield from (_numbered(first, 1) + _numbered(frame, 2) + _numbered(frame, 3) for frame in others)


def _numbered(frame: bytes, request_id: int) -> bytes:
    return frame[:6] + request_id.to_bytes(8) + frame[14:]


def _payloads(*actions: str) -> Iterator[bytes]:
    for frame in _raw_frames():
        for item in FrameDecoder().receive(frame):
            if isinstance(item, Frame) and item.header.is_request and item.header.action in (actions or ACTIONS):
                place = b"" if actions else bytes([list(ACTIONS).index(item.header.action)])
                yield place + item.payload


def _searches() -> Iterator[bytes]:
    for line in read_lines("search_traces.jsonl.gz"):
        if line["direction"] == "request":
            yield bytes.fromhex(line["payload"])
    for line in read_lines("search_samples.jsonl.gz"):
        if line["kind"] == "request":
            yield base64.b64decode(line["bytes"])


def _sources() -> Iterator[bytes]:
    return (base64.b64decode(line["bytes"]) for line in read_lines("search_sources.jsonl.gz"))


def _aggregations() -> Iterator[bytes]:
    return (base64.b64decode(line["bytes"]) for line in read_lines("aggregations_requests.jsonl.gz"))


def _whole_searches() -> Iterator[bytes]:
    """The searches that the vectors ask for, of the index that is fuzzed."""
    for data in _sources():
        with suppress(WireError):
            yield SearchRequest(indices=["logs-app-1"], source=_read_source(data)).encode(V_8_19)
    yield from _searches()


def _headers(kind: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        for line in read_lines("headers.jsonl"):
            if line.get("kind") == kind:
                yield base64.b64decode(line["header"])

    return seeds


def _descriptors() -> Iterator[bytes]:
    for data in _headers("subject_info")():
        yield from SubjectInfo.decode(base64.b64encode(data).decode()).role_descriptors


def _query_strings() -> Iterator[bytes]:
    return (line["query"].encode("utf-8", "replace") for line in read_lines("engine/query_strings.jsonl.gz") if "query" in line)


def _exceptions() -> Iterator[bytes]:
    return (base64.b64decode(line["bytes"]) for line in read_lines("exceptions.jsonl.gz"))


_ACCESSES = (
    b'{"search":[{"names":["logs*"],"query":{"term":{"a":1}},"field_security":{"grant":["*"],"except":["b"]}}]}',
    b'{"search":{"names":"a","query":"{}","allow_restricted_indices":true},"replication":[{"names":["b-*"]}]}',
)
_CREDENTIALS = (b"ApiKey " + base64.b64encode(b"id:" + b"s" * 22), b"apikey YQ==")

TARGETS: dict[str, Target] = {
    "frames": Target(_frames, _raw_frames),
    "connection": Target(_connection, _conversations),
    "client": Target(_client, _upstream_conversations),
    "messages": Target(_messages, _payloads),
    "search_request": Target(lambda data: SearchRequest.decode(data, V_8_19), _searches),
    "search_source": Target(_read_source, _sources),
    "aggregations": Target(_read_aggregations, _aggregations),
    "field_caps": Target(lambda data: FieldCapsRequest.decode(data, V_8_19), lambda: _payloads(FIELD_CAPS)),
    "subject_info": Target(_header(SubjectInfo.decode), _headers("subject_info")),
    "authentication": Target(_header(Authentication.decode), _headers("authentication")),
    "signature": Target(_header(Signature.decode), _headers("subject_info")),
    "credentials": Target(_text(ApiKeyCredentials.decode), lambda: iter(_CREDENTIALS)),
    "exceptions": Target(lambda data: read_exception(Reader(data, V_8_19)), _exceptions),
    "role_descriptors": Target(parse_descriptor_set, _descriptors, ElasticsearchException),
    "access": Target(_text(parse_access), lambda: iter(_ACCESSES), ElasticsearchException),
    "query_string": Target(_text(_query_string), _query_strings, ElasticsearchException),
    "engine": Target(_engine, _whole_searches),
    "native_server": Target(native.server, native.from_clients),
    "native_client": Target(native.client, native.from_gateways),
    "native_values": Target(native.value, native.bodies),
    "native_requests": Target(native.request, native.requests),
}
