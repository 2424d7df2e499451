"""Aggregations: what a search asks for (builders, in the REST form) and what comes of it (results)."""

from protocol.messages.aggregations import builders, results
from protocol.messages.aggregations.builders import AGGREGATIONS
from protocol.messages.aggregations.results import AGGREGATION_RESULTS

__all__ = ["AGGREGATIONS", "AGGREGATION_RESULTS", "builders", "results"]
