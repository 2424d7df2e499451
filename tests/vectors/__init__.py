"""Reads the vectors: messages that real nodes or Elasticsearch's own classes made. README.md says how each file came to be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def read_lines(name: str) -> list[dict[str, Any]]:
    """The JSON objects of a file of lines, plain or gzipped."""
    data = (HERE / name).read_bytes()
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    return [json.loads(line) for line in data.splitlines()]
