"""A local cluster in Python: remotes by alias, searched over the transport protocol, for users with roles."""

from gateway.client.local import LocalCluster, open_local_cluster
from gateway.client.remote import Caller, RemoteCluster
from gateway.client.settings import LocalSettings, load, settings_of

__all__ = ["Caller", "LocalCluster", "LocalSettings", "RemoteCluster", "load", "open_local_cluster", "settings_of"]
