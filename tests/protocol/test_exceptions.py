"""Exceptions against those of Elasticsearch's own classes, and those that a real remote cluster sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import (
    java_class,
    read_exception,
    read_optional_exception,
    root_causes,
    sent_by,
    stack_trace,
    status_of,
    write_exception,
)
from protocol.exceptions.fields import ClusterBlock, ShardSearchFailure
from protocol.exceptions.kinds import KINDS, KINDS_BY_ID
from protocol.exceptions.rest import rest_error
from protocol.messages.common import SearchShardTarget, ShardId
from protocol.versions import V_8_19, TransportVersion
from protocol.wire import Reader, Writer
from tests.vectors import read_lines

VECTORS = read_lines("exceptions.jsonl.gz")
HANDLES = read_lines("exception_kinds.jsonl")
BY_NAME = {vector["name"]: vector for vector in VECTORS}


def read(data: bytes) -> ElasticsearchException:
    reader = Reader(data, V_8_19)
    exception = read_exception(reader)
    reader.expect_end("the exception")
    return exception


def written(exception: ElasticsearchException, version: TransportVersion = V_8_19) -> bytes:
    writer = Writer(version)
    write_exception(writer, exception)
    return writer.getvalue()


def vector(name: str) -> bytes:
    return base64.b64decode(BY_NAME[name]["bytes"])


def test_every_handle_of_elasticsearch_is_declared() -> None:
    assert sorted(KINDS_BY_ID) == sorted(handle["id"] for handle in HANDLES)


@pytest.mark.parametrize("handle", HANDLES, ids=lambda handle: handle["class"].rpartition(".")[2])
def test_kind_is_the_handle(handle: dict[str, Any]) -> None:
    kind = KINDS_BY_ID[handle["id"]]
    assert f"org.elasticsearch.{kind.java_class}" == handle["class"]
    assert kind.wrapper == handle["wrapper"]
    if "unmade" not in handle and handle["id"] != 49:  # blocks decide the status of 49, and the oracle made it without any
        assert kind.type == handle["type"]
        assert status_of(ElasticsearchException(kind.type, "")) == handle["status"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_shown_as_elasticsearch_shows_it(vector: dict[str, Any]) -> None:
    exception = read(base64.b64decode(vector["bytes"]))
    shown = rest_error(exception)
    assert shown["error"] == vector["body"]["error"]
    assert shown["status"] == status_of(exception) == vector["status"]
    assert java_class(exception) == vector["class"]


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if not each["name"].startswith("trace")], ids=lambda vector: vector["name"]
)
def test_written_back_to_the_same_bytes(vector: dict[str, Any]) -> None:
    data = base64.b64decode(vector["bytes"])
    assert written(read(data)) == data


@pytest.mark.parametrize("name", [name for name in BY_NAME if name.startswith("trace")])
def test_stack_traces_are_left_out(name: str) -> None:
    data = vector(name)
    exception = read(data)
    again = written(exception)
    assert read(again) == exception
    assert len(again) < len(data)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (ElasticsearchException("unsupported_operation_exception", "never", ElasticsearchException("i_o_exception", "disk",
            ElasticsearchException("e_o_f_exception", "end"))), "unregistered"),
        (ElasticsearchException("runtime_exception", None), "unregistered without message"),
        (ElasticsearchException("status_exception", "taken", status=409), "status"),
        (ElasticsearchException("parsing_exception", "unexpected [x]", details={"line": 4, "col": 12}), "parsing"),
        (ElasticsearchException("too_many_buckets_exception", "too many", details={"max_buckets": 10000}), "too many buckets"),
        (ElasticsearchException("x_content_parse_exception", "[2:7] unknown field [x]"), "parse position"),
        (ElasticsearchException("security_exception", "no", ElasticsearchException("i_o_exception", "disk",
            ElasticsearchException("e_o_f_exception", "end")), details={"java_class": "java.lang.SecurityException"}), "security of java"),
    ],
)  # fmt: skip
def test_ours_are_the_bytes_of_elasticsearch(ours: ElasticsearchException, name: str) -> None:
    assert written(ours) == vector(name)


@pytest.mark.parametrize("name", ["all shards failed by query", "all shards failed by java"])
def test_a_search_without_a_cause_gets_that_of_its_first_failure(name: str) -> None:
    exception = read(vector(name))
    exception.cause = None
    assert written(exception) == vector(name)


def failed(*failures: tuple[str, int]) -> ElasticsearchException:
    target = SearchShardTarget(node_id="n", shard_id=ShardId(index="i", uuid="u", shard=0))
    shards = [
        ShardSearchFailure(
            target=target, reason="", status=status, cause=ElasticsearchException("illegal_argument_exception", reason)
        )
        for reason, status in failures
    ]
    return ElasticsearchException("search_phase_execution_exception", "", details={"phase": "query", "failures": shards})


def test_status_of_shard_failures() -> None:
    assert status_of(failed(("a", 400), ("b", 404))) == 400
    assert status_of(failed(("a", 400), ("b", 500), ("c", 404))) == 500
    assert status_of(failed(("a", 500), ("b", 503))) == 503
    assert status_of(failed()) == 503
    assert status_of(ElasticsearchException("reduce_search_phase_exception", "")) == 500


def test_equal_shard_failures_are_one_root_cause() -> None:
    assert [cause.reason for cause in root_causes(failed(("a", 400), ("a", 400), ("b", 400)))] == ["a", "b"]


def test_status_of_blocks() -> None:
    def blocked(*statuses: int) -> ElasticsearchException:
        blocks = [
            ClusterBlock(
                id=1, uuid=None, description="", levels=[], retryable=False, disable_state_persistence=False, status=status,
                allow_release_resources=False,
            )
            for status in statuses
        ]  # fmt: skip
        return ElasticsearchException("cluster_block_exception", "", details={"blocks": blocks})

    assert status_of(blocked(403, 429)) == 403
    assert status_of(blocked(429)) == 429
    assert status_of(blocked(403, 503)) == 503


def test_an_answer_names_the_node_that_failed() -> None:
    real = read(vector("trace 1"))
    assert real.cause is not None
    assert sent_by("rem", "127.0.0.1:9443", "indices:data/read/search", real.cause) == real


def test_wrappers_have_the_status_of_what_they_wrap() -> None:
    inner = ElasticsearchException("security_exception", "no", status=403)
    assert status_of(ElasticsearchException("remote_transport_exception", "[n][a][x]", inner)) == 403
    assert status_of(ElasticsearchException("remote_exception", "", inner)) == 403
    assert status_of(ElasticsearchException("exception", "", inner)) == 500


def test_an_older_node_gets_an_exception_that_it_does_not_know_wrapped() -> None:
    exception = ElasticsearchException("remote_exception", "why", ElasticsearchException("index_not_found_exception", "x"))
    older = read_exception(Reader(written(exception, TransportVersion(8841015)), V_8_19))
    assert (older.type, older.reason, status_of(older)) == ("remote_exception", "remote_exception: why", 404)
    assert read(written(exception)).reason == "why"


def test_a_chain_that_is_too_deep_ends() -> None:
    exception = ElasticsearchException("exception", "0")
    for number in range(1, 150):
        exception = ElasticsearchException("exception", str(number), exception)
    assert b"too many nested exceptions" in written(exception)
    with pytest.raises(WireError, match="nested deeper"):
        read(written(exception))


def test_text_of_a_stack_trace() -> None:
    exception = ElasticsearchException("parse_exception", "bad date", ElasticsearchException("illegal_argument_exception", "why"))
    assert stack_trace(exception) == (
        "org.elasticsearch.ElasticsearchParseException: bad date\nCaused by: java.lang.IllegalArgumentException: why\n"
    )


def test_null_and_unknown_exceptions() -> None:
    assert read_optional_exception(Reader(b"\x00", V_8_19)) is None
    for data, text in (
        (b"\x00", "there is none"),
        (b"\x01\x00\x0a", "unknown exception for id: 10"),
        (b"\x01\x13", "no such exception"),
    ):
        with pytest.raises(WireError, match=text):
            read(data)


@given(st.sampled_from(VECTORS), st.data())
def test_mutated_bytes_raise_only_the_error_of_the_protocol(vector: dict[str, Any], data: st.DataObject) -> None:
    damaged = bytearray(base64.b64decode(vector["bytes"])[:400])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        exception = read(bytes(damaged))
    except WireError:
        return
    assert read(written(exception)) == exception
    rest_error(exception)


@given(st.sampled_from(sorted(KINDS)), st.text(), st.none() | st.text())
def test_every_type_can_be_made_from_its_reason(kind: str, header: str, reason: str | None) -> None:
    if KINDS[kind].fields and KINDS[kind].fields[0].name == "shard":
        return
    exception = ElasticsearchException(kind, reason, headers={header: ["v"]}, status=404)
    again = read(written(exception))
    assert status_of(again) == status_of(exception)
    assert kind in (again.type, "not_serializable_exception_wrapper")
    assert again.headers == {header: ["v"]}
