"""Connections that this side opens to nodes of another cluster: for the relay to its upstream, for the client to its remotes."""
