"""Compare `qca doctor` with another version: `python -m benchmarks.doctor --against REF`.

REF is any commit of this repository. Its code is unpacked into a temporary folder, and both
versions run in turn with the same interpreter and the same installed packages, in an empty folder
and with compiled bytecode. For each case this prints the medians of the CPU time (of the program
and of those that it runs) and of the elapsed time, and the median of the ratios within the pairs,
because both runs of a pair meet the same load. Figures are printed as measured on this machine.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("qca", "infra")
_NO_ENGINE = {"DOCKER_HOST": "unix:///var/run/no-such-engine.sock"}
_COMPOSE_FILE = """\
services:
  cache:
    image: docker.dragonflydb.io/dragonflydb/dragonfly:v1.30.0
    command: ["dragonfly", "--maxmemory=4gb", "--proactor_threads=4"]
    mem_limit: 6g
    ports: ["127.0.0.1:6379:6379"]
    volumes: ["data:/data"]
  trainer:
    image: python:3.12
    depends_on: [cache]
    environment: {STORE: "redis://cache:6379"}
volumes: {data: {}}
"""


class Case(NamedTuple):
    """A command to compare, and the environment variables that it runs with."""

    name: str
    words: tuple[str, ...]
    variables: dict[str, str]


class Times(NamedTuple):
    """The seconds that one run took."""

    cpu: float
    elapsed: float


_CASES = (
    Case("qca doctor, no engine", ("doctor",), _NO_ENGINE),
    Case("qca doctor", ("doctor",), {}),
    Case("qca doctor -f FILE", ("doctor", "-f", "{file}"), {}),
    Case("qca --help", ("--help",), {}),
    Case("qca --version", ("--version",), {}),
)


def unpack(ref: str, folder: Path) -> None:
    """Write the packages of a commit into `folder`."""
    archive = subprocess.run(
        ["git", "archive", ref, *_PACKAGES], cwd=_ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        raise click.ClickException(archive.stderr.decode().strip())
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)


def time_run(tree: Path, case: Case, file: Path) -> Times:
    """Run a command of the version in `tree` and return how long it took."""
    words = [word.format(file=file) for word in case.words]
    variables = {**os.environ, **case.variables, "PYTHONPATH": str(tree)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="qca-bench-") as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "qca", *words],
            cwd=folder,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Unlike RUSAGE_CHILDREN, this covers one process and those that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: the doctor has findings
        raise click.ClickException(f"qca {' '.join(words)}: exit code {process.returncode}")
    return Times(usage.ru_utime + usage.ru_stime, elapsed)


def compare(case: Case, trees: Sequence[Path], pairs: int, file: Path) -> list[list[Times]]:
    """Return the times of each version, measured in pairs whose order alternates."""
    for tree in trees:
        time_run(tree, case, file)  # compiles the bytecode
    times: list[list[Times]] = [[] for _ in trees]
    for number in range(pairs):
        order = range(len(trees)) if number % 2 else reversed(range(len(trees)))
        for which in order:
            times[which].append(time_run(trees[which], case, file))
    return times


def format_row(name: str, measured: str, then: Sequence[float], now: Sequence[float]) -> str:
    """Return a line with both medians and the median of the ratios."""
    ratio = statistics.median(new / old for old, new in zip(then, now, strict=True))
    medians = statistics.median(then), statistics.median(now)
    return f"{name:24} {measured:8} {medians[0]:7.3f} s {medians[1]:7.3f} s {ratio:6.2f}"


@click.command()
@click.option("--against", metavar="REF", required=True, help="The commit to compare with.")
@click.option("--pairs", type=click.IntRange(min=1), default=15, show_default=True)
def main(against: str, pairs: int) -> None:
    """Time each case in this version and in that of REF."""
    click.echo(f"{'':24} {'':8} {against[:9]:>9} {'this one':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory(prefix="qca-bench-") as folder:
        other, file = Path(folder) / "other", Path(folder) / "compose.yaml"
        other.mkdir()
        unpack(against, other)
        file.write_text(_COMPOSE_FILE)
        for case in _CASES:
            then, now = compare(case, (other, _ROOT), pairs, file)
            click.echo(format_row(case.name, "CPU", *([t.cpu for t in ts] for ts in (then, now))))
            elapsed = ([t.elapsed for t in ts] for ts in (then, now))
            click.echo(format_row("", "elapsed", *elapsed))


if __name__ == "__main__":
    main()
