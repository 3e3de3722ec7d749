"""List the host files and folders that a project builds its services from or mounts."""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from infra.compose_file.needs import NeededPath, PathUse
from infra.compose_file.passes.file_paths import locate, shorten
from infra.compose_file.passes.reading import resolve
from infra.compose_file.references import Policy
from infra.compose_file.yaml.tree import Origin, Table, descend, to_items, to_table, to_text

# The suffixes of files that services usually mount; folders may have other suffixes (`conf.d`).
_FILE_SUFFIXES = """
    .cfg .cnf .conf .crt .csv .env .html .ini .js .json .key .lua .pem .php .properties .py .rules
    .sh .sql .toml .txt .xml .yaml .yml
"""

_SECCOMP = re.compile(r"seccomp[=:](.+)")


def find_needed_paths(top: Table, active: Collection[str], folder: Path) -> Iterator[NeededPath]:
    """Yield the absolute paths that the active services need, once for each use."""
    services = to_table(top.get("services"))
    found = set[tuple[str, str]]()
    for name in active:
        for needed in _find_paths(name, to_table(services.get(name)), top, folder):
            if (needed.use, needed.path) not in found:
                found.add((needed.use, needed.path))
                yield needed


def _find_paths(name: str, service: Table, top: Table, folder: Path) -> Iterator[NeededPath]:
    yield from _find_build(name, service)
    yield from _find_mounts(name, service)
    yield from _find_volumes(name, service, to_table(top.get("volumes")))
    yield from _find_profiles(name, service, folder)
    yield from _find_devices(name, service)
    for kind in ("secrets", "configs"):
        yield from _find_sources(name, service, to_table(top.get(kind)), kind)


def look_up_path(needed: NeededPath, folder: Path, policy: Policy) -> NeededPath:
    """Return the path as the user would write it, with its state on this machine."""
    path = Path(needed.path)
    needed = replace(needed, path=shorten(needed.path, folder))
    is_within = needed.use == "device" or resolve(path).is_relative_to(resolve(folder))
    if policy is Policy.WITHIN_FOLDER and not is_within:
        reason = "it is outside the folder of the first Compose file"
        return replace(needed, unknown_because=reason)
    try:
        if not path.exists():
            return replace(needed, state="missing")
        return replace(needed, state="folder" if path.is_dir() else "file")
    except OSError as error:
        return replace(needed, unknown_because=error.strerror or str(error))


def _find_build(name: str, service: Table) -> Iterator[NeededPath]:
    build = to_table(service.get("build"))
    context = to_text(build.get("context"))
    if not PurePath(context).is_absolute():
        return  # a repository, or the URL of an archive
    yield _make_needed(name, "build context", context, build.origins["context"])
    dockerfile = to_text(build.get("dockerfile")) or "Dockerfile"
    if "dockerfile_inline" not in build and "://" not in dockerfile:
        origin = build.origins.get("dockerfile", build.origins["context"])
        path = os.path.normpath(PurePath(context) / dockerfile)
        yield _make_needed(name, "Dockerfile", path, origin)


def _find_mounts(name: str, service: Table) -> Iterator[NeededPath]:
    """Yield bind mounts that Docker refuses or misinterprets if they are missing.

    By default, Docker creates a folder for a missing source. That is a mistake only if a file is
    expected, which the suffixes of both paths show, as in `./redis.conf:/etc/redis.conf`.
    """
    for entry, origin in to_items(service.get("volumes")).entries():
        mount = to_table(entry)
        source, target = to_text(mount.get("source")), to_text(mount.get("target"))
        if mount.get("type") != "bind" or not PurePath(source).is_absolute():
            continue
        suffix = PurePath(source).suffix
        if descend(mount, "bind").get("create_host_path") is False:
            yield _make_needed(name, "bind mount", source, origin)
        elif suffix in _FILE_SUFFIXES.split() and suffix == PurePath(target).suffix:
            yield replace(_make_needed(name, "bind mount", source, origin), is_created=True)


def _find_volumes(name: str, service: Table, defined: Table) -> Iterator[NeededPath]:
    """Yield the folders that local volumes bind (`o: bind`); Docker does not create them."""
    for entry, _ in to_items(service.get("volumes")).entries():
        mount = to_table(entry)
        volume = to_table(defined.get(to_text(mount.get("source"))))
        options = descend(volume, "driver_opts")
        device = to_text(options.get("device"))
        is_bind = mount.get("type") == "volume" and "bind" in to_text(options.get("o")).split(",")
        if is_bind and volume.get("driver", "local") == "local" and PurePath(device).is_absolute():
            yield _make_needed(name, "volume device", device, options.origins["device"])


def _find_sources(name: str, service: Table, defined: Table, kind: str) -> Iterator[NeededPath]:
    for entry, _ in to_items(service.get(kind)).entries():
        definition = to_table(defined.get(to_text(to_table(entry).get("source"))))
        path = to_text(definition.get("file"))
        if PurePath(path).is_absolute():
            use = "secret" if kind == "secrets" else "config"
            yield _make_needed(name, use, path, definition.origins["file"])


def _find_profiles(name: str, service: Table, folder: Path) -> Iterator[NeededPath]:
    """Yield seccomp profiles, which Compose reads itself."""
    for item, origin in to_items(service.get("security_opt")).entries():
        match = _SECCOMP.fullmatch(to_text(item))
        if match and match[1] not in ("unconfined", "builtin"):
            yield _make_needed(name, "seccomp profile", locate(match[1], folder), origin)


def _find_devices(name: str, service: Table) -> Iterator[NeededPath]:
    """Yield device files except NVIDIA's, which QCA706 checks with facts from the driver."""
    for entry, origin in to_items(service.get("devices")).entries():
        path = os.path.normpath(to_text(to_table(entry).get("source")))
        if path.startswith("/dev/") and not path.startswith("/dev/nvidia"):
            yield _make_needed(name, "device", path, origin)


def _make_needed(name: str, use: PathUse, path: str, origin: Origin) -> NeededPath:
    return NeededPath(name, use, path, origin.line, origin.source.path)
