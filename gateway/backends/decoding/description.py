"""What a source describes of itself, as a cluster without documents: names, aliases and mappings, but nothing to find."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.definitions import check_name, create_index
from gateway.backends.memory.index import Index
from gateway.node import NodeIdentity
from protocol.errors import ElasticsearchException


def described(description: Any, identity: NodeIdentity) -> MemoryCluster:
    """Of ``{"indices": {NAME: {"mappings": …, "aliases": …, "settings": …}}}``, each as a create-index call has it. Raises
    ValueError."""
    if not isinstance(description, dict) or set(description) != {"indices"} or not isinstance(description["indices"], dict):
        raise ValueError("a description is a map with [indices], a map by name, and nothing else")
    indices = [_index(name, body) for name, body in description["indices"].items()]
    _check_aliases(indices)
    return MemoryCluster(indices, name=identity.cluster_name, uuid=identity.cluster_uuid, node_id=identity.node_id)


def _index(name: str, body: Any) -> Index:
    wrong = check_name(name)
    if wrong is not None:
        raise ValueError(wrong)
    try:
        return create_index(name, body)
    except ElasticsearchException as error:
        raise ValueError(f"index [{name}]: {error.type}: {error.reason}") from None
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"index [{name}]: malformed: {type(error).__name__}: {error}") from None


def _check_aliases(indices: Iterable[Index]) -> None:
    names = {index.name for index in indices}
    hidden: dict[str, bool] = {}
    for index in indices:
        for alias, properties in index.aliases.items():
            wrong = "an index has the same name" if alias in names else check_name(alias)
            if wrong is not None:
                raise ValueError(f"alias [{alias}]: {wrong}")
            if hidden.setdefault(alias, bool(properties.get("is_hidden"))) != bool(properties.get("is_hidden")):
                raise ValueError(f"alias [{alias}] must have the same is_hidden setting on all indices")
