"""Requests that may not run where document rules hold, though every index of theirs may be read.

Source: ``SearchRequestInterceptor`` of x-pack security 8.19. Its third concern, terms that only hidden documents have, needs no refusal:
a hidden document counts as deleted, and ``min_doc_count: 0`` shows no term of a deleted one.
"""

from __future__ import annotations

from gateway.authorization.actions import is_proxy_action
from gateway.authorization.grant import Grant
from protocol.errors import ElasticsearchException
from protocol.messages.common import Request
from protocol.messages.search_request import SearchRequest


def check_rules(action: str, message: Request, grant: Grant) -> None:
    """Call it for a request that was authorized. Raises a security_exception (400)."""
    if not isinstance(message, SearchRequest) or message.source is None or is_proxy_action(action):
        return
    if not any(access.queries for access in grant.access.values()):
        return
    if message.source.get("suggest") is not None:
        raise _refused("Suggest isn't supported if document level security is enabled")
    if message.source.get("profile"):
        raise _refused("A search request cannot be profiled if document level security is enabled")


def _refused(reason: str) -> ElasticsearchException:
    return ElasticsearchException("security_exception", reason, status=400)
