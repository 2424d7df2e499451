"""Nodes of this package's own, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.elasticsearch.faults.site import Site, Upstream, fill_upstream


@pytest.fixture(scope="module")
def site(peers: None, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def upstream(site: Site) -> Iterator[Upstream]:
    made = site.upstream("up")
    with ExitStack() as closing:
        closing.callback(made.node.stop)
        made.node.launch()
        made.node.wait()
        fill_upstream(made)
        yield made
