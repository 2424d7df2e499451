import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import structlog.testing

from gateway import logs


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


EVENT: dict[str, Any] = {
    "@timestamp": "2026-01-02T03:04:05.678Z",
    "log.level": "info",
    "message": "access_granted",
    "event.action": "access_granted",
    "event.duration": 1_500_000,
    "source.address": "10.0.0.1:40000",
    "user.name": "alice",
    "rcgateway.indices": ["logs-1"],
}


@pytest.mark.parametrize("level", ["debug", "error"])
def test_an_event_of_the_audit_is_a_line_as_it_is_whatever_the_level(level: str) -> None:
    stream = configured(level)
    logs.write_event(dict(EVENT))
    assert lines(stream) == [EVENT]


def test_an_event_of_the_audit_for_people() -> None:
    stream = configured(form="console")
    logs.write_event(EVENT | {"user.name": "a\x1b[2Jb", "rcgateway.note": "ApiKey Zm9vOmJhcmJheg== was sent"})
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("2026-01-02T03:04:05.678Z [info     ] access_granted")
    for text in ("peer=10.0.0.1:40000", "duration=1.5ms", "indices=['logs-1']", "user.name=a\\x1b[2Jb", "ApiKey [redacted]"):
        assert text in line
    for text in ("event.action", "@timestamp", "\x1b"):
        assert text not in line


def test_an_event_before_logs_are_configured_goes_where_lines_go() -> None:
    with structlog.testing.capture_logs() as captured:
        logs.write_event(EVENT)
    assert [(entry["event"], entry["user.name"]) for entry in captured] == [("access_granted", "alice")]


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_levels(level: str, count: int) -> None:
    stream = configured(level)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("x")
    assert len(lines(stream)) == count


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
