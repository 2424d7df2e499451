"""Restricted indices: Elasticsearch's own, which a privilege covers only with ``allow_restricted_indices``.

Names from the system index descriptors of 8.19's server, security, async search, fleet, machine learning, watcher and other modules. A
gateway's backend may mark more indices as system indices; these names are restricted whether or not such an index exists.
"""

from __future__ import annotations

from functools import lru_cache

from gateway.authorization.patterns import compile_pattern

_RESTRICTED = (
    ".async-search*",
    ".tasks*",
    ".synonyms-*",
    ".synonyms",
    "/\\.security-[0-9]+.*/",
    ".security",
    "/\\.security-tokens-[0-9]+.*/",
    ".security-tokens",
    "/\\.security-profile-[0-9]+.*/",
    ".security-profile",
    ".kibana*",
    "/\\.reporting-.*/",
    ".apm-agent-configuration*",
    ".apm-custom-link*",
    ".fleet-*",
    ".logstash*",
    ".ml-meta*",
    ".ml-config*",
    ".ml-inference-*",
    ".transform-internal-*",
    ".data-frame-internal-*",
    ".triggered_watches*",
    ".watches*",
    ".enrich-*",
    ".geoip_databases*",
    ".inference*",
    ".secrets-inference*",
    ".query-rules*",
    ".search-app*",
    ".connector-secrets*",
    ".snapshot-blob-cache*",
)


@lru_cache(16_384)
def is_restricted_name(name: str) -> bool:
    """Whether an index or alias of this name would be one of Elasticsearch's own."""
    return name.startswith(".") and any(compile_pattern(pattern)(name) for pattern in _RESTRICTED)
