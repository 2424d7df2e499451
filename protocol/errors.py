"""What the protocol raises, and the exceptions of Elasticsearch that travel over it."""

from __future__ import annotations

from dataclasses import dataclass, field


class WireError(Exception):
    """Bytes that are not what the protocol says they should be. The only exception that reading untrusted bytes may raise."""


class UnsupportedError(WireError):
    """Well-formed bytes that ask for something which is not done here; the connection is sound and the request can be refused.

    ``feature`` is the name of the thing, as in ``query [geo_distance]`` or ``[rescore]``.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(f"{feature} is not supported")
        self.feature = feature


@dataclass(eq=True)
class ElasticsearchException(Exception):  # noqa: N818 - Elasticsearch's own name
    """An exception as Elasticsearch shows it over REST and sends it between nodes.

    ``type`` is the REST name, such as ``security_exception`` or ``index_not_found_exception``; ``reason`` the message.
    ``metadata`` is what REST shows beside them, by its wire key (``es.index``, ``es.index_uuid``, ``es.resource.id``, …),
    ``headers`` are response headers (``WWW-Authenticate``). ``details`` holds what the wire form of a few types adds, by the
    names in the declaration of that type. The HTTP status follows from the type, except where ``status`` says otherwise.
    """

    type: str
    reason: str | None
    cause: ElasticsearchException | None = None
    status: int | None = None
    metadata: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, list[str]] = field(default_factory=dict)
    suppressed: list[ElasticsearchException] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(f"{self.type}: {self.reason}")

    __hash__ = Exception.__hash__
