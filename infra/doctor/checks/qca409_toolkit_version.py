"""QCA409: is the NVIDIA Container Toolkit safe, and new enough for the features that qca uses?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import ContainerToolkit, Engine, GpuDriver, require
from qca.core.versions import parse_version

# Vulnerabilities that let a container escape: CVE-2025-23266 (in releases up to 1.17.7),
# CVE-2025-23359 (up to 1.17.3) and CVE-2024-0132 (up to 1.16.1).
_SAFE = (1, 17, 8)
# The first release with each feature:
# https://github.com/NVIDIA/nvidia-container-toolkit/blob/main/CHANGELOG.md
_NEWS = (
    ((1, 12), "create the links in /dev/char (QCA406)"),
    ((1, 15), "name the GPUs in CDI files by UUID"),
    ((1, 16), "include nvidia-cdi-hook, which Engine 29.2 and newer need for CDI devices"),
    ((1, 18), "rewrite the CDI file after an upgrade of the driver"),
)


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(engine, Engine) or not isinstance(driver, GpuDriver) or not driver.gpus:
        return
    if not subject.needs_containers or engine.is_elsewhere:
        return
    if driver.toolkit is None:
        return  # QCA401 reports this
    yield _judge_toolkit(driver.container_toolkit)


def _judge_toolkit(toolkit: ContainerToolkit | None) -> Verdict:
    version = toolkit.version if toolkit else None
    if not version or not parse_version(version):
        return skip(
            "Cannot determine the version of the NVIDIA Container Toolkit: it was not recorded, "
            "or nvidia-ctk does not print it."
        )
    if parse_version(version) >= _SAFE:
        return ok(
            f"The NVIDIA Container Toolkit {version} has the security fixes.", version=version
        )
    lacks = [what for since, what in _NEWS if parse_version(version) < since]
    message = (
        f"The NVIDIA Container Toolkit {version} allows an image that uses the GPU to take over "
        "this host (CVE-2025-23266 and others); 1.17.8 fixes this.\nIt also does not "
        f"{', nor '.join(lacks)}."
    )
    return Verdict(Severity.WARNING, message, {"version": version}, (_UPGRADE,))


_UPGRADE = Remedy(
    "Upgrade the toolkit from NVIDIA's package source, and restart the daemon",
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
    looks_at="the version that `nvidia-ctk --version` prints, on a host with a GPU.",
    why="Up to 1.17.7, a malicious image with access to a GPU can run programs as root on the "
    "host. Older releases also lack nvidia-cdi-hook (before 1.16), UUIDs in CDI files (before "
    "1.15) and the links in /dev/char (before 1.12).\nFor example, with 1.14.6 and Engine 29.4 "
    "`gpus: all` does not use an existing CDI file.",
    fix="Upgrade the package nvidia-container-toolkit, and restart the daemon.",
    url="https://nvidia.custhelp.com/app/answers/detail/a_id/5659",
    judge_host=_judge_host,
)
