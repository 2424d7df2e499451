"""One matrix of keys and roles, local users and requests, asked of a real remote cluster and of the gateway.

``documents`` is what both hold, ``keys`` and ``roles`` who may see what on the remote side, ``users`` who asks on the local side, and
``requests`` what they ask. ``pairs`` selects the cases: every two values of different kinds meet in at least one. ``asking`` asks and
makes answers comparable.
"""
