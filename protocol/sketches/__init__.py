"""The sketches that metrics keep, as Elasticsearch computes with them: HyperLogLog++ (cardinality) and t-digest (percentiles).

Their states travel (:mod:`protocol.messages.aggregations.results.sketches`); here they are made, merged and read.
"""
