"""Makes engine/names.jsonl.gz: what a real node answers to users with various roles, who name indices in every way.

python -m tests.vectors.make_names http://127.0.0.1:9200 elastic:PASSWORD

Makes indices, data streams, roles and users that begin with ``hn-`` on the node. Data streams stay there where it has no API for them; so
run it on the day on which they were made, or on a fresh node.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.gateway.backends.memory.names_cases import (
    CLOSED_BACKING,
    GOTTEN,
    INDICES,
    MAPPINGS,
    NAMED_ONLY,
    ROLES,
    SEARCHED,
    STREAMS,
    documents,
    shown,
)
from tests.vectors.make_restricted import Node, basic

OUT = Path(__file__).parent / "engine" / "names.jsonl.gz"
PASSWORD = "names-password"
CASES = {"search": 1100, "caps": 300, "resolve": 500, "cluster": 200, "terms": 150, "get": 250}
WIDE = {"search": 350, "caps": 100, "resolve": 150, "cluster": 60, "terms": 50, "get": 100}
KEYS = {"search": 500, "caps": 100, "resolve": 250, "cluster": 50, "terms": 50, "get": 100}
"""How many of each kind for all users, for the one who may see everything, and for users with keys that allow less."""

PATTERNS = (
    "*", "_all", "hn-*", "hn-app-*", "hn-app*", "hn-ds*", "hn-ds", "hn-dsa", "hn-dsb", "hn-dsc", "hn-dsd", "hn-dshid", "hn-dsold",
    "hn-app-1", "hn-app-2", "hn-app-3", "hn-old", "hn-gone", "hn-g*", "hn-app", "hn-errors", "hn-team", "hn-t*", "hn-hidden", "hn-hid*",
    "hn-hide", "hn-seen", "hn-seen-x", "hn-s*", ".hn-*", ".hn-dot", ".hn-dots", ".hn-plain", "hn-route", "hn-routed", "hn-r*", "hn-empty",
    ".ds-hn-*", ".ds-hn-ds-DATE-000001", ".ds-hn-ds-DATE-000002", ".ds-hn-ds2-*", ".ds-hn-dsold-DATE-000001", ".ds-hn-dshid-*", ".d*",
    "<hn-{now/d}>", "<hn-{now/d{uuuu.MM.dd}}>", "<hn-{now-40y{uuuu}}>", "<hn-{now/d>", "<hn-2*>", "hn-2*", "hn-DATE", "hn-none", "hn-none*",
    "hn-NONE", "_hn", "hn app", ".security", ".security-7", ".security*", "h*-1", "*n-app-2", "hn-?pp", "hn-app-1::data", "hn-ds::failures",
    "hn-ds*::failures", "hn-dsa::failures", "hn-app-1::failures", ".ds-hn-ds-DATE-000001::failures", "hn-ds::data", "hn-ds::none",
    "hn-ds::*", "hn-ds::data::data", "*::data", "_all::data", "*::failures", "_all::failures", "hn-none::failures", "hn-none::data",
    "hn-app-1,hn-app-1", "-hn-app-1", "+hn-app-1", "hn-" + "x" * 300, "**", "*-*",
)  # fmt: skip
EXCLUSIONS = (
    "-hn-app-1", "-hn-app*", "-hn-app", "-hn-ds", "-hn-ds*", "-.ds-*", "-*", "-hn-none", "-hn-none*", "-_all", "-hn-dsa", "-.hn-*",
    "-hn-DATE", "-<hn-{now/d}>", "-hn-app-3", "-hn-ds::failures", "-hn-t*",
)  # fmt: skip
OURS = ("hn-", ".hn-", ".ds-hn-", ".security")
EXPANSIONS = ("open", "closed", "hidden", "none", "all", "open,hidden", "open,closed", "closed,hidden")


def prepare(node: Node, date: str) -> None:
    for name, body in INDICES.items():
        if body.get("system"):
            continue
        index = name.replace("DATE", date)
        node.call("DELETE", f"/{index}")
        settings = {"index.number_of_shards": 1, "index.number_of_replicas": 0, **body.get("settings", {})}
        node.must("PUT", f"/{index}", {"settings": settings, "mappings": MAPPINGS, "aliases": body.get("aliases", {})})
        fill(node, index, name, "index")
        if body.get("state") == "close":
            node.must("POST", f"/{index}/_close")
    for name, body in STREAMS.items():
        if node.call("GET", f"/{name}")[0] == 404:
            template = {"settings": {"index.number_of_replicas": 0}, "mappings": MAPPINGS, **body["template"]}
            stream = body.get("data_stream", {})
            node.must(
                "PUT",
                f"/_index_template/{name}",
                {"index_patterns": [name], "priority": 700, "data_stream": stream, "template": template},
            )
            for number in range(1, len(body.get("generations", ["data"])) + 1):
                if number > 1:
                    node.must("POST", f"/{name}/_rollover")
                fill(node, name, f"{name}-{number}", "create")
    node.must("POST", f"/.ds-{CLOSED_BACKING}-{date}-000001/_close")
    for name, indices in ROLES.items():
        node.must("PUT", f"/_security/role/hn-{name}", {"cluster": ["manage_own_api_key"], "indices": indices})
        node.must("PUT", f"/_security/user/hn-{name}", {"password": PASSWORD, "roles": [f"hn-{name}"]})


def fill(node: Node, index: str, name: str, operation: str) -> None:
    lines = [line for _id, each in documents(name) for line in ({operation: {"_index": index, "_id": _id}}, each)]
    if lines:
        answer = node.must("POST", "/_bulk?refresh=true", "".join(json.dumps(line) + "\n" for line in lines))
        assert not answer["errors"], answer


def asked(date: str) -> Iterator[dict[str, Any]]:
    chance = random.Random(20261124)
    for counts, users in ((WIDE, ["wide"]), (CASES, list(ROLES)), (KEYS, list(ROLES))):
        for kind, count in counts.items():
            for number in range(count):
                user = users[number % len(users)]
                case = {"kind": kind, "user": user}
                if counts is KEYS:
                    case["key"] = chance.choice(list(ROLES))
                chosen = names(chance, user, number).replace("DATE", date)
                yield {**case, "names": chosen.split(",")[0] if kind == "get" else chosen, "parameters": parameters(chance, kind)}


def valued(date: str) -> Iterator[dict[str, Any]]:
    """Expressions as values of the field ``_index``."""
    for pattern in (*PATTERNS, *EXCLUSIONS):
        if "," not in pattern:
            yield {"kind": "value", "user": "wide", "names": SEARCHED, "value": pattern.replace("DATE", date)}


def names(chance: random.Random, user: str, number: int) -> str:
    patterns = [one for one in PATTERNS if user not in NAMED_ONLY or not others(one)]
    first = patterns[number % len(patterns)] if user == "wide" else chance.choice(patterns)
    chosen = [first]
    while chance.random() < 0.45:
        chosen.append(chance.choice(patterns if chance.random() < 0.5 else EXCLUSIONS))
    return ",".join(chosen)


def others(expression: str) -> bool:
    """Whether it could stand for what is not ours."""
    before, star, _ = expression.partition("*")
    return expression.startswith("_all") or (bool(star) and not before.startswith((*OURS, "<hn-")))


def parameters(chance: random.Random, kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if kind in ("terms", "get"):
        return found
    if chance.random() < 0.35:
        found["ignore_unavailable"] = chance.choice(("true", "true", "false"))
    if chance.random() < 0.3:
        found["allow_no_indices"] = chance.choice(("true", "false", "false"))
    if chance.random() < 0.45:
        found["expand_wildcards"] = chance.choice(EXPANSIONS)
    if kind == "search" and chance.random() < 0.05:
        found["ignore_throttled"] = "false"
    return found


def path(case: dict[str, Any]) -> str:
    expression = quote(case["names"], safe=",*-")
    query = dict(case.get("parameters", {}))
    match case["kind"]:
        case "search" | "value":
            return f"/{expression}/_search?{urlencode({'size': 100, **query})}"
        case "caps":
            return f"/{expression}/_field_caps?{urlencode({'fields': 'level', **query})}"
        case "terms":
            return f"/{expression}/_terms_enum"
        case "get":
            return f"/{expression}/_doc/{quote(GOTTEN)}"
        case kind:
            return f"/_resolve/{'index' if kind == 'resolve' else 'cluster'}/{expression}?{urlencode(query)}"


def main(url: str, login: str) -> None:
    node = Node(url, login)
    recorded = datetime.now(UTC)
    date = f"{recorded:%Y.%m.%d}"
    prepare(node, date)
    lines = [json.dumps({"recorded": f"{recorded:%Y-%m-%dT%H:%M:%S}"})]
    seen: set[str] = set()

    @cache
    def logins(user: str, key: str | None) -> str:
        login = basic(f"hn-{user}:{PASSWORD}")
        if key is None:
            return login
        body = {"name": f"hn-{key}", "role_descriptors": {key: {"indices": ROLES[key]}}}
        return "ApiKey " + str(node.must("POST", "/_security/api_key", body, login)["encoded"])

    for case in (*asked(date), *valued(date)):
        line = json.dumps(case)
        if line in seen:
            continue
        seen.add(line)
        body: dict[str, Any] | None = None
        if "value" in case:
            body = {"query": {"term": {"_index": case["value"]}}}
        elif case["kind"] == "terms":
            body = {"field": "level"}
        status, answer = node.call("GET", path(case), body, logins(case["user"], case.get("key")))
        if isinstance(answer.get("error"), str):
            continue  # no request that reached an action
        lines.append(json.dumps({**case, "status": status, "answer": shown(case, status, answer)}))
    OUT.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
    print(f"{len(lines) - 1} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
