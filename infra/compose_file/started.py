"""What a plain `docker compose up` starts, and what it leaves: judged apart."""

from collections.abc import Iterator
from dataclasses import replace

from infra.compose_file.model import ComposeFile


def keep_started(file: ComposeFile) -> ComposeFile:
    """Return the project with the services alone that a plain `up` starts."""
    started = tuple(one for one in file.services if not one.not_started_because)
    return file if len(started) == len(file.services) else replace(file, services=started)


def split_dormant(file: ComposeFile) -> Iterator[tuple[str, ComposeFile]]:
    """Yield why services are not started, and the project with those services alone.

    What is not theirs (unset variables, refusals, what was not read) is left out.
    """
    bare = replace(
        file,
        keys={},
        unread=(),
        unset=(),
        override=None,
        refusals=(),
        refused="",
        confirmed_by="",
        externals=(),
    )
    reasons = dict.fromkeys(service.not_started_because for service in file.services)
    for reason in reasons:
        if reason:
            services = [one for one in file.services if one.not_started_because == reason]
            yield reason, replace(bare, services=tuple(services))
