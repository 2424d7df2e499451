"""Real nodes, started once for the run. Without Java and Maven these tests are skipped, and in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.elasticsearch.rig import clusters as rig
from tests.elasticsearch.rig.home import template
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9, MissingPeerError
from tests.elasticsearch.rig.relays import relays as rig_relays
from tests.elasticsearch.ways import Route, Way


@pytest.fixture(scope="session")
def peers() -> None:
    """The jars and JDKs of real nodes are here."""
    try:
        for version in (NEWEST_8, NEWEST_9):
            template(version)
    except MissingPeerError as missing:
        if os.environ.get("CI"):
            pytest.fail(f"in CI real nodes are required: {missing}")
        pytest.skip(f"no real Elasticsearch node can be started: {missing}")


@pytest.fixture(scope="session")
def clusters(peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Clusters]:
    yield from rig.start(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="session")
def relays(clusters: rig.Clusters) -> Iterator[None]:
    """The gateways in front of the real remote clusters run."""
    with rig_relays(clusters):
        yield


@pytest.fixture
def way(request: pytest.FixtureRequest, clusters: rig.Clusters) -> Way:
    """See ``ways.over``."""
    route: Route = request.param
    if route.ours in rig.RELAYS:
        request.getfixturevalue("relays")
    return Way(route, clusters)
