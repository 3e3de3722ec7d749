"""Testing whether the engine has this machine's files leaves nothing behind."""

import multiprocessing
import os
from pathlib import Path

import pytest

from infra.stack import engine_files
from qca.core.atomic_files import write_atomically


def test_the_next_launch_removes_what_a_kill_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_files, "connect_engine", lambda: os._exit(9))
    launch = multiprocessing.get_context("fork").Process(
        target=engine_files.has_files_of, args=(tmp_path, "store", "first")
    )
    launch.start()
    launch.join()
    assert launch.exitcode == 9
    assert list(tmp_path.iterdir())

    write_atomically(tmp_path / "compose.yaml", "services: {}\n")

    assert [path.name for path in tmp_path.iterdir()] == ["compose.yaml"]
