"""Makes security_rules.jsonl.gz: random roles with document and field rules, and what they show of each index.

python -m tests.vectors.make_security_rules
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "security_rules.jsonl.gz"
SEED, CASES = 4, 1_500

INDICES: dict[str, list[str]] = {"a": ["al", "one"], "ab": ["al"], "abc": [], "b": [], ".security-7": [".security"]}
STREAMS: dict[str, dict[str, list[str]]] = {
    "s": {"data": [".ds-s-1", ".ds-s-2"], "failures": [".fs-s-1"], "aliases": ["als"]},
    "t": {"data": [".ds-t-1"], "failures": [], "aliases": ["als"]},
}
NAMES = [
    *INDICES,
    "al",
    "one",
    ".security",
    "s",
    "t",
    "als",
    ".ds-s-1",
    ".ds-s-2",
    ".fs-s-1",
    "s::failures",
    "als::failures",
    "none",
]
COVERS = [
    "*",
    "a*",
    "a",
    "ab",
    "al",
    "one",
    "?",
    "b",
    "/a.*/",
    "s",
    "t",
    "s*",
    "als",
    ".ds-*",
    ".ds-s-1",
    ".fs-s-1",
    "/[st]/",
    ".s*",
]
PRIVILEGES = [
    "read",
    "read",
    "read",
    "all",
    "monitor",
    "view_index_metadata",
    "read_failure_store",
    "none",
    "indices:data/read/search",
]
ACTIONS = ["indices:data/read/search", "indices:data/read/search", "indices:data/read/get", "indices:monitor/stats"]
QUERIES = [
    '{"term":{"team":"a"}}',
    '{"term":{"team":"b"}}',
    '{"match_all":{}}',
    '{"range":{"n":{"gte":1}}}',
    '{"term":{"ü":"a"}}',
]
FIELDS = [
    "*",
    "a",
    "b",
    "a*",
    "*b",
    "a.b",
    "a.*",
    "*.b",
    "?",
    "a?",
    "/a.*/",
    "/(a|b)c?/",
    "/[^a]+/",
    "_id",
    "_*",
    "a\\*",
    "",
    "ü*",
    "/@/",
]
WORDS = [
    "a",
    "b",
    "c",
    "ab",
    "ac",
    "bc",
    "abc",
    "a.b",
    "a.b.c",
    "c.b",
    "x.y",
    "_id",
    "_source",
    "_",
    "a*",
    "\\",
    "",
    "ü",
    "üa",
    "😀",
    "A",
]
FIELDS += ["**", "*a\\*", "a*b\\*", "*\\*", "***", "*\\\\*", "?*", "*?"]
WORDS += ["ba*", "ba\\", "ba\\c", "axb*", "axb\\", "axb\\c", "x\\y", "x*"]


def entry(pick: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "names": pick.choices(COVERS, k=pick.choice((1, 1, 1, 2, 3))),
        "privileges": pick.choices(PRIVILEGES, k=pick.choice((1, 1, 2))),
    }
    if pick.random() < 0.5:
        made["query"] = pick.choice(QUERIES)
    if pick.random() < 0.5:
        made["field_security"] = field_security(pick)
    if pick.random() < 0.2:
        made["allow_restricted_indices"] = True
    return made


def field_security(pick: random.Random) -> dict[str, list[str]]:
    grant = pick.choices(FIELDS, k=pick.choice((0, 1, 1, 2, 3)))
    made = {"grant": grant}
    if pick.random() < 0.2:
        # Mostly such as are within what is granted.
        exclude = pick.choices(FIELDS if "*" in grant or pick.random() < 0.1 else [*grant, "_id"], k=pick.choice((1, 1, 2)))
        made["except"] = exclude
    return made


def case(pick: random.Random) -> dict[str, Any]:
    few = pick.sample(COVERS, k=4)
    sets = []
    for _ in range(pick.choice((1, 1, 2, 2, 3))):
        entries = [entry(pick) for _ in range(pick.choice((1, 2, 2, 3, 4)))]
        for one in entries:
            if pick.random() < 0.5:
                one["names"] = pick.choices(few, k=pick.choice((1, 1, 2)))
        entries.append(
            {
                "names": pick.choice((["*"], ["*", "x"], ["?*"], ["a*", "s"])),
                "privileges": ["read", "read_failure_store", "monitor"],
            }
        )
        if pick.random() < 0.7:
            entries[-1].update(query=pick.choice(QUERIES), field_security=field_security(pick))
        if pick.random() < 0.15:
            entries.pop()
        middle = pick.randint(0, len(entries))
        descriptors = {"d": {"indices": entries[:middle]}, "e": {"indices": entries[middle:]}}
        sets.append({name: one for name, one in descriptors.items() if one["indices"]})
    names = pick.sample(NAMES[: -1 if pick.random() < 0.9 else None], k=pick.choice((1, 1, 2, 2, 3)))
    return {"sets": sets, "action": pick.choice(ACTIONS), "names": names}


def main() -> None:
    pick = random.Random(SEED)
    lines = [json.dumps({"indices": INDICES, "streams": STREAMS, "words": WORDS})]
    with Oracle("RuleOracle") as oracle:
        oracle.ask(op="cluster", indices=INDICES, streams=STREAMS)
        for _ in range(CASES):
            asked = case(pick)
            answer = oracle.ask(op="authorize", words=WORDS, **asked)
            if "error" in answer:
                raise RuntimeError(answer["error"])
            lines.append(json.dumps(asked | answer, ensure_ascii=False, separators=(",", ":")))
    OUT.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
