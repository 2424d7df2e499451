"""Names of indices in answers of clusters that were not told what they are called here: they get the alias."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from protocol.messages.common import SearchShardTarget
from protocol.messages.search_response import SearchResponse


def qualify(response: SearchResponse, alias: str) -> None:
    """In hits, inner hits, the hits of aggregations, and failures."""
    _qualify(response.hits.hits, alias)
    _qualify(response.aggregations, alias)
    _qualify(response.failures, alias)


def _qualify(value: Any, alias: str) -> None:
    if isinstance(value, SearchShardTarget):
        if not value.cluster_alias:
            value.cluster_alias = alias
    elif isinstance(value, list | tuple):
        for each in value:
            _qualify(each, alias)
    elif isinstance(value, dict):
        _qualify(list(value.values()), alias)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _qualify(getattr(value, field.name), alias)
