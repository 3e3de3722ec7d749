"""`docker compose`: Compose V2 and later, a plugin of the `docker` program."""

import re
import shutil

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ComposePlugin, NoComposePlugin

# "Docker Compose version v2.40.3"; Debian's build says "2.26.1-4", without the v.
VERSION = re.compile(r"Docker Compose version v?(\d\S*)")


def probe(deadline: Deadline) -> ComposePlugin | NoComposePlugin:
    """Ask `docker compose version`.

    Without flags on purpose: where the plugin is missing, a flag makes `docker` complain
    about the flag. It exits 0 with the daemon down too, so it tells about Compose only.
    """
    docker = shutil.which("docker")
    if docker is None:
        return NoComposePlugin(detail="there is no `docker` program on PATH")
    output = deadline.run([docker, "compose", "version"])
    match = VERSION.search(output.stdout)
    if match:
        return ComposePlugin(version=match[1], docker_client=docker)
    if output.exit_code == 0:
        raise ProbeError(
            f"`{docker} compose version` answered what is no version: {output.error_line}"
        )
    return NoComposePlugin(detail=output.error_line)
