"""QCA305: can Dragonfly write its snapshots to /data?"""

from collections.abc import Iterator

from infra.compose_file.model import LocatedValue, Service
from infra.doctor.analysis.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.dragonfly.releases import Release, format_release, is_read
from infra.dragonfly.service import Dragonfly

_FOLDER = "/data"
_ROOT, _DRAGONFLY = 0, 999
_USERS = {"root": _ROOT, "dfly": _DRAGONFLY}
# Since the first pull request the image runs as `dfly`. Since the second, its entrypoint starts as
# root again and changes the owner of /data to `dfly`; the first patch release of v1.21 with that
# change is unknown. https://github.com/dragonflydb/dragonfly/pull/1775 and /pull/3518
_FIRST_AS_DFLY: Release = (1, 10, 0)
_FIRST_UNCLEAR: Release = (1, 21, 0)
_FIRST_AS_ROOT: Release = (1, 22, 0)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        service = dragonfly.service
        verdict = _judge_service(dragonfly, service.settings.get("user"))
        if verdict is not None:
            yield locate(verdict, subject.file, service.settings.get("user") or service)


def _judge_service(dragonfly: Dragonfly, given: LocatedValue | None) -> Verdict | None:
    """Return the verdict on a service; None if the start of its image is unknown."""
    name = dragonfly.service.name
    if hidden := explain_hidden_flags(dragonfly):
        return skip(f"Cannot determine whether service {name} can write its snapshots.\n{hidden}")
    if reason := _explain_no_snapshots(dragonfly):
        return ok(f"Service {name}: {reason}.")
    folder = dragonfly.flags.get("dir")
    if folder is not None and folder.value.rstrip("/") not in ("", _FOLDER):
        return skip(
            f"Cannot determine whether service {name} can write its snapshots to {folder.value}: "
            "who owns that folder was not looked at."
        )
    if given is None and not is_read(dragonfly.release):
        return None
    user = _find_user(dragonfly.release) if given is None else _parse_user(given.value)
    if user is None:
        who = given.value if given else f"the image of {format_release(dragonfly.release)}"
        return skip(f"Cannot determine the user of service {name}: {who}.")
    if user == _ROOT:
        return ok(f"Service {name}: the image's entrypoint makes Dragonfly the owner of {_FOLDER}.")
    return _judge_folder(dragonfly.service, user)


def _explain_no_snapshots(dragonfly: Dragonfly) -> str:
    """Return why no snapshot is kept for any user; an empty string if one should be."""
    name = dragonfly.flags.get("dbfilename")
    if name is not None and name.value == "":
        return "it writes no snapshots"
    if _FOLDER in dragonfly.service.mounts.get("tmpfs", ()):
        return f"{_FOLDER} is a tmpfs, which keeps no snapshot"
    return ""


def _find_user(release: Release) -> int | None:
    """Return the user as which the image starts; None if that is unclear."""
    if _FIRST_UNCLEAR <= release < _FIRST_AS_ROOT:
        return None
    return _DRAGONFLY if _FIRST_AS_DFLY <= release < _FIRST_UNCLEAR else _ROOT


def _parse_user(text: str) -> int | None:
    name = text.partition(":")[0]
    return int(name) if name.isdecimal() else _USERS.get(name)


def _judge_folder(service: Service, user: int) -> Verdict:
    evidence = {"service": service.name, "user": user}
    source = service.mounts.get("volumes", {}).get(_FOLDER)
    if source is not None:
        return skip(
            f"Cannot determine whether service {service.name} can write its snapshots.\nIt starts "
            f"as user {user}, and {_FOLDER} is {source}, whose owner was not checked (a folder "
            "that Docker creates belongs to root). `ls -ldn` shows the owner.",
            **evidence,
        )
    if user == _DRAGONFLY:
        return ok(f"Service {service.name}: Dragonfly owns a new volume at {_FOLDER}.", **evidence)
    message = (
        f"Service {service.name} cannot write its snapshots: it runs as user {user}, but a new "
        f"volume at {_FOLDER} belongs to user {_DRAGONFLY}, as in the image.\nIts data is lost "
        "when it stops. Remove `user`, or set 999:999; the entrypoint changes the owner of "
        f"{_FOLDER} only if it starts as root."
    )
    return Verdict(Severity.WARNING, message, evidence)


CHECK = Check(
    id="QCA305",
    category="dragonfly",
    title="Dragonfly cannot write its snapshots",
    needs=(),
    looks_at="`user` of the Dragonfly services, the mount at /data, `--dir` and `--dbfilename`, "
    "and the image's release.",
    why="Dragonfly saves its data to /data when it stops. The image's entrypoint starts as root, "
    "makes user 999 the owner of /data, and continues as that user. It cannot do so if `user` is "
    "set, or in v1.10 to v1.20, which start as user 999. A new volume has the owner of the "
    "image's folder, 999; a host folder keeps its own owner, which is not checked.",
    fix="Remove `user`, or set `999:999` and make that user the owner of a mounted folder (`sudo "
    "chown 999:999 FOLDER`).",
    url="https://github.com/dragonflydb/dragonfly/pull/3518",
    judge_file=_judge_file,
)
