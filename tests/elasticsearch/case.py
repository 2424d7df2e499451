"""A search to compare, and what the documents of the compared clusters have in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    name: str
    index: str
    body: dict[str, Any]

    def sent(self, alias: str) -> Any:
        """The body for one cluster: ``ALIAS`` in its texts stands for the cluster's alias."""
        return json.loads(json.dumps(self.body).replace("ALIAS", alias))


BOTH = "logs-app-1,logs-web-1"
LOGS, APP, PRODUCTS, EVENTS = "logs-*", "logs-app-1", "products", "events"
ERROR = {"term": {"level": "ERROR"}}
TIMEOUT = {"match": {"message": "timeout"}}
AT = "@timestamp"
