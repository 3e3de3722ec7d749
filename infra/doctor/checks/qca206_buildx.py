"""QCA206: can this Compose build images with this buildx?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import ComposePlugin, require
from qca.core.versions import parse_version

# Measured: Compose 2.40.3 and 5.6.1 refuse buildx 0.13.1 and 0.16.2, accept 0.17.0, and can build
# without buildx. Compose 2.26 accepts 0.13.1. The first release of Compose that refuses an old
# buildx: https://github.com/ddev/ddev/issues/7915
_ASKING_COMPOSE = (2, 40, 2)
_OLDEST_BUILDX = (0, 17)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    plugin = require(subject.facts.compose)
    built = [service for service in subject.file.services if service.is_built]
    if built and isinstance(plugin, ComposePlugin):
        yield locate(_judge_buildx(plugin, built[0]), subject.file, built[0])


def _judge_buildx(plugin: ComposePlugin, service: Service) -> Verdict:
    compose, buildx = parse_version(plugin.version), parse_version(plugin.buildx or "")
    if plugin.buildx == "" or () < compose < _ASKING_COMPOSE:
        return ok(f"Compose {plugin.version} can build images here.")
    if plugin.buildx is None:
        return skip(
            "Cannot determine whether images can be built: the version of buildx was not recorded."
        )
    if not compose or not buildx:
        versions = f"Compose {plugin.version} and buildx {plugin.buildx}"
        return skip(
            f"Cannot determine whether {versions} can build images: one of them is not a "
            f"version number."
        )
    if buildx >= _OLDEST_BUILDX:
        return ok(f"Compose {plugin.version} can build images with buildx {plugin.buildx}.")
    message = (
        f"Compose {plugin.version} cannot build images with buildx {plugin.buildx}.\nService "
        f"{service.name} has `build:`, and building it fails with: compose build requires buildx "
        "0.17.0 or later. Install a newer docker-buildx-plugin, or build with `docker build`."
    )
    evidence = {"service": service.name, "buildx": plugin.buildx, "compose": plugin.version}
    return Verdict(Severity.ERROR, message, evidence)


CHECK = Check(
    id="QCA206",
    category="compose",
    title="buildx is too old for this Compose",
    needs=("compose",),
    looks_at="the output of `docker buildx version`, if a service has `build:`.",
    why="Compose 2.40.2 and newer build with buildx 0.17 or newer and refuse older releases, such "
    "as 0.13.1 in Debian 13. Without buildx they still build.\nFor example: `compose build "
    "requires buildx 0.17.0 or later`.",
    fix="Upgrade `docker-buildx-plugin`, or install a newer release in ~/.docker/cli-plugins.",
    url="https://github.com/ddev/ddev/issues/7915",
    judge_file=_judge_file,
)
