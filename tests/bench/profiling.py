"""Where the gateway's own time goes: the four searches within this process, from the request's bytes to the answer's."""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.loading import load
from gateway.demo.documents import DemoIndex, write
from protocol.messages.search_request import SearchRequest
from protocol.versions import V_8_19
from tests.bench.searches import Search

TOP = 25


def profile(index: DemoIndex, searches: list[Search], rounds: int) -> str:
    """A report per search: milliseconds without the profiler, and the functions that took most."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), [index])
        cluster = MemoryCluster(load([Path(folder)]).values(), name="bench")
    return "\n".join(_report(search.name, _work(cluster, index.name, search), rounds) for search in searches)


def _work(cluster: MemoryCluster, name: str, search: Search) -> Callable[[int], bytes]:
    requests = [
        SearchRequest(indices=[name], source=body, local_cluster_alias="gateway").encode(V_8_19) for body in search.bodies
    ]

    def work(number: int) -> bytes:
        request = SearchRequest.decode(requests[number % len(requests)], V_8_19)
        answer = cluster.search(
            [name],
            request.indices_options,
            request.source or {},
            now_millis=time.time_ns() // 1_000_000,
            cluster_alias=request.local_cluster_alias,
            final_reduce=request.final_reduce,
        )
        return answer.encode(V_8_19)

    return work


def _report(name: str, work: Callable[[int], bytes], rounds: int) -> str:
    for number in range(rounds):
        work(number)
    began = time.perf_counter()
    for number in range(rounds):
        work(number)
    milliseconds = (time.perf_counter() - began) / rounds * 1e3
    profiler = cProfile.Profile()
    profiler.enable()
    for number in range(rounds):
        work(number)
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(TOP)
    return f"=== {name}: {milliseconds:.2f} ms each, {rounds} times\n{out.getvalue()}"
