"""Makes the vectors of aggregations.

python -m tests.vectors.make_aggregations requests         # of aggregations_bodies.jsonl
python -m tests.vectors.make_aggregations results TRACE    # TRACE: JSON lines of the frames between two real nodes
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protocol.errors import UnsupportedError
from protocol.messages.aggregations import AGGREGATION_RESULTS
from protocol.messages.search_request import SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.elasticsearch.oracle import Oracle
from tests.vectors import read_lines

HERE = Path(__file__).parent


def requests(oracle: Oracle) -> Iterator[dict[str, Any]]:
    for line in read_lines("aggregations_bodies.jsonl"):
        answer = oracle.ask(op="encode", aggs=json.dumps(line["aggs"]))
        if "error" in answer:
            raise SystemExit(f"{line}: {answer['error']}")
        yield line | {"bytes": answer["bytes"], "rest": answer["body"]}


def results(oracle: Oracle, trace: Path) -> Iterator[dict[str, Any]]:
    """Of every search that was answered: its aggregations, whether they were reduced finally, and how they render (partial ones also
    after the final reduction)."""
    asked: dict[tuple[int, int], SearchRequest] = {}
    seen: set[str] = set()
    for line in map(json.loads, trace.open()):
        if line.get("action") != "indices:data/read/search" or "error" in line["status"]:
            continue
        payload, key = bytes.fromhex(line["payload"]), (line["conn"], line["id"])
        if line["dir"] == ">":
            with contextlib.suppress(UnsupportedError):
                asked[key] = SearchRequest.decode(payload, V_8_19)
            continue
        answer, request = SearchResponse.decode(payload, V_8_19), asked.pop(key, None)
        if answer.aggregations is None or request is None or request.source is None:
            continue
        writer = Writer(V_8_19)
        AGGREGATION_RESULTS.write(writer, answer.aggregations)
        # The bytes are the node's own: a part of what it sent.
        if writer.getvalue() not in payload:
            raise SystemExit(f"not read right: {request.source}")
        encoded = base64.b64encode(writer.getvalue()).decode()
        if encoded in seen:
            continue
        seen.add(encoded)
        aggs = request.source["aggs"]
        found = {"aggs": aggs, "final": request.final_reduce, "bytes": encoded, "rest": render(oracle, encoded)}
        if not request.final_reduce:
            found["reduced"] = reduce(oracle, aggs, encoded)
        yield found


def render(oracle: Oracle, encoded: str) -> Any:
    answer = oracle.ask(op="render", bytes=encoded)
    if "error" in answer:
        raise SystemExit(f"{encoded}: {answer['error']}")
    return answer["body"]


def reduce(oracle: Oracle, aggs: dict[str, Any], partial: str) -> Any:
    answer = oracle.ask(op="reduce", aggs=json.dumps(aggs), partials=[partial], final=True)
    if "error" in answer:
        raise SystemExit(f"{aggs}: {answer['error']}")
    return answer["body"]


def main() -> None:
    kind = sys.argv[1]
    with Oracle("AggregationOracle") as oracle:
        lines = list(requests(oracle) if kind == "requests" else results(oracle, Path(sys.argv[2])))
    data = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    out = HERE / f"aggregations_{kind}.jsonl.gz"
    out.write_bytes(gzip.compress(data.encode(), mtime=0))
    print(len(lines), "lines,", out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
