"""The form of a request. ``R:`` in a path or in the lines of an msearch stands for the alias of the remote cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    name: str
    method: str
    path: str
    body: Any = None
    lines: tuple[Any, ...] = ()


SEEN: Body = {
    "size": 7,
    "sort": [{"_index": "asc"}, {"_doc": "asc"}],
    "track_total_hits": True,
    "aggs": {"i": {"terms": {"field": "_index", "size": 50}}},
}
"""The indices with documents, how many, and the first of them."""


def search(name: str, expression: str, body: Body | None = None, **parameters: str) -> Ask:
    """Each name of the expression is one of the remote cluster, exclusions as both versions understand them."""
    names = ",".join(f"R:{part}" for part in expression.split(","))
    query = "&".join(f"{key}={value}" for key, value in parameters.items())
    return Ask(name, "POST", f"/{names}/_search" + (f"?{query}" if query else ""), body or SEEN)


def get(name: str, path: str) -> Ask:
    return Ask(name, "GET", path)


def hits(query: Body | None = None, **rest: Any) -> Body:
    return {"size": 5, "sort": [{"_index": "asc"}, {"_doc": "asc"}], "query": query or {"match_all": {}}, **rest}


def aggregation(**definitions: Body) -> Body:
    return {"size": 0, "aggs": definitions}
