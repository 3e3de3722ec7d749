"""QCA205: does the engine still accept the API versions of Compose and the `docker` program?"""

from collections.abc import Iterator

from infra.doctor.analysis.api_versions import (
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
from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

# All clients in use today support this minimum: it is the API version of Docker 1.12 (2016).
_ACCEPTS_ALL: Api = (1, 24)


@frozen_dataclass
class _Speaker:
    """A client of the engine."""

    name: str
    newest: NewestApi | None
    calls: str
    """The commands that fail if the engine refuses the client."""
    remedy: Remedy


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    engine, plugin = require(subject.facts.docker), require(subject.facts.compose)
    if not isinstance(engine, Engine) or not isinstance(plugin, ComposePlugin):
        return  # QCA101 and QCA201 report this
    oldest = find_oldest_accepted(engine)
    if oldest is None:
        yield skip(f"Cannot determine which API versions Engine {engine.version} accepts.")
        return
    if plugin.fixed_api:
        yield _judge_fixed(subject, engine, oldest, plugin.fixed_api)
        return
    speakers = _list_speakers(subject, plugin)
    refused = [
        speaker
        for speaker in speakers
        if speaker.newest and speaker.newest.reaches(oldest) is False
    ]
    yield from (_refuse(subject, engine, oldest, speaker) for speaker in refused)
    if not refused:
        yield _accept(engine, oldest, speakers)


def _judge_fixed(subject: HostSubject, engine: Engine, oldest: Api, fixed: str) -> Verdict:
    """Return the verdict on the API version that DOCKER_API_VERSION sets for all clients."""
    api, newest = parse_version(fixed.removeprefix("v")), parse_version(engine.api_version)
    evidence = {"engine": engine.version, "fixed_api": fixed}
    if not api or not newest:
        message = f"Cannot determine whether the engine accepts DOCKER_API_VERSION={fixed}."
        return skip(message, **evidence)
    if oldest <= api <= newest:
        message = f"Engine {engine.version} accepts API {fixed}, which DOCKER_API_VERSION sets."
        return ok(message, **evidence)
    fault = (
        f"old. Minimum supported API version is {format_api(oldest)}"
        if api < oldest
        else f"new. Maximum supported API version is {engine.api_version}"
    )
    message = (
        f"DOCKER_API_VERSION={fixed} is not an API version that Engine {engine.version} accepts.\n"
        f"Every `docker` command fails with: client version {fixed} is too {fault}"
    )
    return Verdict(subject.grade_container_fault(), message, evidence, (_UNSET,))


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
        speaker.name
        for speaker in speakers
        if oldest > _ACCEPTS_ALL
        and (speaker.newest is None or speaker.newest.reaches(oldest) is None)
    ]
    api = format_api(oldest)
    if unknown:
        return skip(
            f"Cannot determine whether {unknown[0]} supports API {api}, the oldest that the "
            "engine accepts."
        )
    message = f"Compose and `docker` use an API version that Engine {engine.version} accepts"
    return ok(f"{message} ({api} and newer).", min_api_version=api)


def _refuse(subject: HostSubject, engine: Engine, oldest: Api, speaker: _Speaker) -> Verdict:
    api = format_api(oldest)
    message = (
        f"{speaker.name} is too old for Engine {engine.version}: it uses API {speaker.newest}; "
        f"the engine accepts {api} and newer.\nEvery {speaker.calls} that connects to the engine "
        f"fails with: client version ... is too old. Minimum supported API version is {api}"
    )
    evidence = {"engine": engine.version, "min_api_version": api, "speaks": str(speaker.newest)}
    return Verdict(subject.grade_container_fault(), message, evidence, (speaker.remedy,))


_UNSET = Remedy(
    "Let the clients negotiate the version (in this shell; ~/.bashrc may set the variable)",
    ("unset DOCKER_API_VERSION",),
)
_UPGRADE_CLIENT = Remedy(
    "Upgrade the `docker` program to the engine's release (from Docker's package source)",
    ("sudo apt-get install --only-upgrade docker-ce-cli",),
)

CHECK = Check(
    id="QCA205",
    category="compose",
    title="Compose or `docker` is too old for this engine",
    needs=("docker", "compose"),
    looks_at="the oldest API version that the engine accepts (`MinAPIVersion`, or the one known "
    "for its release if that was not recorded), the newest that this Compose and this `docker` "
    "program support, and DOCKER_API_VERSION.",
    why="Engine 29.0 to 29.2 refuse clients below API 1.44; 29.3 and newer refuse those below "
    "1.40. "
    "Compose has its own client: before 2.24 it uses API 1.41 to 1.43, independently of the "
    "`docker` program. The error appears if the engine is upgraded but a plugin in "
    "~/.docker/cli-plugins is not. The opposite case works: a newer Compose uses the engine's "
    "version (tested with 5.6.1 and Engine 20.10). Compose V1 also negotiates the version. With "
    "DOCKER_API_VERSION set, no client negotiates: its value must be a version that the engine "
    "accepts.",
    fix="Install a newer Compose, or upgrade `docker-ce-cli`. A plugin in ~/.docker/cli-plugins "
    "takes precedence over the system's: if the system has its own, removing the old one is "
    "enough.",
    url="https://github.com/docker/compose/issues/13389",
    judge_host=_judge_host,
)
