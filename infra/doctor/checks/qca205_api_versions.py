"""QCA205: do Compose and the `docker` program speak an API that the engine still accepts?"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.doctor.api_versions import (
    Api,
    NewestApi,
    find_newest_of_client,
    find_newest_of_compose,
    find_oldest_accepted,
    format_api,
)
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Verdict, ok, skip
from infra.doctor.remedies.compose_plugin import REFRESH_SNAP, install_plugin
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Engine, known_or_none, require
from infra.host.snap import is_client_from_snap

# The oldest minimum that nothing in use today is too old for: Docker 1.12 of 2016 speaks it.
_ACCEPTS_ALL: Api = (1, 24)


@dataclass(frozen=True)
class _Speaker:
    """A program that talks to the engine."""

    name: str
    newest: NewestApi | None
    calls: str
    """The commands that fail where it is refused."""
    remedy: Remedy


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, plugin = require(subject.facts.docker), require(subject.facts.compose)
    if not isinstance(engine, Engine) or not isinstance(plugin, ComposePlugin):
        return  # QCA101 and QCA201 say so
    oldest = find_oldest_accepted(engine)
    if oldest is None:
        yield skip(f"Cannot determine which API versions Engine {engine.version} accepts.")
        return
    speakers = _list_speakers(subject, plugin)
    refused = [one for one in speakers if one.newest and one.newest.reaches(oldest) is False]
    yield from (_refuse(subject, engine, oldest, one) for one in refused)
    if not refused:
        yield _accept(engine, oldest, speakers)


def _list_speakers(subject: HostSubject, plugin: ComposePlugin) -> tuple[_Speaker, _Speaker]:
    title = "Install the newest Compose for this user"
    install = install_plugin(known_or_none(subject.facts.system), title)
    snap = is_client_from_snap(plugin)
    client = plugin.client_version
    return (
        _Speaker(
            f"Compose {plugin.version}",
            find_newest_of_compose(plugin.version),
            "`docker compose` command",
            REFRESH_SNAP if snap else install,
        ),
        _Speaker(
            f"The `docker` program {client or '(its version was not recorded)'}",
            find_newest_of_client(client) if client else None,
            "`docker` command",
            REFRESH_SNAP if snap else _UPGRADE_CLIENT,
        ),
    )


def _accept(engine: Engine, oldest: Api, speakers: tuple[_Speaker, ...]) -> Verdict:
    unknown = [
        one.name
        for one in speakers
        if oldest > _ACCEPTS_ALL and (one.newest is None or one.newest.reaches(oldest) is None)
    ]
    api = format_api(oldest)
    if unknown:
        return skip(f"Cannot determine whether {unknown[0]} speaks API {api}, the engine's oldest.")
    message = f"Compose and `docker` speak an API that Engine {engine.version} accepts"
    return ok(f"{message} ({api} and newer).", min_api_version=api)


def _refuse(subject: HostSubject, engine: Engine, oldest: Api, speaker: _Speaker) -> Verdict:
    api = format_api(oldest)
    message = (
        f"{speaker.name} is too old for Engine {engine.version}: it speaks API {speaker.newest}; "
        f"the engine accepts {api} and newer.\n"
        f"Every {speaker.calls} that asks the engine ends with: client version ... is too old. "
        f"Minimum supported API version is {api}"
    )
    evidence = {"engine": engine.version, "min_api_version": api, "speaks": str(speaker.newest)}
    return Verdict(subject.grade_container_fault(), message, evidence, (speaker.remedy,))


_UPGRADE_CLIENT = Remedy(
    "Upgrade the `docker` program to the engine's release (Docker's package source)",
    ("sudo apt-get install --only-upgrade docker-ce-cli",),
)

CHECK = Check(
    id="QCA205",
    category="compose",
    title="Compose or `docker` is too old for this engine",
    needs=("docker", "compose"),
    looks_at="the oldest API version that the engine accepts (`MinAPIVersion`; by its release "
    "where that was not recorded) against the newest that this Compose and this `docker` "
    "program can speak.",
    why="Engine 29.0 to 29.2 refuse clients under API 1.44, and 29.3 and newer those under 1.40. "
    "Compose brings a client of its own: before 2.24 it speaks 1.41 to 1.43, whatever the "
    "`docker` program beside it speaks. It happens where the engine is upgraded and a plugin in "
    "~/.docker/cli-plugins is not. The other way round there is no fault: a newer Compose takes "
    "the engine's version (5.6.1 was run with Engine 20.10). Compose V1 negotiates too.",
    fix="Install a newer Compose, or upgrade `docker-ce-cli`. A plugin in ~/.docker/cli-plugins "
    "comes before the system's: removing an old one there is enough where the system has its own.",
    url="https://github.com/docker/compose/issues/13389",
    judge_host=_judge_host,
)
