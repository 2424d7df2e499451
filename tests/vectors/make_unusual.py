"""Makes engine/unusual.jsonl.gz: what a real node answers to significant_terms and rare_terms, to users with document and field rules.

    python -m tests.vectors.make_unusual http://127.0.0.1:9200 elastic:PASSWORD

The node must be of 8.19.21, with security and a trial licence. Indices (names with ``hs-``), roles and users of
tests/gateway/backends/memory/aggregations/unusual_cases.py are made there, and removed after.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from tests.gateway.backends.memory.aggregations.unusual_cases import (
    ACCESS,
    ALIASES,
    DOCUMENTS,
    MAPPINGS,
    REPLACED,
    SEARCHES,
    replacement,
)
from tests.vectors.make_terms import PASSWORD, Node

OUT = Path(__file__).parent / "engine" / "unusual.jsonl.gz"
PREFIX = "hs-"


def bulk(node: Node, index: str, documents: dict[int, dict[str, Any]]) -> None:
    """Index documents together, so that they make a segment."""
    lines = [line for number, document in documents.items() for line in ({"index": {"_id": str(number)}}, document)]
    status, answer = node.ask(
        "POST", f"/{index}/_bulk?refresh=true", b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    )
    if status >= 300 or answer["errors"]:
        raise RuntimeError(f"{index}: {answer}")


def prepare(node: Node) -> None:
    """Make the indices, roles and users."""
    clean(node)
    for name, mappings in MAPPINGS.items():
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
        aliases = {PREFIX + alias: body for alias, body in ALIASES.get(name, {}).items()}
        node.need("PUT", f"/{PREFIX}{name}", {"settings": settings, "mappings": mappings, "aliases": aliases})
        bulk(node, PREFIX + name, dict(enumerate(DOCUMENTS[name])))
        if name in REPLACED:
            bulk(node, PREFIX + name, {number: replacement(number) for number in REPLACED[name]})
    for name, rules in ACCESS.items():
        entry: dict[str, Any] = {"names": [f"{PREFIX}*"], "privileges": ["read"]}
        if "query" in rules:
            entry["query"] = rules["query"]
        if "fields" in rules:
            entry["field_security"] = rules["fields"]
        node.need("PUT", f"/_security/role/{PREFIX}{name}", {"indices": [entry]})
        node.need("PUT", f"/_security/user/{PREFIX}{name}", {"password": PASSWORD, "roles": [PREFIX + name]})


def clean(node: Node) -> None:
    """Remove what `prepare` made, where it is there."""
    for name in MAPPINGS:
        node.ask("DELETE", f"/{PREFIX}{name}")
    for name in ACCESS:
        node.ask("DELETE", f"/_security/user/{PREFIX}{name}")
        node.ask("DELETE", f"/_security/role/{PREFIX}{name}")


def answered(node: Node, access: str, names: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status, and what is kept of an answer."""
    path = ",".join(PREFIX + name for name in names.split(","))
    status, answer = node.ask("POST", f"/{path}/_search", body, f"{PREFIX}{access}:{PASSWORD}")
    if status == 200:
        hits, failed = answer["hits"]["total"]["value"], answer["_shards"]["failed"]
        return status, {"hits": hits, "failed": failed, "aggregations": answer["aggregations"]}
    error = answer["error"]
    root = (error.get("root_cause") or [error])[0]
    kept = {"type": root["type"], "reason": root["reason"]}
    if "caused_by" in error:
        kept["caused_by"] = f"{error['caused_by']['type']}: {error['caused_by'].get('reason')}"
    return status, kept


def main(url: str, login: str) -> None:
    node = Node(url, login)
    prepare(node)
    lines: dict[str, list[str]] = {}
    try:
        for access in ACCESS:
            for name, (names, body) in SEARCHES.items():
                status, answer = answered(node, access, names, body)
                line = json.dumps({"name": name, "status": status, "answer": answer}, sort_keys=True, separators=(",", ":"))
                lines.setdefault(line, []).append(access)
    finally:
        clean(node)
    with gzip.GzipFile(OUT, "wb", mtime=0) as file:
        for line, users in lines.items():
            file.write(json.dumps({"access": users, **json.loads(line)}, separators=(",", ":")).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
