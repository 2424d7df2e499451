"""Transport versions and the features that depend on them.

A transport version is an integer such as 8841096. The last three digits are a patch block: a change that was backported to an
older release line has one id on the main line and one more id per line that got it. So "does the other side know feature X" is
not a plain comparison: it holds from the feature's id upwards, and within the patch block of each backport
(``TransportVersion.supports`` and ``isPatchFrom`` in Elasticsearch).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

_PATCH_BLOCK = 1000


@dataclass(frozen=True, slots=True)
class Feature:
    """A named change of the wire format: the id that introduced it and the ids of its backports."""

    name: str
    since: int
    backports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class TransportVersion:
    """What one side of a connection speaks. Ordered by ``id``."""

    id: int
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def supports(self, feature: Feature) -> bool:
        """Whether this version has the feature, on the main line or by a backport."""
        known = self._known.get(feature.name)
        if known is None:
            known = self.id >= feature.since or any(
                self.id >= patch and self.id // _PATCH_BLOCK == patch // _PATCH_BLOCK for patch in feature.backports
            )
            self._known[feature.name] = known
        return known

    def __str__(self) -> str:
        return str(self.id)


@lru_cache(maxsize=64)
def transport_version(number: int) -> TransportVersion:
    """The same object for the same number, so that what it knows of features is found once."""
    return TransportVersion(number)


V_8_19 = TransportVersion(8841096)
"""What an 8.19.21 node speaks; every 8.19 and 9.x node can speak it."""

V_8_18 = TransportVersion(8840000)
"""8.18.0, the version before: the oldest that the bodies' declarations here are written for."""

MINIMUM_COMPATIBLE = TransportVersion(8841000)
"""The lowest transport version that a 9.5.3 node accepts; the decoding backends have one dialect from here on."""

HANDSHAKE_7 = TransportVersion(7170099)
"""The header version of the TCP handshake that 8.x nodes send."""

HANDSHAKE_8 = TransportVersion(8800000)
"""The header version of the TCP handshake that 9.x nodes send; its payload carries the release string too."""

SOURCE_EXCLUDES_VECTORS = Feature("search_source_exclude_vectors_param", 9092000, (8841046,))
"""``_source.exclude_vectors`` in a search request."""

WILDCARD_FORCES_STRINGS = Feature("esql_fixed_index_like", 9119000, (9112002, 8841064))
"""A wildcard query says whether it compares the field's string form."""
