"""Restricted indices: Elasticsearch's own, which a privilege covers only with ``allow_restricted_indices``.

Names from the descriptors of system indices and system data streams in 8.19's modules: the pattern and the alias of each. A gateway's
backend may mark more indices as system indices; these names are restricted whether or not such an index exists.
"""

from __future__ import annotations

from functools import lru_cache

from gateway.authorization.patterns import compile_pattern

_SERVER = (".tasks*", ".synonyms-*", ".synonyms")
_SECURITY = (
    r"/\.security-[0-9]+.*/",
    ".security",
    r"/\.security-tokens-[0-9]+.*/",
    ".security-tokens",
    r"/\.security-profile-[0-9]+.*/",
    ".security-profile",
    ".async-search*",
)
_KIBANA = (".kibana_*", ".kibana", ".reporting-*", ".apm-agent-configuration*", ".apm-custom-link*")
_FLEET = (
    r"/\.fleet-actions~(-results.*)/",
    ".fleet-actions-results",
    r"/\.(migrated-)?[fd]s-\.fleet-actions-results-.*/",
    ".fleet-agents*",
    ".fleet-artifacts*",
    ".fleet-enrollment-api-keys*",
    r"/\.fleet-policies-[0-9]+.*/",
    ".fleet-policies",
    ".fleet-policies-leader*",
    ".fleet-secrets*",
    ".fleet-servers*",
)
_OTHERS = (
    ".connector-secrets*",
    ".data-frame-internal-*",
    ".enrich-*",
    ".geoip_databases*",
    ".inference*",
    ".logstash*",
    ".ml-config*",
    ".ml-inference-*",
    ".ml-meta*",
    ".query-rules-*",
    ".query-rules",
    ".search-app-*",
    ".search-app",
    ".secrets-inference*",
    ".snapshot-blob-cache*",
    ".transform-internal-*",
    ".triggered_watches*",
    ".watches*",
)
_RESTRICTED = (*_SERVER, *_SECURITY, *_KIBANA, *_FLEET, *_OTHERS)


@lru_cache(16_384)
def is_restricted_name(name: str) -> bool:
    """Whether an index or alias of this name would be one of Elasticsearch's own."""
    return name.startswith(".") and any(compile_pattern(pattern)(name) for pattern in _RESTRICTED)
