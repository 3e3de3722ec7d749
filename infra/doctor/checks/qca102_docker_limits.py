"""QCA102: does the engine enforce memory and CPU limits?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Engine, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        yield _judge_engine(docker)


def _judge_engine(engine: Engine) -> Verdict:
    evidence = {"limits_memory": engine.limits_memory, "limits_cpu": engine.limits_cpu}
    limits = (("memory", engine.limits_memory), ("CPUs", engine.limits_cpu))
    lacking = [name for name, enforced in limits if enforced is False]
    unknown = [name for name, enforced in limits if enforced is None]
    if lacking:
        remedies = _suggest_remedies(engine)
        return Verdict(Severity.WARNING, _explain(engine, lacking), evidence, remedies)
    if unknown:
        message = (
            f"Cannot determine whether the engine can limit {' and '.join(unknown)}: it does not "
            f"report that."
        )
        return skip(message, **evidence)
    return ok("The engine can limit a container's memory and CPUs.", **evidence)


def _explain(engine: Engine, lacking: list[str]) -> str:
    consequence = (
        "The stack starts, but its containers can use more than planned, and Dragonfly sees the "
        "memory and CPUs of the whole host."
    )
    if "CPUs" in lacking:
        consequence += " A service with `cpus` does not start at all (QCA705)."
    what = f"The engine cannot limit a container's {' or '.join(lacking)}."
    return f"{what}\n{_find_cause(engine, lacking)}\n{consequence}"


def _find_cause(engine: Engine, lacking: list[str]) -> str:
    if engine.is_rootless:
        return _find_rootless_cause(engine)
    if "memory" in lacking:
        return "The kernel's memory controller is off or not mounted."
    return "The kernel has no CPU quotas (CONFIG_CFS_BANDWIDTH), or their cgroup is not mounted."


def _find_rootless_cause(engine: Engine) -> str:
    if engine.cgroup_version == "1":
        return "Rootless Docker can limit containers only with cgroup v2; this host uses v1."
    if engine.cgroup_driver not in (None, "systemd"):
        return (
            "Rootless Docker can limit containers only with systemd; its cgroup driver is "
            f"{engine.cgroup_driver}."
        )
    return (
        "Rootless Docker can limit only what systemd delegates to the user: by default, memory and "
        "the number of processes."
    )


def _suggest_remedies(engine: Engine) -> tuple[Remedy, ...]:
    is_undelegated = engine.cgroup_version == "2" and engine.cgroup_driver in (None, "systemd")
    return (_delegate_controllers(),) if engine.is_rootless and is_undelegated else ()


def _delegate_controllers() -> Remedy:
    # https://docs.docker.com/engine/security/rootless/tips/#limiting-resources
    return Remedy(
        "Delegate the cgroup controllers to users, then log out and in again",
        (
            "sudo mkdir -p /etc/systemd/system/user@.service.d",
            "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | "
            "sudo tee /etc/systemd/system/user@.service.d/delegate.conf",
            "sudo systemctl daemon-reload",
        ),
        breaks="lets every user of this machine set such limits on their own processes",
    )


CHECK = Check(
    id="QCA102",
    category="docker",
    title="Docker cannot limit memory or CPUs",
    needs=("docker",),
    looks_at="whether the engine reports that it can limit a container's memory and CPUs.",
    why="The engine ignores a memory limit that it cannot enforce, and refuses to start a "
    "container with `cpus`. Rootless Docker needs cgroup v2, systemd, and the delegation of the "
    "controllers, of which systemd delegates only `memory` and `pids` by default. Some kernels, "
    "such as those of Synology's NAS, have no CPU quotas.",
    fix="Rootless: boot with cgroup v2 and delegate the controllers. Otherwise: boot with "
    "`cgroup_enable=memory` if the memory controller is off; without CPU quotas, remove `cpus` "
    "from your services.",
    url="https://docs.docker.com/engine/security/rootless/tips/#limiting-resources",
    judge_host=_judge_host,
)
