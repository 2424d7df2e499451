"""The query DSL: one declaration per query, see :mod:`protocol.messages.rest`. Any other query raises UnsupportedError with its name."""

from protocol.messages.queries import compound, terms, text
from protocol.messages.rest import QUERY, AnyQuery, Query

__all__ = ["QUERY", "AnyQuery", "Query", "compound", "terms", "text"]
