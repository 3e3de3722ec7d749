"""QCA804: does the file itself hold passwords and keys?"""

from collections.abc import Iterator

from infra.compose_file.model import LocatedValue, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate
from infra.doctor.subjects import FileSubject
from infra.doctor.unread_extends import skip_hidden_services
from qca.core.masking import is_secret_name

# Values of such variables that are switches, and no secrets.
_SWITCHES = ("", "0", "1", "false", "no", "none", "null", "off", "on", "true", "yes")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for service in subject.file.services:
        for name, value in _list_literals(service):
            yield locate(_warn(service, name), subject.file, value)
    yield from skip_hidden_services(subject.file, "is given a secret that is written out")


def _list_literals(service: Service) -> Iterator[tuple[str, LocatedValue]]:
    """Yield the variables and flags whose values are secrets, written out."""
    for name, value in service.variables.items():
        if is_secret_name(name) and _is_literal(value.value, value.raw):
            yield name, value
    words = service.command
    for word, following in zip(words, (*words[1:], None), strict=False):
        flag, equals, text = word.value.partition("=")
        if not flag.startswith("-") or not is_secret_name(flag):
            continue
        if equals and _is_literal(text, word.raw):
            yield flag, word
        elif not equals and following and _is_value(following):
            yield flag, following


def _is_value(word: LocatedValue) -> bool:
    """Whether the word behind a flag is a secret that is written out."""
    return not word.value.startswith("-") and _is_literal(word.value, word.raw)


def _is_literal(value: str, raw: str) -> bool:
    is_path = value.startswith("/")
    return value.lower() not in _SWITCHES and not is_path and "$" not in raw


def _warn(service: Service, name: str) -> Verdict:
    variable = name.strip("-").upper().replace("-", "_")
    message = (
        f"Service {service.name}: the value of `{name}` is written out in the file.\n"
        "Everyone who sees the file, its repository or its history has it. Write "
        f"${{{variable}}} in its place, put the value into `.env`, which stays out of the "
        "repository, and change it, since it is known."
    )
    return Verdict(Severity.WARNING, message, {"service": service.name, "name": name})


CHECK = Check(
    id="QCA804",
    category="security",
    title="The file holds a secret",
    needs=(),
    looks_at="variables under `environment` and flags of the command whose names are those of "
    "secrets (password, token, key), with a value that is written out. Values from `.env` and "
    "`env_file` are not looked at, and none is shown.",
    why="A compose file is shared and kept in a repository; what was in it once stays in the "
    "history.\n"
    "For example `DB_PASSWORD: hunter2` is found, `DB_PASSWORD: ${DB_PASSWORD:?}` is fine.",
    fix="Take the value from a variable that `.env` sets, or from a secret "
    "(`POSTGRES_PASSWORD_FILE: /run/secrets/...`), and change the one that was in the file.",
    url="https://docs.docker.com/compose/how-tos/use-secrets/",
    judge_file=_judge_file,
)
