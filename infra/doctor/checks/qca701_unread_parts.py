"""QCA701: did qca read every file that Compose would merge?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.finding import Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from qca.core.units import format_count


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for unread in file.unread:
        message = f"{unread.what} was not read: {unread.why}.\nIts content was not checked."
        yield locate(skip(message), file, unread)
    if file.override:
        yield skip(
            f"{file.override} was not read.\nCompose, run without -f, merges it into this file. "
            f"To check both, pass it too: -f {file.path} -f ..."
        )
    if not file.unread and not file.override:
        yield ok(_describe_whole(file))


def _describe_whole(file: ComposeFile) -> str:
    merged = "".join(f" with {name}" for name in list(file.sources)[1:])
    how = f", as {file.confirmed_by} merges it" if file.confirmed_by else ""
    services = format_count(len(file.services), "service")
    return f"{file.path}{merged} was read completely: {services}{how}."


CHECK = Check(
    id="QCA701",
    category="file",
    title="Part of the compose file was not read",
    needs=(),
    looks_at="the files that Compose would also read: `include`, `extends`, `env_file`, and an "
    "override file in the same folder. Files in the folder are read, and several -f files are "
    "merged as in Compose, including `!reset` and `!override`. If Compose is installed, the values "
    "of its own `config` are used.",
    why="By default, qca reads only files in the first file's folder, and it never reads from "
    "other machines. A part that was not read may have problems. In one case Compose itself "
    "(observed with 2.40) "
    "behaves randomly: if a service has `!reset` or `!override`, extends another "
    "and is "
    "extended in the same file, its tags take effect in some runs and not in others.",
    fix="Use --follow-outside to read files elsewhere on this machine. For files from the "
    "network, check the output of `docker compose config`: `docker compose config > whole.yaml; "
    "qca doctor -f whole.yaml`.",
    url="https://docs.docker.com/compose/how-tos/multiple-compose-files/",
    judge_file=_judge_file,
)
