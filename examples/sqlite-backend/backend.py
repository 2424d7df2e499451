"""A backend for the gateway that serves a SQLite database: each table is an index, each row a document, its rowid the _id.

    python backend.py DATABASE SOCKET

Columns declared VARCHAR are keywords, TEXT text (of lower-case words), INTEGER long, REAL double, BOOLEAN boolean; others are left out.
Hits are not scored: each has 1.0. Written from docs/socket-backend.md, with the standard library and msgpack.
"""

import re
import sqlite3
import struct
import sys
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

import msgpack

TYPES = {"VARCHAR": "keyword", "TEXT": "text", "INTEGER": "long", "REAL": "double", "BOOLEAN": "boolean"}
CONVERT = {"long": float, "double": float, "boolean": lambda value: {"true": 1, "false": 0}[str(value).lower()]}
TAKES = {"text": {"exists", "match"}, "keyword": {"exists", "term", "terms", "range", "prefix"}}
BOUNDS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
IGNORED = {"boost", "_name", "adjust_pure_negative", "auto_generate_synonyms_phrase_query", "fuzzy_transpositions", "lenient"}


def check(given, known, where):
    if unknown := set(given) - set(known) - IGNORED:
        raise ValueError(f"{sorted(unknown)} of {where} is not supported by the SQLite backend")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def has(text, wanted, every):
    found, words = (set(re.findall(r"\w+", str(each).lower())) for each in (text, wanted))
    return words <= found if every and words else not words.isdisjoint(found)


class Database:
    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.create_function("has", 3, has)

    def columns(self, table):
        found = self.db.execute("SELECT name, type FROM pragma_table_info(?)", [table])
        return {name: TYPES[kind] for name, kind in found if kind in TYPES}

    def describe(self, _):
        tables = [name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        fields = {table: {name: {"type": kind} for name, kind in self.columns(table).items()} for table in tables}
        return {"indices": {table: {"mappings": {"properties": found}} for table, found in fields.items()}}

    def search(self, request):
        body, total, rows, hits = request["body"], 0, [], []
        check(body, {"query", "sort", "from", "size", "_source", "track_total_hits"}, "a search")
        sorts = [(name, options) for each in body.get("sort", []) for name, options in each.items()]
        start, end = body.get("from", 0), body.get("from", 0) + body.get("size", 10)
        for target in request["targets"]:
            columns, table = self.columns(target["index"]), quoted(target["index"])
            for name, options in sorts:
                check(options, {"order", "unmapped_type"}, f"the sort by [{name}]")
                check([name], [each for each, kind in columns.items() if kind != "text"], "what can be sorted by")
            where, values = self.where(columns, body.get("query"), target.get("filter"))
            total += self.db.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]
            orders = [f"{quoted(name)} IS NULL, {quoted(name)} {options.get('order', 'asc')}" for name, options in sorts]
            query = f"SELECT {', '.join(['rowid', *(quoted(name) for name, _ in sorts)])} FROM {table} WHERE {where}"
            limited = f"{query} ORDER BY {', '.join([*orders, 'rowid'])} LIMIT ?"
            rows += [(target["index"], *row) for row in self.db.execute(limited, [*values, end])]
        for at, (_, options) in reversed(list(enumerate(sorts, 2))):  # those of all tables; missing values come last
            present = [row for row in rows if row[at] is not None]
            present.sort(key=lambda row: row[at], reverse=options.get("order") == "desc")
            rows = present + [row for row in rows if row[at] is None]
        score = None if sorts else 1.0
        for table, rowid, *keys in rows[start:end]:
            hit = {"_index": table, "_id": str(rowid), "_score": score, "_source": self.source(table, rowid)}
            hits.append({**hit, "sort": keys} if sorts else hit)
        return {"hits": {"total": {"value": total, "relation": "eq"}, "max_score": score if hits else None, "hits": hits}}

    def get(self, request):
        table, ids = request["target"]["index"], {"ids": {"values": [request["id"]]}}
        where, values = self.where(self.columns(table), ids, request["target"].get("filter"))
        row = self.db.execute(f"SELECT rowid FROM {quoted(table)} WHERE {where}", values).fetchone()
        return {"found": True, "_source": self.source(table, row[0])} if row else {"found": False}

    def source(self, table, rowid):
        columns = self.columns(table)
        query = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)} WHERE rowid = ?"
        found = zip(columns.items(), self.db.execute(query, [rowid]).fetchone())
        return {name: bool(value) if kind == "boolean" else value for (name, kind), value in found if value is not None}

    def where(self, columns, *queries):
        return self.condition({"bool": {"filter": [query for query in queries if query]}}, columns)

    def condition(self, query, columns):
        """SQL and its values; it is 0 or 1 for every row, never NULL."""
        ((kind, body),) = query.items()
        if kind in ("match_all", "match_none"):
            return str(int(kind == "match_all")), []
        if kind == "ids":
            return self.any_of("CAST(rowid AS TEXT)", body["values"], str)
        if kind == "bool":
            return self.boolean(body, columns)
        check([kind], set().union(*TAKES.values()), "the kinds of query")
        field = body["field"] if kind == "exists" else next(name for name in body if name not in IGNORED)
        if field not in columns:
            return "0", []
        check([kind], TAKES.get(columns[field], {"exists", "term", "terms", "range"}), f"the queries of [{field}]")
        column, options, convert = quoted(field), body.get(field), CONVERT.get(columns[field], str)
        if kind == "exists":
            return f"{column} IS NOT NULL", []
        if kind == "terms":
            return self.any_of(column, options, convert)
        check(options, {"match": {"query", "operator"}, "range": BOUNDS}.get(kind, {"value"}), f"query [{kind}]")
        if kind == "match":
            return f"COALESCE(has({column}, ?, ?), 0)", [str(options["query"]), options.get("operator", "or").lower() == "and"]
        if kind == "term":
            return self.any_of(column, [options["value"]], convert)
        if kind == "prefix":
            return f"COALESCE(substr({column}, 1, ?) = ?, 0)", [len(options["value"]), options["value"]]
        bounds = {BOUNDS[name]: convert(value) for name, value in options.items() if name in BOUNDS}
        return " AND ".join([f"{column} IS NOT NULL", *(f"COALESCE({column} {sign} ?, 0)" for sign in bounds)]), [
            *bounds.values()
        ]

    def any_of(self, column, values, convert):
        return f"COALESCE({column} IN ({', '.join('?' * len(values))}), 0)", [convert(value) for value in values]

    def boolean(self, body, columns):
        check(body, {"must", "filter", "should", "must_not"}, "query [bool]")
        every = [self.condition(each, columns) for name in ("must", "filter") for each in body.get(name, [])]
        never = [self.condition(each, columns) for each in body.get("must_not", [])]
        some = [] if every else [self.condition(each, columns) for each in body.get("should", [])]
        sql = ["1", *(each for each, _ in every), *(f"NOT ({each})" for each, _ in never)]
        sql += [" OR ".join(f"({each})" for each, _ in some)] if some else []
        return " AND ".join(f"({each})" for each in sql), [value for _, given in (*every, *never, *some) for value in given]


class Connection(StreamRequestHandler):
    def handle(self):
        database, replies = (
            Database(sys.argv[1]),
            {"hello": {"kind": "welcome", "version": 1, "limits": {}}, "ping": {"kind": "pong"}},
        )
        while prefix := self.rfile.read(8):
            length, size = struct.unpack(">II", prefix)
            header, body = msgpack.unpackb(self.rfile.read(size)), self.rfile.read(length - 4 - size)
            if header["kind"] in replies:
                self.send(replies[header["kind"]])
            elif header["kind"] == "request":
                self.answer(database, header, msgpack.unpackb(body) if body else None)

    def answer(self, database, header, request):
        try:
            check([header["method"]], ["describe", "search", "get"], "the methods")
            self.send({"kind": "response", "id": header["id"]}, getattr(database, header["method"])(request))
        except (sqlite3.Error, ValueError, LookupError) as error:
            told = {"type": "illegal_argument_exception", "reason": str(error)}
            body = {"error": {**told, "root_cause": [told]}, "status": 400}
            self.send({"kind": "error", "id": header["id"], "status": 400}, body)

    def send(self, header, *body):
        packed, rest = msgpack.packb(header), b"".join(map(msgpack.packb, body))
        self.wfile.write(struct.pack(">II", 4 + len(packed) + len(rest), len(packed)) + packed + rest)


if __name__ == "__main__":
    Path(sys.argv[2]).unlink(missing_ok=True)
    ThreadingUnixStreamServer(sys.argv[2], Connection).serve_forever()
