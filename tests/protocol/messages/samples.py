"""The samples that Elasticsearch's own classes wrote."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors"


@cache
def _all() -> list[dict[str, Any]]:
    with gzip.open(VECTORS / "search_samples.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def samples(kind: str) -> dict[str, dict[str, Any]]:
    """Those of a kind (``value``, ``options``, ``request``, ``response``), by name: ``bytes`` in base64, ``rest``."""
    return {sample["name"]: sample for sample in _all() if sample["kind"] == kind}
