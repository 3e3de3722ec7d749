"""QCA204: can Compose V1 replace a container on this engine?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposeV1, ComposeV1Bundle, Engine, require
from qca.core.versions import parse_version

# Measured with Compose V1 1.29.2: it works on Engine 20.10 and fails on 26.1. It reads an image's
# `ContainerConfig`, which API version 1.45 (Engine 26.0) removed:
# https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes
_FIRST_WITHOUT_CONTAINER_CONFIG = (26,)


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    compose, docker = require(subject.facts.docker_compose), require(subject.facts.docker)
    if isinstance(compose, ComposeV1 | ComposeV1Bundle) and isinstance(docker, Engine):
        yield _judge_pair(compose, docker)


def _judge_pair(compose: ComposeV1 | ComposeV1Bundle, engine: Engine) -> Verdict:
    version = parse_version(engine.version)
    if not version:
        return skip(
            "Cannot determine whether Compose V1 can recreate containers: the engine's version "
            f"{engine.version!r} is not a number."
        )
    if version < _FIRST_WITHOUT_CONTAINER_CONFIG:
        return ok(f"Compose V1 can recreate containers on Engine {engine.version}.")
    message = (
        f"Compose V1 cannot recreate a container on Engine {engine.version}.\nThe first "
        "`docker-compose up` works; the next one that needs to replace a container fails with "
        "KeyError: 'ContainerConfig', a field that was removed in Engine 26."
    )
    remedy = Remedy(
        "Use Compose V2, or remove the containers before each start with V1",
        (f"{quote_path(compose.path)} down", f"{quote_path(compose.path)} up -d"),
        breaks="removes and recreates the containers, but not their volumes",
    )
    return Verdict(Severity.WARNING, message, {"engine": engine.version}, (remedy,))


CHECK = Check(
    id="QCA204",
    category="compose",
    title="Compose V1 cannot recreate containers on this engine",
    needs=("docker_compose", "docker"),
    looks_at="whether `docker-compose` is V1 and the engine is version 26 or newer.",
    why="V1 reads an image's `ContainerConfig` when it replaces a container; version 1.45 of the "
    "Engine API (Engine 26) removed that field. Measured: it works on 20.10 and fails with "
    "KeyError: 'ContainerConfig' on 26.1; the versions in between were not measured.",
    fix="Use Compose V2.",
    url="https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes",
    judge_host=_judge_host,
)
