import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway import logs
from protocol.errors import ElasticsearchException


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(level: str = "info", form: str = "auto") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level, form, stream)
    return stream


REQUEST: dict[str, Any] = {
    "connection": 7,
    "interface": "remote_cluster",
    "peer": "10.0.0.1:40000",
    "action": "indices:data/read/search",
    "outcome": "success",
    "duration": 1_500_000,
    "bytes_in": 100,
    "bytes_out": 2000,
}


def test_a_request_in_the_fields_of_the_common_schema() -> None:
    stream = configured()
    logs.request_event(**REQUEST, key_id="abc", user="alice", indices=["logs-1", "logs-2"], opaque_id="o1")
    (event,) = lines(stream)
    assert event.pop("@timestamp").endswith("Z")
    assert event == {
        "log.level": "info",
        "message": "request",
        "event.dataset": "rcgateway.audit",
        "event.action": "indices:data/read/search",
        "event.outcome": "success",
        "event.duration": 1_500_000,
        "source.address": "10.0.0.1:40000",
        "source.bytes": 100,
        "destination.bytes": 2000,
        "user.name": "alice",
        "trace.id": "o1",
        "rcgateway.connection": 7,
        "rcgateway.interface": "remote_cluster",
        "rcgateway.api_key.id": "abc",
        "rcgateway.indices": ["logs-1", "logs-2"],
    }


def test_a_refused_request() -> None:
    stream = configured()
    error = ElasticsearchException("security_exception", "action [a] is unauthorized")
    logs.request_event(**REQUEST | {"outcome": "failure"}, certificate_subject="CN=node-1", error=error)
    (event,) = lines(stream)
    assert event["event.outcome"] == "failure"
    assert event["tls.client.subject"] == "CN=node-1"
    assert (event["error.type"], event["error.message"]) == ("security_exception", "action [a] is unauthorized")
    assert "user.name" not in event


def test_many_indices_are_counted() -> None:
    stream = configured()
    logs.request_event(**REQUEST, indices=[f"i{number}" for number in range(1000)])
    (event,) = lines(stream)
    assert len(event["rcgateway.indices"]) == logs.MAX_INDICES
    assert event["rcgateway.indices_count"] == 1000


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_levels(level: str, count: int) -> None:
    stream = configured(level)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("x")
    assert len(lines(stream)) == count


def test_a_level_that_is_off_renders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = configured("warn")
    monkeypatch.setattr(logs, "redact", pytest.fail)
    logs.request_event(**REQUEST)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "secret", "password", "ssl.key_passphrase", "credentials", "Authorization", "encoded", "_source",
     "_cross_cluster_access_credentials", "_cross_cluster_access_subject_info", "_xpack_security_authentication", "private-key"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_by_their_name(name: str, form: str) -> None:
    stream = configured(form=form)
    structlog.get_logger().info("x", **{name: "opensesame"}, nested={"deep": [{name: "opensesame"}]}, kept="kept")
    assert "opensesame" not in stream.getvalue()
    assert logs.REDACTED in stream.getvalue()
    assert "kept" in stream.getvalue()


@pytest.mark.parametrize("name", ["api_key.id", "user", "reason", "source.address", "certificate_subject", "key_id"])
def test_what_is_no_secret_is_kept(name: str) -> None:
    stream = configured()
    structlog.get_logger().info("x", **{name: "value"})
    assert "value" in lines(stream)[0].values()


def test_credentials_within_a_text() -> None:
    stream = configured()
    structlog.get_logger().info("header ApiKey Zm9vOmJhcmJheg== was refused", reason="Basic dXNlcjpwYXNz")
    (event,) = lines(stream)
    assert event["message"] == "header ApiKey [redacted] was refused"
    assert event["event.reason"] == "Basic [redacted]"


def test_errors_have_their_trace() -> None:
    stream = configured()
    try:
        raise ValueError("bad ApiKey Zm9vOmJhcmJheg==")
    except ValueError:
        structlog.get_logger().exception("failed")
    (event,) = lines(stream)
    assert event["log.level"] == "error"
    assert "ValueError: bad ApiKey [redacted]" in event["error.stack_trace"]


def test_on_a_terminal_it_is_for_people() -> None:
    stream = Terminal()
    logs.configure("info", "auto", stream)
    structlog.get_logger().info("connected", peer="10.0.0.1:1")
    assert "connected" in stream.getvalue()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(stream.getvalue())
    stream = Terminal()
    logs.configure("info", "json", stream)
    structlog.get_logger().info("connected")
    assert lines(stream)[0]["message"] == "connected"


def test_a_name_does_not_steer_the_terminal() -> None:
    stream = configured(form="console")
    structlog.get_logger().info("x", user="a\x1b[2J\r\nb\x9b")
    assert len(stream.getvalue().splitlines()) == 1
    assert not {"\x1b", "\r", "\x9b"} & set(stream.getvalue())


def test_values_that_json_does_not_know() -> None:
    stream = configured()
    log = structlog.get_logger()
    log.info("x", raw=b"\xff")
    log.info("x", half="a\ud800", long=1 << 70)
    first, second = lines(stream)
    assert first["rcgateway.raw"] == "b'\\xff'"
    assert (second["rcgateway.half"], second["rcgateway.long"]) == ("a\ud800", 1 << 70)


def test_a_reader_that_has_gone_does_not_stop_us(capsys: pytest.CaptureFixture[str]) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    logs.configure("info", "json", Gone())
    for _ in range(3):
        structlog.get_logger().info("x")
    assert capsys.readouterr().err == "rcgateway: the log cannot be written any more: [Errno 32] Broken pipe\n"


def test_half_a_character_on_a_terminal() -> None:
    stream = configured(form="console")
    structlog.get_logger().info("x", user="a\ud800", indices=["b\udfff"])
    try:
        raise ValueError("c\udfff\x1b")
    except ValueError:
        structlog.get_logger().exception("failed")
    stream.getvalue().encode("utf-8")
    assert "\x1b" not in stream.getvalue()
