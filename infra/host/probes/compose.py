"""Probe `docker compose`: Compose V2 and later, a plugin of the `docker` program."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ComposePlugin, NoComposePlugin
from infra.host.probes.buildx import ask_buildx_version
from infra.host.probes.credential_helpers import find_missing_helpers

# "Docker Compose version v2.40.3"; Debian's build prints "2.26.1-4", without the v.
VERSION = re.compile(r"Docker Compose version v?(\d\S*)")
# "Docker version 20.10.24+dfsg1, build 297e128"; Podman's prints "podman version 4.3.1".
_CLIENT_VERSION = re.compile(r"Docker version (\d[^\s,]*)")
# podman-docker passes `docker compose` on to Docker Compose or, without it, to this program.
_PODMAN_COMPOSE = re.compile(r"podman-compose version (\d\S*)")
# The errors of `docker` and of podman-docker without the plugin. Other errors, such as that of a
# missing context, do not say whether it is there.
_NO_PLUGIN = re.compile(
    r"is not a docker command|unknown command|unrecognized command"
    r"|looking up compose provider failed"
)


def probe(deadline: Deadline, asks_buildx: bool = True) -> ComposePlugin | NoComposePlugin:
    """Run `docker compose version`.

    The command has no flags on purpose: without the plugin, `docker` would complain about the flag.
    It exits with 0 even if the daemon is down, so it tests only Compose.
    """
    docker = shutil.which("docker")
    if docker is None:
        return NoComposePlugin(detail="there is no `docker` program on PATH")
    with ThreadPoolExecutor(1) as executor:
        buildx = executor.submit(ask_buildx_version, deadline) if asks_buildx else None
        output = deadline.run([docker, "compose", "version"])
    match = VERSION.search(output.stdout)
    if match:
        return ComposePlugin(
            version=match[1],
            docker_client=docker,
            client_version=_ask_client_version(docker, deadline),
            buildx=buildx.result() if buildx else None,
            missing_credential_helpers=find_missing_helpers(),
            fixed_api=os.environ.get("DOCKER_API_VERSION", ""),
        )
    if other := _PODMAN_COMPOSE.search(output.stdout):
        detail = f"`{docker} compose` runs podman-compose {other[1]}, which has no `up --wait`"
        return NoComposePlugin(detail=detail)
    if output.exit_code == 0:
        raise ProbeError(f"`{docker} compose version` printed no version: {output.error_line}")
    if not _NO_PLUGIN.search(output.stderr):
        raise ProbeError(f"`{docker} compose version` failed: {output.error_line}")
    return NoComposePlugin(detail=output.error_line)


def _ask_client_version(docker: str, deadline: Deadline) -> str | None:
    """Return the version of the `docker` program; this does not need the daemon."""
    try:
        match = _CLIENT_VERSION.search(deadline.run([docker, "--version"]).stdout)
    except ProbeError:
        return None
    return match[1] if match else None
