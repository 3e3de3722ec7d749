"""Read Dragonfly's flag files, if they are mounted from the folder of the Compose file.

They are read after the Compose files are merged, because one Compose file may name a flag file and
another may mount it. `read_flag_files` adds their lines to the sources of the Compose file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from infra.compose_file.model import ComposeFile, LocatedValue, Service, Span
from infra.compose_file.references import NotFollowedError
from infra.dragonfly.command import parse_flags, skip_wrappers


def read_flag_files(file: ComposeFile) -> ComposeFile:
    """Return the file with its services' flag files added to its sources.

    A flag file that is outside the project folder, or only in the image, is not read.
    """
    from infra.compose_file.load import read_project_file  # imports the YAML parser

    sources, missing = dict(file.sources), set(file.missing)
    for service in file.services:
        names = _list_flag_files(skip_wrappers(service.command))
        while names:
            path = find_host_path(service, file.files, names.pop(0))
            if path is None or path in sources or path in missing:
                continue
            try:
                sources[path] = read_project_file(file, path)
            except NotFollowedError as error:
                missing |= {path} if error.missing else set()
                continue
            names += _list_flag_files(parse_flag_file(path, sources[path]))
    return replace(file, sources=sources, missing=frozenset(missing))


def _list_flag_files(words: Sequence[LocatedValue]) -> list[str]:
    """Return the container paths of the flag files in these words."""
    values = (flag.value for name, flag in parse_flags(words) if name == "flagfile")
    return [path for value in values for path in split_list(value)]


def split_list(value: str) -> list[str]:
    """Return the items of a list flag."""
    return [item for item in value.split(",") if item]


def find_host_path(service: Service, files: Mapping[str, str], name: str) -> str | None:
    """Return the host path of a file in the container; None if the host does not provide it.

    `files` are the paths of the top-level secrets and configs (`ComposeFile.files`).
    """
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


def parse_flag_file(path: str, lines: Sequence[str]) -> tuple[LocatedValue, ...]:
    """Return the lines of a flag file except comments; each must be one flag."""
    return tuple(_locate_lines(path, lines))


def _locate_lines(path: str, lines: Sequence[str]) -> Iterator[LocatedValue]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            start = line.index(text)
            yield LocatedValue(text, number, text, path, Span("line", start, start + len(text)))
