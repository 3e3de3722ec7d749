"""QCA192: can a container use this folder? Asked by `qca doctor --deep`."""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.subjects import HostSubject
from infra.host.facts import require

# What an engine says that has no such folder (moby, volume/mounts/validate.go).
_MISSING = "bind source path does not exist"

_FAULTS = {
    "refused": "The engine does not mount this folder into a container.",
    "unreadable": "A container cannot read what is in this folder.",
    "unwritable": "A container cannot write in this folder.",
    "elsewhere": "What a container writes in this folder is not here.",
}


def _judge_host(subject: HostSubject) -> Verdict:
    mount = require(subject.facts.live_mount)
    evidence = {"user": mount.user, "fault": mount.fault}
    if mount.fault is None:
        return ok(f"A container reads and writes in this folder as {mount.user}.", **evidence)
    message = f"{_FAULTS[mount.fault]}\nTried as {mount.user} in a new folder within this one"
    message += f": {mount.detail}" if mount.detail else "."
    if mount.fault == "refused" and _MISSING in mount.detail:
        message += "\nThe engine has files of its own: `qca up` keeps the run in a volume."
        return Verdict(Severity.INFO, message, evidence)
    return Verdict(subject.grade_container_fault(), message, evidence, _REMEDIES[mount.fault])


_SHOW_FOLDER = Remedy(
    "See the folder's owner, mode and label, and its file system: SELinux, and a network share "
    "that takes root for nobody, refuse containers",
    ("ls -ldZ .", "findmnt -T ."),
)
_USE_THIS_ENGINE = Remedy(
    "See which engine answers: it has other files than this machine", ("docker context ls",)
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
    looks_at="with `--deep`: a container that has a new folder within the work folder mounted, as "
    "a run's is, reads a file there as the user that the stack runs as, and writes another.",
    why="The trainer's container keeps its run in the folder `runs` here. Who owns it, SELinux's "
    "label, a network file system, and what a virtual machine shares decide whether that works, "
    "each without a trace in any fact. Where the engine has no files of this machine, the run is "
    "kept in a volume.",
    fix="Work in a folder on a local disk that is your own.",
    url="https://docs.docker.com/engine/storage/bind-mounts/",
    judge_host=_judge_host,
)
