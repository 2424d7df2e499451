"""A backend for the gateway that serves a SQLite database, run as `python backend.py DATABASE SOCKET`.

Each table is an index, each row a document, its rowid the _id. Columns declared VARCHAR are keywords, TEXT text (of lower-case words),
INTEGER long, REAL double, BOOLEAN boolean; others are left out. Hits are not scored. Written from docs/socket-backend.md.
"""

import re
import sqlite3
import struct
import sys
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

import msgpack

TYPES = {"VARCHAR": "keyword", "TEXT": "text", "INTEGER": "long", "REAL": "double", "BOOLEAN": "boolean"}
TAKES = {"text": {"exists", "match"}, "keyword": {"exists", "term", "terms", "range", "prefix"}}
CONVERT = {"keyword": str, "double": float, "boolean": lambda value: {"true": 1, "false": 0}[str(value).lower()]}
CONVERT["long"] = lambda value: int(value) if re.fullmatch(r"-?[0-9]+", str(value)) else float(value)
OCCURS = ("must", "filter", "must_not", "should")
SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "value": "="}
OPTIONS = {"match": {"query", "operator"}, "range": {"gte", "gt", "lte", "lt"}, "exists": ()}
IGNORED = {"boost", "_name", "adjust_pure_negative", "auto_generate_synonyms_phrase_query", "fuzzy_transpositions", "lenient"}
REPLIES = {"hello": {"kind": "welcome", "version": 1, "limits": {}}, "ping": {"kind": "pong"}}


def check(given, known, where):
    if unknown := set(given) - set(known) - IGNORED:
        raise ValueError(f"{sorted(unknown)} of {where} is not supported by the SQLite backend")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def has(text, wanted, every):
    found, words = (set(re.findall(r"\w+", str(each).lower())) for each in (text, wanted))
    return words <= found if every and words else not words.isdisjoint(found)


def joined(word, parts):
    return word.join(f"({sql})" for sql, _ in parts), [value for _, values in parts for value in values]


def condition(query, columns):
    """SQL and its values; it is 0 or 1 for every row, never NULL."""
    ((kind, body),) = query.items()
    if kind in ("match_all", "match_none"):
        return str(int(kind == "match_all")), []
    if kind == "ids":
        return joined(" OR ", [("0", []), *(("CAST(rowid AS TEXT) = ?", [value]) for value in body["values"])])
    if kind == "bool":
        check(body, {*OCCURS, "minimum_should_match"}, "query [bool]")
        check([body.get("minimum_should_match", "1")], {"1"}, "[minimum_should_match]")
        must, filters, never, some = ([condition(each, columns) for each in body.get(name, [])] for name in OCCURS)
        parts = [("1", []), *must, *filters, *((f"NOT ({sql})", values) for sql, values in never)]
        if "minimum_should_match" in body or (some and not must and not filters):
            parts.append(joined(" OR ", [("0", []), *some]))
        return joined(" AND ", parts)
    check([kind], {"match"} | TAKES["keyword"], "the kinds of query")
    field = body["field"] if kind == "exists" else next(name for name in body if name not in IGNORED)
    if field not in columns:
        return "0", []
    check([kind], TAKES.get(columns[field], TAKES["keyword"] - {"prefix"}), f"the queries of [{field}]")
    column, options, convert = quoted(field), body.get(field, {}), CONVERT.get(columns[field])
    if kind == "terms":
        return f"COALESCE({column} IN ({', '.join('?' * len(options))}), 0)", [convert(value) for value in options]
    check(options, OPTIONS.get(kind, {"value"}), f"query [{kind}]")
    if kind == "match":
        return f"COALESCE(has({column}, ?, ?), 0)", [str(options["query"]), options.get("operator", "or").lower() == "and"]
    if kind == "prefix":
        return f"COALESCE(substr({column}, 1, ?) = ?, 0)", [len(options["value"]), options["value"]]
    bounds = [(f"{column} {sign} ?", [convert(options[name])]) for name, sign in SIGNS.items() if name in options]
    return joined(" AND ", [(f"{column} IS NOT NULL", []), *bounds])


class Backend(StreamRequestHandler):
    def handle(self):
        self.db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        self.db.create_function("has", 3, has)
        while prefix := self.rfile.read(8):
            length, size = struct.unpack(">II", prefix)
            header, body = msgpack.unpackb(self.rfile.read(size)), self.rfile.read(length - 4 - size)
            if header["kind"] in REPLIES:
                self.send(REPLIES[header["kind"]])
            elif header["kind"] == "request":
                self.answer(header, msgpack.unpackb(body) if body else None)

    def answer(self, header, request):
        try:
            self.db.execute("BEGIN")  # one state of the database for each request
            check([header["method"]], {"describe", "search", "get"}, "the methods")
            self.send({"kind": "response", "id": header["id"]}, getattr(self, header["method"])(request))
        except (sqlite3.Error, ValueError, LookupError, ArithmeticError) as error:
            told = {"type": "illegal_argument_exception", "reason": str(error), "root_cause": []}
            self.send({"kind": "error", "id": header["id"], "status": 400}, {"error": told, "status": 400})
        finally:
            self.db.rollback()

    def send(self, header, *body):
        packed, rest = msgpack.packb(header), b"".join(map(msgpack.packb, body))
        self.wfile.write(struct.pack(">II", 4 + len(packed) + len(rest), len(packed)) + packed + rest)

    def columns(self, table):
        found = self.db.execute("SELECT name, type FROM pragma_table_info(?)", [table])
        return {name: TYPES[kind] for name, kind in found if kind in TYPES}

    def describe(self, _):
        tables = self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'")
        fields = {table: {name: {"type": kind} for name, kind in self.columns(table).items()} for (table,) in tables}
        return {"indices": {table: {"mappings": {"properties": found}} for table, found in fields.items()}}

    def search(self, request):
        body, selects, values, hits = request["body"], [], [], []
        check(body, {"query", "sort", "from", "size", "_source", "track_total_hits"}, "a search")
        sorts = [each for sort in body.get("sort", []) for each in sort.items()]
        check([name for _, options in sorts for name in options], {"order", "unmapped_type"}, "a sort")
        keys = "".join(f", {quoted(name)} AS key{at}" for at, (name, _) in enumerate(sorts))
        for at, target in enumerate(request["targets"]):
            columns = self.columns(target["index"])
            check(dict(sorts), {name for name, kind in columns.items() if kind != "text"}, "what can be sorted by")
            queries = [query for query in (body.get("query"), target.get("filter")) if query]
            where, given = condition({"bool": {"filter": queries}}, columns)
            selects.append(f"SELECT {at} AS at, rowid AS id{keys} FROM {quoted(target['index'])} WHERE {where}")
            values += given
        found = f"FROM ({' UNION ALL '.join(selects)})"
        orders = [f"key{at} {'DESC' * (options.get('order') == 'desc')} NULLS LAST, " for at, (_, options) in enumerate(sorts)]
        page = f"SELECT * {found} ORDER BY {''.join(orders)} at, id LIMIT ? OFFSET ?"
        for at, rowid, *keys in self.db.execute(page, [*values, body.get("size", 10), body.get("from", 0)]):
            hit = {"_index": request["targets"][at]["index"], "_id": str(rowid), "_score": None if sorts else 1.0}
            hits.append({**hit, "_source": self.source(hit["_index"], rowid), **({"sort": keys} if sorts else {})})
        total = {"value": self.db.execute(f"SELECT count(*) {found}", values).fetchone()[0], "relation": "eq"}
        return {"hits": {"total": total, "max_score": hits[0]["_score"] if hits else None, "hits": hits}}

    def get(self, request):
        body = {"query": {"ids": {"values": [request["id"]]}}}
        hits = self.search({"targets": [request["target"]], "body": body})["hits"]["hits"]
        return {"found": bool(hits), **({"_source": hits[0]["_source"]} if hits else {})}

    def source(self, table, rowid):
        columns = self.columns(table)
        query = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)} WHERE rowid = ?"
        found = zip(columns.items(), self.db.execute(query, [rowid]).fetchone())
        return {name: bool(value) if kind == "boolean" else value for (name, kind), value in found if value is not None}


if __name__ == "__main__":
    Path(sys.argv[2]).unlink(missing_ok=True)
    ThreadingUnixStreamServer(sys.argv[2], Backend).serve_forever()
