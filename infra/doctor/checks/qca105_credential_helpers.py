"""QCA105: are the programs there to which Docker leaves passwords of registries?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    plugin = require(subject.facts.compose)
    if isinstance(plugin, ComposePlugin) and subject.needs_containers:
        yield _judge_helpers(plugin.missing_credential_helpers)


def _judge_helpers(missing: tuple[str, ...] | None) -> Verdict:
    if missing is None:
        return skip("Which credential helpers Docker's config.json names was not recorded.")
    if not missing:
        return ok("Every credential helper that Docker's config.json names is there.")
    message = (
        f"Docker's config.json names {', '.join(missing)}, which is not on PATH.\n"
        "Compose pulls no image then, public ones included. It ends with: error getting "
        f'credentials - err: exec: "{missing[0]}": executable file not found in $PATH'
    )
    return Verdict(Severity.WARNING, message, {"missing": list(missing)}, (_EDIT_CONFIG,))


_EDIT_CONFIG = Remedy(
    "Take the line that names it (`credsStore` or `credHelpers`) out of ~/.docker/config.json, or "
    "install the helper"
)

CHECK = Check(
    id="QCA105",
    category="docker",
    title="A credential helper is missing",
    needs=("compose",),
    looks_at="`credsStore` and `credHelpers` in config.json of the `docker` program, and whether "
    "the programs `docker-credential-...` are on PATH.",
    why="Docker Desktop writes such a line and leaves it behind, in WSL too. Measured with Compose "
    "5.6.1: `docker compose pull` fails, for public images too; `docker pull` of client 28 does "
    "not.\n"
    'For example `{"credsStore": "desktop"}` without docker-credential-desktop on PATH.',
    fix="Take the line out of config.json, or install the helper.",
    url="https://docs.docker.com/reference/cli/docker/login/#credential-stores",
    judge_host=_judge_host,
)
