"""Source filtering, against answers of a real 8.19.21 node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.source_filter import SourceFilter, dump_source

VECTORS = Path(__file__).parents[3] / "vectors" / "engine"
RECORDED = json.loads((VECTORS / "source_filter.json").read_text())


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: f"{case[0]} {case[1]}")
def test_filters_as_elasticsearch(case: list[Any]) -> None:
    form, patterns, status, expected = case
    assert status == 200
    includes = patterns if form == "includes" else patterns[0] if form == "both" else []
    excludes = patterns if form == "excludes" else patterns[1] if form == "both" else []
    assert SourceFilter(includes, excludes)(RECORDED["document"]) == expected


def test_does_not_change_the_document() -> None:
    document = {"a": {"b": 1, "c": [{"d": 1}]}}
    SourceFilter(["a"], ["a.b", "*.d"])(document)
    assert document == {"a": {"b": 1, "c": [{"d": 1}]}}


def test_numbers_beyond_64_bits_are_kept() -> None:
    assert dump_source({"n": 1 << 70}) == b'{"n":1180591620717411303424}'
