"""Makes engine/restricted.jsonl.gz: what a real node answers to users whose roles show some documents or fields only.

python -m tests.vectors.make_restricted http://127.0.0.1:9200 elastic:PASSWORD [ACCESS …]

Makes indices, roles and users that begin with ``hb-`` on the node, and deletes them again.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.gateway.backends.memory.restricted_cases import BODIES, CAPS
from tests.gateway.backends.memory.restricted_roles import ACCESS, ALIASES, DELETED, DOCUMENTS, MAPPINGS, REPLACED, replacement

OUT = Path(__file__).parent / "engine" / "restricted.jsonl.gz"
PREFIX = "hb-"
PASSWORD = "restricted-password"


class Node:
    def __init__(self, url: str, login: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=120)
        self.login = basic(login)

    def call(self, method: str, path: str, body: Any = None, login: str | None = None) -> tuple[int, Any]:
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        kind = "application/x-ndjson" if isinstance(body, str) else "application/json"
        self._connection.request(method, path, data, {"Authorization": login or self.login, "Content-Type": kind})
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def must(self, method: str, path: str, body: Any = None, login: str | None = None) -> Any:
        status, answer = self.call(method, path, body, login)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer}")
        return answer


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


def entries(rules: list[dict[str, Any]], *, key: bool) -> dict[str, Any]:
    """A role descriptor of the entries of one set."""
    made = []
    for rule in rules:
        entry: dict[str, Any] = {
            "names": [f"{PREFIX}{name}" for name in rule.get("names", ["*"])],
            "privileges": ["read", "view_index_metadata"],
        }
        if "query" in rule:
            entry["query"] = json.dumps(rule["query"])
        if "fields" in rule:
            entry["field_security"] = rule["fields"]
        made.append(entry)
    return {"indices": made, **({} if key else {"cluster": ["manage_own_api_key"]})}


def make_indices(node: Node) -> None:
    for name, documents in DOCUMENTS.items():
        index = PREFIX + name
        node.call("DELETE", f"/{index}")
        aliases = {PREFIX + alias: body for alias, body in ALIASES.get(name, {}).items()}
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
        node.must("PUT", f"/{index}", {"settings": settings, "mappings": MAPPINGS, "aliases": aliases})
        bulk(node, index, [line for n, each in enumerate(documents) for line in ({"index": {"_id": str(n)}}, each)])
        node.must("POST", f"/{index}/_forcemerge?max_num_segments=1")
        node.must("POST", f"/{index}/_refresh")
        lines: list[dict[str, Any]] = [{"delete": {"_id": str(number)}} for number in DELETED.get(name, ())]
        for number in REPLACED.get(name, ()):
            lines += [{"index": {"_id": str(number)}}, replacement(number)]
        if lines:
            bulk(node, index, lines)
            node.must("POST", f"/{index}/_refresh")


def bulk(node: Node, index: str, lines: list[dict[str, Any]]) -> None:
    answer = node.must("POST", f"/{index}/_bulk", "".join(json.dumps(line) + "\n" for line in lines))
    assert not answer["errors"], answer


def login_of(node: Node, name: str) -> str:
    """Makes a role and a user, and a key of the user where there is a second set."""
    sets = ACCESS[name]
    full = PREFIX + name
    node.must("PUT", f"/_security/role/{full}", entries(sets[0], key=False))
    node.must("PUT", f"/_security/user/{full}", {"password": PASSWORD, "roles": [full]})
    login = basic(f"{full}:{PASSWORD}")
    if len(sets) == 1:
        return login
    made = node.must("POST", "/_security/api_key", {"name": full, "role_descriptors": {"key": entries(sets[1], key=True)}}, login)
    return f"ApiKey {made['encoded']}"


def clean(node: Node) -> None:
    for name, sets in ACCESS.items():
        if len(sets) > 1:
            node.call("DELETE", "/_security/api_key", {"name": PREFIX + name})
        node.call("DELETE", f"/_security/user/{PREFIX}{name}")
        node.call("DELETE", f"/_security/role/{PREFIX}{name}")
    for name in DOCUMENTS:
        node.call("DELETE", f"/{PREFIX}{name}")


def calls() -> Iterator[tuple[str, str, str, Any]]:
    """``(name, method, path, body)``"""
    for name, (names, body) in BODIES.items():
        yield name, "POST", f"/{','.join(PREFIX + each for each in names)}/_search", body
    for name, (options, filter_) in CAPS.items():
        yield name, "POST", f"/{PREFIX}main/_field_caps?{options}", filter_


def plain(answer: Any) -> Any:
    """An answer without what differs from one run to the next."""
    if "error" in answer:
        error = answer["error"]
        shown = error["failed_shards"][0]["reason"] if error.get("failed_shards") else error
        return {"type": shown["type"], "reason": shown.get("reason")}
    answer.pop("took", None)
    shards = answer.get("_shards", {})
    for failure in shards.get("failures", ()):
        failure.pop("node", None)
        failure["reason"] = {"type": failure["reason"]["type"], "reason": failure["reason"].get("reason")}
    return answer


def main() -> None:
    url, login, *only = sys.argv[1:]
    node = Node(url, login)
    make_indices(node)
    lines: dict[str, list[str]] = {}
    try:
        for access in only or ACCESS:
            logged_in = login_of(node, access)
            for name, method, path, body in calls():
                status, answer = node.call(method, path, body, logged_in)
                shown = json.dumps({"status": status, "answer": plain(answer)}, separators=(",", ":"))
                lines.setdefault(json.dumps([name, shown]), []).append(access)
    finally:
        clean(node)
    with gzip.open(OUT, "wt", 9) as file:
        for key, accesses in sorted(lines.items()):
            name, shown = json.loads(key)
            file.write(json.dumps({"name": name, "access": accesses, **json.loads(shown)}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
