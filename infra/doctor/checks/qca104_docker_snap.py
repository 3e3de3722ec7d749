"""QCA104: can Docker from a snap start the stack's hardened containers and read their files?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Disk, Engine, known_or_none, require
from infra.host.snap import is_client_from_snap, is_from_snap, is_visible_to_snap
from qca.core.versions import parse_version

# The snap's patch of 2026-09-28 (patches/engine/0007) changes moby's module v2 so that
# containers with no-new-privileges start; Engine 29 is the first engine that is built from that
# module.
_MAY_BE_PATCHED = (29, 0)


def _judge_host(subject: HostSubject) -> list[Verdict]:
    engine, plugin = require(subject.facts.docker), require(subject.facts.compose)
    from_snap = isinstance(engine, Engine) and is_from_snap(engine)
    client = isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin)
    if not isinstance(engine, Engine) or not (from_snap or client):
        return [ok("Docker is not from a snap.")]
    faults = [*_judge_privileges(subject, engine)] if from_snap else []
    faults += _judge_folder(subject)
    message = f"Docker {engine.version} is from a snap, which does not affect the stack here."
    return faults or [ok(message)]


def _judge_privileges(subject: HostSubject, engine: Engine) -> Iterator[Verdict]:
    evidence = {"version": engine.version, "security_options": list(engine.security_options)}
    if not any("apparmor" in option for option in engine.security_options):
        return  # without confinement, changing the profile is allowed
    message = (
        "The snap's Docker cannot start containers with no-new-privileges, which the stack uses.\n"
        "AppArmor refuses the change from the snap's profile to the container's, and the "
        "container fails with: exec ...: operation not permitted"
    )
    severity = subject.grade_container_fault()
    if parse_version(engine.version) >= _MAY_BE_PATCHED:
        message += "\nRevisions of the snap after September 2026 may have fixed this."
        severity = Severity.WARNING
    around = () if subject.is_local_run else (TRAIN_LOCALLY,)
    yield Verdict(severity, message, evidence, (_INSTALL_PACKAGES, *around))


def _judge_folder(subject: HostSubject) -> Iterator[Verdict]:
    disks = known_or_none(subject.facts.disks)
    work = next((disk for disk in disks or () if disk.purpose == "work"), None)
    if work is None:
        yield skip(
            "Cannot determine whether the snap's Docker can read this folder: its path is unknown."
        )
    elif not is_visible_to_snap(work.path):
        severity, evidence = subject.grade_container_fault(), {"path": work.path}
        yield Verdict(severity, _explain_hidden(work), evidence, (_MOVE_HOME, _INSTALL_PACKAGES))


def _explain_hidden(work: Disk) -> str:
    return (
        f"The snap's Docker cannot access {work.path}.\nIt can only access files in a home folder "
        "that are not hidden: Compose reports any other file as missing, and a bind mount of any "
        "other folder is empty."
    )


_INSTALL_PACKAGES = Remedy(
    "Replace the snap with Docker's own packages",
    (
        "sudo snap remove docker",
        "curl -fsSL https://get.docker.com -o get-docker.sh",
        "sudo sh get-docker.sh",
    ),
    breaks="the snap's containers, images and volumes are removed with it; snapd keeps them in a "
    "snapshot",
)
_MOVE_HOME = Remedy(
    "Work in a folder in your home folder", ("mkdir -p ~/qca && cd ~/qca && qca up",)
)

CHECK = Check(
    id="QCA104",
    category="docker",
    title="Docker from a snap is confined",
    needs=("docker", "compose"),
    looks_at="whether the engine (by its folder /var/snap/docker) or the `docker` program (by its "
    "path under /snap) is the snap's, whether AppArmor confines it, and the work folder.",
    why="A confined daemon cannot start a container with `no-new-privileges` (Launchpad bug "
    "1908448), which every container of the stack sets. It can only read files in a home folder "
    "that are not hidden: not /tmp, /srv or ~/.cache.",
    fix="Use Docker's own packages, or train without containers. Work in your home folder.",
    url="https://github.com/canonical/docker-snap#usage",
    judge_host=_judge_host,
)
