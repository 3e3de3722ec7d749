"""What the command line costs to start: `python -m benchmarks.cli [--repeats N] [--format json]`.

Each command runs as a process of its own, in turn with what one would type instead and with a
bare Python start, which is the floor of anything written in Python. `qca up` is a whole tiny
training without Docker: its time is mostly the loading of torch. Figures are printed as
measured on this machine.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import click

_QCA = [sys.executable, "-m", "qca"]
_TINY_RUN = ["--episodes=1", "--steps=2", "--grid=8", "--hidden-channels=8", "--profile=cpu"]
_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "qca --help": [*_QCA, "--help"],
    "docker info": ["docker", "info"],
    "docker compose version": ["docker", "compose", "version"],
    "qca doctor": [*_QCA, "doctor"],
    "qca plan": [*_QCA, "plan"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "qca up (1 tiny episode)": [*_QCA, "up", "--runtime=local", *_TINY_RUN],
}


def seconds(command: list[str]) -> float:
    """Run `command` in an empty folder and return how long it took."""
    with tempfile.TemporaryDirectory(prefix="qca-bench-") as folder:
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        elapsed = time.perf_counter() - begun
    # 1: `doctor` found something, or docker has no daemon or plugin here; it took its time.
    if done.returncode not in (0, 1):
        raise click.ClickException(f"{' '.join(command)}: {done.stderr.decode()}")
    return elapsed


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def main(repeats: int, format_: str) -> None:
    """Time the commands, all of them once in each round."""
    commands = {name: argv for name, argv in _COMMANDS.items() if shutil.which(argv[0])}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: round(statistics.median(found), 3) for name, found in times.items()}
    if format_ == "json":
        click.echo(json.dumps({"schema_version": 1, "repeats": repeats, "seconds": medians}))
        return
    for name, median in medians.items():
        found = times[name]
        click.echo(f"{name:26} {median:7.3f} s   ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
