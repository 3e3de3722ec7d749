"""QCA713: do the files and folders that the services need exist?"""

from collections.abc import Iterator, Sequence

from infra.compose_file.needs import NeededPath
from infra.doctor.analysis.engine_files import has_other_files
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import MISSING_BIND_SOURCE, Engine, HostFacts, known_or_none

_MISSING_SOURCE = f'invalid mount config for type "bind": {MISSING_BIND_SOURCE}'
# Observed with Engine 20.10, Compose 2.40 and buildx 0.17.
_OUTCOMES = {
    "build context": "unable to prepare context: path not found",
    "Dockerfile": "failed to read dockerfile: no such file or directory",
    "secret": _MISSING_SOURCE,
    "config": _MISSING_SOURCE,
    "seccomp profile": "opening seccomp profile failed: no such file or directory",
    "bind mount": _MISSING_SOURCE,
    "volume device": "failed to mount local volume: no such file or directory",
    "device": "error gathering device information while adding custom device: no such file",
}

# The engine mounts these from its own machine, whereas the client sends it the files of a build.
_MOUNTED = ("bind mount", "volume device", "secret", "config", "device")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    verdicts = [
        locate(verdict, file, one)
        for one in _leave_out_dockerfiles(file.needed_paths)
        if (verdict := _judge_path(one, subject.facts))
    ]
    yield from verdicts or [ok(f"{file.path}: the files and folders that it needs are there.")]


def _leave_out_dockerfiles(paths: Sequence[NeededPath]) -> Iterator[NeededPath]:
    """Yield the paths, except the Dockerfiles of services whose build context is missing."""
    lacking = {one.service for one in paths if one.use == "build context" and one.state != "folder"}
    yield from (one for one in paths if one.use != "Dockerfile" or one.service not in lacking)


def _judge_path(one: NeededPath, facts: HostFacts) -> Verdict | None:
    what = f"the {one.use} {one.path} of service {one.service}"
    if one.use in _MOUNTED and (has_other_files(facts) or _is_in_vm(one, facts)):
        return skip(f"Cannot determine whether {what} exists: it is on the engine's machine.")
    if one.state is None:
        return skip(f"Cannot determine whether {what} exists: {one.unknown_because}.")
    if one.state == "missing":
        return _report_missing(one)
    if one.state == "folder" and (one.is_created or one.use == "Dockerfile"):
        return _report_folder(one)
    return None


def _is_in_vm(one: NeededPath, facts: HostFacts) -> bool:
    """Return whether it is a device in the engine's VM, which shares only files with this host."""
    engine = known_or_none(facts.docker)
    return one.use == "device" and isinstance(engine, Engine) and engine.is_elsewhere


def _report_missing(one: NeededPath) -> Verdict:
    message = f"Service {one.service}: the {one.use} {one.path} is missing.\n"
    if one.is_created:
        message += (
            "Docker creates an empty folder at that path, owned by root, and mounts it where the "
            "program expects a file. Create the file before you start the service."
        )
    else:
        message += f"`docker compose up` fails with: {_OUTCOMES[one.use]}"
    return Verdict(Severity.WARNING, message, {"service": one.service, "path": one.path})


def _report_folder(one: NeededPath) -> Verdict:
    message = (
        f"Service {one.service}: the {one.use} {one.path} is a folder, but should be a file.\n"
        "Docker creates such a folder, owned by root, if the file is missing at the first start. "
        "If it is empty, remove it (`rmdir`) and create the file."
    )
    return Verdict(Severity.WARNING, message, {"service": one.service, "path": one.path})


CHECK = Check(
    id="QCA713",
    category="file",
    title="A file that a service needs is missing",
    needs=(),
    looks_at="build contexts, Dockerfiles, seccomp profiles, the files of secrets and configs, "
    "bind mounts of files, and the folders that local volumes bind (`o: bind`), within the folder "
    "of the Compose file; and device files. A bind mount is taken for a file if both its paths "
    "have the same suffix (`./redis.conf:/etc/redis.conf`).",
    why="`docker compose config` does not look for these files; `up` fails after it has started "
    "other services. For a missing bind mount, Docker creates an empty folder, and the program "
    "inside the container fails with a message such as `Is a directory`. The finding is only a "
    "warning, because the files may exist on the machine that starts the services, but not here.",
    fix="Create the file, or correct the path, which is relative to the folder of the first "
    "Compose file.",
    url="https://docs.docker.com/engine/storage/bind-mounts/",
    judge_file=_judge_file,
)
