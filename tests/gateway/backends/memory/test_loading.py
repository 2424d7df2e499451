"""Files become indices; what is wrong in them is named with its file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.definitions import check_name
from gateway.backends.memory.loading import LoadError, load


def bulk(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def index(name: str, _id: str) -> dict[str, Any]:
    return {"index": {"_index": name, "_id": _id}}


def test_a_folder_gives_its_indices_with_their_settings_mappings_aliases_and_documents(tmp_path: Path) -> None:
    body = {
        "settings": {"number_of_shards": 3, "index": {"hidden": True}},
        "mappings": {"properties": {"level": {"type": "keyword"}}},
        "aliases": {"all": {"filter": {"term": {"level": "ERROR"}}, "is_hidden": True}},
    }
    (tmp_path / "logs-1.index.json").write_text(json.dumps(body))
    (tmp_path / "a.ndjson").write_bytes(bulk(index("logs-1", "1"), {"level": "ERROR"}, index("other", "x"), {"n": 1}))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(bulk(index("logs-1", "2"), {"level": "INFO"})))
    (tmp_path / "notes.txt").write_text("not read")
    indices = load([tmp_path])
    assert sorted(indices) == ["logs-1", "other"]
    logs = indices["logs-1"]
    assert (logs.hidden, logs.doc_count, logs.aliases) == (True, 2, body["aliases"])
    assert logs.settings["index.number_of_shards"] == "3"
    assert [logs.id(row) for row in range(2)] == ["1", "2"]
    assert logs.source(0) == b'{"level": "ERROR"}'
    column = logs.column("level")
    assert column is not None
    assert column.terms == ["ERROR", "INFO"]
    found = indices["other"].field("n")
    assert found is not None
    assert found.type == "long"


def test_later_actions_replace_and_delete_earlier_documents(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    lines = [
        index("i", "1"),
        {"n": 1},
        index("i", "2"),
        {"n": 2},
        index("i", "1"),
        {"n": 3},
        {"delete": {"_index": "i", "_id": "2"}},
    ]
    path.write_bytes(bulk(*lines))
    loaded = load([path])["i"]
    assert (loaded.doc_count, loaded.rows, loaded.document(0)) == (1, 1, {"n": 3})
    column = loaded.column("n")
    assert column is not None
    assert column.values.tolist() == [3]


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ([b"{"], 1, "not JSON"),
        (
            [index("i", "1"), {"n": 1}, {"update": {"_index": "i", "_id": "1"}}, {"doc": {}}],
            3,
            "action [update] is not supported",
        ),
        ([{"frob": {"_index": "i", "_id": "1"}}], 1, "action [frob] does not exist"),
        ([{"index": {"_index": "i"}}, {}], 1, "must have [_id]"),
        ([{"index": {"_id": "1"}}, {}], 1, "must have [_index]"),
        ([{"index": {"_index": "i", "_id": "1", "pipeline": "p"}}, {}], 1, "unknown parameter [pipeline]"),
        ([index("i", "1")], 1, "not followed by a document"),
        ([index("I", "1"), {}], 1, "must be lowercase"),
        ([index("i", "1"), b"[1]"], 2, "must start with an object"),
        ([index("i", "1"), {"n": 1}, {"create": {"_index": "i", "_id": "1"}}, {"n": 1}], 4, "document already exists"),
        (
            [index("i", "1"), {"n": 1}, index("i", "2"), {"n": "x"}],
            4,
            "failed to parse field [n] of type [long] in document with id '2'",
        ),
    ],
)
def test_an_error_in_a_bulk_file_names_its_file_and_line(tmp_path: Path, lines: list[Any], line: int, reason: str) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_bytes(bulk(*lines))
    with pytest.raises(LoadError) as caught:
        load([path])
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "line 1"),
        ('{"mapping": {}}', "unknown key [mapping]"),
        (
            '{"settings": {"analysis": {"analyzer": {"x": {"type": "custom"}}}}}',
            "[index.analysis.analyzer.x.type] is not supported",
        ),
        ('{"mappings": {"properties": {"p": {"type": "geo_shape"}}}}', "[geo_shape] declared on field [p]"),
        ('{"aliases": {"a": {"filter": {"frob": {}}}}}', "unknown query [frob]"),
        ('{"settings": {"number_of_shards": "x"}}', "Failed to parse value [x] for setting [index.number_of_shards]"),
        ('{"aliases": {"a": {"colour": 1}}}', "Unknown field [colour]"),
    ],
)
def test_an_error_in_an_index_file_names_the_file(tmp_path: Path, body: str, reason: str) -> None:
    path = tmp_path / "bad.index.json"
    path.write_text(body)
    with pytest.raises(LoadError, match=r"bad\.index\.json") as caught:
        load([path])
    assert reason in str(caught.value)


def test_the_limit_of_fields_is_the_settings(tmp_path: Path) -> None:
    (tmp_path / "i.index.json").write_text('{"settings": {"index.mapping.total_fields.limit": 3}}')
    (tmp_path / "i.ndjson").write_bytes(bulk(index("i", "1"), {"a": 1, "b": 2, "c": 3, "d": 4}))
    with pytest.raises(LoadError, match=r"i\.ndjson:2: .*Limit of total fields \[3\] has been exceeded"):
        load([tmp_path])


def test_a_broken_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(gzip.compress(bulk(index("i", "1"), {"n": 1}) * 100)[:-20])
    with pytest.raises(LoadError, match=r"x\.ndjson\.gz"):
        load([path])


def test_what_is_not_there_or_not_to_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no such file"):
        load([tmp_path / "none"])
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(LoadError, match="its name must end in"):
        load([tmp_path / "x.txt"])


@pytest.mark.parametrize("name", ["", "A", "_a", "-a", "a*b", "a b", "a,b", "..", "a" * 256])
def test_names_that_elasticsearch_refuses_are_refused(name: str) -> None:
    assert check_name(name) is not None


def test_usual_names_are_taken() -> None:
    assert check_name("logs-a.2024-01-01") is None


STREAM: dict[str, Any] = {
    "index_patterns": ["logs-x"],
    "data_stream": {"hidden": True},
    "template": {
        "settings": {"number_of_replicas": 0},
        "mappings": {"properties": {"level": {"type": "keyword"}}},
        "aliases": {"errors": {"filter": {"term": {"level": "ERROR"}}}},
        "data_stream_options": {"failure_store": {"enabled": True}},
    },
    "created": "2026-11-01",
    "generations": ["data", "failures", "data"],
}


def stream(_id: str, name: str = "logs-x") -> dict[str, Any]:
    return {"create": {"_index": name, "_id": _id}}


def test_a_data_stream_is_its_backing_indices_and_its_failure_store(tmp_path: Path) -> None:
    (tmp_path / "logs-x.data_stream.json").write_text(json.dumps(STREAM))
    document = {"@timestamp": "2026-11-01", "level": "ERROR"}
    older = {"index": {"_index": ".ds-logs-x-2026.11.01-000001", "_id": "1"}}
    (tmp_path / "x.ndjson").write_bytes(
        bulk(stream("2"), document, older, document, stream("3", "logs-x::failures"), {"@timestamp": 0, "document": {"id": "9"}})
    )
    indices = load([tmp_path])
    names = [".ds-logs-x-2026.11.01-000001", ".fs-logs-x-2026.11.01-000002", ".ds-logs-x-2026.11.01-000003"]
    assert list(indices) == names
    assert [[index.id(row) for row in range(index.rows)] for index in indices.values()] == [["1"], ["3"], ["2"]]
    assert all(index.hidden and index.settings["index.hidden"] == "true" and not index.aliases for index in indices.values())
    found = [index.data_stream for index in indices.values()]
    assert found[0] is not None
    assert found[0] is found[1] is found[2]
    assert (found[0].indices, found[0].failure_indices, found[0].hidden) == ((names[0], names[2]), (names[1],), True)
    assert found[0].aliases == STREAM["template"]["aliases"]
    timestamp = indices[names[0]].field("@timestamp")
    assert timestamp is not None
    assert timestamp.type == "date"


def test_an_index_may_be_closed_or_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "a.index.json").write_text('{"state": "close"}')
    (tmp_path / "b.index.json").write_text('{"state": "open", "system": true}')
    indices = load([tmp_path])
    assert [(index.closed, index.system) for index in indices.values()] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("logs-x", {"composed_of": ["a"]}, "unknown key [composed_of] for a data stream"),
        ("logs-x", {"template": {"version": 1}}, "unknown key [version] in [template]"),
        ("logs-x", {"template": []}, "key [template] must be an object"),
        ("logs-x", {"created": "yesterday"}, "[created] must be a date of the form yyyy-MM-dd, not [yesterday]"),
        ("logs-x", {"generations": ["failures"]}, "[generations] must be a list of data and failures, with data at least once"),
        ("logs-x", {"generations": ["data", 1]}, "[generations] must be a list of data and failures, with data at least once"),
        ("logs-x", {"data_stream": {"hidden": "yes"}}, "[hidden] must be true or false, not [yes]"),
        (
            "logs-x",
            {"template": {}},
            "[generations] has failures, but [template.data_stream_options.failure_store.enabled] is not",
        ),
        (".ds-x", {}, "data_stream [.ds-x] must not start with '.ds-'"),
        ("Logs", {}, "Invalid index name [Logs], must be lowercase"),
        (
            "logs-x",
            {"generations": ["data"], "template": {"mappings": {"properties": {"@timestamp": {"type": "keyword"}}}}},
            "data stream timestamp field [@timestamp] is of type [keyword], but [date,date_nanos] is expected",
        ),
        (
            "logs-x",
            {"generations": ["data"], "template": {"aliases": {"a": {"is_hidden": True}}}},
            "Unknown field [is_hidden] in alias [a]",
        ),
    ],
)
def test_a_wrong_data_stream_is_refused(tmp_path: Path, name: str, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / f"{name}.data_stream.json"
    path.write_text(json.dumps(STREAM | change))
    with pytest.raises(LoadError) as refused:
        load([path])
    assert reason in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([index("logs-x", "1"), {"@timestamp": 0}], "only write ops with an op_type of create are allowed in data streams"),
        ([stream("1"), {"level": "INFO"}], "data stream timestamp field [@timestamp] is missing"),
        ([stream("1"), {"@timestamp": [1, 2]}], "data stream timestamp field [@timestamp] encountered multiple values"),
        ([stream("1", "plain::failures"), {"@timestamp": 0}], "data stream [plain] has no failure store"),
        ([stream("1", "other::failures"), {"@timestamp": 0}], "must not contain the following characters"),
    ],
)
def test_what_a_data_stream_does_not_take_is_refused(tmp_path: Path, lines: list[Any], reason: str) -> None:
    (tmp_path / "logs-x.data_stream.json").write_text(json.dumps(STREAM))
    (tmp_path / "plain.data_stream.json").write_text('{"template": {}}')
    (tmp_path / "x.ndjson").write_bytes(bulk(*lines))
    with pytest.raises(LoadError, match=r"x\.ndjson:\d") as refused:
        load([tmp_path])
    assert reason in str(refused.value)


def test_names_may_mean_one_thing_only(tmp_path: Path) -> None:
    def refusal(files: dict[str, dict[str, Any]]) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, body in files.items():
            (folder / name).write_text(json.dumps(body))
        with pytest.raises(LoadError) as refused:
            load([folder])
        return str(refused.value)

    with_alias: dict[str, Any] = {"template": {"aliases": {"a": {}}}}
    assert "data stream [x] conflicts with index" in refusal({"x.index.json": {}, "x.data_stream.json": {}})
    assert "Invalid alias name [a]" in refusal({"a.index.json": {}, "x.data_stream.json": with_alias})
    assert "have the same name (a)" in refusal({"i.index.json": {"aliases": {"a": {}}}, "x.data_stream.json": with_alias})
    assert "must have the same is_hidden setting" in refusal(
        {"i.index.json": {"aliases": {"a": {}}}, "j.index.json": {"aliases": {"a": {"is_hidden": True}}}}
    )
    assert "failed to parse filter for alias [a]" in refusal(
        {"x.data_stream.json": {"template": {"aliases": {"a": {"filter": {"no": {}}}}}}}
    )


def test_aliases_that_choose_among_shards_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.index.json"
    aliases = {"all": {"index_routing": "1"}, "some": {"search_routing": "1"}}
    path.write_text(json.dumps({"settings": {"number_of_shards": 1}, "aliases": aliases}))
    assert load([path])["a"].aliases == aliases
    path.write_text(json.dumps({"settings": {"number_of_shards": 2}, "aliases": aliases}))
    with pytest.raises(LoadError, match=r"the routing of alias \[some\] is not supported"):
        load([path])
