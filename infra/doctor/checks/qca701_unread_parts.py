"""QCA701: was everything read that Compose would merge into the file?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.finding import Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from qca.core.units import format_count


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for unread in file.unread:
        message = f"{unread.what} was not read: {unread.why}.\nWhat it brings was not judged."
        yield locate(skip(message), file, unread)
    if file.override:
        yield skip(
            f"{file.override} was not read.\nCompose, called without -f, merges it into this "
            f"file; to have both judged, give it as well: -f {file.path} -f ..."
        )
    if not file.unread and not file.override:
        yield ok(_describe_whole(file))


def _describe_whole(file: ComposeFile) -> str:
    merged = "".join(f" with {name}" for name in list(file.sources)[1:])
    how = f", as {file.confirmed_by} merges it" if file.confirmed_by else ""
    return f"{file.path}{merged}: read whole, {format_count(len(file.services), 'service')}{how}."


CHECK = Check(
    id="QCA701",
    category="file",
    title="Part of the compose file was not read",
    needs=(),
    looks_at="`include`, `extends`, `env_file`, an override file beside it: what Compose "
    "would bring in from elsewhere. Within the folder they are followed, and several -f are "
    "merged as Compose merges them, `!reset` and `!override` included; where Compose is "
    "there, its own `config` has the last word on the values.",
    why="Unless asked to, qca reads nothing out of the first file's folder, and it reads nothing "
    "from other machines. "
    "What was not read is not fine because of that. One thing Compose itself does by chance "
    "(2.40, measured): where a service has `!reset` or `!override`, extends another and is "
    "extended in the same file, its tags count in some runs and not in others.",
    fix="Files elsewhere on this machine are read with --follow-outside. For what comes from the "
    "network judge what `docker compose config` prints: "
    "`docker compose config > whole.yaml; qca doctor -f whole.yaml`.",
    url="https://docs.docker.com/compose/how-tos/multiple-compose-files/",
    judge_file=_judge_file,
)
