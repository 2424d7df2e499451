"""Makes engine/rare_filters.jsonl: cuckoo filters that Elasticsearch fills with hashes, as digests of what lies in which bucket.

    python -m tests.vectors.make_rare_filters

Needs a JDK and Maven, as the tests of tests/elasticsearch do. Elasticsearch's own classes merge two sets, which then turn to filters.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from gateway.backends.memory.aggregations import cuckoo
from gateway.backends.memory.aggregations.rare import ORDER
from protocol.messages.aggregations.results import AGGREGATION_RESULTS
from protocol.messages.aggregations.results.cuckoo import CuckooFilter, SetBackedScalingCuckooFilter
from protocol.messages.aggregations.results.terms import LongRareTerms
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.elasticsearch.oracle import Oracle
from tests.gateway.backends.memory.aggregations.test_cuckoo import digest, hashes

OUT = Path(__file__).parent / "engine" / "rare_filters.jsonl"
AGGS = {"r": {"rare_terms": {"field": "f"}}}


def partial(some: list[int], precision: float) -> str:
    writer = Writer(V_8_19)
    held = SetBackedScalingCuckooFilter(fpp=precision, hashes=some)
    AGGREGATION_RESULTS.write(writer, [LongRareTerms(name="r", order=ORDER, filter=held)])
    return base64.b64encode(writer.getvalue()).decode()


def described(made: CuckooFilter) -> dict[str, Any]:
    numbers = {field.name: getattr(made, field.name) for field in fields(made) if field.name != "blocks"}
    return {**numbers, "blocks": len(made.blocks), "digest": digest(made)}


def main() -> None:
    with Oracle("AggregationOracle") as oracle, OUT.open("w") as out:
        for precision in (0.001, 0.01, 0.00002, 0.00001):
            for count in (cuckoo.THRESHOLD + 1, 15_000):
                some = hashes(count)
                parts = [partial(some[:6_000], precision), partial(some[6_000:], precision)]
                answer = oracle.ask(op="reduce", aggs=json.dumps(AGGS), partials=parts, final=False)
                result: Any = AGGREGATION_RESULTS.read(Reader(base64.b64decode(answer["bytes"]), V_8_19))[0]
                (made,) = result.filter.filters
                out.write(json.dumps({"precision": precision, "count": count, "filter": described(made)}) + "\n")


if __name__ == "__main__":
    main()
