"""How a reader of a compose file gets at the files that it refers to."""

from dataclasses import dataclass
from typing import Protocol

from infra.compose_file.model import ComposeFile


class NotFollowedError(Exception):
    """A file that the compose file refers to was not read; the message says why."""

    def __init__(self, why: str, *, outside: bool = False, missing: bool = False) -> None:
        super().__init__(why)
        self.outside = outside
        self.missing = missing


@dataclass(frozen=True)
class Include:
    """One entry of `include`: files that are merged, and what they are read with."""

    paths: tuple[str, ...]
    project_directory: str = ""
    """What paths in them are relative to; empty for the folder of the first."""
    env_files: tuple[str, ...] = ()
    """Read in place of the `.env` of that folder."""


class References(Protocol):
    """The files that a Compose file refers to. All methods raise NotFollowedError."""

    def resolve_path(self, name: str) -> str:
        """Return the path of what a compose file names, be it there or not."""
        ...

    def read_lines(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the path and the lines of a file."""
        ...

    def read_include(self, include: Include) -> ComposeFile:
        """Return what one entry of `include` brings, its files merged."""
        ...

    def read_extended(self, name: str, service: str) -> ComposeFile:
        """Return that file with this one service, itself extended by what it extends."""
        ...
