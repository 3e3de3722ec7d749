"""Programs that only pretend: a shell script on the disk, or the output that one would have."""

from collections.abc import Sequence
from pathlib import Path

from infra.host.deadline import Deadline, Output


def write_program(path: Path, script: str) -> Path:
    """Write a shell script that can be run; return its path."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class FixedOutput(Deadline):
    """A deadline under which every program has the same output; `commands` has their arguments."""

    def __init__(self, output: Output) -> None:
        super().__init__(5)
        self.output = output
        self.commands: list[list[str]] = []

    def run(self, argv: Sequence[str | Path], *, env: dict[str, str] | None = None) -> Output:
        self.commands.append([str(word) for word in argv])
        return self.output
