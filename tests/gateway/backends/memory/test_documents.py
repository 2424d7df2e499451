"""Documents are parsed as Elasticsearch's mappers parse them: dynamic mappings, conversions, and what is malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from protocol.errors import ElasticsearchException


def index_of(mappings: dict[str, Any], *documents: Any) -> Index:
    index = Index("i", mapping=parse_mappings(mappings), mappings=mappings)
    for number, document in enumerate(documents):
        index.add(str(number), json.dumps(document).encode())
    return index


def field_of(definition: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"f": definition}}


def values(index: Index, name: str) -> list[tuple[int, Any]]:
    """(row, value) pairs of a field, terms as text."""
    column = index.column(name)
    assert column is not None
    found = [column.terms[value] for value in column.values] if column.by_ordinal else column.values.tolist()
    return list(zip(column.docs.tolist(), found, strict=True))


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("text", "text"),
        ("2024-01-01", "date"),
        ("2024-01-01T10:00:00Z", "date"),
        ("2024/01/01", "date"),
        ("2024", "text"),
        ("5", "text"),
        ("12:30", "text"),
        (5, "long"),
        (5.5, "float"),
        (True, "boolean"),
        ([None, [7]], "long"),
        ("", "text"),
    ],
)
def test_a_new_field_gets_the_type_of_its_first_value(value: Any, type_: str) -> None:
    index = index_of({}, {"f": value})
    found = index.field("f")
    assert found is not None
    assert found.type == type_
    sub = index.field("f.keyword")
    assert (sub is not None) == (type_ == "text")
    if sub is not None:
        assert (sub.type, sub.ignore_above) == ("keyword", 256)


def test_a_date_in_the_second_format_declares_it() -> None:
    found = index_of({}, {"f": "2024/01/01"}).field("f")
    assert found is not None
    assert found.definition == {"type": "date", "format": "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis"}


@pytest.mark.parametrize("value", [None, [], [None], {}])
def test_a_value_that_says_nothing_makes_no_field(value: Any) -> None:
    index = index_of({}, {"f": value})
    assert index.field("f") is None


def test_objects_dots_and_arrays_of_objects_flatten() -> None:
    index = index_of({}, {"a": {"b": [{"c": 1}, {"c": 2}]}, "a.b.d": 3})
    assert values(index, "a.b.c") == [(0, 1), (0, 2)]
    assert values(index, "a.b.d") == [(0, 3)]
    assert sorted(name for name, _ in index.objects()) == ["a", "a.b"]


def test_dynamic_templates_say_what_new_fields_become() -> None:
    mappings = {
        "dynamic_templates": [
            {"ips": {"match": "*_ip", "mapping": {"type": "ip"}}},
            {"raw": {"path_match": "raw.*", "path_unmatch": "*.n", "match_mapping_type": "string", "mapping": {"type": "text"}}},
            {"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "meta": {"was": "{name}"}}}},
            {
                "wide": {
                    "match_mapping_type": ["long", "double"],
                    "unmatch": "^n.$",
                    "match_pattern": "regex",
                    "mapping": {"type": "double"},
                }
            },
            {"lists": {"match_mapping_type": "object", "match": "list", "mapping": {"type": "nested"}}},
            {"same": {"match": "same", "mapping": {"type": "{dynamic_type}", "index": False}}},
        ]
    }
    document = {
        "a_ip": "::1",
        "raw": {"s": "x", "n": "y"},
        "s": "x",
        "w": 5,
        "n1": 5,
        "list": [{"k": 1}],
        "same": True,
        "d": "2024-01-01",
    }
    index = index_of(mappings, document)
    types = {name: found.type for name, found in index.fields()}
    assert types == {
        "a_ip": "ip",
        "raw.s": "text",
        "raw.n": "keyword",
        "s": "keyword",
        "w": "double",
        "n1": "long",
        "list.k": "double",
        "same": "boolean",
        "d": "date",
    }
    found, same = index.field("s"), index.field("same")
    assert found is not None
    assert found.meta == {"was": "s"}
    assert same is not None
    assert not same.indexed
    assert index.mapping.objects["list"].is_nested


def test_dynamic_false_ignores_and_strict_refuses() -> None:
    index = index_of({"dynamic": "false", "properties": {"o": {"type": "object", "dynamic": True}}}, {"x": 1, "o": {"y": 2}})
    assert index.field("x") is None
    assert index.field("o.y") is not None
    with pytest.raises(ElasticsearchException) as caught:
        index_of({"dynamic": "strict"}, {"x": 1})
    assert caught.value.type == "strict_dynamic_mapping_exception"
    assert caught.value.reason == "mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed"


@pytest.mark.parametrize(
    ("definition", "given", "stored"),
    [
        ({"type": "long"}, ["5", "5.9", 5.9, -5.9, "", "1e3"], [-5, 5, 5, 5, 1000]),
        ({"type": "byte"}, [127, -128], [-128, 127]),
        ({"type": "integer", "null_value": 9}, [None, 1], [1, 9]),
        ({"type": "double"}, ["0.1", 1, 2.5], [0.1, 1.0, 2.5]),
        ({"type": "float"}, [0.1], [0.10000000149011612]),
        ({"type": "half_float"}, [0.1], [0.0999755859375]),
        ({"type": "scaled_float", "scaling_factor": 100}, [1.234, 1.236], [1.23, 1.24]),
        ({"type": "boolean"}, ["true", "", False, True], [0, 0, 1, 1]),
        ({"type": "keyword"}, ["b", "a", "b", 1, True, 1.0], ["1", "1.0", "a", "b", "true"]),
        ({"type": "keyword", "ignore_above": 2}, ["abc", "ab"], ["ab"]),
        ({"type": "keyword", "normalizer": "lowercase"}, ["Ab", "aB"], ["ab"]),
        ({"type": "ip"}, ["10.0.0.2", "::1", "::ffff:10.0.0.1"], ["::1", "10.0.0.1", "10.0.0.2"]),
        ({"type": "date"}, ["1970-01-01T00:00:01Z", 5, "1970-01-02"], [5, 1000, 86_400_000]),
        ({"type": "date", "format": "dd/MM/yyyy"}, ["02/01/1970"], [86_400_000]),
        ({"type": "date_nanos"}, ["1970-01-01T00:00:00.000000001Z"], [1]),
        ({"type": "constant_keyword", "value": "x"}, ["x"], ["x"]),
        ({"type": "long", "ignore_malformed": True}, ["x", {"y": 1}, 3], [3]),
    ],
)
def test_values_are_stored_as_their_field_stores_them(definition: dict[str, Any], given: list[Any], stored: list[Any]) -> None:
    assert values(index_of(field_of(definition), {"f": given}), "f") == [(0, value) for value in stored]


@pytest.mark.parametrize(
    ("definition", "value", "cause", "reason"),
    [
        ({"type": "long"}, "x", "number_format_exception", 'For input string: "x"'),
        ({"type": "long"}, 1e30, "illegal_argument_exception", "Value [1.0E30] is out of range for a long"),
        ({"type": "byte"}, 300, "illegal_argument_exception", "Value [300] is out of range for a byte"),
        ({"type": "integer"}, 3_000_000_000, "illegal_argument_exception", "Value [3000000000] is out of range for an integer"),
        (
            {"type": "long", "coerce": False},
            1.5,
            "illegal_argument_exception",
            "1.5 cannot be converted to Long without data loss",
        ),
        ({"type": "long", "coerce": False}, "1", "illegal_argument_exception", "Long value passed as String"),
        ({"type": "long"}, True, "input_coercion_exception", "VALUE_TRUE"),
        ({"type": "float"}, 1e39, "illegal_argument_exception", "[float] supports only finite values, but got [Infinity]"),
        (
            {"type": "boolean"},
            "yes",
            "illegal_argument_exception",
            "Failed to parse value [yes] as only [true] or [false] are allowed.",
        ),
        ({"type": "ip"}, "10.0.0", "illegal_argument_exception", "'10.0.0' is not an IP string literal."),
        ({"type": "date"}, "x", "illegal_argument_exception", "failed to parse date field [x] with format"),
        ({"type": "constant_keyword", "value": "x"}, "y", "illegal_argument_exception", "only accepts values that are equal"),
        ({"type": "keyword"}, {"a": 1}, "illegal_argument_exception", "object"),
        ({"type": "keyword"}, "x" * 32767, "illegal_argument_exception", "immense term"),
    ],
)
def test_malformed_values_are_refused(definition: dict[str, Any], value: Any, cause: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        index_of(field_of(definition), {"f": value})
    error = caught.value
    assert (error.type, error.status) == ("document_parsing_exception", 400)
    assert (error.reason or "").startswith(f"failed to parse field [f] of type [{definition['type']}] in document with id '0'.")
    assert error.cause is not None
    assert error.cause.type == cause
    assert reason in (error.cause.reason or "")


def test_a_value_where_an_object_belongs_is_refused() -> None:
    with pytest.raises(ElasticsearchException, match=r"tried to parse field \[o\] as object, but found a concrete value"):
        index_of({}, {"o": {"a": 1}}, {"o": 5})
    with pytest.raises(ElasticsearchException, match="tried to parse field"):
        index_of({}, {"o": 5}, {"o.a": 5})


def test_a_refused_document_leaves_nothing_behind() -> None:
    index = index_of({"properties": {"n": {"type": "nested"}}}, {"a": 1, "t": "x", "n": [{"k": 1}]})
    with pytest.raises(ElasticsearchException):
        index.add("1", b'{"a": 2, "t": "y", "n": [{"k": 2}, {"k": 3}], "z": {"k": 1}, "a.b": 1}')
    index.add("2", b'{"a": 3, "t": "z", "n": {"k": 4}}')
    assert values(index, "a") == [(0, 1), (1, 3)]
    assert values(index, "n.k") == [(0, 1), (1, 4)]
    postings = index.text("t")
    assert postings is not None
    assert postings.terms == ["x", "z"]
    assert index.tables["n"].parents.tolist() == [0, 1]


def test_nested_objects_have_rows_of_their_own() -> None:
    mappings = {"properties": {"a": {"type": "nested", "properties": {"b": {"type": "nested"}}}}}
    index = index_of(mappings, {"a": [{"k": 1, "b": [{"m": 1}, {"m": 2}]}, {"k": 2}]}, {}, {"a": {"k": 3, "b": {"m": 3}}})
    assert index.tables["a"].parents.tolist() == [0, 0, 2]
    inner = index.tables["a.b"]
    assert inner.parents.tolist() == [0, 0, 2]
    assert inner.root_rows(inner.parents.copy() * 0).tolist() == [0, 0, 0]
    assert values(index, "a.b.m") == [(0, 1), (1, 2), (2, 3)]


def test_multi_fields_copies_and_aliases() -> None:
    mappings = {
        "properties": {
            "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}, "copy_to": "all"},
            "all": {"type": "text"},
            "heading": {"type": "alias", "path": "title"},
        }
    }
    index = index_of(mappings, {"title": "Red fox"})
    assert values(index, "title.raw") == [(0, "Red fox")]
    copied = index.text("all")
    assert copied is not None
    assert copied.terms == ["fox", "red"]
    assert index.field("heading") is index.field("title")


def test_positions_leave_a_gap_between_the_values_of_an_array() -> None:
    postings = index_of(field_of({"type": "text"}), {"f": ["a b", "a"]}, {"f": "b"}, {"f": ""}, {}).text("f")
    assert postings is not None
    rows, positions = postings.positions(0)
    assert (rows.tolist(), positions.tolist()) == ([0, 0], [0, 102])
    assert postings.exists.tolist() == [True, True, True, False]
    assert (postings.stats.doc_count, postings.stats.sum_total_term_freq, postings.stats.sum_doc_freq) == (2, 4, 3)


def test_columns_catch_up_with_new_documents() -> None:
    index = index_of({}, {"n": 1, "t": "a"})
    assert values(index, "n") == [(0, 1)]
    index.add("x", b'{"n": [3, 2], "t": "b"}')
    index.add("y", b"{}")
    assert values(index, "n") == [(0, 1), (1, 2), (1, 3)]
    column = index.column("n")
    assert column is not None
    assert column.exists.tolist() == [True, True, False]
    which, found = column.values_of(index.live_rows()[::-1])
    assert (which.tolist(), found.tolist()) == ([1, 1, 2], [2, 3, 1])


def test_replacing_and_deleting_keep_rows_until_compaction() -> None:
    index = index_of({}, {"n": 1}, {"n": 2})
    index.add("0", b'{"n": 3}')
    assert index.delete("1")
    assert not index.delete("1")
    assert (index.doc_count, index.rows, index.live.tolist(), index.all_live) == (1, 3, [False, False, True], False)
    index.compact()
    assert (index.rows, index.id(0), values(index, "n")) == (1, "0", [(0, 3)])


@pytest.mark.parametrize(
    ("mappings", "reason"),
    [
        ({"properties": {"f": {"type": "vector"}}}, "The mapper type [vector] declared on field [f]"),
        (
            {"properties": {"f": {"type": "keyword", "analyzer": "x"}}},
            "unknown parameter [analyzer] on mapper [f] of type [keyword]",
        ),
        (
            {"properties": {"f": {"type": "text", "analyzer": "english"}}},
            "analyzer [english] has not been configured in mappings",
        ),
        ({"properties": {"f": {"type": "keyword", "normalizer": "x"}}}, "normalizer [x] not found for field [f]"),
        ({"properties": {"f": {"enabled": True, "fielddata": 1}}}, "No type specified for field [f]"),
        ({"properties": {"f": {"type": "scaled_float"}}}, "[scaling_factor] is required"),
        ({"properties": {"f": {"type": "alias", "path": "g"}}}, "Invalid [path] value [g] for field alias [f]"),
        ({"runtime": {}}, "Root mapping definition has unsupported parameters:  [runtime : {}]"),
        ({"properties": {"f": {"type": "nested", "include_in_parent": True}}}, "unknown parameter [include_in_parent]"),
        ({"dynamic_templates": [{"a": {"mapping": {}}}]}, "template [a] must have match, path_match or match_mapping_type set"),
        ({"dynamic_templates": [{"a": {"match": "x"}}]}, "template [a] must have either mapping or runtime set"),
        ({"dynamic": "runtime"}, "[dynamic] [runtime] on [_doc] is not supported"),
    ],
)
def test_mappings_that_are_not_there_are_refused(mappings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        parse_mappings(mappings)
    assert caught.value.type == "mapper_parsing_exception"
    assert reason in (caught.value.reason or "")
