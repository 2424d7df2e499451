"""The four searches that are measured, over the demo's log documents.

Each comes in VARIANTS bodies made from a seed, so that no cache of whole answers or of filters decides; both sides get the same in
the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.demo.documents import START, DemoIndex, indices

VARIANTS = 64
INDEX = "logs-app-1"

_WORDS = (
    "connection",
    "request",
    "query",
    "cache",
    "session",
    "token",
    "upload",
    "replica",
    "queue",
    "timeout",
    "retry",
    "refused",
)
_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
_SERVICES = ("checkout", "search", "auth", "payments", "catalog", "email", "inventory")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """A kind of search and its bodies."""

    name: str
    bodies: tuple[Body, ...]


def documents(count: int) -> DemoIndex:
    """The index that is searched, with ``count`` documents."""
    return next(index for index in indices(count) if index.name == INDEX)


def searches(index: DemoIndex) -> list[Search]:
    """Ranges of time lie within the time of the index's documents."""
    end = datetime.fromisoformat(index.documents[-1][1]["@timestamp"])
    return [
        Search(name, tuple(make(random.Random(f"{name} {number}"), end) for number in range(VARIANTS)))
        for name, make in _MAKERS.items()
    ]


def _match(chance: random.Random, _: datetime) -> Body:
    return {"query": {"match": {"message": " ".join(chance.sample(_WORDS, 2))}}}


def _filtered(chance: random.Random, end: datetime) -> Body:
    return {
        "query": {
            "bool": {
                "must": [{"match": {"message": chance.choice(_WORDS)}}],
                "filter": [
                    {"range": {"@timestamp": _range(chance, end, 0.5)}},
                    {"terms": {"level": chance.sample(_LEVELS, 2)}},
                    {"range": {"http.status": {"gte": chance.choice((200, 201, 204))}}},
                ],
                "must_not": [{"term": {"service": chance.choice(_SERVICES)}}],
            }
        },
        "sort": [{"latency": {"order": "desc", "missing": "_last"}}, {"@timestamp": "asc"}],
        "size": 20,
    }


def _terms(chance: random.Random, end: datetime) -> Body:
    return {
        "size": 0,
        "query": {"range": {"@timestamp": _range(chance, end, 0.2)}},
        "aggs": {"services": {"terms": {"field": "service"}, "aggs": {"latency": {"avg": {"field": "latency"}}}}},
    }


def _daily(chance: random.Random, end: datetime) -> Body:
    return {
        "size": 0,
        "query": {"range": {"@timestamp": _range(chance, end, 0.2)}},
        "aggs": {"days": {"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}}},
    }


def _range(chance: random.Random, end: datetime, most: float) -> Body:
    """From a moment within the first ``most`` of the time on."""
    after = (end - START) * chance.uniform(0, most)
    return {"gte": (START + timedelta(seconds=int(after.total_seconds()))).strftime("%Y-%m-%dT%H:%M:%SZ")}


_MAKERS: dict[str, Callable[[random.Random, datetime], Body]] = {
    "match": _match,
    "filtered bool, sorted": _filtered,
    "terms > avg": _terms,
    "daily date_histogram": _daily,
}
