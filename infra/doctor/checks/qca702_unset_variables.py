"""QCA702: has every variable that the file uses a value?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for unset in {(one.variable, one.file, one.line): one for one in file.unset}.values():
        verdict = _judge_unset(unset.variable.name, unset.variable.required)
        yield locate(verdict, file, unset)
    if not file.unset and file.unread:
        message = f"{file.path}: {file.unread[0].what} was not read, nor the variables there."
        yield locate(skip(message), file, file.unread[0])
    elif not file.unset:
        yield ok(f"{file.path}: every variable that matters here has a value.")


def _judge_unset(name: str, required: str | None) -> Verdict:
    evidence = {"variable": name}
    if required is None:
        message = f"The variable {name} is not set.\nCompose warns and takes it as empty."
        return Verdict(Severity.WARNING, message, evidence)
    message = (
        f"The variable {name} is required and not set: {required or 'the file gives no message'}.\n"
        "Compose refuses the file. Set it in the environment, or in `.env` beside the file."
    )
    return Verdict(Severity.ERROR, message, evidence)


CHECK = Check(
    id="QCA702",
    category="file",
    title="A variable of the compose file has no value",
    needs=(),
    looks_at="`$X`, `${X}`, `${X:-default}`, `${X:?message}` and their kin in the keys that "
    "the doctor reads, with the environment first and then `.env` beside the file.",
    why="Compose refuses the file over a required one, and takes any other as empty.",
    fix="Set it in the environment or in `.env`, or give it a default in the file.",
    url="https://docs.docker.com/reference/compose-file/interpolation/",
    judge_file=_judge_file,
)
