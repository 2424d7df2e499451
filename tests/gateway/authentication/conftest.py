from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.authentication.api_keys import ApiKeyStore
from tests.gateway.authentication.support import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[ApiKeyStore]:
    with ApiKeyStore(tmp_path / "data", clock=clock.wall, monotonic=clock.monotonic) as opened:
        yield opened


@pytest.fixture
def other(store: ApiKeyStore, clock: Clock) -> Iterator[ApiKeyStore]:
    """The store as another process has it."""
    with ApiKeyStore(store.path.parent, clock=clock.wall, monotonic=clock.monotonic) as opened:
        yield opened
