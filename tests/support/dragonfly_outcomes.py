"""The measured outcomes of Dragonfly v1.40.0 with various command lines and variables.

`tests/dragonfly/data/runs.csv` was recorded from runs of the program with two CPUs and not derived
from rules, so a test that compares the product with it can fail. Its columns are the words of the
command, each starting with `--`; the variables as JSON; `UP` or `exit STATUS`, negative for a
signal; the threads, if it started any; and a part of its output.
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
    """A start of Dragonfly, with its outcome."""

    case: str
    words: tuple[str, ...]
    variables: dict[str, str]
    outcome: str
    threads: int | None
    message: str

    @property
    def starts(self) -> bool:
        """Whether it started to serve."""
        return self.outcome == "UP"

    def __str__(self) -> str:
        return self.case


def read_runs(path: Path = TABLE) -> list[Run]:
    """Return the runs in a table with these columns."""
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
    """Split the arguments: `--flag=a value` is one word, `--flag value` is two."""
    words = re.split(r" (?=--)", arguments)
    return [part for word in words for part in (word.split(" ", 1) if "=" not in word else [word])]


def ask_standin(words: tuple[str, ...], variables: dict[str, str], host: Host) -> str:
    """Return the error of the test bed's stand-in for Dragonfly; empty if it starts."""

    def read_file(path: str) -> str:
        raise FileNotFoundError(path)

    try:
        flags = parse_flags(words, variables, read_file)
        check_start(flags, choose_limits(flags, host))
    except StartRefusedError as refusal:
        return f"{refusal.status}: {refusal}"
    return ""
