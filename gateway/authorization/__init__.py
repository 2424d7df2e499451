"""Who may do what: roles out of role descriptors, and the decision over each request.

Five nouns. A **role descriptor** says what is allowed, in Elasticsearch's JSON. A **descriptor set** allows what any of its descriptors
allows. A **role** is a conjunction of sets, so that one more set only takes away. A **grant** is a request that may run, with the names
and concrete indices that it may touch; **denied** is the exception that refuses it. Both say why.

    role = build_role(subject, role_store)                                   # once per distinct headers
    grant = authorize_cluster(role, "cluster:monitor/stats/remote")
    grant = authorize_indices(role, "indices:data/read/search", ["logs-*"], options, metadata)
"""

from gateway.authorization.actions import is_proxy_action
from gateway.authorization.authorize import authorize, authorize_cluster, authorize_indices
from gateway.authorization.cluster_privileges import is_cluster_action
from gateway.authorization.descriptors import IndicesPrivileges, RoleDescriptor
from gateway.authorization.grant import Check, Denied, Grant, Rule
from gateway.authorization.metadata import AbstractionType, ClusterMetadata, IndexAbstraction
from gateway.authorization.parsing import parse_descriptor_set, parse_role_descriptor
from gateway.authorization.privileges import is_index_action
from gateway.authorization.role_files import RoleFileError, RoleStore, parse_role_file
from gateway.authorization.roles import DescriptorSet, Role
from gateway.authorization.subject_roles import build_role

__all__ = [
    "AbstractionType",
    "Check",
    "ClusterMetadata",
    "Denied",
    "DescriptorSet",
    "Grant",
    "IndexAbstraction",
    "IndicesPrivileges",
    "Role",
    "RoleDescriptor",
    "RoleFileError",
    "RoleStore",
    "Rule",
    "authorize",
    "authorize_cluster",
    "authorize_indices",
    "build_role",
    "is_cluster_action",
    "is_index_action",
    "is_proxy_action",
    "parse_descriptor_set",
    "parse_role_descriptor",
    "parse_role_file",
]
