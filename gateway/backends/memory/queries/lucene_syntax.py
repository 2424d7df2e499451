"""The syntax of ``query_string``, Lucene's classic query parser: text to tokens, and the rules by which clauses combine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from protocol.errors import ElasticsearchException

_TERM_CHARS: Final = r"(?:\\.|[^\s\u3000+\-!():^\[\]\"{}~*?\\/])"
_LEXER: Final = re.compile(
    rf"""
    (?P<blank>[ \t\n\r\u3000]+)
  | (?P<bare>[+\-!][ \t\n\r\u3000])
  | (?P<not>!) | (?P<plus>\+) | (?P<minus>-) | (?P<open>\() | (?P<close>\)) | (?P<colon>:)
  | (?P<boost>\^[0-9]+(?:\.[0-9]+)?)
  | (?P<quoted>"(?:\\.|[^"\\])*")
  | (?P<regexp>/(?:\\/|[^/])*/)
  | (?P<range>[\[{{]\s*(?P<low>"(?:\\.|[^"\\])*"|[^\s\]}}]+)\s+TO\s+(?P<high>"(?:\\.|[^"\\])*"|[^\s\]}}]+)\s*[\]}}])
  | (?P<fuzzy>~(?:{_TERM_CHARS}|[+\-])*)
  | (?P<term>(?:{_TERM_CHARS}|[*?])(?:{_TERM_CHARS}|[*?+\-])*)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_OPERATORS: Final = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR", "NOT": "NOT"}
_WILD: Final = re.compile(r"(?:\\.|[^\\*?])*[*?]", re.DOTALL)


class Kind(Enum):
    """The kinds of tokens. BARE is a sign before a blank, which stands for itself."""

    AND = auto()
    OR = auto()
    NOT = auto()
    BARE = auto()
    PLUS = auto()
    MINUS = auto()
    OPEN = auto()
    CLOSE = auto()
    COLON = auto()
    BOOST = auto()
    QUOTED = auto()
    REGEXP = auto()
    RANGE = auto()
    FUZZY = auto()
    STAR = auto()
    PREFIX = auto()
    WILD = auto()
    TERM = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text as written, where it begins, and the two ends of a range."""

    kind: Kind
    text: str
    at: int
    low: str = ""
    high: str = ""


def unescape(text: str) -> str:
    """The text without its backslashes; ``\\u0041`` is a character by its number."""
    return _UNESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], text)


def tokenize(text: str) -> list[Token]:
    """The tokens of a query string, closed by END. Raises ElasticsearchException (parse_exception)."""
    tokens = []
    at = 0
    while at < len(text):
        match = _LEXER.match(text, at)
        if match is None or match.end() == at:
            raise failure(text, at)
        name = match.lastgroup or ""
        at = match.end()
        if name == "blank":
            continue
        if match["range"] is not None:
            tokens.append(Token(Kind.RANGE, match["range"], match.start(), _bound(match["low"]), _bound(match["high"])))
        elif name == "term":
            tokens.append(Token(_term_kind(match[0]), match[0], match.start()))
        else:
            tokens.append(Token(Kind[name.upper()], match[0], match.start()))
    tokens.append(Token(Kind.END, "<EOF>", len(text)))
    return tokens


def _term_kind(text: str) -> Kind:
    if text in _OPERATORS:
        return Kind[_OPERATORS[text]]
    if text == "*":
        return Kind.STAR
    if not _WILD.match(text):
        return Kind.TERM
    return Kind.PREFIX if text.endswith("*") and not _WILD.match(text[:-1]) else Kind.WILD


def _bound(text: str) -> str:
    return unescape(text[1:-1] if text.startswith('"') else text)


def failure(text: str, at: int, token: str | None = None) -> ElasticsearchException:
    """A query string that cannot be parsed: the exception that becomes the cause of ``Failed to parse query``."""
    shown = text[at : at + 1] if token is None else token
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1)
    return ElasticsearchException(
        "parse_exception", f"Cannot parse '{text}': Encountered \"{shown}\" at line {line}, column {column}.", status=400
    )
