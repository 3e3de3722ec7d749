"""QCA104: would Docker from a snap start the stack's hardened containers, and see their files?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Disk, Engine, known_or_none, require
from infra.host.snap import is_client_from_snap, is_from_snap, is_visible_to_snap
from qca.core.versions import parse_version

# The snap's patch of 2026-09-28 that fixes it (patches/engine/0007) is for moby's module v2,
# which Engine 29 was the first to be built from.
_MAY_BE_PATCHED = (29, 0)


def _judge_host(subject: HostSubject) -> list[Verdict]:
    engine, plugin = require(subject.facts.docker), require(subject.facts.compose)
    from_snap = isinstance(engine, Engine) and is_from_snap(engine)
    client = isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin)
    if not isinstance(engine, Engine) or not (from_snap or client):
        return [ok("Docker is not from a snap.")]
    faults = [*_judge_privileges(subject, engine)] if from_snap else []
    faults += _judge_folder(subject)
    message = f"Docker {engine.version} is from a snap, and nothing of that stops the stack."
    return faults or [ok(message)]


def _judge_privileges(subject: HostSubject, engine: Engine) -> Iterator[Verdict]:
    evidence = {"version": engine.version, "security_options": list(engine.security_options)}
    if not any("apparmor" in option for option in engine.security_options):
        return  # unconfined: nothing refuses the change of profile
    message = (
        "The snap's Docker starts no container that has no-new-privileges, which the stack's "
        "have.\nAppArmor refuses the step from the snap's profile to the container's; such a "
        "container ends with: exec ...: operation not permitted"
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
        yield skip("Whether the snap's Docker sees this folder is not known.")
    elif not is_visible_to_snap(work.path):
        severity, evidence = subject.grade_container_fault(), {"path": work.path}
        yield Verdict(severity, _explain_hidden(work), evidence, (_MOVE_HOME, _INSTALL_PACKAGES))


def _explain_hidden(work: Disk) -> str:
    return (
        f"The snap's Docker does not see {work.path}.\nIt is confined to the files of a home "
        "folder, hidden ones left out: Compose says of any file elsewhere that it is not there, "
        "and a bind mount from elsewhere is empty."
    )


_INSTALL_PACKAGES = Remedy(
    "Replace the snap by Docker's own packages",
    (
        "sudo snap remove docker",
        "curl -fsSL https://get.docker.com -o get-docker.sh",
        "sudo sh get-docker.sh",
    ),
    breaks="the snap's containers, images and volumes go with it, into a snapshot of snapd",
)
_MOVE_HOME = Remedy("Work in a folder of your home", ("mkdir -p ~/qca && cd ~/qca && qca up",))

CHECK = Check(
    id="QCA104",
    category="docker",
    title="Docker from a snap is confined",
    needs=("docker", "compose"),
    looks_at="whether the engine or the `docker` program is the snap's (its folder "
    "/var/snap/docker, its path /snap), whether AppArmor confines it, and the work folder.",
    why="A confined daemon cannot start a container with `no-new-privileges` (Launchpad bug "
    "1908448), which every container of the stack has, and reads only what lies in a home "
    "folder and is not hidden: no /tmp, no /srv, no ~/.cache.",
    fix="Use Docker's own packages, or train without containers. Work in your home folder.",
    url="https://github.com/canonical/docker-snap#usage",
    judge_host=_judge_host,
)
