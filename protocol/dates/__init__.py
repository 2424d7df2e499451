"""Elasticsearch's dates: formats, date math, time zones, and the calendar below them.

``date_format``: reading and writing dates by a format; ``date_math``: what follows ``now`` or ``||``; ``zones``: time zones by id;
``patterns`` and ``formats``: Java's patterns, as elements, parsers and printers.
"""
