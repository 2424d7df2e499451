"""Requests for aggregations, one declaration each (see :mod:`protocol.messages.rest`): importing this package declares them all."""

from protocol.messages.aggregations.builders import composite, filters, histograms, metrics, pipeline, ranges, terms, top_hits
from protocol.messages.aggregations.builders.base import AGGREGATIONS

__all__ = ["AGGREGATIONS", "composite", "filters", "histograms", "metrics", "pipeline", "ranges", "terms", "top_hits"]
