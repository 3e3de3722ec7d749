"""Dragonfly's `--flagfile`, where it is mounted from the folder of the Compose file.

It is looked for when all files are merged: one names it, another may mount it. Its lines lie
among the sources of the Compose file once `read_flag_files` has read them.
"""

from collections.abc import Mapping
from dataclasses import replace

from infra.compose_file.model import ComposeFile, LocatedValue, Service, Span
from infra.compose_file.references import NotFollowedError
from infra.dragonfly.command import parse_flags, skip_wrappers


def read_flag_files(file: ComposeFile) -> ComposeFile:
    """Return the file with the flag files that its services name among its sources.

    One that lies out of the project folder, or inside the container, is not read.
    """
    from infra.compose_file.load import read_project_file  # brings the YAML parser

    sources = dict(file.sources)
    for service in file.services:
        path = find_flag_file(service, file.files)
        if path is None:
            continue
        try:
            sources[path] = read_project_file(file, path)
        except NotFollowedError:
            continue
    return replace(file, sources=sources)


def find_flag_file(service: Service, files: Mapping[str, str]) -> str | None:
    """Return the path on the host of the flag file that a command names, if it is mounted.

    `files` are the paths of the top-level secrets and configs (`ComposeFile.files`).
    """
    flags = dict(parse_flags(skip_wrappers(service.command)))
    if "flagfile" not in flags:
        return None
    name = flags["flagfile"].value
    mounts = {
        target.rstrip("/"): source if key == "volumes" else files.get(f"{key}.{source}.file")
        for key, mounted in service.mounts.items()
        for target, source in mounted.items()
    }
    parents = [target for target in mounts if f"{name}/".startswith(f"{target}/")]
    if not parents:
        return None
    nearest = max(parents, key=len)
    source = mounts[nearest]
    return source + name.removeprefix(nearest) if source else None


def parse_flag_file(path: str, lines: tuple[str, ...]) -> tuple[LocatedValue, ...]:
    """Return the flags of a flag file, one a line; other lines are passed over."""
    return tuple(
        _locate_flag(line, number, path)
        for number, line in enumerate(lines, 1)
        if line.strip().startswith("-")
    )


def _locate_flag(line: str, number: int, path: str) -> LocatedValue:
    flag = line.strip()
    start = line.index(flag)
    return LocatedValue(flag, number, flag, path, Span("line", start, start + len(flag)))
