"""QCA102: does the engine enforce memory and CPU limits?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Engine, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        yield _judge_engine(docker)


def _judge_engine(engine: Engine) -> Verdict:
    evidence = {"limits_memory": engine.limits_memory, "limits_cpu": engine.limits_cpu}
    limits = (("memory", engine.limits_memory), ("CPU", engine.limits_cpu))
    lacking = [name for name, enforced in limits if enforced is False]
    unknown = [name for name, enforced in limits if enforced is None]
    if lacking:
        return Verdict(Severity.WARNING, _explain(engine, lacking), evidence)
    if unknown:
        message = (
            f"Cannot determine whether the engine can limit {' and '.join(unknown)}: it does not "
            "say."
        )
        return skip(message, **evidence)
    return ok("The engine can limit a container's memory and CPUs.", **evidence)


def _explain(engine: Engine, lacking: list[str]) -> str:
    rootless = any("rootless" in option for option in engine.security_options)
    message = (
        f"The engine ignores {' and '.join(lacking)} limits (cgroup "
        f"v{engine.cgroup_version}{', rootless' if rootless else ''}).\nThe stack starts, but its "
        "containers can exceed their limits, and Dragonfly sees the memory and CPUs of the whole "
        "host."
    )
    if rootless:
        message += " Rootless Docker can limit containers only with cgroup v2 and systemd."
    return message


CHECK = Check(
    id="QCA102",
    category="docker",
    title="Docker ignores memory and CPU limits",
    needs=("docker",),
    looks_at="whether the engine reports that it can limit a container's memory and CPUs.",
    why="Rootless Docker supports `--memory` and `--cpus` only with cgroup v2 and systemd. "
    "Without them the planned container limits have no effect.",
    fix="Boot with cgroup v2, or use an engine that is not rootless.",
    url="https://docs.docker.com/engine/security/rootless/tips/#limiting-resources",
    judge_host=_judge_host,
)
