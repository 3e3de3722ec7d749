"""Time the start of the command line: `python -m benchmarks.cli [--repeats N] [--format json]`.

Each command runs as a separate process, alternating with the command that a user would run instead
and with a bare Python start, which is the lower bound for any Python program. `qca doctor` is also
run against a Docker daemon that accepts the connection and never answers, with a limit of 2
seconds. The doctor's probes are also timed one at a time: the slowest is the lower bound for a
doctor that runs them concurrently, and their sum is the time that a sequential one would take.
`qca up` is a whole tiny training without Docker, which spends most of its time importing torch.
Figures are printed as measured on this machine.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from infra.host.collect import list_probes
from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.probes import docker

_QCA = [sys.executable, "-m", "qca"]
_TINY_RUN = ["--episodes=1", "--steps=2", "--grid=8", "--hidden-channels=8", "--profile=cpu"]
_HUNG = "qca doctor --timeout 2, hung daemon"
_SLOWEST = "the doctor's slowest probe, alone"
_IN_TURN = "the doctor's probes in turn"
_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "qca --help": [*_QCA, "--help"],
    "docker info": ["docker", "info"],
    "docker compose version": ["docker", "compose", "version"],
    "qca doctor": [*_QCA, "doctor"],
    _HUNG: [*_QCA, "doctor", "--timeout", "2"],
    "qca plan": [*_QCA, "plan"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "qca up (1 tiny episode)": [*_QCA, "up", "--runtime=local", *_TINY_RUN],
}


@contextmanager
def hung_daemon() -> Iterator[str]:
    """Yield the DOCKER_HOST of a daemon that accepts connections and never answers."""
    with (
        tempfile.TemporaryDirectory(prefix="qca-bench-") as folder,
        socket.socket(socket.AF_UNIX) as daemon,
    ):
        path = Path(folder) / "docker.sock"
        daemon.bind(str(path))
        daemon.listen()
        yield f"unix://{path}"


def time_command(command: list[str], docker_host: str | None = None) -> float:
    """Run `command` in an empty folder and return how long it took."""
    env = {**os.environ, **({"DOCKER_HOST": docker_host} if docker_host else {})}
    # An installed program has compiled bytecode; here the first run writes it.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="qca-bench-") as folder:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env=env)
        elapsed = time.perf_counter() - start
    # Exit code 1 means findings of `doctor`, or no Docker daemon or plugin. The time still counts.
    if done.returncode not in (0, 1):
        raise click.ClickException(f"{' '.join(command)}: {done.stderr.decode()}")
    return elapsed


def time_probes() -> dict[str, float]:
    """Return how long each of the doctor's probes takes alone, with its libraries loaded."""
    took: dict[str, float] = {}
    with Deadline(60) as deadline:
        engine = docker.probe(deadline)
        probes = list_probes(deadline, Path.cwd(), lambda: engine)
        for _ in range(2):  # the first call imports the probe's libraries
            for name, probe in probes.items():
                start = time.perf_counter()
                with suppress(ProbeError):
                    probe.run()
                took[name] = time.perf_counter() - start
    return took


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def main(repeats: int, format_: str) -> None:
    """Time the commands, each once per round."""
    commands = {name: argv for name, argv in _COMMANDS.items() if shutil.which(argv[0])}
    times: dict[str, list[float]] = {name: [] for name in (*commands, _SLOWEST, _IN_TURN)}
    with hung_daemon() as hung:
        for _ in range(repeats):
            for name, command in commands.items():
                times[name].append(time_command(command, hung if name == _HUNG else None))
            alone = time_probes()
            times[_SLOWEST].append(max(alone.values()))
            times[_IN_TURN].append(sum(alone.values()))
    medians = {name: round(statistics.median(found), 3) for name, found in times.items()}
    if format_ == "json":
        click.echo(json.dumps({"schema_version": 1, "repeats": repeats, "seconds": medians}))
        return
    for name, median in medians.items():
        found = times[name]
        click.echo(f"{name:36} {median:7.3f} s   ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
