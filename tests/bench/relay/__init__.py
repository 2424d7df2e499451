"""Measures what the relay can do on one core, in front of an upstream that is played. ``python -m tests.bench relay``.

Four processes: **load** sends real searches of a real user and takes the answers; **upstream** answers them; between the two is one
**side** on a core of its own: the gateway with all its security, a bare relay of frames in trio (**floor**), or HAProxy. All ends are
TLS. What a side can do is counted in its own CPU seconds, so that others on the machine disturb less.
"""
