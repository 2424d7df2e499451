"""``rcgateway search`` against a running gateway."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from gateway.commands import pulling
from gateway.commands import search as command
from gateway.commands.tables import table
from tests.elasticsearch.rig.ports import free_port
from tests.gateway.test_bad_input import Setting

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    made = Setting(tmp_path_factory.mktemp("site"))
    try:
        yield made
    finally:
        made.gateway.stop()


@pytest.fixture
def run(site: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``search`` with arguments: exit code, output and errors. The clusters are ``there``, and ``down``, where nobody listens."""
    settings: dict[str, Any] = {
        "cluster.remote.there.mode": "proxy",
        "cluster.remote.there.proxy_address": site.address(),
        "cluster.remote.there.proxy_socket_connections": 2,
        "cluster.remote.there.credentials": site.key["encoded"],
        "cluster.remote.down.mode": "proxy",
        "cluster.remote.down.proxy_address": f"127.0.0.1:{free_port()}",
        "cluster.remote.down.credentials": site.key["encoded"],
        "xpack.security.remote_cluster_client.ssl.certificate_authorities": str(site.folder / "ca.crt"),
        "path.roles": "roles.yml",
        "users.alice.roles": ["reader"],
    }
    (tmp_path / "local.yml").write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items()))
    (tmp_path / "roles.yml").write_text('reader: {remote_indices: [{clusters: ["*"], names: ["*"], privileges: [read]}]}\n')

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run(["search", *arguments, "--config", str(tmp_path / "local.yml")])
        return code, *capsys.readouterr()

    return call


def query(tmp_path: Path, body: Any) -> str:
    file = tmp_path / "query.json"
    file.write_text(json.dumps(body))
    return str(file)


def test_json_is_what_rest_prints(run: Run, tmp_path: Path) -> None:
    body = {"size": 2, "sort": ["@timestamp"], "aggs": {"levels": {"terms": {"field": "level"}}}, "track_total_hits": True}
    code, out, err = run("there:logs-app*", "--query", query(tmp_path, body))
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert list(answer) == ["took", "timed_out", "_shards", "_clusters", "hits", "aggregations"]
    assert answer["hits"]["total"] == {"value": 30, "relation": "eq"}
    assert [hit["_index"] for hit in answer["hits"]["hits"]] == ["there:logs-app-1"] * 2
    assert sum(bucket["doc_count"] for bucket in answer["aggregations"]["levels"]["buckets"]) == 30


def test_a_query_of_the_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"query": {"ids": {"values": ["1-3"]}}}')))
    _, out, _ = run("there:logs-app*", "--query", "-")
    assert [hit["_id"] for hit in json.loads(out)["hits"]["hits"]] == ["1-3"]


def test_a_query_string_and_fields(run: Run) -> None:
    _, out, _ = run("there:logs-app*", "-q", "level:ERROR OR level:WARN", "--fields", "level", "--size", "50")
    hits = json.loads(out)["hits"]["hits"]
    assert {hit["_source"]["level"] for hit in hits} == {"ERROR", "WARN"}
    assert all(list(hit["_source"]) == ["level"] for hit in hits)


def test_ndjson_pulls_all_hits(run: Run, tmp_path: Path) -> None:
    code, out, err = run("there:logs-app*,there:logs-web*", "--output", "ndjson")
    hits = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert len({(hit["_index"], hit["_id"]) for hit in hits}) == len(hits) == 45
    assert all("sort" not in hit for hit in hits)
    _, out, _ = run("there:logs-app*", "--output", "ndjson", "--query", query(tmp_path, {"sort": ["@timestamp"], "size": 9}))
    times = [json.loads(line)["sort"][0] for line in out.splitlines()]
    assert len(times) == 9
    assert times == sorted(times)


def test_ndjson_of_more_hits_than_one_search_gives(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The gateway's memory has no points in time."""
    monkeypatch.setattr(pulling, "WINDOW", 5)
    monkeypatch.setattr(pulling, "PAGE", 4)
    _, out, _ = run("there:logs-app*,there:logs-web*", "--output", "ndjson")
    hits = [json.loads(line) for line in out.splitlines()]
    assert len({(hit["_index"], hit["_id"]) for hit in hits}) == len(hits) == 45
    code, out, err = run("there:logs-app*", "--output", "ndjson", "--query", query(tmp_path, {"sort": ["@timestamp"]}))
    assert (code, out) == (1, "")
    assert "no more than [5] hits can be pulled" in err


def test_ndjson_of_a_query_string(run: Run) -> None:
    _, out, _ = run("there:logs-app*", "--output", "ndjson", "-q", "level:ERROR", "--fields", "level")
    assert {json.dumps(json.loads(line)["_source"]) for line in out.splitlines()} == {'{"level": "ERROR"}'}


def test_a_long_pull_has_a_bar(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "BAR_HITS", 10)
    assert "hits" not in run("there:logs-app*", "--output", "ndjson")[2]
    monkeypatch.setattr("gateway.commands.search.is_terminal", lambda _stream: True)
    _, out, err = run("there:logs-app*", "--output", "ndjson")
    assert len(out.splitlines()) == 30
    assert "hits" in err


def test_ndjson_refuses_what_is_no_hit(run: Run, tmp_path: Path) -> None:
    code, out, err = run("there:logs-app*", "--output", "ndjson", "--query", query(tmp_path, {"aggs": {}}))
    assert (code, out) == (2, "")
    assert "[aggs] does not go with ndjson" in err


def test_a_table(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, err = run("there:logs-app*", "--output", "table", "--size", "3", "--fields", "level,host.name")
    lines = out.splitlines()
    assert lines[0].split() == ["_index", "_id", "level", "host.name"]
    assert lines[1].split()[:2] == ["there:logs-app-1", "1-0"]
    assert len(lines) == 4
    assert "3 of 30 hits" in err


def test_a_table_shows_no_control_characters_and_keeps_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    hit = {"_index": "a:b", "_id": "1", "_source": {"x": "red\x1b[31m\nline", "long": "y" * 200, "n": {"m": [1, None]}}}
    lines = list(table([hit], []))
    assert all(len(line) <= 40 for line in lines)
    assert "\x1b" not in "".join(lines)
    assert list(table([hit], ["n.m"]))[1].split() == ["a:b", "1", "[1,", "null]"]


def test_a_cluster_that_is_down_is_told_of(run: Run) -> None:
    code, out, err = run("there:logs-app*,down:logs-app*", "--size", "1")
    assert json.loads(out)["_clusters"]["skipped"] == 1
    assert code == 0
    assert "remote cluster [down] was left out" in err
    assert "rcgateway check down" in err
    assert run("down:logs-app*")[0] == 1


def test_other_clusters_are_not_waited_for(run: Run) -> None:
    assert run("there:logs-app*", "--size", "0")[2] == ""


def test_what_is_wrong_is_printed_as_rest_does(run: Run, tmp_path: Path) -> None:
    code, out, err = run("there:logs-app*", "--query", query(tmp_path, {"query": {"nonsense": {}}}))
    assert code == 1
    assert json.loads(out)["error"]["reason"] == "unknown query [nonsense]"
    assert "unknown query [nonsense]" in err


@pytest.mark.parametrize(
    ("content", "told"), [("{", "is not JSON"), ("[]", "is no body of a search"), ('{"query": {"term": {}}', "is not JSON")]
)
def test_a_query_that_is_no_body(run: Run, tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    code, _, err = run("there:x", "--query", str(tmp_path / "bad.json"))
    assert code == 2
    assert told in err


def test_both_kinds_of_query_do_not_go_together(run: Run, tmp_path: Path) -> None:
    assert run("there:x", "--query", query(tmp_path, {}), "-q", "a")[0] == 2


def test_a_user_who_may_not(run: Run) -> None:
    code, _, err = run("there:logs-app*", "--user", "bob")
    assert code == 1
    assert "unable to authenticate user [bob]" in err


def test_an_index_without_an_alias_and_an_unknown_alias(run: Run) -> None:
    assert run("logs-app-1")[0] == 1
    assert "no such remote cluster: [nowhere]" in run("nowhere:x")[2]
