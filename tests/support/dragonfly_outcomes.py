"""What Dragonfly v1.40.0 did with a command line and variables, when it was run.

`tests/dragonfly/data/runs.csv` was written down from runs of the program, with two CPUs, and not
from anybody's rules: a test that holds the product against it can fail. Its columns: the words of
the command, each starting with `--`; variables as JSON; `UP` or `exit STATUS`, negative for a
signal; the threads, where it came to count them; a part of what it said.
"""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.dragonfly_standin.flags import StartRefusedError, parse_flags
from tests.testbed.dragonfly_standin.rules import Host, check_start, choose_limits

TABLE = Path(__file__).parents[1] / "dragonfly" / "data" / "runs.csv"


@dataclass(frozen=True)
class Run:
    """One start, and how it ended."""

    case: str
    words: tuple[str, ...]
    variables: dict[str, str]
    outcome: str
    threads: int | None
    message: str

    @property
    def starts(self) -> bool:
        """Whether it served."""
        return self.outcome == "UP"

    def __str__(self) -> str:
        return self.case


def read_runs(path: Path = TABLE) -> list[Run]:
    """Return the runs of a table in this form."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_parse_run(row) for row in csv.DictReader(file)]


def _parse_run(row: dict[str, Any]) -> Run:
    return Run(
        row["case"],
        tuple(_split_words(row["arguments"])),
        json.loads(row["environment"]),
        row["outcome"],
        int(row["threads"]) if row["threads"] else None,
        row["message"],
    )


def _split_words(arguments: str) -> list[str]:
    """Part `--flag=a value` and `--flag value`, of which only the latter are two words."""
    words = re.split(r" (?=--)", arguments)
    return [part for word in words for part in (word.split(" ", 1) if "=" not in word else [word])]


def ask_standin(words: tuple[str, ...], variables: dict[str, str], host: Host) -> str:
    """Return how the test bed's stand-in for Dragonfly ends: empty, or with what it refuses."""

    def read_file(path: str) -> str:
        raise FileNotFoundError(path)

    try:
        flags = parse_flags(words, variables, read_file)
        check_start(flags, choose_limits(flags, host))
    except StartRefusedError as refusal:
        return f"{refusal.status}: {refusal}"
    return ""
