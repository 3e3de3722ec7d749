"""Read Compose files from disk. Nothing in them is run, and the network is never used.

References (`include`, `extends`, `env_file`) are followed as far as the policy allows: within the
first file's folder, or anywhere on this machine. Other references are listed as unread, so that
they never count as passed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from infra.compose_file.default_files import find_override
from infra.compose_file.engine_claims import find_claims
from infra.compose_file.externals import find_externals
from infra.compose_file.model import ComposeFile, Service
from infra.compose_file.needed_paths import find_needed_paths, look_up_path
from infra.compose_file.overlay_networks import find_overlays
from infra.compose_file.passes.file_paths import shorten
from infra.compose_file.passes.reading import Reading
from infra.compose_file.project import Project, read_project
from infra.compose_file.references import Policy
from infra.compose_file.release_needs import find_release_needs
from infra.compose_file.services import read_services
from infra.compose_file.yaml.tree import to_table, to_text


def read_compose_file(path: Path, environment: Mapping[str, str]) -> ComposeFile:
    """Read `path`; variables come from `environment`, then from the `.env` in its folder.

    Raises:
        InputError: the file cannot be read, or is not YAML; the message names the line.

    """
    return read_compose_files([path], environment)


def read_compose_files(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    profiles: Iterable[str] = (),
    policy: Policy = Policy.WITHIN_FOLDER,
    version: tuple[int, ...] | None = None,
) -> ComposeFile:
    """Read files and merge them as Compose does with several `-f`, later files over earlier ones.

    All paths in them are relative to the folder of the first file, the project folder.

    Raises:
        InputError: as in `read_compose_file`.

    """
    project = read_project(paths, environment, profiles, policy, version)
    services = read_services(project.top, project.active, project.env_file_values)
    return ComposeFile(
        path=str(paths[0]),
        services=tuple(_shorten_mounts(service, project) for service in services),
        keys=project.keys,
        unread=project.unread,
        unset=project.unset,
        override=find_override(paths[0]) if len(paths) == 1 else None,
        sources=project.sources,
        files=dict(_find_files(project)),
        externals=tuple(find_externals(project.top, project.active, project.name)),
        claims=tuple(find_claims(project.top, project.active, project.name)),
        overlays=tuple(find_overlays(project.top, project.active)),
        release_needs=tuple(find_release_needs(project.top, project.active)),
        needed_paths=tuple(
            look_up_path(needed, project.folder, policy)
            for needed in find_needed_paths(project.top, project.active, project.folder)
        ),
        hidden=project.hidden,
        folder=str(project.folder),
        profiles=project.profiles,
        refusals=project.refusals,
    )


def read_project_file(file: ComposeFile, path: str) -> tuple[str, ...]:
    """Return the lines of another file in the project folder.

    Raises:
        NotFollowedError: the file is missing, outside the folder, or cannot be read.

    """
    reading = Reading(Path(file.folder), Policy.WITHIN_FOLDER)
    return tuple(reading.read_file(path, Path())[1].splitlines())


def _find_files(project: Project) -> Iterator[tuple[str, str]]:
    """Yield the files of top-level secrets and configs."""
    for key in ("secrets", "configs"):
        for name, entry in to_table(project.top.get(key)).items():
            if file := to_text(to_table(entry).get("file")):
                yield f"{key}.{name}.file", shorten(file, project.folder)


def _shorten_mounts(service: Service, project: Project) -> Service:
    """Return the service with the sources of its volumes shortened (see `shorten`)."""
    volumes = service.mounts["volumes"].items()
    short = {target: shorten(source, project.folder) for target, source in volumes}
    return replace(service, mounts={**service.mounts, "volumes": short})
