"""Makes engine/field_sources.jsonl.gz: what field rules leave of sources, by Elasticsearch's FieldSubsetReader.

python -m tests.vectors.make_field_sources
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "engine" / "field_sources.jsonl.gz"
_KEYS = ("a", "b", "ab", "a.b", "b.a", "_x", "aa", "c")
_PARTS = ("a", "b", "c", "ab", "*", ".", "*.", "a*", "?", "_", "a.b", "/(a|b).*/", "\\*")


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth < 4 else 4)
    if kind < 4:
        return chance.choice([1, "x", None, True, 2.5, []])
    if kind < 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(_KEYS): _value(chance, depth + 1) for _ in range(chance.randrange(4))}


def _source(chance: random.Random) -> dict[str, Any]:
    return {chance.choice(_KEYS): _value(chance, 0) for _ in range(chance.randrange(1, 6))}


def _pattern(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "/" + chance.choice(["a|b", "a\\..*", "[ab]+", ".*b", "a?\\.b"]) + "/"
    return "".join(chance.choice(_PARTS[:-2]) for _ in range(chance.randrange(1, 4)))


def _rule(chance: random.Random) -> dict[str, Any]:
    grant = None if chance.random() < 0.15 else [_pattern(chance) for _ in range(chance.randrange(4))]
    except_ = [_pattern(chance) for _ in range(chance.randrange(3))]
    if except_ and chance.random() < 0.7:
        grant = ["*"] if grant is not None and chance.random() < 0.5 else grant
    return {"grant": grant, "except": except_}


def main() -> None:
    chance = random.Random(8)
    lines: list[str] = []
    with Oracle("SourceRuleOracle") as oracle:
        while len(lines) < 700:
            sets = [[_rule(chance) for _ in range(chance.randrange(1, 3))] for _ in range(chance.choice([1, 1, 1, 2]))]
            sources = [_source(chance) for _ in range(5)]
            answer = oracle.ask(sets=sets, sources=sources)
            if "refused" in answer:
                continue
            lines.append(json.dumps({"sets": sets, "sources": sources, "left": answer["sources"]}, separators=(",", ":")))
    with gzip.open(OUT, "wt", 9) as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
