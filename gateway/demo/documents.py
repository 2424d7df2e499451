"""Documents that look like logs and like products, made from a seed: the same on every machine and in every run."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.backends.memory.data_streams import backing_index

Document = dict[str, Any]

_SERVICES = ("checkout", "search", "auth", "payments", "catalog", "email", "inventory")
_LEVELS = ("DEBUG", "INFO", "INFO", "INFO", "INFO", "WARN", "ERROR")
_SUBJECTS = ("connection", "request", "query", "cache", "session", "token", "upload", "index", "replica", "queue")
_EVENTS = (
    "{subject} timeout after {n} ms to {host}",
    "slow {subject} took {n} ms, retry {k} of 3",
    "{subject} refused by upstream {host}",
    "{subject} completed in {n} ms",
    "Failed to open {subject}: database connection timeout",
    "user_id={n} {subject} accepted, it's warm",
    "disk usage of {host} at {k}5%",
    "{subject} evicted; {n} entries left",
    "java.lang.OutOfMemoryError: worker {k} lost its {subject}",
    "Kafka broker {k} re-elected, {subject} paused",
)
_TAGS = ("alpha", "beta", "gamma", "delta", "canary")
_PATHS = ("/", "/cart", "/cart/items", "/login", "/search?q=shoes", "/api/v2/orders", "/static/app.js")
_KINDS = ("kettle", "lamp", "chair", "backpack", "headphones", "jacket", "knife", "notebook")
_MATERIALS = ("steel", "oak", "cotton", "leather", "glass", "bamboo", "recycled plastic")
_STYLES = ("compact", "classic", "foldable", "waterproof", "vintage", "wireless", "heavy duty")
_BRANDS = ("Nordlys", "Acme", "Brücke", "Café Móvil", "東京堂", "O'Neil & Sons")

START = datetime(2026, 11, 1, tzinfo=UTC)

_LOGS = {
    "@timestamp": {"type": "date"},
    "level": {"type": "keyword"},
    "service": {"type": "keyword"},
    "host": {"properties": {"name": {"type": "keyword"}, "ip": {"type": "ip"}}},
    "message": {"type": "text"},
    "http": {"properties": {"status": {"type": "short"}, "path": {"type": "keyword"}, "bytes": {"type": "long"}}},
    "latency": {"type": "double"},
    "ok": {"type": "boolean"},
    "tags": {"type": "keyword"},
}
_PRODUCTS = {
    "name": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
    "description": {"type": "text"},
    "brand": {"type": "keyword"},
    "category": {"type": "keyword"},
    "price": {"type": "float"},
    "stock": {"type": "integer"},
    "rating": {"type": "half_float"},
    "released": {"type": "date", "format": "yyyy-MM-dd"},
    "available": {"type": "boolean"},
    "sizes": {"type": "integer"},
}


@dataclass(frozen=True, slots=True)
class DemoIndex:
    """An index: its name, the body of its create-index call, and its documents by id. ``system``: to be restricted, which a real cluster
    tells from the name alone."""

    name: str
    body: dict[str, Any]
    documents: tuple[tuple[str, Document], ...]
    closed: bool = False
    system: bool = False


@dataclass(frozen=True, slots=True)
class DemoDataStream:
    """A data stream: its name, the body of its index template (``data_stream``, ``template``), and the documents of each backing index,
    the oldest first. ``created`` is the date in their names; a real cluster takes that of today."""

    name: str
    body: dict[str, Any]
    documents: tuple[tuple[tuple[str, Document], ...], ...]
    created: date

    @property
    def backing_indices(self) -> tuple[str, ...]:
        return tuple(backing_index(self.name, number, self.created) for number in range(1, len(self.documents) + 1))


def indices(size: int = 1500) -> list[DemoIndex]:
    """Two log indices of ``size`` and half as many documents, an index of products (a third), and one with dynamic mappings only."""
    logs_alias: dict[str, Any] = {"aliases": {"logs-all": {}}}
    return [
        DemoIndex("logs-app-1", _body(_LOGS, logs_alias), tuple(_logs(1, size))),
        DemoIndex("logs-web-1", _body(_LOGS, logs_alias), tuple(_logs(2, size // 2))),
        DemoIndex("products", _body(_PRODUCTS, {"aliases": {"shop": {}}}), tuple(_products(3, size // 3))),
        DemoIndex("events", _body(None, {}), tuple(_events(4, size // 10))),
    ]


def write(folder: Path, made: Sequence[DemoIndex | DemoDataStream]) -> None:
    """Each as ``NAME.index.json`` or ``NAME.data_stream.json``, and ``NAME.ndjson.gz``: what ``backend.memory.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in made:
        if isinstance(one, DemoDataStream):
            kind = "data_stream"
            parts = zip(one.backing_indices, one.documents, strict=True)
            body = one.body | {"created": one.created.isoformat(), "generations": ["data"] * len(one.documents)}
            lines = "".join(_lines("index", name, documents) for name, documents in parts)
        else:
            kind = "index"
            body = one.body | ({"state": "close"} if one.closed else {}) | ({"system": True} if one.system else {})
            lines = bulk(one)
        (folder / f"{one.name}.{kind}.json").write_text(json.dumps(body, indent=2) + "\n")
        (folder / f"{one.name}.ndjson.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


def bulk(index: DemoIndex) -> str:
    """The documents as the body of a bulk call."""
    return _lines("index", index.name, index.documents)


@dataclass(frozen=True, slots=True)
class RestCall:
    """A call on the REST API of a real cluster; a text as ``body`` is that of a bulk call (``application/x-ndjson``)."""

    method: str
    path: str
    body: dict[str, Any] | str | None = None


def rest_calls(made: Iterable[DemoIndex | DemoDataStream], *, priority: int = 500) -> Iterator[RestCall]:
    """What makes the same on a real cluster, in this order, each call to succeed. Documents of an index are in one segment, in their
    order. ``priority`` is that of the index templates, which bear the names of the data streams. The first backing index of a data
    stream must have a document: it is created by writing."""
    for one in made:
        if isinstance(one, DemoDataStream):
            template = {"index_patterns": [one.name], "priority": priority, "data_stream": {}} | one.body
            yield RestCall("PUT", f"/_index_template/{one.name}", template)
            for number, documents in enumerate(one.documents):
                if number:
                    yield RestCall("POST", f"/{one.name}/_rollover")
                if documents:
                    yield RestCall("POST", "/_bulk?refresh=true", _lines("create", one.name, documents))
        else:
            settings = one.body.get("settings", {})
            unrefreshed = settings | {"index": settings.get("index", {}) | {"refresh_interval": -1}}
            yield RestCall("PUT", f"/{one.name}", one.body | {"settings": unrefreshed})
            if one.documents:
                yield RestCall("POST", "/_bulk", bulk(one))
            yield RestCall("POST", f"/{one.name}/_refresh")
            if one.closed:
                yield RestCall("POST", f"/{one.name}/_close")


def _lines(operation: str, name: str, documents: Iterable[tuple[str, Document]]) -> str:
    lines = []
    for key, document in documents:
        lines += [json.dumps({operation: {"_index": name, "_id": key}}), json.dumps(document, ensure_ascii=False)]
    return "\n".join(lines) + "\n"


def _body(properties: dict[str, Any] | None, rest: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0}}}
    if properties is not None:
        body["mappings"] = {"properties": properties}
    return body | rest


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _logs(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)  # noqa: S311 - example data
    moment = START
    for number in range(count):
        moment += timedelta(milliseconds=chance.randrange(1, 1_200_000))
        host = f"web-{chance.randrange(12):02d}"
        level = chance.choice(_LEVELS)
        text = chance.choice(_EVENTS).format(
            subject=chance.choice(_SUBJECTS), n=chance.randrange(1, 5000), k=chance.randrange(1, 4), host=f"{host}.example.com"
        )
        document: Document = {
            "@timestamp": _time(moment),
            "level": level,
            "service": chance.choice(_SERVICES),
            "host": {"name": host, "ip": f"10.0.{chance.randrange(4)}.{chance.randrange(1, 250)}"},
            "message": text,
            "http": {
                "status": chance.choice((200, 200, 200, 201, 204, 304, 400, 404, 500, 503)),
                "path": chance.choice(_PATHS),
                "bytes": chance.randrange(1_000_000),
            },
            "latency": round(chance.lognormvariate(3, 1), 3),
            "ok": level not in ("WARN", "ERROR"),
        }
        if chance.random() < 0.5:
            document["tags"] = chance.sample(_TAGS, chance.randrange(1, 4))
        if chance.random() < 0.1:
            del document["latency"]
        yield f"{seed}-{number}", document


def _products(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    chance = random.Random(seed)  # noqa: S311
    for number in range(count):
        kind, material, style = chance.choice(_KINDS), chance.choice(_MATERIALS), chance.choice(_STYLES)
        document: Document = {
            "name": f"{style.title()} {material} {kind}",
            "description": f"A {style} {kind} made of {material}. "
            + _EVENTS[number % 7].format(subject=kind, n=number, k=2, host="home"),
            "brand": chance.choice(_BRANDS),
            "category": kind,
            "price": round(chance.uniform(3, 400), 2),
            "stock": chance.randrange(-2, 500),
            "rating": round(chance.uniform(1, 5), 1),
            "released": (START - timedelta(days=chance.randrange(3000))).strftime("%Y-%m-%d"),
            "available": chance.random() < 0.8,
            "sizes": sorted(chance.sample(range(30, 50), chance.randrange(0, 5))),
        }
        if chance.random() < 0.2:
            document["rating"] = None
        yield f"sku-{number}", document


def _events(seed: int, count: int) -> Iterator[tuple[str, Document]]:
    """Without declared fields: everything here is mapped dynamically."""
    chance = random.Random(seed)  # noqa: S311
    for number in range(count):
        document: Document = {
            "kind": chance.choice(("login", "logout", "purchase")),
            "at": _time(START + timedelta(hours=number)),
            "actor": {"id": chance.randrange(1000), "name": f"user {chance.randrange(50)}", "admin": chance.random() < 0.1},
            "amount": round(chance.uniform(0, 100), 2),
            "codes": [chance.randrange(10) for _ in range(chance.randrange(4))],
        }
        yield str(number), document
