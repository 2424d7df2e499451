"""Makes security_descriptors.jsonl.gz: role descriptors with a value of each kind in each place, and what Elasticsearch reads or refuses.

python -m tests.vectors.make_security_descriptors
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "security_descriptors.jsonl.gz"

VALUES: list[Any] = [None, True, 3, "x", "", [], ["x"], [1], [None], [[]], [{}], {}, {"a": 1}]
INDICES = {"names": ["a"], "privileges": ["read"]}
PLACES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "indices": (
        INDICES,
        ("names", "privileges", "allow_restricted_indices", "query", "field_security", "fields", "clusters", "x"),
    ),
    "remote_indices": (INDICES | {"clusters": ["c"]}, ("names", "privileges", "transient_metadata", "clusters", "x")),
    "applications": (
        {"application": "app", "privileges": ["read"], "resources": ["*"]},
        ("application", "privileges", "resources", "x"),
    ),
    "remote_cluster": ({"privileges": ["monitor_enrich"], "clusters": ["*"]}, ("privileges", "clusters", "x")),
}
FIELDS = (
    *("cluster", "index", "run_as", "application", "global", "metadata", "metadata_flattened", "transient_metadata"),
    *("restriction", "description", "foo", *PLACES),
)


def descriptors() -> Iterator[Any]:
    yield from VALUES
    for value in VALUES:
        yield from ({field: value} for field in FIELDS)
        for place, (entry, fields) in PLACES.items():
            yield from ({place: [entry | {field: value}]} for field in fields)
        yield from ({"restriction": {field: value}} for field in ("workflows", "x"))
        for rule in ({"grant": value}, {"except": value}, {"grant": ["*"], "except": value}, {"x": value}):
            yield {"indices": [INDICES | {"field_security": rule}]}
    for place, (entry, _) in PLACES.items():
        yield from ({place: [{name: value for name, value in entry.items() if name != left_out}]} for left_out in entry)
    yield {"indices": [INDICES], "index": [INDICES | {"names": "b"}]}
    yield {
        "indices": [INDICES | {"query": {"term": {"ü": "b"}}, "field_security": {"grant": ["a*"], "except": ["ab"]}}],
        "run_as": ["*"],
    }


def main() -> None:
    rows = []
    with Oracle("RuleOracle") as oracle:
        for text in dict.fromkeys(map(json.dumps, descriptors())):
            answer = oracle.ask(op="parse", text=text)
            rows.append(json.dumps({"text": text} | answer, ensure_ascii=False, separators=(",", ":")))
    OUT.write_bytes(gzip.compress("\n".join(rows).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
