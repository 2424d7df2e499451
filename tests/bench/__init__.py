"""Measures the gateway's in-memory cluster and a real remote cluster, side by side behind one local node. ``python -m tests.bench``.

The relay is measured by ``python -m tests.bench relay``.
"""
