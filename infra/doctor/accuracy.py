"""Describe how often a check is wrong: verdict counts, and its last disagreement with reality.

`python -m tests.support.accuracy` writes the counts in `infra/data/check-accuracy.json`;
`infra/data/check-disagreements.toml` is edited by hand.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from qca.core.units import format_count

_DATA = Path(__file__).parents[1] / "data"
COUNTS = _DATA / "check-accuracy.json"
DISAGREEMENTS = _DATA / "check-disagreements.toml"


def describe_accuracy(check_id: str) -> str:
    """Return a line of counts for each corpus, and a line about the last disagreement."""
    corpora = _read_counts()["corpora"]
    measured = _read_counts()["checks"].get(check_id, {})
    lines = [_describe_corpus(corpora[name], counts) for name, counts in measured.items()]
    if not lines:
        lines = ["How often it is wrong is unknown: only its own tests cover it."]
    last = _read_disagreements().get(check_id)
    lines.append(f"Last disagreement: {last}" if last else "No disagreement is recorded.")
    return "\n".join(lines)


def _describe_corpus(what: str, counts: dict[str, int]) -> str:
    judged, undecided = counts["judged"], format_count(counts["unknown"], "case")
    verdicts = f"{format_count(judged, 'verdict')}, {counts['wrong']} of them wrong,"
    given = verdicts if judged else "no verdict on this check"
    return f"On {what}, the doctor gave {given} and left {undecided} undecided."


@cache
def _read_counts() -> dict[str, Any]:
    return json.loads(COUNTS.read_text(encoding="utf-8"))


@cache
def _read_disagreements() -> dict[str, str]:
    return tomllib.loads(DISAGREEMENTS.read_text(encoding="utf-8"))
