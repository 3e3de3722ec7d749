"""QCA406: does a running container keep its GPU when systemd reads its units again?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.container_gpu import assess_gpu_access, is_elsewhere
from infra.host.facts import Engine, GpuDriver, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(engine, Engine) or not isinstance(driver, GpuDriver) or not driver.gpus:
        return
    if not subject.needs_containers or is_elsewhere(engine):
        return
    if not assess_gpu_access(engine, driver).usable:
        return  # QCA401 says what is in the way
    yield _judge_engine(engine, driver)


def _judge_engine(engine: Engine, driver: GpuDriver) -> Verdict:
    if engine.cgroup_driver is None:
        return skip("Which program manages the engine's cgroups was not recorded.")
    if engine.cgroup_driver != "systemd":
        return ok(f"The engine manages cgroups itself ({engine.cgroup_driver}).")
    if driver.container_toolkit is None:
        return skip("Whether /dev/char has links to the GPU's device files was not recorded.")
    if driver.container_toolkit.char_links:
        return ok("/dev/char has links to the GPU's device files, by which systemd knows them.")
    message = (
        "A running container can lose its GPU: `systemctl daemon-reload` takes it away.\n"
        "systemd manages the engine's cgroups and knows devices by their links in /dev/char, of "
        "which NVIDIA's device files have none. Upgrades of packages reload it. A training then "
        "ends with an error of CUDA, and nvidia-smi with: Failed to initialize NVML: Unknown Error"
    )
    evidence = {"cgroup_driver": engine.cgroup_driver}
    return Verdict(Severity.WARNING, message, evidence, (_MAKE_LINKS,))


_MAKE_LINKS = Remedy(
    "Make the links (toolkit 1.12 and newer), at each start of the machine before Docker's; the "
    "source below has a udev rule for that",
    ("sudo nvidia-ctk system create-dev-char-symlinks --create-all",),
    breaks="adds links to /dev/char, which are gone after a reboot",
)

CHECK = Check(
    id="QCA406",
    category="gpu",
    title="A container can lose its GPU while it runs",
    needs=("docker", "gpu"),
    looks_at="whether systemd manages the engine's cgroups, and whether /dev/char has links to "
    "NVIDIA's device files.",
    why="`systemctl daemon-reload`, which many an upgrade calls, has systemd set the rules of all "
    "its cgroups again. Without those links it leaves the GPU out that the toolkit had added, and "
    "a training of days ends.\n"
    "For example: `docker info` says `Cgroup Driver: systemd`, and `ls -l /dev/char | grep nvidia` "
    "says nothing.",
    fix="Make the links at each start of the machine, or have the engine use cgroupfs "
    "(`exec-opts`: `native.cgroupdriver=cgroupfs` in daemon.json).",
    url="https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",
    judge_host=_judge_host,
)
