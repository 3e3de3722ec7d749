"""QCA802: does a service mount the engine's socket, which controls the host?"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate
from infra.doctor.remedies.line_edit import delete_item, edit_line
from infra.doctor.subjects import FileSubject

_SOCKETS = ("docker.sock", "podman.sock", "containerd.sock")
# Folders that contain the socket.
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
        f"Service {service.name} mounts {path.value} and can control the engine.\nAn attacker in "
        "the container can start a privileged one and become root on this host; `:ro` does not "
        "prevent it, because it does not restrict the data sent to a socket. Remove the mount, or "
        "use a socket proxy that only allows the calls that the service needs."
    )
    evidence = {"service": service.name, "path": path.value}
    return Verdict(Severity.WARNING, message, evidence, _leave_out(file, path))


def _leave_out(file: ComposeFile, path: LocatedValue) -> tuple[Remedy, ...]:
    """Return the remedy for one of several items in short form (`- /run/docker.sock:/s`)."""
    edit = delete_item(file, path, rf"([\"']?){re.escape(path.raw)}(:[^\s\"']*)?\1")
    title = "Remove the mount, if the service works without it"
    return (edit_line(title, edit, automatic=False),) if edit else ()


CHECK = Check(
    id="QCA802",
    category="security",
    title="A service controls the engine",
    needs=(),
    looks_at="bind mounts of the engine's socket (docker.sock, podman.sock, containerd.sock) and "
    "of the folders that contain it.",
    why="Access to the engine is enough to mount the host's disk in a new container.\nFor example "
    "`volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]` makes the service root on the host.",
    fix="Remove the mount, or use a socket proxy that only allows reading.",
    url="https://docs.docker.com/engine/security/protect-access/",
    judge_file=_judge_file,
)
