"""What a backend tells of its cluster, as far as names are concerned: indices, aliases and data streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum


class AbstractionType(Enum):
    """What a name stands for (Elasticsearch's ``IndexAbstraction.Type``)."""

    CONCRETE_INDEX = "concrete_index"
    ALIAS = "alias"
    DATA_STREAM = "data_stream"


@dataclass(frozen=True, slots=True)
class IndexAbstraction:
    """A name in the cluster.

    ``indices``: the concrete indices behind an alias or a data stream; for a concrete index, itself (filled in when left empty).
    ``data_stream``: of a backing index, its data stream; ``failure_index`` says that it belongs to that stream's failure store.
    ``failure_indices``: of a data stream, its failure store. ``closed`` counts for concrete indices only. ``system``: a system index,
    which is restricted whatever its name.
    """

    name: str
    type: AbstractionType = AbstractionType.CONCRETE_INDEX
    indices: tuple[str, ...] = ()
    hidden: bool = False
    closed: bool = False
    system: bool = False
    data_stream: str | None = None
    failure_index: bool = False
    failure_indices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.type is AbstractionType.CONCRETE_INDEX and not self.indices:
            object.__setattr__(self, "indices", (self.name,))


class ClusterMetadata:
    """All names of a cluster, looked up by name. Immutable: a backend makes a new one when its cluster changes."""

    __slots__ = ("_lookup",)

    def __init__(self, abstractions: Iterable[IndexAbstraction] = ()) -> None:
        self._lookup = {abstraction.name: abstraction for abstraction in sorted(abstractions, key=lambda a: a.name)}

    def get(self, name: str) -> IndexAbstraction | None:
        return self._lookup.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._lookup

    def __iter__(self) -> Iterator[IndexAbstraction]:
        """In the order of names."""
        return iter(self._lookup.values())

    def __len__(self) -> int:
        return len(self._lookup)

    def parent(self, abstraction: IndexAbstraction | None) -> IndexAbstraction | None:
        """The data stream that a backing or failure index belongs to."""
        if abstraction is None or abstraction.data_stream is None:
            return None
        return self._lookup.get(abstraction.data_stream)

    def is_data_stream_related(self, abstraction: IndexAbstraction) -> bool:
        """A data stream, or an alias of data streams: what may have a failure store. An index of a data stream is none of them."""
        if abstraction.type is AbstractionType.DATA_STREAM:
            return True
        if abstraction.type is AbstractionType.ALIAS:
            return any(
                (index := self._lookup.get(name)) is not None and index.data_stream is not None for name in abstraction.indices
            )
        return False

    def concrete_indices(self, name: str, *, failures: bool = False) -> tuple[str, ...]:
        """The concrete indices behind a name, of the data or of the failure store (which an index has not, be it one of a failure store);
        none when there is no such name."""
        abstraction = self._lookup.get(name)
        if abstraction is None or (failures and abstraction.type is AbstractionType.CONCRETE_INDEX):
            return ()
        if not failures:
            return abstraction.indices
        if abstraction.type is AbstractionType.DATA_STREAM:
            return abstraction.failure_indices
        streams = {s.name: s for i in abstraction.indices if (s := self.parent(self._lookup.get(i))) is not None}
        return tuple(index for stream in streams.values() for index in stream.failure_indices)
