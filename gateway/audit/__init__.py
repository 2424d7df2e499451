"""The audit: an event for each request that was allowed, denied or refused, each failed authentication and each refused connection.

    audit = Audit.build(settings)
    audit.connection_denied(peer, "the IP filter denies it", rule="deny _all")
    audit.request(request, peer, progress, error, nanoseconds)

Events have the names that Elasticsearch's audit log has, and fields of the Elastic Common Schema: see docs/audit.md. They hold no
secret, no document and nothing of a request's body but the names of indices.
"""

from gateway.audit.events import Audit, Progress, Stage

__all__ = ["Audit", "Progress", "Stage"]
