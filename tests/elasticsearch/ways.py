"""How a local cluster reaches a remote one, beside how it reaches the real one of which the answers must be the same.

What is asked by the hundred goes by some of the ways only, in which each version, model, mode and upstream has its turn; with
``RCGATEWAY_WAYS=all`` it goes by each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest

from tests.elasticsearch.comparing import anonymous, differences, normalize
from tests.elasticsearch.rig.clusters import MODELS, MODES, UPSTREAMS, USER_PASSWORD, Clusters
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.node import PASSWORD, Node

VERSIONS = (NEWEST_9, NEWEST_8)


@dataclass(frozen=True)
class Route:
    """From the local cluster of that version, by that model and mode, to the gateway of the KIND ``ours`` and the cluster of ``real``."""

    version: str
    model: str
    real: str
    ours: str
    mode: str = "proxy"

    def __str__(self) -> str:
        return f"{self.version}-{self.model}-{self.ours}-{self.mode}"


ANSWERING = [Route(version, model, "real", "gw", mode) for version, model, mode in product(VERSIONS, MODELS, MODES)]
"""To the gateway that answers by itself."""
BY_PROXY = [route for route in ANSWERING if route.mode == "proxy"]
EVERY_WAY = os.environ.get("RCGATEWAY_WAYS") == "all"
CROSSED = [
    route
    for route in ANSWERING
    if EVERY_WAY or (route.version == NEWEST_9) == ((route.model == "key") == (route.mode == "proxy"))
]
"""Four of them, in which each two of version, model and mode meet."""

_FACTORS = {"version": VERSIONS, "model": MODELS, "real": tuple(UPSTREAMS.values()), "outer": MODELS}


def _relayed(version: str, model: str, real: str, outer: str) -> Route:
    return Route(version, model, real, f"relay-{real}-{outer}")


def _is_half(route: Route) -> bool:
    """Whether the same model is spoken on both sides, for one upstream; for the other whether not."""
    return (route.ours.endswith(route.model)) == (route.real == "real")


EVERY_RELAYED = [_relayed(*values) for values in product(*_FACTORS.values())]
"""To gateways in front of real clusters: sixteen."""
RELAYED = [route for route in EVERY_RELAYED if EVERY_WAY or (route.version == NEWEST_9) == _is_half(route)]
"""Eight of them, in which each three of version, models and upstream meet."""
APART = EVERY_RELAYED if EVERY_WAY else [_relayed(NEWEST_9, "cert", "newest", "key"), _relayed(NEWEST_8, "key", "real", "cert")]
"""Two that have nothing in common: for what is asked by the hundred."""


@dataclass(frozen=True)
class Way:
    """A route among clusters that run; ``alias`` leads to the gateway, ``real`` to the real cluster by the same model."""

    route: Route
    clusters: Clusters

    @property
    def local(self) -> Node:
        return self.clusters.locals[self.route.version]

    @property
    def alias(self) -> str:
        return f"{self.route.ours}_{self.route.model}_{self.route.mode}"

    @property
    def real(self) -> str:
        return f"{self.route.real}_{self.route.model}_proxy"

    @property
    def gateway(self) -> Gateway:
        return self.clusters.gateway_of(self.route.ours)

    def call(self, alias: str, method: str, path: str, body: Any = None, user: str = "elastic", **more: Any) -> httpx.Response:
        """``R:`` in the path, and ``"R:`` in the content, stand for the alias."""
        if "content" in more:
            more["content"] = more["content"].replace('"R:', f'"{alias}:')
        with self.local.client(user, PASSWORD if user == "elastic" else USER_PASSWORD) as client:
            return client.request(method, path.replace("R:", f"{alias}:"), json=body, **more)

    def compare(
        self, method: str, path: str, body: Any = None, user: str = "elastic", status: int | None = 200, **more: Any
    ) -> Any:
        """The real cluster's answer, which that of the gateway must equal."""
        answers = []
        for alias in (self.real, self.alias):
            answer = self.call(alias, method, path, body, user, **more)
            answers.append({"status": answer.status_code, "body": anonymous(normalize(answer.json(), alias))})
        real, ours = answers
        assert status is None or real["status"] == status, f"the case itself is wrong: {real}"
        if self.route.version == self.clusters.upstream(self.route.real).version == NEWEST_9:
            real, ours = told_to_older(real), told_to_older(ours)
        assert not (found := list(differences(real, ours))), "\n".join(found[:20])
        return real["body"]


_NEWER = frozenset({"inference", "mode"})
"""Of a field (``_field_caps``), and of an index (``_resolve/index``)."""
_NOT_FOUND = re.compile(r"with effective roles \[\] \(assigned roles (\[[^]]*\]) were not found\)")


def told_to_older(value: Any) -> Any:
    """What a node of the newer release tells another one over the older release's version of the protocol, which is the gateway's."""
    if isinstance(value, dict):
        return {key: told_to_older(entry) for key, entry in value.items() if key not in _NEWER}
    if isinstance(value, list):
        return [told_to_older(entry) for entry in value]
    return _NOT_FOUND.sub(r"with assigned roles \1", value) if isinstance(value, str) else value


def over(routes: Sequence[Route]) -> pytest.MarkDecorator:
    """Parametrizes a test that takes a ``way``."""
    return pytest.mark.parametrize("way", routes, indirect=True, ids=str)
