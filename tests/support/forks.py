"""Run the program in forks of a Python that has already loaded it, which saves its startup time.

The tests of its startup and imports run the program itself.
"""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.support.program import Program, environment

# A new interpreter takes seconds to load torch; a fork of one that has loaded it does not. The fork
# server itself never computes, so it has no threads that a fork would lose.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *(f"qca.cli.{command}" for command in ("doctor", "plan", "render", "up", "estimate")),
        *("qca.cli.report", "qca.cli.train", "qca.train.session", "tensorboardX"),
        *("infra.doctor.examine", "jsonschema", "docker"),
        *("qca.report.page", "qca.report.charts", "qca.report.pictures"),
        *("pytest", __name__),
    ]
)


@dataclass
class Forked(Program):
    """The program: a blocking call runs a fork, and `start` runs a new process."""

    def _run(
        self, words: Sequence[object], variables: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        assert not self.before
        argv = ["qca", *map(str, words)]
        with tempfile.TemporaryDirectory(prefix="qca-test-") as name:
            out, err = Path(name, "stdout"), Path(name, "stderr")
            given = (self.folder, argv, environment(**variables), out, err)
            process = FORKS.Process(target=run_here, args=given)
            process.start()
            process.join(timeout)
            if process.exitcode is None:
                process.kill()
                raise subprocess.TimeoutExpired(argv, timeout)
            return subprocess.CompletedProcess(
                argv, process.exitcode, out.read_text(), err.read_text()
            )


def run_here(
    folder: Path, argv: list[str], variables: Mapping[str, str], out: Path, err: Path
) -> None:
    """Run the program in this process, with its output in these files."""
    gc.freeze()  # what was loaded before the fork is no garbage
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for file, number in ((out, 1), (err, 2)):
        with file.open("ab") as stream:
            os.dup2(stream.fileno(), number)
    sys.argv = argv
    from qca.cli import main

    main()
