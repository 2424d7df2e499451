"""A search to compare, and what the documents of the compared clusters have in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    name: str
    index: str
    body: dict[str, Any]


LOGS, APP, PRODUCTS, EVENTS = "logs-*", "logs-app-1", "products", "events"
ERROR = {"term": {"level": "ERROR"}}
TIMEOUT = {"match": {"message": "timeout"}}
AT = "@timestamp"
