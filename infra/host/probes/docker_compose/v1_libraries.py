"""Ask the interpreter of Compose V1 which libraries it would import.

Our own interpreter cannot know that, since it has a different path, user site and packages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import Library, LibraryUser
from infra.host.probes.answer_fields import (
    ARRAY,
    OBJECT,
    get_optional,
    get_required,
    parse_text,
    parse_texts,
)
from qca.core.frozen import frozen_dataclass

# An interpreter may print other text (from sitecustomize); this prefix marks our line.
MARK = "qca-libraries: "


@frozen_dataclass
class Answer:
    """The answer of an interpreter."""

    executable: str
    python_version: str
    user_site: str | None
    virtual_environment: bool
    externally_managed: bool
    compose_version: str | None
    libraries: dict[str, Library]
    users: tuple[LibraryUser, ...]
    user_only: tuple[str, ...] = ()
    missing_modules: tuple[str, ...] = ()


def ask_interpreter(script: Path, interpreter: tuple[str, ...], deadline: Deadline) -> Answer:
    """Run the library script in the interpreter of `script`, with the environment of qca.

    Raises:
        ProbeError: the interpreter cannot be started, fails, or gives an invalid answer.

    """
    question = (
        files("infra.host.probes.docker_compose")
        .joinpath("v1_libraries_script.py")
        .read_text("utf-8")
    )
    output = deadline.run([*interpreter, "-c", question, str(script)])
    line = next((line for line in output.stdout.splitlines() if line.startswith(MARK)), None)
    who = f"{' '.join(interpreter)}, which runs {script},"
    if line is None:
        raise ProbeError(f"{who} did not list its libraries: {output.error_line}")
    try:
        return _parse_answer(json.loads(line.removeprefix(MARK)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ProbeError(f"{who} gave an invalid answer: {error}") from None


def _parse_answer(answer: Mapping[str, Any]) -> Answer:
    python = get_required(answer, "python_version", str)
    places = get_required(answer, "places", OBJECT)
    return Answer(
        executable=get_required(answer, "executable", str),
        python_version=python,
        user_site=get_optional(answer, "user_site", str),
        virtual_environment=get_required(answer, "virtual_environment", bool),
        externally_managed=get_required(answer, "externally_managed", bool),
        compose_version=get_optional(answer, "compose_version", str),
        libraries={name: _parse_imported(found) for name, found in places.items() if found},
        users=tuple(_select_users(get_required(answer, "requirements", ARRAY), python)),
        user_only=parse_texts(get_required(answer, "user_only", ARRAY)),
        missing_modules=parse_texts(get_required(answer, "missing_modules", ARRAY)),
    )


def _parse_imported(places: Sequence[Mapping[str, Any]]) -> Library:
    """Return the library at the first location, with the versions that it shadows."""
    first, *others = places
    if not first["version"]:
        raise ValueError(f"the module in {first['location']} does not contain its version")
    return _parse_library(first, shadows=tuple(_parse_library(other) for other in others))


def _parse_library(answer: Mapping[str, Any], *, shadows: tuple[Library, ...] = ()) -> Library:
    return Library(
        version=get_required(answer, "version", str),
        location=get_required(answer, "location", str),
        user_site=get_required(answer, "user_site", bool),
        pythonpath=get_required(answer, "pythonpath", bool),
        installed=get_required(answer, "installed", str),
        shadows=shadows,
    )


def _select_users(requirements: list[list[str]], python_version: str) -> Iterator[LibraryUser]:
    """Yield the requirements that apply to that Python, except those of extras."""
    from packaging.requirements import InvalidRequirement, Requirement

    environment = {
        "extra": "",
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
    }
    for distribution, version, required_text in requirements:
        try:
            requirement = Requirement(required_text)
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
        except (InvalidRequirement, ValueError):
            continue
        specifier = f"{requirement.name}{requirement.specifier}"
        yield LibraryUser(
            distribution=parse_text(distribution),
            version=parse_text(version),
            requirement=specifier,
        )
