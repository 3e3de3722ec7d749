"""Run `qca up` in the background, in its own process session, and watch it until it trains."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.stack.state import StateFolder
from qca.cli.signals import Terminated
from qca.core.errors import LaunchError
from qca.core.train_flags import format_flag_name

_POLL_SECONDS = 0.1


def build_words(config_file: Path | None, flags: Mapping[str, Any]) -> list[str]:
    """Return the arguments of a `qca up` with these options and without --detach."""
    given = [f"{format_flag_name(key)}={flag}" for key, flag in flags.items() if flag is not None]
    return ["up", *([] if config_file is None else [f"--config={config_file}"]), *given]


def start_in_background(words: Sequence[str], state: StateFolder) -> str | None:
    """Start `qca WORDS`; return None once its trainer is running, or its output if it exits first.

    Raises:
        LaunchError: it failed before that; the message contains its output.

    """
    begin = time.time()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "qca", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # closing the terminal does not stop it
        )
        try:
            while process.poll() is None and not _has_started(state, begin):
                time.sleep(_POLL_SECONDS)
        except (KeyboardInterrupt, Terminated):
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        if process.returncode is None:
            return None
        output.seek(0)
        text = output.read().strip()
    if process.returncode != 0:
        raise LaunchError(f"training did not start:\n{text}")
    return text


def _has_started(state: StateFolder, begin: float) -> bool:
    """Return whether the trainer of a launch after `begin` (Unix time) has reported an event."""
    log = state.log_folder / "trainer.log"
    with contextlib.suppress(FileNotFoundError):
        return log.stat().st_mtime >= begin and '"event":' in log.read_text(errors="replace")
    return False
