"""Aggregations: what a search asks for (builders, in the REST form) and what comes of it (results)."""

from protocol.messages.aggregations import results

__all__ = ["results"]
