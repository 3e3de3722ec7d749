"""Ask the interpreter behind Compose V1 which libraries it would import.

Our own interpreter cannot know: it has another path, another user site, other packages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from infra.host.deadline import Deadline, ProbeError
from infra.host.facts.host import Library, LibraryUser
from infra.host.probes.answers import optional, required, text, texts

# An interpreter may print more than we asked for (sitecustomize); this marks our line.
MARK = "qca-libraries: "


@dataclass(frozen=True)
class Answer:
    """What the interpreter says about itself."""

    executable: str
    python_version: str
    user_site: str | None
    virtual_environment: bool
    externally_managed: bool
    compose_version: str | None
    libraries: dict[str, Library]
    users: tuple[LibraryUser, ...]
    user_only: tuple[str, ...] = ()


def ask(script: Path, interpreter: tuple[str, ...], limit: Deadline) -> Answer:
    """Put the question to the interpreter that starts `script`, in this environment.

    Raises:
        ProbeError: if it cannot be started, fails, or answers something else.

    """
    question = files("infra.host.probes").joinpath("libraries_question.py").read_text("utf-8")
    output = limit.run([*interpreter, "-c", question, str(script)])
    line = next((line for line in output.stdout.splitlines() if line.startswith(MARK)), None)
    who = f"{' '.join(interpreter)}, which runs {script},"
    if line is None:
        raise ProbeError(f"{who} did not answer about its libraries: {output.error_line}")
    try:
        return _answer(json.loads(line.removeprefix(MARK)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ProbeError(f"{who} answered what cannot be understood: {error}") from None


def _answer(said: Mapping[str, Any]) -> Answer:
    python = required(said, "python_version", str)
    places = required(said, "places", dict)
    return Answer(
        executable=required(said, "executable", str),
        python_version=python,
        user_site=optional(said, "user_site", str),
        virtual_environment=required(said, "virtual_environment", bool),
        externally_managed=required(said, "externally_managed", bool),
        compose_version=optional(said, "compose_version", str),
        libraries={name: _imported(found) for name, found in places.items() if found},
        users=tuple(_users(required(said, "requirements", list), python)),
        user_only=texts(required(said, "user_only", list)),
    )


def _imported(places: Sequence[Mapping[str, Any]]) -> Library:
    """Return the library in the first place, with the others, which it shadows."""
    first, *others = places
    if not first["version"]:
        raise ValueError(f"the module in {first['location']} does not say its version")
    return _library(first, shadows=tuple(_library(one) for one in others))


def _library(place: Mapping[str, Any], *, shadows: tuple[Library, ...] = ()) -> Library:
    return Library(
        version=required(place, "version", str),
        location=required(place, "location", str),
        user_site=required(place, "user_site", bool),
        pythonpath=required(place, "pythonpath", bool),
        installed=required(place, "installed", str),
        shadows=shadows,
    )


def _users(said: list[list[str]], python_version: str) -> Iterator[LibraryUser]:
    """Keep the requirements that hold there: not those of extras or of another Python."""
    from packaging.requirements import InvalidRequirement, Requirement

    environment = {
        "extra": "",
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
    }
    for distribution, version, required_text in said:
        try:
            requirement = Requirement(required_text)
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
        except (InvalidRequirement, ValueError):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        yield LibraryUser(
            distribution=text(distribution), version=text(version), requirement=wanted
        )
