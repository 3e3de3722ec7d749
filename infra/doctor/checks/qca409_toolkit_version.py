"""QCA409: is the NVIDIA Container Toolkit recent enough to be safe, and for what is asked of it?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import is_elsewhere
from infra.host.facts import ContainerToolkit, Engine, GpuDriver, require
from qca.core.versions import parse_version

# Its releases up to 1.17.7 let an image out of its container: CVE-2025-23266, and before
# CVE-2025-23359 (up to 1.17.3) and CVE-2024-0132 (up to 1.16.1).
_SAFE = (1, 17, 8)
# From which release on: https://github.com/NVIDIA/nvidia-container-toolkit/blob/main/CHANGELOG.md
_NEWS = (
    ((1, 12), "make the links in /dev/char (QCA406)"),
    ((1, 15), "name the GPUs in CDI files by UUID"),
    ((1, 16), "bring nvidia-cdi-hook, without which Engine 29.2 and newer make no CDI devices"),
    ((1, 18), "write the CDI file anew after an upgrade of the driver"),
)


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(engine, Engine) or not isinstance(driver, GpuDriver) or not driver.gpus:
        return
    if not subject.needs_containers or is_elsewhere(engine):
        return
    if driver.toolkit is None:
        return  # QCA401 says what that means
    yield _judge_toolkit(driver.container_toolkit)


def _judge_toolkit(toolkit: ContainerToolkit | None) -> Verdict:
    version = toolkit.version if toolkit else None
    if not version or not parse_version(version):
        return skip("The toolkit's version was not recorded, or nvidia-ctk does not say it.")
    if parse_version(version) >= _SAFE:
        return ok(f"The NVIDIA Container Toolkit is {version}.", version=version)
    lacks = [what for since, what in _NEWS if parse_version(version) < since]
    message = (
        f"The NVIDIA Container Toolkit {version} lets an image that uses the GPU take over this "
        "host (CVE-2025-23266 and others); 1.17.8 does not.\n"
        f"It also does not {', nor '.join(lacks)}."
    )
    return Verdict(Severity.WARNING, message, {"version": version}, (_UPGRADE,))


_UPGRADE = Remedy(
    "Upgrade the toolkit, and restart the daemon (NVIDIA's package source)",
    (
        "sudo apt-get update",
        "sudo apt-get install -y nvidia-container-toolkit",
        "sudo systemctl restart docker",
    ),
    breaks="restarting Docker stops the running containers, unless live-restore is on",
)

CHECK = Check(
    id="QCA409",
    category="gpu",
    title="The NVIDIA Container Toolkit is old",
    needs=("docker", "gpu"),
    looks_at="the version that `nvidia-ctk --version` says, where there is a GPU.",
    why="Up to 1.17.7 an image of a stranger that is given a GPU can run programs as root on the "
    "host. Older releases also lack nvidia-cdi-hook (before 1.16), UUIDs in CDI files (before "
    "1.15) and the links in /dev/char (before 1.12).\n"
    "For example 1.14.6 with Engine 29.4: a CDI file is there, and `gpus: all` does not use it.",
    fix="Upgrade the package nvidia-container-toolkit, and restart the daemon.",
    url="https://nvidia.custhelp.com/app/answers/detail/a_id/5659",
    judge_host=_judge_host,
)
