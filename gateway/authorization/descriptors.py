"""Role descriptors: what a role may do, in Elasticsearch's JSON form. The only currency of authorization.

{"cluster": ["monitor"], "indices": [{"names": ["logs*"], "privileges": ["read"], "field_security": {"grant": ["*"]},
 "query": "{\\"term\\": …}", "allow_restricted_indices": false}], "applications": […], "run_as": ["bob"], "metadata": {},
 "global": {…}, "remote_indices": […], "remote_cluster": […], "restriction": {"workflows": […]}, "description": "…"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SUPPORTED_REMOTE_CLUSTER_PRIVILEGES = ("monitor_enrich", "monitor_stats")
"""Cluster privileges that a role may give on remote clusters, and so all that may arrive with a cross-cluster request."""


@dataclass(frozen=True, slots=True)
class FieldSecurity:
    """Which fields may be seen: those that match ``grant`` (``None`` is all) and do not match ``exclude``."""

    grant: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    empty_exclude: bool = field(default=False, compare=False)
    """Whether an empty list of exceptions was written. It means nothing, but it is shown and sent on."""

    @property
    def unrestricted(self) -> bool:
        """Whether it takes nothing away: no list at all, or ``*`` without an exception."""
        return not self.exclude and (self.grant is None or "*" in self.grant)


ALL_FIELDS = FieldSecurity()


@dataclass(frozen=True, slots=True)
class IndicesPrivileges:
    """Privileges on the indices that match ``names``. ``query``: JSON text of the query that their documents must match."""

    names: tuple[str, ...]
    privileges: tuple[str, ...]
    field_security: FieldSecurity = ALL_FIELDS
    query: str | None = None
    allow_restricted_indices: bool = False

    @property
    def uses_document_or_field_security(self) -> bool:
        """As Elasticsearch asks of a key's access: any list but ``*`` alone counts, even one that takes nothing away."""
        fields = self.field_security
        return self.query is not None or bool(fields.exclude) or fields.grant not in (None, ("*",))

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"names": list(self.names), "privileges": list(self.privileges)}
        if self.field_security != ALL_FIELDS:
            grant = self.field_security.grant
            body["field_security"] = {} if grant is None else {"grant": list(grant)}
            if self.field_security.exclude or self.field_security.empty_exclude:
                body["field_security"]["except"] = list(self.field_security.exclude)
        if self.query is not None:
            body["query"] = self.query
        body["allow_restricted_indices"] = self.allow_restricted_indices
        return body


@dataclass(frozen=True, slots=True)
class RemoteIndicesPrivileges:
    """Privileges on indices of remote clusters: they count on the local side only."""

    indices: IndicesPrivileges
    clusters: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**self.indices.to_json(), "clusters": list(self.clusters)}


@dataclass(frozen=True, slots=True)
class RemoteClusterPrivileges:
    privileges: tuple[str, ...]
    clusters: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"privileges": list(self.privileges), "clusters": list(self.clusters)}


@dataclass(frozen=True, slots=True)
class ApplicationPrivileges:
    application: str
    privileges: tuple[str, ...]
    resources: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"application": self.application, "privileges": list(self.privileges), "resources": list(self.resources)}


@dataclass(frozen=True, slots=True)
class RoleDescriptor:
    """A role. ``configurable_cluster`` is the JSON text of ``global``; ``workflows`` is ``None`` without a restriction.

    ``metadata`` does not count for equality: it grants nothing.
    """

    name: str
    cluster: tuple[str, ...] = ()
    indices: tuple[IndicesPrivileges, ...] = ()
    applications: tuple[ApplicationPrivileges, ...] = ()
    run_as: tuple[str, ...] = ()
    configurable_cluster: str | None = None
    remote_indices: tuple[RemoteIndicesPrivileges, ...] = ()
    remote_cluster: tuple[RemoteClusterPrivileges, ...] = ()
    workflows: tuple[str, ...] | None = None
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def has_unsupported_for_cross_cluster_access(self) -> bool:
        """Whether it holds more than index privileges and the cluster privileges that may travel to a remote cluster."""
        return bool(
            self.configurable_cluster is not None
            or self.applications
            or self.run_as
            or self.remote_indices
            or self.remote_cluster
            or self.workflows
            or not set(self.cluster) <= set(SUPPORTED_REMOTE_CLUSTER_PRIVILEGES)
        )

    def to_json(self) -> dict[str, Any]:
        """The form that ``parse_role_descriptor`` reads and Elasticsearch shows."""
        body: dict[str, Any] = {"cluster": list(self.cluster)}
        if self.configurable_cluster is not None:
            body["global"] = json.loads(self.configurable_cluster)
        body["indices"] = [entry.to_json() for entry in self.indices]
        body["applications"] = [entry.to_json() for entry in self.applications]
        body["run_as"] = list(self.run_as)
        body["metadata"] = dict(self.metadata)
        body["transient_metadata"] = {"enabled": True}
        if self.remote_indices:
            body["remote_indices"] = [entry.to_json() for entry in self.remote_indices]
        if self.remote_cluster:
            body["remote_cluster"] = [entry.to_json() for entry in self.remote_cluster]
        if self.workflows:
            body["restriction"] = {"workflows": list(self.workflows)}
        if self.description:
            body["description"] = self.description
        return body


def descriptors_to_json(descriptors: Sequence[RoleDescriptor]) -> dict[str, Any]:
    """A descriptor set: name to descriptor."""
    return {descriptor.name: descriptor.to_json() for descriptor in descriptors}
