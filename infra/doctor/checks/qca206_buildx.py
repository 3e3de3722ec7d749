"""QCA206: can this Compose build images with this buildx?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import ComposePlugin, require
from qca.core.versions import parse_version

# Measured: Compose 2.40.3 and 5.6.1 refuse 0.13.1 and 0.16.2, take 0.17.0, and build without any;
# 2.26 takes 0.13.1. From which release on: https://github.com/ddev/ddev/issues/7915
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
        return ok(f"Compose {plugin.version} builds images with what is here.")
    if plugin.buildx is None:
        return skip("Which buildx builds the images was not recorded.")
    if not compose or not buildx:
        versions = f"Compose {plugin.version} and buildx {plugin.buildx}"
        return skip(f"Cannot determine whether {versions} build images: no version is in them.")
    if buildx >= _OLDEST_BUILDX:
        return ok(f"Compose {plugin.version} builds images with buildx {plugin.buildx}.")
    message = (
        f"Compose {plugin.version} builds no image with buildx {plugin.buildx}.\n"
        f"Service {service.name} is to be built, which ends with: compose build requires buildx "
        "0.17.0 or later. Install a newer docker-buildx-plugin, or build with `docker build`."
    )
    evidence = {"service": service.name, "buildx": plugin.buildx, "compose": plugin.version}
    return Verdict(Severity.ERROR, message, evidence)


CHECK = Check(
    id="QCA206",
    category="compose",
    title="buildx is too old for this Compose",
    needs=("compose",),
    looks_at="what `docker buildx version` says, where a service has `build:`.",
    why="Compose 2.40.2 and newer build with buildx 0.17 or newer and refuse an older one, such as "
    "Debian 13's 0.13.1. Without any buildx they build as of old.\n"
    "For example: `compose build requires buildx 0.17.0 or later`.",
    fix="Upgrade `docker-buildx-plugin`, or put a newer release into ~/.docker/cli-plugins.",
    url="https://github.com/ddev/ddev/issues/7915",
    judge_file=_judge_file,
)
