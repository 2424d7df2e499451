"""A local cluster in Python: remotes by alias, searched over the transport protocol, for users with roles."""
