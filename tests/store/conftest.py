from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.valkey import Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Run a real Valkey server on a Unix socket."""
    server = Valkey(tmp_path / "valkey")
    server.start()
    yield server
    server.kill()
