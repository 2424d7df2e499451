"""``cluster:monitor/xpack/info``: the licence and the features, asked before a client uses one that needs a licence."""

from __future__ import annotations

from protocol.messages.common import Request
from protocol.schema import Boolean, Long, Message, String

XPACK_INFO = "cluster:monitor/xpack/info"

CATEGORIES = ("BUILD", "LICENSE", "FEATURES")

NEVER_EXPIRES = 2**63 - 1 - 365 * 24 * 3600 * 1000
"""The expiry of a basic licence, which does not expire."""


class XPackInfoRequest(Request):
    """``categories`` are of CATEGORIES; the response has only those."""

    verbose: Boolean
    categories: list[String]


class BuildInfo(Message):
    hash: String
    timestamp: String


class LicenseInfo(Message):
    """``type`` and ``mode`` are such as ``basic``, ``trial``, ``enterprise``; ``status`` is ``active``, ``expired``, ``invalid``;
    ``expiry`` in milliseconds since 1970."""

    uid: String
    type: String
    mode: String
    status: String
    expiry: Long


class FeatureSet(Message):
    name: String
    available: Boolean
    enabled: Boolean


class XPackInfoResponse(Message):
    build: BuildInfo | None
    license: LicenseInfo | None
    features: list[FeatureSet] | None
