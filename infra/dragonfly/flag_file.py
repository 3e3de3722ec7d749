"""Dragonfly's `--flagfile`, where it is mounted from the folder of the compose file.

It is looked for when all files are merged: one names it, another may mount it.
"""

from dataclasses import replace
from itertools import pairwise

from infra.compose_file.model import ComposeFile, LocatedValue, Service, Span
from infra.compose_file.references import Folder, NotFollowedError


def with_flag_files(file: ComposeFile, folder: Folder) -> ComposeFile:
    """Return the merged file with the lines of the flag files that its services name."""
    sources = dict(file.sources)
    services = []
    for service in file.services:
        try:
            path, lines = folder.lines(_source(file, service))
        except NotFollowedError:
            services.append(service)
            continue
        sources[path] = lines
        services.append(replace(service, flagfile=_flags(path, lines)))
    return replace(file, services=tuple(services), sources=sources)


def _source(file: ComposeFile, service: Service) -> str:
    """Return what of the host is seen where the flag file is named."""
    words = [word.value for word in service.command]
    pairs = [tuple(word.split("=", 1)) for word in words] + list(pairwise(words))
    named = [pair[1] for pair in pairs if pair[0].lstrip("-") == "flagfile" and len(pair) == 2]
    seen = {
        place.rstrip("/"): source if key == "volumes" else file.files.get(f"{key}.{source}.file")
        for key, mounts in service.mounts.items()
        for place, source in mounts.items()
    }
    over = [top for top in seen if named and f"{named[-1]}/".startswith(f"{top}/")]
    if not over:
        raise NotFollowedError("it lies inside the container")
    top = max(over, key=len)
    if not (source := seen[top]):
        raise NotFollowedError("it is no file of the host")
    return source + named[-1].removeprefix(top)


def _flags(path: str, lines: tuple[str, ...]) -> tuple[LocatedValue, ...]:
    return tuple(
        _flag(text, number, path)
        for number, text in enumerate(lines, 1)
        if text.strip().startswith("-")
    )


def _flag(text: str, number: int, path: str) -> LocatedValue:
    flag = text.strip()
    start = text.index(flag)
    return LocatedValue(flag, number, flag, path, Span("line", start, start + len(flag)))
