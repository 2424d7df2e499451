"""A backend for the gateway that serves a SQLite database: each table is an index, each row a document, its rowid the _id.

    python backend.py DATABASE SOCKET

Columns declared VARCHAR are keywords, TEXT text (of lower-case words), INTEGER long, REAL double, BOOLEAN boolean; others are left out.
Hits are not scored: each has 1.0. Written from docs/socket-backend.md, with the standard library and msgpack.
"""

import os
import re
import socketserver
import sqlite3
import struct
import sys

import msgpack

TYPES = {"VARCHAR": "keyword", "TEXT": "text", "INTEGER": "long", "REAL": "double", "BOOLEAN": "boolean"}
CONVERT = {"long": float, "double": float, "boolean": lambda value: {"true": 1, "false": 0}[str(value).lower()]}
BOUNDS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
IGNORED = {"boost", "_name", "adjust_pure_negative", "auto_generate_synonyms_phrase_query", "fuzzy_transpositions", "lenient"}


class Refused(Exception):
    """The text names what cannot be done."""


def check(given, known, where):
    if unknown := set(given) - set(known) - IGNORED:
        raise Refused(f"{sorted(unknown)} of {where} is not supported by the SQLite backend")


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
        body, total, rows = request["body"], 0, []
        check(body, {"query", "sort", "from", "size", "_source", "track_total_hits"}, "a search")
        sorts = [(name, options) for each in body.get("sort", []) for name, options in each.items()]
        start, end = body.get("from", 0), body.get("from", 0) + body.get("size", 10)
        for target in request["targets"]:
            columns = self.columns(target["index"])
            for name, options in sorts:
                check(options, {"order", "unmapped_type"}, f"the sort by [{name}]")
                check([name], [each for each, kind in columns.items() if kind != "text"], "what can be sorted by")
            where, values = self.where(columns, body.get("query"), target.get("filter"))
            table, keys = quoted(target["index"]), [quoted(name) for name, _ in sorts]
            total += self.db.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]
            orders = [f"{key} IS NULL, {key} {options.get('order', 'asc')}" for key, (_, options) in zip(keys, sorts)]
            query = f"SELECT {', '.join(['rowid', *keys])} FROM {table} WHERE {where} ORDER BY {', '.join([*orders, 'rowid'])} LIMIT ?"
            rows += [(target["index"], *row) for row in self.db.execute(query, [*values, end])]
        for at, (_, options) in reversed(list(enumerate(sorts, 2))):  # those of all tables; missing values come last
            present = sorted((row for row in rows if row[at] is not None), key=lambda row: row[at], reverse=options.get("order") == "desc")
            rows = present + [row for row in rows if row[at] is None]
        score, hits = None if sorts else 1.0, []
        for table, rowid, *keys in rows[start:end]:
            hit = {"_index": table, "_id": str(rowid), "_score": score, "_source": self.source(table, rowid)}
            hits.append({**hit, "sort": keys} if sorts else hit)
        return {"hits": {"total": {"value": total, "relation": "eq"}, "max_score": score if hits else None, "hits": hits}}

    def get(self, request):
        table = request["target"]["index"]
        where, values = self.where(self.columns(table), {"ids": {"values": [request["id"]]}}, request["target"].get("filter"))
        row = self.db.execute(f"SELECT rowid FROM {quoted(table)} WHERE {where}", values).fetchone()
        return {"found": True, "_source": self.source(table, row[0])} if row else {"found": False}

    def source(self, table, rowid):
        columns = self.columns(table)
        row = self.db.execute(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)} WHERE rowid = ?", [rowid]).fetchone()
        found = {name: value for name, value in zip(columns, row) if value is not None}
        return {name: bool(value) if columns[name] == "boolean" else value for name, value in found.items()}

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
        field = body["field"] if kind == "exists" else next(name for name in body if name not in IGNORED)
        check([kind], ["exists", "term", "terms", "prefix", "range", "match"], "the kinds of query")
        if field not in columns:
            return "0", []
        column, options, convert = quoted(field), body.get(field), CONVERT.get(columns[field], str)
        if kind == "exists":
            return f"{column} IS NOT NULL", []
        if kind == "match" and columns[field] == "text":
            check(options, {"query", "operator"}, "query [match]")
            return f"COALESCE(has({column}, ?, ?), 0)", [str(options["query"]), options.get("operator", "or").lower() == "and"]
        check([kind], {"text": [], "keyword": ["term", "terms", "prefix", "range"]}.get(columns[field], ["term", "terms", "range"]), field)
        if kind == "terms":
            return self.any_of(column, options, convert)
        check(options, {"value"} if kind != "range" else BOUNDS, f"query [{kind}]")
        if kind == "term":
            return self.any_of(column, [options["value"]], convert)
        if kind == "prefix":
            return f"COALESCE(substr({column}, 1, ?) = ?, 0)", [len(options["value"]), options["value"]]
        bounds = {BOUNDS[name]: convert(value) for name, value in options.items() if name in BOUNDS}
        return " AND ".join([f"{column} IS NOT NULL", *(f"COALESCE({column} {sign} ?, 0)" for sign in bounds)]), list(bounds.values())

    def any_of(self, column, values, convert):
        return f"COALESCE({column} IN ({', '.join('?' * len(values))}), 0)", [convert(value) for value in values]

    def boolean(self, body, columns):
        check(body, {"must", "filter", "should", "must_not"}, "query [bool]")
        parts = {name: [self.condition(each, columns) for each in queries] for name, queries in body.items() if name not in IGNORED}
        sql = [f"({each})" for name in ("must", "filter") for each, _ in parts.get(name, [])]
        sql += [f"NOT ({each})" for each, _ in parts.get("must_not", [])]
        values = [value for name in ("must", "filter", "must_not") for _, given in parts.get(name, []) for value in given]
        if parts.get("should") and not (parts.get("must") or parts.get("filter")):
            sql.append("(" + " OR ".join(f"({each})" for each, _ in parts["should"]) + ")")
            values += [value for _, given in parts["should"] for value in given]
        return " AND ".join(sql) or "1", values


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        database = Database(sys.argv[1])
        while prefix := self.rfile.read(8):
            length, size = struct.unpack(">II", prefix)
            header, body = msgpack.unpackb(self.rfile.read(size)), self.rfile.read(length - 4 - size)
            match header["kind"]:
                case "hello":
                    self.send({"kind": "welcome", "version": 1, "limits": {}})
                case "ping":
                    self.send({"kind": "pong"})
                case "request":
                    self.answer(header["id"], database, header["method"], msgpack.unpackb(body) if body else None)

    def answer(self, number, database, method, request):
        try:
            check([method], ["describe", "search", "get"], "the methods")
            self.send({"kind": "response", "id": number}, getattr(database, method)(request))
        except (Refused, sqlite3.Error, ValueError, LookupError) as error:
            told = {"type": "illegal_argument_exception", "reason": str(error)}
            self.send({"kind": "error", "id": number, "status": 400}, {"error": {**told, "root_cause": [told]}, "status": 400})

    def send(self, header, *body):
        packed, rest = msgpack.packb(header), b"".join(map(msgpack.packb, body))
        self.wfile.write(struct.pack(">II", 4 + len(packed) + len(rest), len(packed)) + packed + rest)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    if os.path.exists(sys.argv[2]):
        os.unlink(sys.argv[2])
    Server(sys.argv[2], Connection).serve_forever()
