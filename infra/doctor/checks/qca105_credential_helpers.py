"""QCA105: are the credential helpers in Docker's configuration installed?"""

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
        return skip(
            "Cannot determine whether a credential helper is missing: Docker's config.json was not "
            "recorded or cannot be read (it may belong to root or not be valid JSON)."
        )
    if not missing:
        return ok("All credential helpers in Docker's config.json are installed.")
    message = (
        f"Docker's config.json names {', '.join(missing)}, which cannot be found on PATH.\n"
        "Compose cannot pull any image, not even a public one. It fails with: error getting "
        f'credentials - err: exec: "{missing[0]}": executable file not found in $PATH'
    )
    return Verdict(Severity.WARNING, message, {"missing": list(missing)}, (_EDIT_CONFIG,))


_EDIT_CONFIG = Remedy(
    "Remove the line that names the helper (`credsStore` or `credHelpers`) from "
    "~/.docker/config.json, or install the helper"
)

CHECK = Check(
    id="QCA105",
    category="docker",
    title="A credential helper is missing",
    needs=("compose",),
    looks_at="`credsStore` and `credHelpers` in Docker's config.json, and whether the programs "
    "`docker-credential-...` are on PATH.",
    why="Docker Desktop writes such a line, even in WSL, and does not remove it when it is "
    "uninstalled. Measured with Compose 5.6.1: `docker compose pull` fails even for public images; "
    "`docker pull` with client 28 does not.\n"
    'An example is `{"credsStore": "desktop"}` without docker-credential-desktop on PATH.',
    fix="Remove the line from config.json, or install the helper.",
    url="https://docs.docker.com/reference/cli/docker/login/#credential-stores",
    judge_host=_judge_host,
)
