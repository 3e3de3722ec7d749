"""QCA202: is `docker-compose` the old Compose V1?"""

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok
from infra.doctor.remedies.compose_plugin import SEE_QCA201
from infra.doctor.subjects import HostSubject
from infra.host.facts import (
    ComposePlugin,
    ComposeV1,
    ComposeV1Bundle,
    StandaloneCompose,
    known_or_none,
    require,
)


def _judge_host(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.docker_compose)
    if isinstance(compose, StandaloneCompose):
        message = f"`docker-compose` is Compose {compose.version} under its old name."
        return ok(message, path=compose.path)
    if not isinstance(compose, ComposeV1 | ComposeV1Bundle):
        return ok("Compose V1 is not on PATH.")
    has_plugin = isinstance(known_or_none(subject.facts.compose), ComposePlugin)
    message = (
        f"`docker-compose` ({compose.path}) is Compose V1 ({compose.version}).\nIt has had "
        "no updates, not even security fixes, since July 2023. "
    )
    message += (
        "`qca up` uses `docker compose` (with a space), which is installed."
        if has_plugin
        else "qca needs Compose V2 (`docker compose`) and does not use V1."
    )
    severity = Severity.INFO if has_plugin else Severity.WARNING
    evidence = {"path": compose.path, "version": compose.version}
    return Verdict(severity, message, evidence, () if has_plugin else (SEE_QCA201,))


CHECK = Check(
    id="QCA202",
    category="compose",
    title="Compose V1 is what `docker-compose` runs",
    needs=("docker_compose",),
    looks_at="the content and the answer of the `docker-compose` on PATH: a Python script is V1, "
    "a Go binary is V2 or later, and V1 also exists as a self-contained binary.",
    why="Compose V1 (last release 1.29.2, May 2021) reached its end of life in July 2023. It sets "
    "no upper bounds on the versions of its libraries, so any upgrade of them can break it "
    "(QCA203).",
    fix="Type `docker compose` instead of `docker-compose`; nearly all files work unchanged.",
    url="https://docs.docker.com/compose/releases/migrate/",
    judge_host=_judge_host,
)
