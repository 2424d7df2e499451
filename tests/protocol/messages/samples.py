"""The samples of searches that Elasticsearch's own classes wrote."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.vectors import read_lines


@cache
def _all() -> list[dict[str, Any]]:
    return list(read_lines("search_samples.jsonl.gz"))


def samples(kind: str) -> dict[str, dict[str, Any]]:
    """Those of a kind (``value``, ``options``, ``request``, ``response``), by name: ``bytes`` in base64, ``rest``."""
    return {sample["name"]: sample for sample in _all() if sample["kind"] == kind}


def recorded(direction: str) -> list[bytes]:
    """The payloads of the searches (``request``, ``response``) that real nodes sent."""
    lines = read_lines("search_traces.jsonl.gz")
    return [bytes.fromhex(line["payload"]) for line in lines if line["direction"] == direction]
