"""Run `docker compose config`, which prints how Compose reads its files and starts nothing.

Compose follows references to any path, so use this only for files that refer to nothing outside
their folder.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ComposePlugin
from qca.core.frozen import frozen_dataclass

# The call normally takes a quarter of a second; the limit bounds it for any file.
_SECONDS = 10

# The start of a line from Compose's logger: `time="..." level=warning`, or `WARN[0000]` on a
# terminal.
_WARNING = re.compile(r"(time=\S+ )?level=(warning|info|debug)|(WARN|INFO|DEBU)\[")


@frozen_dataclass
class ResolvedConfig:
    """The JSON document that Compose prints for files that it accepts."""

    document: Any


@frozen_dataclass
class RefusedConfig:
    """Compose's own message if it does not accept the files."""

    message: str


def ask_compose_config(
    paths: Iterable[Path],
    folder: Path,
    plugin: ComposePlugin,
    environment: Mapping[str, str],
    profiles: Iterable[str] = (),
) -> ResolvedConfig | RefusedConfig:
    """Return Compose's answer for the files of a project, with these profiles active.

    Raises:
        ProbeError: it did not answer in time, or not with JSON.

    """
    files = [word for path in paths for word in ("-f", str(path.absolute()))]
    project = ["--project-directory", str(folder.absolute())]
    active = [word for profile in profiles for word in ("--profile", profile)]
    command = [plugin.docker_client, "compose", *files, *project, *active]
    with Deadline(_SECONDS) as deadline:
        output = deadline.run([*command, "config", "--format", "json"], env=dict(environment))
    if output.exit_code:
        return RefusedConfig(find_reason(output.stderr) or output.error_line)
    try:
        return ResolvedConfig(json.loads(output.stdout))
    except (ValueError, RecursionError) as error:
        raise ProbeError(str(error)) from None


def find_reason(stderr: str) -> str:
    """Return Compose's reason for refusing, on one line and without its preceding warnings.

    A heading such as "decoding failed due to the following error(s):" is useless alone, so the
    lines after it are joined to it. If Compose crashes, the stack of its goroutines is left out.
    """
    lines = (line.strip() for line in stderr.partition("\ngoroutine ")[0].splitlines())
    return " ".join(line for line in lines if line and not _WARNING.match(line))
