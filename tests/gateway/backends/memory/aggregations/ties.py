"""Significant terms that have equal scores, to be compared."""

from __future__ import annotations

from typing import Any


def sorted_ties(value: Any) -> Any:
    """A result in REST form with significant terms of equal scores in the order of their keys: Elasticsearch's is that of a heap."""
    if isinstance(value, dict):
        return {key: sorted_ties(inner) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    inner = [sorted_ties(each) for each in value]
    if inner and isinstance(inner[0], dict) and "bg_count" in inner[0]:
        inner.sort(key=lambda bucket: (-round(bucket["score"], 9), str(bucket["key"])))
    return inner
