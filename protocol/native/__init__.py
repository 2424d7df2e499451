"""The native protocol ``rcgw/1``: Elasticsearch's requests and answers as REST JSON in msgpack, for programs in any language.

docs/native-protocol.md specifies it. ``values`` is msgpack as far as it is spoken here, ``messages`` the headers of the frames, ``frames``
how both lie in a stream, ``connection`` what may be sent when. Nothing here does IO, and nothing knows which end is the gateway.
"""
