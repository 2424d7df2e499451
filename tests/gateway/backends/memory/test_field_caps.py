"""Field capabilities, against a real 8.19.21 node."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.definitions import create_index
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.backends.memory.recorded import NOW, cases, indices

ONE_INDEX = [name for name, case in cases().items() if name.startswith("caps_") and case["path"].startswith("/feat/")]


@pytest.fixture(scope="module")
def cluster() -> MemoryCluster:
    return MemoryCluster(indices().values(), name="memory")


@pytest.mark.parametrize("name", ONE_INDEX)
def test_fields_of_one_index(name: str, cluster: MemoryCluster) -> None:
    case = cases()[name]
    asked = parse_qs(urlsplit(case["path"]).query)
    response = cluster.field_caps(
        ["feat"],
        IndicesOptions.STRICT_EXPAND_OPEN,
        asked["fields"][0].split(","),
        now_millis=NOW,
        filters=asked["filters"][0].split(",") if "filters" in asked else [],
        types=asked["types"][0].split(",") if "types" in asked else [],
        include_empty=asked.get("include_empty_fields") != ["false"],
    )
    (answer,) = response.index_responses
    shown = {
        field.name: {
            field.type: {
                "type": field.type,
                "metadata_field": field.metadata_field,
                "searchable": field.searchable,
                "aggregatable": field.aggregatable,
            }
        }
        for field in answer.fields.values()
    }
    assert shown == _without_geo(case["response"]["fields"])


def _without_geo(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: kinds for name, kinds in fields.items() if name != "geo"}


def test_indices_of_equal_fields_have_equal_hashes(cluster: MemoryCluster) -> None:
    options = IndicesOptions.STRICT_EXPAND_OPEN
    one, two = cluster.field_caps(["one", "two"], options, ["n", "k"], now_millis=NOW).index_responses
    assert (one.index, two.index) == ("one", "two")
    assert one.mapping_hash == two.mapping_hash
    one, two = cluster.field_caps(["one", "two"], options, ["*"], now_millis=NOW).index_responses
    assert one.mapping_hash != two.mapping_hash


def test_an_index_that_the_filter_cannot_match_is_left_out(cluster: MemoryCluster) -> None:
    options = IndicesOptions.STRICT_EXPAND_OPEN
    filter_ = {"term": {"only_two": "x"}}
    found = cluster.field_caps(["one", "two"], options, ["n"], now_millis=NOW, index_filter=filter_)
    assert [response.index for response in found.index_responses] == ["two"]


def test_unknown_filters_and_runtime_fields_are_refused(cluster: MemoryCluster) -> None:
    options = IndicesOptions.STRICT_EXPAND_OPEN
    with pytest.raises(ElasticsearchException, match=r"Unknown field caps filter \[-frob\]"):
        cluster.field_caps(["one"], options, ["*"], now_millis=NOW, filters=["-frob"])
    with pytest.raises(ElasticsearchException, match=r"\[runtime_mappings\] is not supported"):
        cluster.field_caps(["one"], options, ["*"], now_millis=NOW, runtime_fields={"x": {"type": "long"}})


def test_the_field_of_ignored_fields_is_empty_until_a_document_has_one() -> None:
    """A real 8.19.21 node leaves ``_ignored`` out as long as no document has ignored fields."""
    index = create_index("i", {"mappings": {"properties": {"k": {"type": "keyword", "ignore_above": 5}}}})
    cluster = MemoryCluster([index], name="memory")

    def shown() -> set[str]:
        (answer,) = cluster.field_caps(["i"], IndicesOptions(), ["*"], now_millis=NOW, include_empty=False).index_responses
        return set(answer.fields)

    assert shown() == {"_index", "_index_mode", "_tier"}
    index.add("1", b'{"k": "short"}')
    assert "k" in shown()
    assert "_ignored" not in shown()
    index.add("2", b'{"k": "too long for its field"}')
    assert "_ignored" in shown()
