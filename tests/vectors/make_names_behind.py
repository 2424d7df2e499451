"""Makes names_behind.jsonl.gz: what names stand for in a cluster with data streams and failure stores, after authorization.

python -m tests.vectors.make_names_behind
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "names_behind.jsonl.gz"
SEED, CASES = 11, 4_000

INDICES: dict[str, dict[str, Any]] = {
    "a": {"aliases": {"one": False, "two": True, "x": True, "only-a": True}},
    "ab": {"aliases": {"one": False, "two": True, "three": True}},
    "ac": {"closed": True, "aliases": {"two": True, "shut": False}},
    "h": {"hidden": True, "aliases": {"x": True}},
    ".d": {"hidden": True},
    ".p": {},
}
STREAMS: dict[str, dict[str, Any]] = {
    "s": {"data": [".ds-s-1", ".ds-s-3"], "failures": [".fs-s-2"], "aliases": {"sa": True, "sb": False, "sc": True}},
    "t": {"data": [".ds-t-1"], "failures": [".fs-t-2", ".fs-t-3"], "aliases": {"sa": False, "sc": True, "td": True}},
    "u": {"hidden": True, "data": [".ds-u-1"], "aliases": {"ua": True}},
}
NAMES = (
    "a", "ab", "ac", "h", ".d", ".p", "one", "two", "three", "x", "only-a", "shut", "s", "t", "u", "sa", "sb", "sc", "td", "ua", ".ds-s-1",
    ".ds-s-3", ".fs-s-2", ".ds-t-1", ".fs-t-3", "none", "_none", "r:a", "-a",
)  # fmt: skip
SELECTORS = ("",) * 24 + ("::failures",) * 12 + ("::data",) * 3 + ("::x",)


def cluster() -> dict[str, Any]:
    indices = {name: {"closed": False, "hidden": False, "aliases": {}, **index} for name, index in INDICES.items()}
    streams = {name: {"hidden": False, "failures": [], "aliases": {}, **stream} for name, stream in STREAMS.items()}
    return {"indices": indices, "streams": streams}


def options(chance: random.Random) -> dict[str, bool]:
    def often(share: float) -> bool:
        return chance.random() < share

    found = {
        "ignore_unavailable": often(0.5),
        "allow_no_indices": often(0.7),
        "expand_open": often(0.8),
        "expand_closed": often(0.3),
        "expand_hidden": often(0.3),
        "ignore_aliases": often(0.1),
        "forbid_aliases_to_multiple_indices": often(0.1),
        "forbid_closed_indices": often(0.6),
        "ignore_throttled": often(0.5),
        "allow_selectors": often(0.85),
        "include_failure_indices": False,
    }
    found["include_failure_indices"] = not found["allow_selectors"] and often(0.5)
    return found


def names(chance: random.Random) -> list[str]:
    found = [chance.choice(NAMES) + chance.choice(SELECTORS)]
    while chance.random() < 0.6:
        found.append(chance.choice(NAMES) + chance.choice(SELECTORS[:-1]))
    return ["*", "-*"] if chance.random() < 0.01 else found


def main() -> None:
    chance = random.Random(SEED)
    lines: list[dict[str, Any]] = [cluster()]
    with Oracle("NameOracle") as oracle:
        answered = oracle.ask(op="cluster", **cluster())
        assert answered == {}, answered
        for number in range(CASES):
            call: dict[str, Any] = {
                "op": "resolve" if number % 3 == 0 else "concrete",
                "names": names(chance),
                "options": options(chance),
            }
            if call["op"] == "concrete":
                call["streams"] = chance.random() < 0.85
            answer = oracle.ask(**call)
            call["options"] = [name for name, chosen in call["options"].items() if chosen]
            lines.append({**call, "answer": answer})
    OUT.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode(), mtime=0))


if __name__ == "__main__":
    main()
