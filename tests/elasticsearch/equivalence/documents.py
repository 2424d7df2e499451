"""Indices, aliases and a data stream of all kinds, the same on the real remote cluster and behind the gateway.

No name begins as one of the demo's indices does: what other tests see through ``logs*`` stays as it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.demo.documents import START, DemoDataStream, DemoIndex, Document

_SETTINGS = {"index": {"number_of_shards": 1, "number_of_replicas": 0}}
_WORDS = ("paid", "late", "refund", "gift", "express", "damaged", "returned", "priority", "audit", "secretly")
_NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov", "Zoë Ångström", "李 四")
_REGIONS = ("north", "south", "east", "west")
_STATUS = ("open", "closed", "cancelled")

_SALES: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "tenant": {"type": "keyword"},
    "region": {"type": "keyword"},
    "status": {"type": "keyword"},
    "amount": {"type": "double"},
    "quantity": {"type": "integer"},
    "customer": {
        "properties": {
            "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
            "email": {"type": "keyword"},
            "vip": {"type": "boolean"},
            "ip": {"type": "ip"},
        }
    },
    "notes": {"type": "text"},
    "secret": {"type": "keyword"},
    "tags": {"type": "keyword"},
    "items": {
        "type": "nested",
        "properties": {"sku": {"type": "keyword"}, "price": {"type": "double"}, "label": {"type": "text"}},
    },
    "who": {"type": "alias", "path": "secret"},
    "place": {"type": "alias", "path": "region"},
}
_PEOPLE: dict[str, Any] = {
    "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "ssn": {"type": "keyword"},
    "department": {"type": "keyword"},
    "salary": {"type": "long"},
    "hired": {"type": "date", "format": "yyyy-MM-dd"},
    "manager": {"type": "boolean"},
    "review": {"properties": {"score": {"type": "float"}, "text": {"type": "text"}}},
}
_NOTES: dict[str, Any] = {"title": {"type": "text"}, "owner": {"type": "keyword"}, "level": {"type": "integer"}}
_METRICS: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "host": {"type": "keyword"},
    "cpu": {"type": "double"},
    "message": {"type": "text"},
}

TODAY = datetime.now(UTC)
"""For names that date math finds. There is an index for the next day too, should the run go over midnight."""


def everything() -> list[DemoIndex | DemoDataStream]:
    """All that a superuser may write, in the order in which it is made."""
    return [
        _index(
            "sales-eu",
            _SALES,
            _sales(11, 90),
            {
                "sales": {},
                "sales-north": {"filter": {"term": {"region": "north"}}},
                "sales-open": {"filter": {"term": {"status": "open"}}},
            },
        ),
        _index(
            "sales-us",
            _SALES,
            _sales(12, 60),
            {"sales": {}, "sales-open": {"filter": {"range": {"amount": {"gte": 50}}}}, "secret-us": {}},
        ),
        _index("sales-apac", _SALES, _sales(13, 45), {"sales": {"filter": {"term": {"tenant": "a"}}}}),
        _index("hr-people", _PEOPLE, _people(14, 40), {"people": {"filter": {"term": {"manager": False}}}, "staff": {}}),
        _index("hidden-notes", _NOTES, _notes(15, 20), {"notes-hidden": {"is_hidden": True}}, hidden=True),
        _index(".dotted-notes", _NOTES, _notes(16, 10), hidden=True),
        _index("archive-2025", _NOTES, _notes(17, 12), {"archive": {}}),
        _index("unicode-ünï-東京", _NOTES, _notes(18, 8), {"ünï": {}}),
        _index("plus+and.dots_1", _NOTES, _notes(19, 8)),
        *(_index(_daily(TODAY + timedelta(days=days)), _NOTES, _notes(20 + days, 6)) for days in (-1, 0, 1)),
        _index("empty-index", _NOTES, ()),
        _index("dynamic-things", None, _things(24, 15)),
        replace(_index("archive-2024", _NOTES, _notes(25, 5), {"archive": {}}), closed=True),
        _stream(),
    ]


def restricted() -> DemoIndex:
    """One of Elasticsearch's own, by its name; those are hidden, whatever is asked for."""
    return replace(_index(".async-search", None, _notes(26, 3), hidden=True), system=True)


def open_to_wildcards() -> dict[str, int]:
    """The concrete indices in which a search of ``*`` by a superuser finds documents, and how many."""
    found: dict[str, int] = {}
    for one in everything():
        if isinstance(one, DemoDataStream):
            found |= {name: len(part) for name, part in zip(one.backing_indices, one.documents, strict=True)}
        elif one.documents and not one.closed and "hidden" not in one.body["settings"]["index"]:
            found[one.name] = len(one.documents)
    return found


def _stream() -> DemoDataStream:
    template = {
        "settings": {"index": {**_SETTINGS["index"], "refresh_interval": -1}},
        "mappings": {"properties": _METRICS},
        "aliases": {"metrics-all": {}, "metrics-busy": {"filter": {"range": {"cpu": {"gte": 0.5}}}}},
    }
    parts = (tuple(_metrics(27, 30)), tuple(_metrics(28, 20)))
    return DemoDataStream("metrics-app", {"data_stream": {}, "template": template}, parts, TODAY.date())


def _daily(day: datetime) -> str:
    return f"daily-{day:%Y.%m.%d}"


def _index(
    name: str,
    properties: dict[str, Any] | None,
    documents: Any,
    aliases: dict[str, Any] | None = None,
    hidden: bool = False,
) -> DemoIndex:
    settings = {"index": {**_SETTINGS["index"], "hidden": "true"}} if hidden else _SETTINGS
    body: dict[str, Any] = {"settings": settings, "aliases": aliases or {}}
    if properties is not None:
        body["mappings"] = {"properties": properties}
    return DemoIndex(name, body, tuple(documents))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _sales(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)
    for number in range(count):
        name = chance.choice(_NAMES)
        document: Document = {
            "@timestamp": _time(START + timedelta(hours=chance.randrange(500), minutes=number)),
            "tenant": chance.choice("abc"),
            "region": chance.choice(_REGIONS),
            "status": chance.choice(_STATUS),
            "amount": round(chance.uniform(1, 200), 2),
            "quantity": chance.randrange(1, 9),
            "customer": {
                "name": name,
                "email": f"{name.split()[0].lower()}{number}@example.com",
                "vip": chance.random() < 0.3,
                "ip": f"10.1.{chance.randrange(3)}.{chance.randrange(1, 250)}",
            },
            "notes": " ".join(chance.sample(_WORDS, 4)),
            "secret": f"s{chance.randrange(6)}",
            "tags": chance.sample(("red", "green", "blue"), chance.randrange(0, 3)),
            "items": [
                {
                    "sku": f"k{chance.randrange(5)}",
                    "price": round(chance.uniform(1, 40), 2),
                    "label": " ".join(chance.sample(_WORDS, 2)),
                }
                for _ in range(chance.randrange(4))
            ],
        }
        if chance.random() < 0.15:
            del document["amount"]
        if chance.random() < 0.1:
            document["notes"] = None
        yield f"{seed}-{number}", document


def _people(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)
    for number in range(count):
        yield (
            f"p{number}",
            {
                "name": chance.choice(_NAMES),
                "ssn": f"{chance.randrange(900):03d}-{number:02d}",
                "department": chance.choice(("board", "sales", "research", "legal")),
                "salary": chance.randrange(30, 200) * 1000,
                "hired": (START - timedelta(days=chance.randrange(4000))).strftime("%Y-%m-%d"),
                "manager": chance.random() < 0.25,
                "review": {"score": round(chance.uniform(1, 5), 1), "text": " ".join(chance.sample(_WORDS, 3))},
            },
        )


def _notes(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)
    for number in range(count):
        yield (
            f"n{seed}-{number}",
            {"title": " ".join(chance.sample(_WORDS, 3)), "owner": chance.choice("abc"), "level": chance.randrange(5)},
        )


def _things(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    """Mapped dynamically."""
    chance = random.Random(seed)
    for number in range(count):
        yield (
            f"t{number}",
            {
                "kind": chance.choice(("cup", "plate")),
                "tenant": chance.choice("abc"),
                "size": {"w": chance.randrange(9), "h": 2.5},
            },
        )


def _metrics(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)
    for number in range(count):
        yield (
            f"m{seed}-{number}",
            {
                "@timestamp": _time(START + timedelta(minutes=number)),
                "host": f"web-{chance.randrange(4)}",
                "cpu": round(chance.random(), 3),
                "message": " ".join(chance.sample(_WORDS, 3)),
            },
        )
