"""QCA802: does a service get the engine's socket, and with it the host?"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate
from infra.doctor.remedies.line_edit import delete_item, edit_line
from infra.doctor.subjects import FileSubject
from infra.doctor.unread_extends import skip_hidden_services

_SOCKETS = ("docker.sock", "podman.sock", "containerd.sock")
# Folders in which the socket lies.
_FOLDERS = ("/", "/run", "/var/run")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for service in subject.file.services:
        for path in service.host_paths:
            if _holds_socket(path.value):
                yield locate(_warn(subject.file, service, path), subject.file, path)
    yield from skip_hidden_services(subject.file, "mounts the engine's socket")


def _holds_socket(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.name in _SOCKETS or str(pure) in _FOLDERS


def _warn(file: ComposeFile, service: Service, path: LocatedValue) -> Verdict:
    message = (
        f"Service {service.name} mounts {path.value}, by which it controls the engine.\n"
        "Whoever gets into it can start a privileged container and is root on this host; `:ro` "
        "does not help, since a socket is not written to as a file is. Leave the mount out, or "
        "put a proxy between that lets through what the service needs."
    )
    evidence = {"service": service.name, "path": path.value}
    return Verdict(Severity.WARNING, message, evidence, _leave_out(file, path))


def _leave_out(file: ComposeFile, path: LocatedValue) -> tuple[Remedy, ...]:
    """Return the remedy for one of several items in the short form, `- /run/docker.sock:/s`."""
    edit = delete_item(file, path, rf"([\"']?){re.escape(path.raw)}(:[^\s\"']*)?\1")
    title = "Leave the mount out, if the service does without"
    return (edit_line(title, edit, automatic=False),) if edit else ()


CHECK = Check(
    id="QCA802",
    category="security",
    title="A service controls the engine",
    needs=(),
    looks_at="bind mounts of the engine's socket (docker.sock, podman.sock, containerd.sock) and "
    "of the folders that hold it.",
    why="Who may talk to the engine can mount the host's disk into a container of his own.\n"
    "For example `volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]` gives the host away.",
    fix="Leave it out, or put a socket proxy between that allows only reading.",
    url="https://docs.docker.com/engine/security/protect-access/",
    judge_file=_judge_file,
)
