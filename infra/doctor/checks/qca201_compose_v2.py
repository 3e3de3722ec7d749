"""QCA201: is `docker compose` (Compose V2 or later) installed?"""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.compose_plugin import REFRESH_SNAP, install_plugin, link_plugin
from infra.doctor.subjects import HostSubject
from infra.host.facts import (
    ComposePlugin,
    Engine,
    NoEngine,
    StandaloneCompose,
    known_or_none,
    require,
)
from infra.host.snap import is_from_snap


def _judge_host(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.compose)
    if isinstance(compose, ComposePlugin):
        return ok(
            f"`docker compose` is Compose {compose.version}.",
            version=compose.version,
            docker_client=compose.docker_client,
        )
    message = f"`docker compose` (Compose V2) is not installed.\n{compose.detail}"
    if subject.is_local_run:
        message += "\n`qca up` trains on this machine without Docker and does not need Compose."
    other = known_or_none(subject.facts.docker_compose)
    if isinstance(other, StandaloneCompose):
        message += f"\n{other.path} is Compose {other.version}: you can link it as the plugin."
    return Verdict(_grade(subject), message, {"detail": compose.detail}, (_choose_remedy(subject),))


def _grade(subject: HostSubject) -> Severity:
    no_engine = isinstance(known_or_none(subject.facts.docker), NoEngine)
    return subject.grade_container_fault(otherwise=Severity.INFO if no_engine else Severity.WARNING)


def _choose_remedy(subject: HostSubject) -> Remedy:
    other = known_or_none(subject.facts.docker_compose)
    if isinstance(other, StandaloneCompose):
        return link_plugin(other.path)
    docker = known_or_none(subject.facts.docker)
    if isinstance(docker, Engine) and is_from_snap(docker):
        return REFRESH_SNAP
    return install_plugin(known_or_none(subject.facts.system))


CHECK = Check(
    id="QCA201",
    category="compose",
    title="No Compose V2",
    needs=("compose",),
    looks_at="the output of `docker compose version`. Release 2.40 was followed by 5.0, so any "
    "major version from 2 on is accepted.",
    why="`qca up` starts the containers with `docker compose`. Compose V1 (`docker-compose`) "
    "cannot replace it, because it has no `up --wait`.",
    fix="Install the plugin for one user or for all users, or link an installed `docker-compose` "
    "(V2 or later) as the plugin.",
    url="https://docs.docker.com/compose/install/linux/",
    judge_host=_judge_host,
)
