"""Makes engine/terms.jsonl.gz: what a real node answers to ``_terms_enum``, to suggesters and to gets, to users with document and field
rules.

    python -m tests.vectors.make_terms http://127.0.0.1:9200 elastic:PASSWORD [MORE]

The node must be of 8.19.21, with security and a trial licence. The file's first line holds the indices (names with ``gt-``) and the rules
of the users' roles, which are made there and removed after; its other lines are requests with their answers, which are asked again. MORE is
a file of lines with further requests: ``kind``, ``user``, ``path``, ``body``.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.vectors import read_lines

FILE = "engine/terms.jsonl.gz"
OUT = Path(__file__).parent / FILE
PASSWORD = "not-a-secret"
"""Of users that live for one run."""


class Node:
    """A node by its REST address."""

    def __init__(self, url: str, login: str) -> None:
        self.url, self.login = url, login

    def ask(self, method: str, path: str, body: Any = None, login: str | None = None) -> tuple[int, Any]:
        """The status and the JSON of the answer. A body of bytes is sent as lines."""
        token = base64.b64encode((login or self.login).encode()).decode()
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {token}"}
        headers["Content-Type"] = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers, method=method)) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def need(self, method: str, path: str, body: Any = None) -> None:
        """Ask what must succeed. Raises RuntimeError."""
        status, answer = self.ask(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {answer}")


def prepare(node: Node, given: dict[str, Any]) -> None:
    """Make the indices, roles and users."""
    clean(node, given)
    for name, index in given["indices"].items():
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        node.need("PUT", f"/{name}", {"settings": settings, "mappings": index["mappings"], "aliases": index["aliases"]})
        lines = [line for n, document in enumerate(index["documents"]) for line in ({"index": {"_id": str(n)}}, document)]
        if lines:
            node.need("POST", f"/{name}/_bulk", "".join(json.dumps(line) + "\n" for line in lines).encode())
        for call in ("_refresh", "_forcemerge?max_num_segments=1", "_refresh"):
            node.need("POST", f"/{name}/{call}")
    for name, entries in given["roles"].items():
        node.need("PUT", f"/_security/role/gt-{name}", {"indices": [{"privileges": ["read"], **entry} for entry in entries]})
        node.need("PUT", f"/_security/user/gt-{name}", {"password": PASSWORD, "roles": [f"gt-{name}"]})


def clean(node: Node, given: dict[str, Any]) -> None:
    """Remove them."""
    for name in given["roles"]:
        node.ask("DELETE", f"/_security/user/gt-{name}")
        node.ask("DELETE", f"/_security/role/gt-{name}")
    for name in given["indices"]:
        node.ask("DELETE", f"/{name}")


def main(url: str, login: str, more: str | None = None) -> None:
    given, *cases = read_lines(FILE)
    if more is not None:
        cases += [json.loads(line) for line in Path(more).read_text().splitlines()]
    node = Node(url, login)
    prepare(node, given)
    try:
        for case in cases:
            method = "GET" if case["kind"] == "get" else "POST"
            case["status"], case["answer"] = node.ask(method, case["path"], case["body"], f"gt-{case['user']}:{PASSWORD}")
            case["answer"].pop("took", None)
    finally:
        clean(node, given)
    OUT.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in (given, *cases)).encode(), mtime=0))
    print(len(cases), "answers,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
