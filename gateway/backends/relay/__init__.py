"""A real cluster behind the gateway, reached over Elasticsearch's transport protocol.

A **link** is one connection to an upstream node. The **upstream** keeps links open and chooses one. Each connection of a client is bound to
one link for as long as that lives, since what a request leaves behind at a node (an exchange, a search context) is asked for again over
the same connection. **Headers** say to the upstream for whom a request is made and what that user may see, so that it enforces what
the gateway has decided. Payloads pass as they came.
"""
