"""QCA305: can Dragonfly write its snapshots to /data?"""

from collections.abc import Iterator

from infra.compose_file.model import LocatedValue, Service
from infra.doctor.analysis.capabilities import has_capability
from infra.doctor.analysis.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.dragonfly.releases import Release, format_release, is_read
from infra.dragonfly.service import Dragonfly

_FOLDER = "/data"
_ROOT, _DRAGONFLY = 0, 999
_USERS = {"root": _ROOT, "dfly": _DRAGONFLY}
# Since https://github.com/dragonflydb/dragonfly/pull/1775 the image runs as `dfly`. Since pull
# request 3518 its entrypoint starts as root again, and changes the owner of /data to `dfly`. It is
# unknown which patch release of v1.21 was the first with that change.
_FIRST_AS_DFLY: Release = (1, 10, 0)
_FIRST_UNCLEAR: Release = (1, 21, 0)
_FIRST_AS_ROOT: Release = (1, 22, 0)
# tools/docker/entrypoint.sh of dragonflydb/dragonfly
_ENTRYPOINT = "entrypoint.sh"


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        service = dragonfly.service
        user = service.settings.get("user")
        verdict = _judge_service(dragonfly, user)
        if verdict is not None:
            yield locate(verdict, subject.file, user or service)


def _judge_service(dragonfly: Dragonfly, given: LocatedValue | None) -> Verdict | None:
    """Return the verdict on a service; None if it is unknown how its image starts."""
    name = dragonfly.service.name
    if hidden := explain_hidden_flags(dragonfly):
        return skip(f"Cannot determine whether service {name} can write its snapshots.\n{hidden}")
    if reason := _explain_no_snapshots(dragonfly):
        return ok(f"Service {name}: {reason}.")
    folder = dragonfly.flags.get("dir")
    if folder is not None and folder.value.rstrip("/") not in ("", _FOLDER):
        return skip(
            f"Cannot determine whether service {name} can write its snapshots to {folder.value}: "
            "the owner of that folder was not checked."
        )
    if _FOLDER in dragonfly.service.read_only_mounts:
        return _report_read_only(dragonfly.service)
    if given is None and not is_read(dragonfly.release):
        return None
    user = _find_user(dragonfly.release) if given is None else _parse_user(given.value)
    if user is None:
        who = given.value if given else f"the image of {format_release(dragonfly.release)}"
        return skip(f"Cannot determine which user service {name} runs as ({who}).")
    if user != _ROOT:
        return _judge_folder(dragonfly.service, user)
    if _starts_entrypoint(dragonfly.service):
        return _judge_entrypoint(dragonfly.service)
    return _judge_root(dragonfly.service)


def _explain_no_snapshots(dragonfly: Dragonfly) -> str:
    """Return why the service keeps no snapshots regardless of its user, or an empty string."""
    name = dragonfly.flags.get("dbfilename")
    if name is not None and name.value == "":
        return "it writes no snapshots"
    if _FOLDER in dragonfly.service.mounts.get("tmpfs", ()):
        return f"{_FOLDER} is a tmpfs, which keeps no snapshot"
    return ""


def _find_user(release: Release) -> int | None:
    """Return the user that the image starts as; None if that is unclear."""
    if _FIRST_UNCLEAR <= release < _FIRST_AS_ROOT:
        return None
    return _DRAGONFLY if _FIRST_AS_DFLY <= release < _FIRST_UNCLEAR else _ROOT


def _parse_user(text: str) -> int | None:
    name = text.partition(":")[0]
    return int(name) if name.isdecimal() else _USERS.get(name)


def _report_read_only(service: Service) -> Verdict:
    message = (
        f"Service {service.name} cannot write its snapshots: {_FOLDER} is mounted read-only.\n"
        "Its data is lost when it stops. If that is intended, pass `--dbfilename=` to turn "
        "snapshots off; otherwise mount the folder without `ro`."
    )
    return Verdict(Severity.WARNING, message, {"service": service.name})


def _starts_entrypoint(service: Service) -> bool:
    """Return whether the image's entrypoint runs and then continues as Dragonfly's own user.

    It continues as that user only if the first word of the command is `dragonfly` or a flag.
    """
    entrypoint = [word.value.rpartition("/")[2] for word in service.entrypoint]
    if entrypoint and _ENTRYPOINT not in entrypoint:
        return False
    first = next((word.value for word in service.arguments), "-")
    return first.startswith("-") or first == "dragonfly"


def _judge_entrypoint(service: Service) -> Verdict:
    """Judge a service whose entrypoint starts as root and makes Dragonfly's user own the folder."""
    missing = [
        capability for capability in ("SETGID", "SETUID") if not has_capability(service, capability)
    ]
    if missing:
        message = (
            f"Service {service.name} exits immediately: its entrypoint needs the capabilit"
            f"{'y' if len(missing) == 1 else 'ies'} {' and '.join(missing)} to continue as user "
            f"{_DRAGONFLY}.\n`setpriv` fails with: Operation not permitted. Set `user: "
            f"{_DRAGONFLY}:{_DRAGONFLY}`, which needs no capability, or add `cap_add: "
            f"[{', '.join(missing)}]`."
        )
        return Verdict(Severity.ERROR, message, {"service": service.name, "missing": missing})
    source = _find_bind(service)
    missing = [
        capability
        for capability in ("CHOWN", "DAC_OVERRIDE")
        if not has_capability(service, capability)
    ]
    if source and missing:
        return skip(
            f"Cannot determine whether service {service.name} starts.\nIts entrypoint makes user "
            f"{_DRAGONFLY} the owner of {_FOLDER}, which is {source}. Without "
            f"{' and '.join(missing)} that may fail, unless the folder already belongs to that "
            "user; its owner was not checked. `ls -ldn` shows the owner.",
            service=service.name,
        )
    return ok(
        f"Service {service.name}: the image's entrypoint makes Dragonfly the owner of {_FOLDER}."
    )


def _judge_root(service: Service) -> Verdict:
    """Judge a service that runs as root because the image's entrypoint does not change the user."""
    if has_capability(service, "DAC_OVERRIDE"):
        return ok(f"Service {service.name}: Dragonfly runs as root, which can write to {_FOLDER}.")
    source = _find_bind(service)
    if source:
        return _skip_bind(service, source, _ROOT)
    message = (
        f"Service {service.name} cannot write its snapshots: it runs as root without the "
        f"capability DAC_OVERRIDE, and a new volume at {_FOLDER} belongs to user {_DRAGONFLY}.\n"
        f"Its data is lost when it stops. Set `user: {_DRAGONFLY}:{_DRAGONFLY}`, or remove "
        "`entrypoint`, so that the image's own entrypoint starts Dragonfly as that user."
    )
    return Verdict(Severity.WARNING, message, {"service": service.name, "user": _ROOT})


def _judge_folder(service: Service, user: int) -> Verdict:
    evidence = {"service": service.name, "user": user}
    if source := _find_bind(service):
        return _skip_bind(service, source, user)
    if user == _DRAGONFLY:
        return ok(f"Service {service.name}: Dragonfly owns a new volume at {_FOLDER}.", **evidence)
    message = (
        f"Service {service.name} cannot write its snapshots: it runs as user {user}, but a new "
        f"volume at {_FOLDER} belongs to user {_DRAGONFLY}, as in the image.\nIts data is lost "
        "when it stops. Remove `user`, or set 999:999; the entrypoint changes the owner of "
        f"{_FOLDER} only if it starts as root."
    )
    return Verdict(Severity.WARNING, message, evidence)


def _find_bind(service: Service) -> str:
    """Return the host folder that is mounted at /data, or an empty string."""
    return service.mounts.get("volumes", {}).get(_FOLDER, "")


def _skip_bind(service: Service, source: str, user: int) -> Verdict:
    return skip(
        f"Cannot determine whether service {service.name} can write its snapshots.\nIt starts "
        f"as user {user}, and {_FOLDER} is {source}, whose owner was not checked (a folder "
        "that Docker creates belongs to root). `ls -ldn` shows the owner.",
        service=service.name,
        user=user,
    )


CHECK = Check(
    id="QCA305",
    category="dragonfly",
    title="Dragonfly cannot write its snapshots",
    needs=(),
    looks_at="`user`, `entrypoint`, `cap_add` and `cap_drop` of the Dragonfly services, the mount "
    "at /data, `--dir` and `--dbfilename`, and the image's release.",
    why="Dragonfly saves its data to /data when it stops. The image's entrypoint starts as root, "
    "makes user 999 the owner of /data, and continues as that user. It cannot do so if `user` is "
    "set, or in v1.10 to v1.20, which start as user 999. A new volume has the owner of the "
    "image's folder, 999; a host folder keeps its own owner, which is not checked.\nThe "
    "entrypoint needs the capabilities SETUID and SETGID, and CHOWN for files that do not yet "
    "belong to user 999; with `cap_drop: [ALL]` alone it exits. Root itself needs DAC_OVERRIDE to "
    "write to another user's folder. No user can write to a read-only mount; `read_only: true` "
    "does not matter, because the image declares /data as a volume. (This was tested on Docker "
    "20.10 with the entrypoint of v1.40.)",
    fix="Remove `user`, or set `999:999` and make that user the owner of a mounted folder (`sudo "
    "chown 999:999 FOLDER`). With `user: 999:999` no capability is needed.",
    url="https://github.com/dragonflydb/dragonfly/pull/3518",
    judge_file=_judge_file,
)
