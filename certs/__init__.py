"""Certificates: make a CA, server and client certificates, renew them, show what a file holds.

Files are PEM (``NAME.crt``, ``NAME.key``) or PKCS#12 (``NAME.p12``). Keys are written with mode 0600, whole or not at all, and no
file is ever written over. This package knows nothing of the gateway.
"""
