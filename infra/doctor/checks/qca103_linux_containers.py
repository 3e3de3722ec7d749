"""QCA103: is it Docker Engine, and does it run Linux containers?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Engine, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        yield _judge_engine(subject, docker)


def _judge_engine(subject: HostSubject, engine: Engine) -> Verdict:
    evidence = {"operating_system": engine.operating_system, "os_type": engine.os_type}
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
    podman = [name for name in engine.components if "podman" in name.lower()]
    if podman:
        message = (
            f"This is {podman[0]} {engine.components[podman[0]]} instead of Docker.\nqca is "
            "tested with Docker Engine; Podman supports most of the same calls."
        )
        return Verdict(Severity.INFO, message, {**evidence, "components": engine.components})
    return ok(f"The engine runs Linux containers ({engine.operating_system}).", **evidence)


CHECK = Check(
    id="QCA103",
    category="docker",
    title="Not a Docker Engine with Linux containers",
    needs=("docker",),
    looks_at="which kind of containers the engine runs, and whether it is Podman.",
    why="All images of the stack are Linux images, which an engine in Windows mode refuses. "
    "Podman supports most of the calls to Docker's socket, but qca is not tested with it.",
    fix="Switch Docker Desktop to Linux containers, or use Docker Engine.",
    url="https://docs.docker.com/desktop/setup/install/windows-install/",
    judge_host=_judge_host,
)
