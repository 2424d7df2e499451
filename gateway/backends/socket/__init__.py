"""The backend that is a program of its own, in any language: docs/socket-backend.md is its contract.

It speaks the native protocol with the ends the other way round: the gateway connects and asks, the program answers. ``pool`` holds the
connections, ``source`` asks over them, ``opening`` makes both of the settings; what is asked and what may be answered is decided in
``gateway.backends.decoding``.
"""
