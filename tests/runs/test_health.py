import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qca.runs.health import STALE_AFTER, find_fault
from qca.runs.run_folder import RunFolder


def _health(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qca.runs.health", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_fresh_heartbeat_is_health(tmp_path):
    RunFolder(tmp_path).beat()
    done = _health(str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("age", "healthy"), [(0, True), (STALE_AFTER + 1, False), (-5, True)])
def test_an_old_heartbeat_is_not(tmp_path, age, healthy):
    RunFolder(tmp_path).beat()
    now = time.time()
    os.utime(tmp_path / "heartbeat", (now - age, now - age))
    reason = find_fault(tmp_path, now)
    assert (reason is None) is healthy
    assert healthy or "61 s ago" in str(reason)


def test_no_heartbeat_at_all(tmp_path):
    done = _health(str(tmp_path / "gone"))
    assert done.returncode == 1
    assert "no training has started" in done.stdout


def test_a_wrong_call():
    assert _health().returncode == 2


def test_beats_are_not_written_more_often_than_needed(tmp_path):
    folder = RunFolder(tmp_path)
    folder.beat()
    Path(folder.heartbeat).unlink()
    folder.beat()
    assert not folder.heartbeat.exists()


@pytest.mark.parametrize(
    "module",
    [
        *(f"qca.runs.{name}" for name in ("events", "health", "run", "run_folder", "snapshots")),
        "qca.train.plateau",
        "qca.train.distributed.torch_env",
    ],
)
def test_reading_a_run_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
