"""QCA103: is the engine Docker's, and does it run Linux containers of a common architecture?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Engine, require

# The architectures of Dragonfly's images (its .github/workflows/docker-release2.yml). Each has two
# names: the daemon uses Go's name, and the kernel uses the one that `uname -m` prints.
_PUBLISHED = ("amd64", "x86_64", "arm64", "aarch64")


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        yield _judge_engine(subject, docker)


def _judge_engine(subject: HostSubject, engine: Engine) -> Verdict:
    architecture = engine.daemon_architecture or engine.architecture
    evidence = {
        "operating_system": engine.operating_system,
        "os_type": engine.os_type,
        "architecture": architecture,
    }
    if not engine.os_type:
        return skip(
            "Cannot determine which kind of containers the engine runs: it does not report that.",
            **evidence,
        )
    if engine.os_type != "linux":
        message = (
            f"The engine runs {engine.os_type} containers; the stack's images are Linux images.\n"
            "In Docker Desktop, choose `Switch to Linux containers` from the menu."
        )
        return Verdict(subject.grade_container_fault(), message, evidence)
    if not architecture:
        return skip(
            "Cannot determine whether the stack's images exist for the engine's architecture: it "
            "does not report that.",
            **evidence,
        )
    if architecture not in _PUBLISHED:
        message = _describe_architecture(engine, architecture)
        return Verdict(subject.grade_container_fault(), message, evidence)
    podman = [name for name in engine.components if "podman" in name.lower()]
    if podman:
        message = (
            f"This is {podman[0]} {engine.components[podman[0]]} instead of Docker.\nqca is "
            "tested with Docker Engine; Podman supports most of the same calls."
        )
        return Verdict(Severity.INFO, message, {**evidence, "components": engine.components})
    return ok(f"The engine runs Linux containers ({engine.operating_system}).", **evidence)


def _describe_architecture(engine: Engine, architecture: str) -> str:
    advice = "Use an engine on another machine."
    if engine.architecture in _PUBLISHED:
        advice = (
            f"The kernel is 64-bit ({engine.architecture}), but Docker is 32-bit, as on Raspberry "
            "Pi OS (32-bit). Install a 64-bit operating system."
        )
    return (
        f"The engine runs images for {architecture}; Dragonfly's exist for amd64 and arm64 only.\n"
        f"Docker reports: no matching manifest for linux/{architecture}\n{advice}"
    )


CHECK = Check(
    id="QCA103",
    category="docker",
    title="Not a Docker Engine that runs the stack's images",
    needs=("docker",),
    looks_at="which kind of containers the engine runs, for which architecture, and whether it is "
    "Podman.",
    why="All images of the stack are Linux images, which an engine in Windows mode refuses. "
    "Dragonfly publishes its images for amd64 and arm64 only, which an engine for another "
    "architecture cannot pull. The daemon's architecture counts: Raspberry Pi OS (32-bit) runs a "
    "daemon for `arm` on a kernel for `aarch64`.\n"
    "Podman supports most of the calls to Docker's socket, but qca is not tested with it.",
    fix="Switch Docker Desktop to Linux containers, use Docker Engine, or install a 64-bit "
    "operating system.",
    url="https://docs.docker.com/desktop/setup/install/windows-install/",
    judge_host=_judge_host,
)
