import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
import redis

from qca.store.client import connect
from tests.support.waiting import wait_for


def start(**variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "qca.store.embedded"],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def launcher() -> Iterator[subprocess.Popen[str]]:
    with start() as process:
        yield process


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    word, socket = process.stdout.readline().split()
    assert word == "ready"
    return f"unix://{socket}"


def _answers(url: str) -> bool:
    try:
        return bool(connect(url).ping())
    except redis.ConnectionError:
        return False


def test_it_ends_with_its_standard_input(launcher):
    url = _ready(launcher)
    assert _answers(url)
    launcher.communicate()
    assert launcher.returncode == 0
    with pytest.raises(redis.ConnectionError, match="No such file"):
        connect(url).ping()


def test_a_killed_server_restarts_at_the_same_address(launcher):
    url = _ready(launcher)
    for _ in range(2):
        [server] = psutil.Process(launcher.pid).children()
        server.kill()
        wait_for(lambda killed=server: not killed.is_running() and _answers(url))
    launcher.communicate()
    assert launcher.returncode == 0


def test_a_long_temporary_folder_does_not_matter(tmp_path):
    folder = tmp_path / ("x" * 100)  # a Unix socket's path has 107 characters
    folder.mkdir()
    with start(TMPDIR=str(folder)) as process:
        assert _answers(_ready(process))
        assert not list(folder.iterdir())
        process.communicate()
    assert process.returncode == 0
