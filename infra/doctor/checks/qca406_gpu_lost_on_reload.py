"""QCA406: does a running container keep its GPU when systemd reloads its units?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import assess_gpu_access
from infra.host.facts import Engine, GpuDriver, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(engine, Engine) or not isinstance(driver, GpuDriver) or not driver.gpus:
        return
    if not subject.needs_containers or engine.is_elsewhere:
        return
    if not assess_gpu_access(engine, driver).usable:
        return  # QCA401 reports the obstacle
    yield _judge_engine(engine, driver)


def _judge_engine(engine: Engine, driver: GpuDriver) -> Verdict:
    if engine.cgroup_driver is None:
        return skip(
            "Cannot determine whether containers keep access to their GPU: the engine's cgroup "
            "driver was not recorded."
        )
    if engine.cgroup_driver != "systemd":
        return ok(f"The engine manages cgroups itself ({engine.cgroup_driver}).")
    if driver.container_toolkit is None:
        return skip(
            "Cannot determine whether containers keep access to their GPU: the links in /dev/char "
            "were not recorded."
        )
    if driver.container_toolkit.char_links:
        return ok("/dev/char has the links to the GPU's device files that systemd needs.")
    message = (
        "`systemctl daemon-reload` can remove the GPU from a running container.\nsystemd manages "
        "the engine's cgroups and finds devices by their links in /dev/char, but NVIDIA's device "
        "files have no links there. Package upgrades reload systemd. A training run then fails "
        "with a "
        "CUDA error, and nvidia-smi with: Failed to initialize NVML: Unknown Error"
    )
    evidence = {"cgroup_driver": engine.cgroup_driver}
    return Verdict(Severity.WARNING, message, evidence, (_MAKE_LINKS,))


_MAKE_LINKS = Remedy(
    "Create the links (toolkit 1.12 and newer) at each boot before Docker starts; the source "
    "that `qca explain QCA406` names has a udev rule for that",
    ("sudo nvidia-ctk system create-dev-char-symlinks --create-all",),
    breaks="adds links to /dev/char, which a reboot removes",
)

CHECK = Check(
    id="QCA406",
    category="gpu",
    title="A running container can lose its GPU",
    needs=("docker", "gpu"),
    looks_at="whether systemd manages the engine's cgroups, and whether /dev/char has links to "
    "NVIDIA's device files.",
    why="`systemctl daemon-reload`, which many package upgrades run, makes systemd rewrite the "
    "device rules of all its cgroups. Without those links it omits the GPU that the toolkit had "
    "added, and a training run that ran for days fails.\nFor example: `docker info` prints `Cgroup "
    "Driver: systemd`, and `ls -l /dev/char | grep nvidia` prints nothing.",
    fix="Create the links at each boot, or configure the engine to use cgroupfs (`exec-opts`: "
    "`native.cgroupdriver=cgroupfs` in daemon.json).",
    url="https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",
    judge_host=_judge_host,
)
