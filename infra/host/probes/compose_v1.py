"""Ask the interpreter behind Compose V1 which libraries it would import.

Our own interpreter cannot know: it has another path, another user site, other packages.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from infra.host.facts import Library, LibraryUser
from infra.host.look import Limit, Unseen
from qca.checked import checked

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


def ask(script: Path, interpreter: tuple[str, ...], limit: Limit) -> Answer:
    """Put the question to the interpreter that starts `script`, in this environment.

    Raises:
        Unseen: if it cannot be started, fails, or answers something else.

    """
    question = files("infra.host.probes").joinpath("libraries_question.py").read_text("utf-8")
    output = limit.run([*interpreter, "-c", question, str(script)])
    line = next((line for line in output.stdout.splitlines() if line.startswith(MARK)), None)
    who = f"{' '.join(interpreter)}, which runs {script},"
    if line is None:
        raise Unseen(f"{who} did not answer about its libraries: {output.complaint}")
    try:
        return _answer(json.loads(line.removeprefix(MARK)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unseen(f"{who} answered what cannot be understood: {error}") from None


def _answer(said: dict[str, Any]) -> Answer:
    users = said.pop("requirements")
    found = {name: _library(places) for name, places in said.pop("places").items() if places}
    python = said["python_version"]
    return checked(Answer, {**said, "libraries": found, "users": tuple(_users(users, python))})


def _library(places: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the first place the library that is imported, the others what it shadows."""
    if not places[0]["version"]:
        raise ValueError(f"the module in {places[0]['location']} does not say its version")
    first, *others = places
    return {**first, "shadows": tuple(others)}


def _users(said: list[list[str]], python_version: str) -> Iterator[LibraryUser]:
    """Keep the requirements that hold there: not those of extras or of another Python."""
    from packaging.requirements import InvalidRequirement, Requirement

    environment = {
        "extra": "",
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
    }
    for distribution, version, text in said:
        try:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
        except (InvalidRequirement, ValueError):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        yield LibraryUser(distribution=distribution, version=version, requirement=wanted)
