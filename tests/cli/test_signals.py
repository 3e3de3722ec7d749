"""Ctrl-C and SIGTERM at times when a KeyboardInterrupt would print a traceback."""

import subprocess
import sys
import textwrap

import pytest

from tests.support.program import environment

INTERRUPTED = 130

PRELUDE = """
import atexit, hashlib, os, signal, threading
import qca.cli
from qca.cli import signals

def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)

signal.signal(signal.SIGINT, signal.default_int_handler)
stop = threading.Event()
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    return done


def test_a_second_ctrl_c_ends_training_inside_c_code():
    """A call of C code that takes minutes, like the backward of a whole episode."""
    done = run("""
        with signals.set_on_signals(stop):
            press()
            stop.wait()
            threading.Timer(0.2, press).start()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    """)
    assert done.returncode == INTERRUPTED
    assert "a second Ctrl-C stops at once" in done.stderr


def test_a_second_ctrl_c_works_where_python_swallows_exceptions():
    done = run("""
        class Swallows:
            def __del__(self):
                press()
                stop.wait(30)
                press()
                threading.Event().wait(30)

        with signals.set_on_signals(stop):
            Swallows()
        os._exit(0)
    """)
    assert done.returncode == INTERRUPTED


def test_a_second_ctrl_c_works_after_training():
    done = run("""
        with signals.set_on_signals(stop) as interrupted:
            press()
            stop.wait()
        press()
        threading.Event().wait(30)
    """)
    assert done.returncode == INTERRUPTED


def test_a_second_ctrl_c_leaves_no_half_written_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("""
        from pathlib import Path
        from qca.core.atomic_files import replace_file
        with signals.set_on_signals(stop), replace_file(Path("checkpoint")) as unfinished:
            unfinished.write_text("half of it")
            press()
            stop.wait()
            press()
            threading.Event().wait(30)
    """)
    assert done.returncode == INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_sigterm_is_not_an_interruption_and_restores_the_handlers():
    done = run("""
        before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        with signals.set_on_signals(stop) as interrupted:
            press(signal.SIGTERM)
            stop.wait()
        after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        print(interrupted.is_set(), before == after, signal.set_wakeup_fd(-1))
    """)
    assert done.stdout.split() == ["False", "True", "-1"]


@pytest.mark.parametrize("command", ["press()", "None"], ids=["interrupted", "done"])
def test_ctrl_c_during_pythons_shutdown_exits_quietly(command):
    """An exception in an exit function and one in a thread's join would be printed."""
    done = run(f"""
        def pressed_again():
            press()
            threading.Event().wait(30)

        atexit.register(pressed_again)
        qca.cli.cli.main = lambda **_: {command}
        qca.cli.main()
    """)
    assert done.returncode == INTERRUPTED
