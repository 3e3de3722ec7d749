"""QCA204: can Compose V1 replace a container on this engine?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposeV1, ComposeV1Bundle, Engine, require
from qca.core.versions import parse_version

# Measured with Compose V1 1.29.2: fine on Engine 20.10, broken on 26.1. What it reads,
# `ContainerConfig` of an image, left the API with version 1.45, which is Engine 26.0:
# https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes
_FIRST_WITHOUT_CONTAINER_CONFIG = (26,)


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    compose, docker = require(subject.facts.docker_compose), require(subject.facts.docker)
    if isinstance(compose, ComposeV1 | ComposeV1Bundle) and isinstance(docker, Engine):
        yield _judge_pair(compose, docker)


def _judge_pair(compose: ComposeV1 | ComposeV1Bundle, engine: Engine) -> Verdict:
    version = parse_version(engine.version)
    if not version:
        return skip(f"The engine's version {engine.version!r} is not a number.")
    if version < _FIRST_WITHOUT_CONTAINER_CONFIG:
        return ok(f"Compose V1 can recreate containers on Engine {engine.version}.")
    message = (
        f"Compose V1 cannot recreate a container on Engine {engine.version}.\n"
        "A first `docker-compose up` works; the next one that has to replace a container ends "
        "with KeyError: 'ContainerConfig', a field that Engine 26 no longer sends."
    )
    remedy = Remedy(
        "Use Compose V2, or remove the containers before each start with V1",
        (f"{quote_path(compose.path)} down", f"{quote_path(compose.path)} up -d"),
        breaks="the containers (not their volumes) are removed and made again",
    )
    return Verdict(Severity.WARNING, message, {"engine": engine.version}, (remedy,))


CHECK = Check(
    id="QCA204",
    category="compose",
    title="Compose V1 cannot recreate containers on this engine",
    needs=("docker_compose", "docker"),
    looks_at="whether `docker-compose` is V1 and the engine is version 26 or newer.",
    why="V1 reads `ContainerConfig` of an image when it replaces a container; the Engine API "
    "dropped that field in version 1.45 (Engine 26). Measured: fine on 20.10, "
    "KeyError: 'ContainerConfig' on 26.1; the versions between were not measured.",
    fix="Use Compose V2.",
    url="https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes",
    judge_host=_judge_host,
)
