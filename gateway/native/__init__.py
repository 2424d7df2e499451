"""The door for programs that are not Elasticsearch: docs/native-protocol.md.

It translates and decides nothing: a native request becomes the transport request that a local cluster would send, goes the same way
(``gateway.dispatch``), and the answer is shown as REST JSON. ``asking`` makes the headers that say who asks, ``methods`` the messages,
``exchange`` is the way of one request, ``pump`` that of a connection, ``client`` the other end of it.
"""
