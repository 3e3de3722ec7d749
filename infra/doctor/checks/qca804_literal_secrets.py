"""QCA804: does the file contain passwords or keys?"""

import re
from collections.abc import Iterator

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate
from infra.doctor.remedies.line_edit import edit_lines, find_line
from infra.doctor.subjects import FileSubject
from qca.core.masking import is_secret_name

# Values that turn something on or off, and so are not secrets.
_SWITCHES = ("", "0", "1", "false", "no", "none", "null", "off", "on", "true", "yes")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for service in subject.file.services:
        for name, value in _list_literals(service):
            yield locate(_warn(subject.file, service, name, value), subject.file, value)
    yield from skip_hidden_services(subject.file, "has a secret in the file")


def _list_literals(service: Service) -> Iterator[tuple[str, LocatedValue]]:
    """Yield the variables and flags with a literal secret as their value."""
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
    """Return whether the word after a flag is a literal secret."""
    return not word.value.startswith("-") and _is_literal(word.value, word.raw)


def _is_literal(value: str, raw: str) -> bool:
    is_path = value.startswith("/")
    return value.lower() not in _SWITCHES and not is_path and "$" not in raw


def _warn(file: ComposeFile, service: Service, name: str, value: LocatedValue) -> Verdict:
    variable = name.strip("-").upper().replace("-", "_")
    message = (
        f"Service {service.name}: the file contains the value of `{name}`.\nAnyone with access to "
        f"the file, its repository or its history can read it. Write ${{{variable}}} instead, and "
        "put the value in `.env`, which should not be committed. Then change the secret, because "
        "others may have read it."
    )
    evidence = {"service": service.name, "name": name}
    return Verdict(Severity.WARNING, message, evidence, _take_from_variable(file, name, value))


def _take_from_variable(file: ComposeFile, name: str, value: LocatedValue) -> tuple[Remedy, ...]:
    """Return the remedy for `NAME: value` or `- NAME=value` on its own line.

    Its command contains the variable's name but not the secret, which must not appear in any
    output.
    """
    line = find_line(file, value) or ""
    head = re.match(rf"\s*(?:-\s+)?{re.escape(name)}(?P<sign>: |=)", line)
    if head is None or line[head.end() :].strip().strip("\"'") != value.raw:
        return ()
    edit = Edit(value.file, value.line, line, (f"{head[0]}${{{name}}}",))
    sign = head["sign"]
    script = f"{value.line}s/{sign}.*/{sign}${{{name}}}/"
    title = f"Use the variable {name}; set it in `.env` first"
    return (edit_lines(title, (edit,), automatic=False, script=script),)


CHECK = Check(
    id="QCA804",
    category="security",
    title="The file contains a secret",
    needs=(),
    looks_at="variables under `environment` and flags of the command whose names suggest a secret "
    "(password, token, key) and whose values are literal. Values from `.env` and `env_file` are "
    "not "
    "checked, and no value is shown.",
    why="Compose files are shared and kept in repositories, whose history keeps every secret that "
    "was ever committed.\nFor example `DB_PASSWORD: hunter2` is reported, and `DB_PASSWORD: "
    "${DB_PASSWORD:?}` is fine.",
    fix="Take the value from a variable that `.env` sets, or from a secret "
    "(`POSTGRES_PASSWORD_FILE: /run/secrets/...`), and change the secret that was in the file.",
    url="https://docs.docker.com/compose/how-tos/use-secrets/",
    judge_file=_judge_file,
)
