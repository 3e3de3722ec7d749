"""A program that a probe runs can fail, hang or write endlessly; the probe continues."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError, ProbeTimeoutError
from infra.host.files import MAX_BYTES, read_text
from tests.support.waiting import wait_for

PYTHON = sys.executable


def has_ended(pid: int) -> bool:
    """Return whether the process has exited, including zombies."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_output_of_a_program_is_returned() -> None:
    output = Deadline(5).run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (output.exit_code, output.stdout, output.stderr) == (3, "out\n", "err\n")
    assert output.error_line == "err"


def test_it_gets_no_input_and_no_terminal() -> None:
    own, (reader, writer) = os.dup(0), os.pipe()
    os.write(writer, b"what the person types")
    os.dup2(reader, 0)
    try:
        output = read_input()
    finally:
        os.dup2(own, 0)
        for one in (own, reader, writer):
            os.close(one)
    assert output == "no terminal\n"


def read_input() -> str:
    """Return the result of a program that reads its input and opens the terminal."""
    script = "head -c 4; (: </dev/tty) 2>/dev/null || echo no terminal"
    return Deadline(5).run(["sh", "-c", script]).stdout


def test_a_signal_during_the_start_leaves_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class InterruptedStart(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", InterruptedStart)
    with pytest.raises(KeyboardInterrupt), Deadline(60) as deadline:
        deadline.run(["sleep", "60"])
    assert has_ended(started[0])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["/no/such/program"], "No such file or directory"),
        (["a\0b"], "null byte"),
    ],
)
def test_a_program_that_cannot_be_started_says_why(argv: list[str], message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        Deadline(5).run(argv)


def test_a_file_without_permission_is_reported(tmp_path: Path) -> None:
    (tmp_path / "docker").touch(mode=0o644)
    with pytest.raises(ProbeError, match="Permission denied"):
        Deadline(5).run([tmp_path / "docker"])


def test_a_file_that_is_not_a_program_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "docker"
    broken.write_bytes(b"\x7fELF and nothing more")
    broken.chmod(0o755)
    with pytest.raises(ProbeError, match="Exec format error"):
        Deadline(5).run([broken])


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # One child stays in the group, and one starts a new session, as `docker` does for ssh.
    script = (
        f"sleep 60 & echo $! >>{pids}; setsid sleep 60 & echo $! >>{pids}; echo $$ >>{pids}; wait"
    )
    began = time.monotonic()
    with pytest.raises(ProbeTimeoutError, match=r"`sh -c .*` did not answer within 0\.5 s"):
        Deadline(0.5).run(["sh", "-c", script])
    assert time.monotonic() - began < 2
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 3
    assert wait_for(lambda: all(has_ended(pid) for pid in started), 2)


def test_a_program_that_closes_its_output_but_runs_on_is_killed_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(ProbeTimeoutError):
        Deadline(0.5).run(["sh", "-c", f"echo $$ >{pid}; exec >&- 2>&-; sleep 60"])
    assert wait_for(lambda: has_ended(int(pid.read_text())), 2)


def test_a_program_with_endless_output_is_cut_off() -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(ProbeError, match="wrote too much"):
        Deadline(10).run(["yes"])
    assert psutil.Process().memory_info().rss - before < 20 * MAX_BYTES


def test_leaving_the_deadline_kills_running_programs(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    failed: list[BaseException] = []

    def run() -> None:
        try:
            deadline.run(["sh", "-c", f"echo $$ >{pid}; exec sleep 60"])
        except BaseException as error:
            failed.append(error)

    with Deadline(30) as deadline:
        thread = threading.Thread(target=run)
        thread.start()
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
    thread.join(2)
    assert not thread.is_alive()
    assert wait_for(lambda: has_ended(int(pid.read_text())), 2)
    with pytest.raises(ProbeTimeoutError):
        deadline.run(["true"])


def test_no_descriptor_stays_open() -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("only Linux shows open descriptors in /proc")
    deadline = Deadline(5)
    deadline.run(["true"])
    before = len(list(folder.iterdir()))
    for _ in range(5):
        deadline.run(["true"])
    assert len(list(folder.iterdir())) == before


@pytest.mark.parametrize("path", ["/no/such/file", "/", "a\0b"])
def test_a_file_that_cannot_be_read_says_why(path: str) -> None:
    with pytest.raises(ProbeError, match="could not be read"):
        read_text(Path(path))


def test_an_endless_file_is_read_in_part() -> None:
    assert len(read_text(Path("/dev/zero"))) == MAX_BYTES
