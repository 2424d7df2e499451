"""Errors that the upstream answers with: what the audit is told of them, and a denial in the words for the gateway's own client.

The upstream says for whom it denies something as it knows it: by the gateway's key or certificate, and by the one role that the gateway has
sent. The client's cluster and user would learn of a key that is not theirs, and not of what they are denied by. And where it refuses
that key they would take theirs for the one that is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self

import structlog

from gateway.authorization.denials import told_elsewhere
from gateway.authorization.roles import Role
from gateway.limits import STREAMED_BYTES
from protocol.compression import decompress_untrusted
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Status
from protocol.versions import TransportVersion
from protocol.wire import Reader

log = structlog.get_logger("gateway.backends.relay")

MAX_ERROR: Final = STREAMED_BYTES
"""Bytes up to which an error is read, compressed or not: it is held whole meanwhile. A longer one goes to the client as it is."""
UNREAD: Final = ElasticsearchException("exception", "an error of the upstream that is not understood here")
"""For the audit."""

OWN_CREDENTIALS_REFUSED: Final = "the upstream cluster refuses the gateway's own credentials"

_DENIAL = re.compile(r"action \[([^\]]*)\] (?:towards remote cluster )?is unauthorized for ")
_REST: Final = (" on indices [", " on restricted indices [", ", this action is granted by the ")
"""How the part of a denial begins that does not say for whom."""


@dataclass(slots=True)
class Held:
    """A payload that is here already, in one part."""

    payload: bytes

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self.payload:
            raise StopAsyncIteration
        part, self.payload = self.payload, b""
        return part


def understood(payload: bytes, status: Status, version: TransportVersion) -> ElasticsearchException:
    """The exception within the payload of an error, without what wraps it; UNREAD where it cannot be read."""
    try:
        plain = decompress_untrusted(payload, MAX_ERROR)[1] if status & Status.COMPRESSED else payload
        return unwrap(read_exception(Reader(plain, version)))
    except WireError as error:
        log.info("upstream error not understood", problem=str(error))
        return UNREAD


def denial(error: ElasticsearchException, role: Role) -> ElasticsearchException | None:
    """The denial that the upstream's error is, told to the client for whom the role was built; ``None`` where it is none."""
    reason = error.reason or ""
    if error.type == "security_exception" and error.status == 401:
        # The client has shown who it is, to the gateway. What the upstream does not take is the gateway's own key or certificate.
        log.warning("the upstream refuses the gateway's own credentials", reason=reason)
        return ElasticsearchException("security_exception", OWN_CREDENTIALS_REFUSED, status=401)
    found = _DENIAL.match(reason)
    if error.type != "security_exception" or error.status != 403 or found is None:
        return None
    place = next((place for part in _REST if (place := reason.rfind(part)) >= 0), len(reason))
    log.info("denied by the upstream", reason=reason)
    return replace(error, reason=told_elsewhere(role, found[1], reason[place:]), suppressed=[])
