"""Names of actions of ES|QL. A query's exchanges with another cluster are Elasticsearch's own business, whoever asks the query."""

from __future__ import annotations

OPEN_EXCHANGE = "cluster:internal:data/read/esql/open_exchange"
OPEN_EXCHANGE_INTERNAL = "internal:data/read/esql/open_exchange"
"""The name in certificate mode, and within a cluster."""

EXCHANGE = "cluster:internal:data/read/esql/exchange"
EXCHANGE_INTERNAL = "internal:data/read/esql/exchange"
