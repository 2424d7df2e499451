"""The documents and searches that a real node answered (tests/vectors/engine)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings

ENGINE = Path(__file__).parents[3] / "vectors" / "engine"


def engine_cases() -> list[dict[str, Any]]:
    """The searches with their answers."""
    with gzip.open(ENGINE / "cases.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def engine_index() -> Index:
    """An index with the 2,000 documents; the geo_point and the dense_vector are left out."""
    mappings = json.loads((ENGINE / "mapping.json").read_text())
    for name in ("loc", "vec"):
        mappings["properties"][name] = {"type": "object", "enabled": False}
    index = Index("eval-main", mapping=parse_mappings(mappings), mappings=mappings)
    lines = gzip.decompress((ENGINE / "documents.ndjson.gz").read_bytes()).splitlines()
    for action, source in zip(lines[::2], lines[1::2], strict=True):
        index.add(json.loads(action)["index"]["_id"], source)
    return index
