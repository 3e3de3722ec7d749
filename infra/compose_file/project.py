"""A project after reading all its files: its name, and the services that a plain `up` starts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infra.compose_file.model import Refusal, UnreadReference, UnsetVariable
from infra.compose_file.passes.reading import Reading, resolve
from infra.compose_file.references import Policy
from infra.compose_file.rules.cross_key import find_conflicts
from infra.compose_file.rules.values import check_values
from infra.compose_file.service_environment import resolve_environments
from infra.compose_file.syntax.dotenv import BadDotenvError, parse_assignments
from infra.compose_file.tree_reader import find_name, read_tree
from infra.compose_file.yaml.tree import Origin, Source, Table, to_items, to_table, to_text
from qca.core.frozen import frozen_dataclass

_ALL_PROFILES = "*"


@frozen_dataclass
class Project:
    """The files of a project as one tree, with the problems that were found."""

    name: str
    top: Table
    """All services, with any profile."""
    env_file_values: Mapping[str, Table]
    """The variables from the `env_file` of each service."""
    active: tuple[str, ...]
    """The services that the profiles activate."""
    profiles: tuple[str, ...]
    folder: Path
    refusals: tuple[Refusal, ...]
    """The reasons why Compose would refuse it, in order."""
    unset: tuple[UnsetVariable, ...]
    unread: tuple[UnreadReference, ...]
    keys: Mapping[str, int]
    """The top-level keys and their lines."""
    sources: Mapping[str, tuple[str, ...]]
    hidden: frozenset[str]


def read_project(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    profiles: Iterable[str] = (),
    policy: Policy = Policy.LOCAL,
    version: tuple[int, ...] | None = None,
) -> Project:
    """Read files and merge them as Compose does with several `-f`, later files over earlier ones.

    All paths in them are relative to the folder of the first file, the project folder. Variables
    come from `environment`, then from the `.env` in that folder. `version` is the version of
    Compose that the files are meant for, by default the newest.

    Raises:
        InputError: a file cannot be read or is not YAML; the message names the line.

    """
    folder = paths[0].parent
    reading = Reading(folder, policy, version)
    dotenv = _read_dotenv(reading, environment)
    reading.hidden.update(dotenv.values())
    variables = {**dotenv, **environment}
    name = _choose_name(reading, paths, folder, variables)
    variables["COMPOSE_PROJECT_NAME"] = name
    top = read_tree(reading, paths, folder, variables)
    chosen = _choose_profiles(profiles, variables)
    active = tuple(_find_active_services(top, chosen))
    top, env_file_values = resolve_environments(reading, top, active, variables)
    reading.refusals += [*check_values(top), *find_conflicts(top, active, reading)]
    return Project(
        name=name,
        top=top,
        env_file_values=env_file_values,
        active=active,
        profiles=chosen,
        folder=folder,
        refusals=tuple(dict.fromkeys(reading.refusals)),
        unset=tuple(dict.fromkeys(reading.unset)),
        unread=tuple(dict.fromkeys(reading.unread)),
        keys=reading.keys,
        sources=reading.sources,
        hidden=frozenset(reading.hidden),
    )


def _choose_name(
    reading: Reading, paths: Sequence[Path], folder: Path, variables: Mapping[str, str]
) -> str:
    """Return the given name, the name in the files, or the name of the folder."""
    if given := variables.get("COMPOSE_PROJECT_NAME"):
        if _derive_project_name(given) != given:
            origin = Origin(Source(str(paths[0]), (), variables), 1)
            reading.refuse(f'invalid project name "{given}"', origin)
        return given
    named = find_name(reading, paths, variables)
    if named is None:
        return _derive_project_name(resolve(folder).name)
    name = _derive_project_name(named[0])
    if not name:
        reading.refuse("project name must not be empty", named[1])
    return name


def _derive_project_name(text: str) -> str:
    """Return the project name that Compose derives from a folder's name."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-")


def _find_active_services(top: Table, profiles: Iterable[str]) -> list[str]:
    """Return the services that have no profile or one of the given profiles."""
    chosen = set(profiles)
    return [
        name
        for name, service in to_table(top.get("services")).items()
        if _is_active(to_table(service), chosen)
    ]


def _is_active(service: Table, profiles: set[str]) -> bool:
    own = {to_text(profile) for profile in to_items(service.get("profiles"))}
    return not own or _ALL_PROFILES in profiles or bool(own & profiles)


def _choose_profiles(profiles: Iterable[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the given profiles, or those of COMPOSE_PROFILES."""
    given = tuple(dict.fromkeys(profiles))
    named = (profile.strip() for profile in variables.get("COMPOSE_PROFILES", "").split(","))
    return given or tuple(dict.fromkeys(profile for profile in named if profile))


def _read_dotenv(reading: Reading, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the `.env`, or of the files that replace it."""
    found: dict[str, str] = {}
    for path in _list_env_files(reading.folder, environment):
        variables = {**found, **environment}
        text = reading.read_dotenv(path, variables)
        try:
            for name, value, _ in parse_assignments(text, variables):
                found[name] = value
        except BadDotenvError as error:
            origin = Origin(Source(str(path), (), variables), error.line)
            reading.refuse(f"failed to read {path}: {error}", origin)
    return found


def _list_env_files(folder: Path, environment: Mapping[str, str]) -> list[Path]:
    if environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "t", "true"):
        return []
    if named := environment.get("COMPOSE_ENV_FILES"):
        return [Path(name) for name in named.split(",") if name]
    return [folder / ".env"]
