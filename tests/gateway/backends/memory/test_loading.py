"""Files become indices; what is wrong in them is named with its file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.loading import LoadError, check_name, load


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
