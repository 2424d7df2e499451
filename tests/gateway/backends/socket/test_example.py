"""The example that serves a SQLite database, in a process of its own, behind a gateway."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from protocol.errors import ElasticsearchException
from tests.gateway.backends.socket.played import Gateway, gateway
from tests.gateway.backends.socket.test_played import described

EXAMPLE = Path(__file__).parents[4] / "examples" / "sqlite-backend" / "backend.py"
ROWS = [
    ("a", "Red bicycle", 5, 1.5, True),
    ("a", "red car, used", 7, None, False),
    ("b", "Green boat", None, 2.5, None),
    ("007", "blue car", 1, 0.5, True),
]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Gateway]:
    path = folder / "database"
    with sqlite3.connect(path) as database:
        for table in ("orders", "stock"):
            database.execute(f"CREATE TABLE {table} (team VARCHAR, text TEXT, size INTEGER, price REAL, sold BOOLEAN)")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", ROWS)
        database.execute("INSERT INTO stock VALUES ('a', 'a red thing', 6, 1.0, 1)")
    database.close()
    arguments = [sys.executable, str(EXAMPLE), str(path), str(folder / "program.sock")]
    with subprocess.Popen(arguments) as program:  # noqa: ASYNC220 - it starts at once
        try:
            with trio.fail_after(30):
                async with gateway(folder) as made:
                    await described(made)
                    yield made
        finally:
            program.kill()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"match_all": {}}, "1234"),
        ({"term": {"team": {"value": "a"}}}, "12"),
        ({"term": {"team": {"value": "007"}}}, "4"),
        ({"terms": {"team": ["b", "007"]}}, "34"),
        ({"term": {"sold": {"value": True}}}, "14"),
        ({"term": {"absent": {"value": 1}}}, ""),
        ({"range": {"size": {"gte": 5, "lt": 7}}}, "1"),
        ({"exists": {"field": "size"}}, "124"),
        ({"ids": {"values": ["2", "9"]}}, "2"),
        ({"prefix": {"team": {"value": "0"}}}, "4"),
        ({"match": {"text": {"query": "RED car"}}}, "124"),
        ({"match": {"text": {"query": "red car", "operator": "and"}}}, "2"),
        ({"bool": {"must_not": [{"range": {"size": {"gte": 5}}}]}}, "34"),
        ({"bool": {"should": [{"term": {"team": {"value": "b"}}}, {"term": {"size": {"value": 1}}}]}}, "34"),
        ({"bool": {"filter": [{"exists": {"field": "price"}}], "should": [{"match_all": {}}]}}, "134"),
        ({"bool": {"filter": [{"match_all": {}}], "should": [{"ids": {"values": ["1"]}}], "minimum_should_match": "1"}}, "1"),
        ({"bool": {"must_not": [{"match_none": {}}], "should": [{"ids": {"values": ["1"]}}]}}, "1"),
        ({"range": {"size": {}}}, "124"),
        ({"range": {"size": {"gt": 4.5, "lte": "5"}}}, "1"),
        ({"term": {"size": {"value": 5.5}}}, ""),
        ({"terms": {"team": []}}, ""),
    ],
)
async def test_queries_find_what_elasticsearch_would(tmp_path: Path, query: dict[str, Any], ids: str) -> None:
    async with serving(tmp_path) as made:
        found = (await made.user().search("orders", query=query)).hits
    assert "".join(sorted(str(hit.id) for hit in found.hits)) == ids
    assert found.total is not None
    assert found.total.value == len(ids)


async def test_pages_of_several_indices_in_order_under_a_roles_query(tmp_path: Path) -> None:
    sort = [{"size": {"order": "desc"}}]
    async with serving(tmp_path) as made:
        found = await made.user().search("orders", "stock", sort=sort, size=3, **{"from": 2})
        few = await made.user("orders", query={"term": {"team": "a"}}).search("orders", sort=sort)
        none = await made.user("orders", query={"term": {"team": "a"}}).get("orders", "3")
        for query in ({"wildcard": {"team": {"wildcard": "*"}}}, {"term": {"text": {"value": "red"}}}):
            with pytest.raises(ElasticsearchException, match="is not supported by the SQLite backend"):
                await made.user().search("orders", query=query)
    assert [str(hit.id) for hit in found.hits.hits] == ["1", "4", "3"]
    assert [hit.sort.formatted for hit in found.hits.hits] == [[5], [1], [None]]
    assert [str(hit.id) for hit in few.hits.hits] == ["2", "1"]
    assert not none.exists
