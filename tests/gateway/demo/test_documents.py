"""What is declared once is loaded by the gateway and made on a real cluster."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from gateway.backends.memory.loading import load
from gateway.demo.documents import DemoDataStream, DemoIndex, indices, rest_calls, write

CLOSED = DemoIndex("old", {"settings": {"number_of_shards": 1}}, (("1", {"a": 1}),), closed=True)
SYSTEM = DemoIndex("inner", {}, (), system=True)
STREAM = DemoDataStream(
    "metrics",
    {"data_stream": {"hidden": True}, "template": {"aliases": {"m": {}}}},
    ((("1", {"@timestamp": 1}), ("2", {"@timestamp": 2})), (("3", {"@timestamp": 3}),)),
    created=date(2026, 11, 1),
)


def test_the_gateway_loads_what_is_written(tmp_path: Path) -> None:
    write(tmp_path, [*indices(20), CLOSED, SYSTEM, STREAM])
    loaded = load([tmp_path])
    counts = {name: index.doc_count for name, index in loaded.items()}
    assert counts == {
        "logs-app-1": 20,
        "logs-web-1": 10,
        "products": 6,
        "events": 2,
        "old": 1,
        "inner": 0,
        ".ds-metrics-2026.11.01-000001": 2,
        ".ds-metrics-2026.11.01-000002": 1,
    }
    assert loaded["old"].closed
    assert loaded["inner"].system
    stream = loaded[STREAM.backing_indices[1]].data_stream
    assert stream is not None
    assert (stream.name, stream.hidden, stream.indices) == ("metrics", True, STREAM.backing_indices)


def test_a_real_cluster_is_told_the_same_in_calls() -> None:
    calls = list(rest_calls([CLOSED, STREAM]))
    assert [(call.method, call.path) for call in calls] == [
        ("PUT", "/old"),
        ("POST", "/_bulk"),
        ("POST", "/old/_refresh"),
        ("POST", "/old/_close"),
        ("PUT", "/_index_template/metrics"),
        ("POST", "/_bulk?refresh=true"),
        ("POST", "/metrics/_rollover"),
        ("POST", "/_bulk?refresh=true"),
    ]
    assert calls[0].body == {"settings": {"number_of_shards": 1, "index": {"refresh_interval": -1}}}
    assert calls[4].body == {"index_patterns": ["metrics"], "priority": 500, **STREAM.body}
    lines = calls[5].body
    assert isinstance(lines, str)
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"create": {"_index": "metrics", "_id": "1"}},
        {"@timestamp": 1},
        {"create": {"_index": "metrics", "_id": "2"}},
        {"@timestamp": 2},
    ]
