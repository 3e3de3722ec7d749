"""QCA192: can a container use this folder? Tested by `qca doctor --deep`."""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.subjects import HostSubject
from infra.host.facts import MISSING_BIND_SOURCE, require

_FAULTS = {
    "refused": "The engine cannot mount this folder into a container.",
    "unreadable": "Containers cannot read files in this folder.",
    "unwritable": "Containers cannot write to this folder.",
    "elsewhere": "Files that a container writes to this folder do not appear on this machine.",
}


def _judge_host(subject: HostSubject) -> Verdict:
    mount = require(subject.facts.live_mount)
    evidence = {"user": mount.user, "fault": mount.fault}
    if mount.fault is None:
        return ok(f"Containers can read and write in this folder as {mount.user}.", **evidence)
    message = f"{_FAULTS[mount.fault]}\nTested as {mount.user} in a new subfolder"
    message += f": {mount.detail}" if mount.detail else "."
    if mount.fault == "refused" and MISSING_BIND_SOURCE in mount.detail:
        message += "\nThe engine has another file system, so `qca up` keeps the run in a volume."
        return Verdict(Severity.INFO, message, evidence)
    return Verdict(subject.grade_container_fault(), message, evidence, _REMEDIES[mount.fault])


_SHOW_FOLDER = Remedy(
    "Check the folder's owner, mode and label, and its file system: SELinux, or a network share "
    "that maps root to nobody, can deny access to containers",
    ("ls -ldZ .", "findmnt -T ."),
)
_USE_THIS_ENGINE = Remedy(
    "Check which engine is in use: its file system is not this machine's", ("docker context ls",)
)
_REMEDIES = {
    "refused": (_SHOW_FOLDER,),
    "unreadable": (_SHOW_FOLDER,),
    "unwritable": (_SHOW_FOLDER,),
    "elsewhere": (_USE_THIS_ENGINE,),
}

CHECK = Check(
    id="QCA192",
    category="docker",
    title="Containers cannot use this folder",
    needs=("live_mount",),
    looks_at="with `--deep`: a container mounts a new subfolder of the work folder, as for a run, "
    "reads a file there as the stack's user, and writes another.",
    why="The trainer's container keeps its run in the folder `runs` here. Whether that works "
    "depends on the folder's owner, its SELinux label, a network file system and the folders "
    "shared with a virtual machine; none of the facts that qca records shows whether it does. If "
    "the engine does not have this machine's files, the run is kept in a volume.",
    fix="Work in a folder that you own, on a local disk.",
    url="https://docs.docker.com/engine/storage/bind-mounts/",
    judge_host=_judge_host,
)
