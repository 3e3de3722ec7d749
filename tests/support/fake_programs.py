"""Fake programs: a shell script, or only the output of a program."""

from collections.abc import Sequence
from pathlib import Path

from infra.host.deadline import Deadline, Output


def write_program(path: Path, script: str) -> Path:
    """Write an executable shell script; return its path."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class FixedOutput(Deadline):
    """A deadline that returns the same output for every program; `commands` has their arguments."""

    def __init__(self, output: Output) -> None:
        super().__init__(5)
        self.output = output
        self.commands: list[list[str]] = []

    def run(self, argv: Sequence[str | Path], *, env: dict[str, str] | None = None) -> Output:
        self.commands.append([str(word) for word in argv])
        return self.output
