"""QCA306: does the CPU have the instructions that Dragonfly's image for arm64 uses?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.analysis.dragonfly_services import list_dragonflies
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly.cpu_features import ATOMICS, list_missing_features
from infra.dragonfly.service import is_official_image
from infra.host.facts import Engine, HostFacts, require

# Go's name, which the daemon and Compose's `platform` use, and the kernel's.
_ARM64 = ("arm64", "aarch64")


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    if subject.is_local_run or not _runs_arm64(subject.facts):
        return
    missing = _find_missing(subject.facts)
    if isinstance(missing, str):
        yield skip(f"Cannot determine whether the CPU can run Dragonfly: {missing}.")
    elif not missing:
        yield ok("The CPU has the instructions that Dragonfly uses.")
    else:
        severity = Severity.WARNING
        if ATOMICS in missing:
            severity = subject.grade_container_fault()
        message = f"Dragonfly {_explain(missing)}"
        yield Verdict(severity, message, {"missing": missing}, (TRAIN_LOCALLY,))


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    if not _runs_arm64(subject.facts):
        return
    missing = _find_missing(subject.facts)
    for dragonfly in list_dragonflies(subject.file):
        service = dragonfly.service
        if not _is_emulated(service):
            yield locate(_judge_service(service, missing), subject.file, service.image or service)


def _judge_service(service: Service, missing: list[str] | str) -> Verdict:
    name = service.name
    if isinstance(missing, str):
        return skip(f"Cannot determine whether the CPU can run service {name}: {missing}.")
    if not missing:
        return ok(f"Service {name}: the CPU has the instructions that Dragonfly uses.")
    evidence = {"service": name, "missing": missing}
    if service.is_built or not (service.image and is_official_image(service.image.value)):
        return skip(
            f"Cannot determine whether the CPU can run service {name}: its image is not one of "
            f"Dragonfly's own, which also need features that this CPU lacks: {', '.join(missing)}.",
            **evidence,
        )
    severity = Severity.ERROR if ATOMICS in missing else Severity.WARNING
    message = f"Service {name}: Dragonfly {_explain(missing)}\nRun Redis or Valkey instead."
    return Verdict(severity, message, evidence)


def _runs_arm64(facts: HostFacts) -> bool:
    """Return whether containers run on arm64, as far as the engine or this host says."""
    engine = require(facts.docker)
    if isinstance(engine, Engine):
        return (engine.daemon_architecture or engine.architecture) in _ARM64
    return require(facts.system).machine in _ARM64


def _is_emulated(service: Service) -> bool:
    """Return whether the service runs an image for another architecture, by emulation."""
    platform = service.settings.get("platform")
    return platform is not None and not any(name in platform.value for name in _ARM64)


def _find_missing(facts: HostFacts) -> list[str] | str:
    """Return the features that the CPU lacks, or why they are unknown."""
    engine, features = require(facts.docker), require(facts.cpu).features
    if isinstance(engine, Engine) and engine.is_elsewhere:
        return "the engine runs on another machine or in a virtual machine"
    if features is None:
        return "its features were not recorded"
    return list_missing_features(features)


def _explain(missing: list[str]) -> str:
    names = ", ".join(missing)
    if ATOMICS in missing:
        return (
            "exits immediately: this CPU lacks the atomic instructions (LSE) that it uses.\nThe "
            "container stops with exit code 132 (SIGILL) and an empty log. Of the features for "
            f"which Dragonfly is compiled, the CPU lacks {names}."
        )
    return (
        f"may crash: it is compiled for features that this CPU lacks: {names}.\nThe container then "
        "stops with exit code 132 (SIGILL)."
    )


CHECK = Check(
    id="QCA306",
    category="dragonfly",
    title="The CPU lacks instructions that Dragonfly uses",
    needs=("docker", "system", "cpu"),
    looks_at="the features that the kernel reports for an arm64 CPU (`Features` in "
    "/proc/cpuinfo). The check judges the stack, and the Dragonfly services in the files given "
    "with -f. It does not judge x86-64 CPUs.",
    why="Dragonfly's image for arm64 is compiled for ARMv8.2-A with fp16, rcpc, dotprod and "
    "crypto. An ARMv8.0 CPU, such as the Cortex-A72 of a Raspberry Pi 4, does not have the "
    "atomic instructions of ARMv8.1 (LSE), and Dragonfly exits there before it writes a log. "
    "Without one of the other features, it may crash later.\nWhat Dragonfly needs from an x86-64 "
    "CPU depends on its release: its Makefile was changed to SSE4.1 and POPCNT in August 2023 "
    "(https://github.com/dragonflydb/dragonfly/pull/1755), and later to x86-64-v3, which includes "
    "AVX2. No source that we know names the first release with the later setting, so the doctor "
    "does not guess.",
    fix="Train without containers (`qca up --runtime local`), use another machine, or run Redis "
    "or Valkey instead.",
    url="https://github.com/dragonflydb/dragonfly/issues/7904",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
