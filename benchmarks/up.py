"""Compare `qca up` with Compose: `python -m benchmarks.up [--repeats N] [--format json]`.

`qca up -d` and `docker compose up --detach --wait` start the same stack from the same file, in turn
and from nothing, until both services are healthy. It needs a Docker Engine. The images are those
that `qca up` uses, or those that QCA_STACK_STORE_IMAGE and QCA_STACK_BASE_IMAGE name; they are
present before the timing starts. Figures are printed as measured on this machine.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

_QCA = [sys.executable, "-m", "qca"]
_TINY_RUN = ["--profile=cpu", "--grid=8", "--d-state=2", "--hidden-channels=4", "--steps=5"]
# More episodes than run before the trainer is healthy.
_ENDLESS_RUN = [*_TINY_RUN, "--episodes=1000000", "--checkpoint-every=1000"]


@contextmanager
def prepare_ways(folder: Path) -> Iterator[dict[str, Sequence[str]]]:
    """Yield both commands that start the stack in `folder`, after building the images."""
    project = f"qca-bench-{os.getpid()}"
    options = ["--runtime=compose", f"--project={project}", *_ENDLESS_RUN]
    ours = [*_QCA, "up", "-d", *options]
    try:
        run(ours, folder)  # also writes the file for Compose
        run([*_compose(project), "down"], folder)
        yield {
            "qca up -d": ours,
            "docker compose up --wait": [*_compose(project), "up", "--detach", "--wait"],
        }
    finally:
        run([*_QCA, "down", f"--project={project}"], folder)


def _compose(project: str) -> list[str]:
    return ["docker", "compose", "--file=.qca/first/compose.yaml", f"--project-name={project}"]


def time_start(command: Sequence[str], folder: Path) -> float:
    """Start the stack from nothing, stop it again, and return the seconds until it was healthy."""
    start = time.perf_counter()
    run(command, folder)
    elapsed = time.perf_counter() - start
    run([*_compose(f"qca-bench-{os.getpid()}"), "down"], folder)
    # The folder itself belongs to the containers' user.
    for file in (folder / "runs" / "first").iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return elapsed


def run(command: Sequence[str], folder: Path) -> None:
    """Run `command` in `folder`; print its output if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"{' '.join(command)}:\n{done.stderr}")


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def main(repeats: int, format_: str) -> None:
    """Time both ways, each once per round, and print the ratio of their medians."""
    times: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="qca-bench-") as name,
        prepare_ways(Path(name).resolve()) as ways,
    ):
        for _ in range(repeats):
            for way, command in ways.items():
                times.setdefault(way, []).append(time_start(command, Path(name)))
    medians = {way: round(statistics.median(found), 3) for way, found in times.items()}
    ours, theirs = medians.values()
    ratio = round(ours / theirs, 3)
    if format_ == "json":
        document = {"schema_version": 1, "repeats": repeats, "seconds": medians, "ratio": ratio}
        click.echo(json.dumps(document))
        return
    for way, median in medians.items():
        found = times[way]
        click.echo(f"{way:26} {median:7.3f} s   ({min(found):.3f} to {max(found):.3f})")
    click.echo(f"{'ratio':26} {ratio:7.3f}")


if __name__ == "__main__":
    main()
