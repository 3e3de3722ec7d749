"""QCA107: can the running kernel still load the modules that containers need?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import DockerFacts, Engine, SystemFacts, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    system = require(subject.facts.system)
    if system.system == "Linux" and _is_here(require(subject.facts.docker)):
        yield _judge_system(system)


def _is_here(docker: DockerFacts) -> bool:
    """Return whether the engine runs on this host's kernel, or would run on it if started."""
    if isinstance(docker, Engine):
        return not docker.is_elsewhere
    return docker.state == "not-running" and docker.host.startswith("unix://")


def _judge_system(system: SystemFacts) -> Verdict:
    kernel = f"the running kernel ({system.release})"
    evidence = {"release": system.release, "kernel_modules": system.kernel_modules}
    if system.kernel_modules is None:
        reason = "they were not found, or not recorded"
        if system.in_container:
            reason = "they are not visible in a container"
        return skip(
            f"Cannot determine whether the modules of {kernel} are on the disk: {reason}.",
            **evidence,
        )
    if system.kernel_modules == "built-in":
        return ok("The running kernel uses no modules.", **evidence)
    if system.kernel_modules == "present":
        return ok("The running kernel's modules are on the disk.", **evidence)
    message = (
        f"The modules of {kernel} are gone, but another kernel's are there.\nAn update has "
        "probably replaced the kernel. Docker may no longer start, or no longer connect "
        "containers to a network (operation not supported). Reboot the host."
    )
    return Verdict(Severity.WARNING, message, evidence)


CHECK = Check(
    id="QCA107",
    category="docker",
    title="The running kernel's modules are gone",
    needs=("docker", "system"),
    looks_at="whether /lib/modules has a folder for the running kernel (`uname -r`), if the engine "
    "runs on this host. A kernel that has loaded no modules passes.",
    why="Arch Linux and its derivatives remove the modules of the old kernel during an update, "
    "while it still runs. Docker needs modules such as veth and those of iptables, and that kernel "
    "can no longer load them. This is a warning, because modules that are already loaded work.\n"
    "For example: failed to add the host (veth1d85371) <=> sandbox (vethbc264f6) pair interfaces: "
    "operation not supported",
    fix="Reboot the host; restarting Docker does not help.",
    url="https://github.com/moby/moby/issues/27426",
    judge_host=_judge_host,
)
