"""The live probe of volumes: each service's user writes to the paths that the stack uses."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from infra.host.errors import ProbeError
from infra.host.facts import VolumeWrite
from infra.stack.live.sandbox import ContainerRequest, Sandbox
from infra.stack.live.service_limits import translate_limits
from infra.stack.live.shell import run_script

# The script prints a line for each folder: `yes FOLDER`, or `no FOLDER` and the error.
_WRITE = (
    'for folder; do file="$folder/.qca-deep"; '
    'if said=$( { echo > "$file" && rm "$file"; } 2>&1 ); '
    'then echo "yes $folder"; else echo "no $folder $said" | tr "\\n" " "; echo; fi; done'
)


class _Answer(NamedTuple):
    written: bool
    detail: str


def write_volumes(
    sandbox: Sandbox,
    name: str,
    service: Mapping[str, Any],
    user: str,
    volumes: Mapping[str, str],
    seconds: float,
) -> tuple[VolumeWrite, ...]:
    """Write into a service's scratch folders and volumes, which are given by their targets.

    Raises:
        ProbeError: the container did not start, or its image has no shell.

    """
    limits = translate_limits(service)
    targets: dict[str, Literal["tmpfs", "volume"]] = dict.fromkeys(limits["tmpfs"], "tmpfs")
    targets.update(dict.fromkeys(volumes, "volume"))
    mounts = [
        {"Type": "volume", "Source": volume, "Target": target} for target, volume in volumes.items()
    ]
    request = ContainerRequest(
        image=service["image"], command=[], user=user, limits={**limits, "mounts": mounts}
    )
    answers = _parse_answers(run_script(sandbox, request, _WRITE, list(targets), seconds).output)
    if missing := targets.keys() - answers.keys():
        raise ProbeError(f"the container did not try {', '.join(sorted(missing))}")
    return tuple(
        VolumeWrite(
            service=name,
            target=target,
            kind=kind,
            user=user,
            written=answers[target].written,
            detail=answers[target].detail,
        )
        for target, kind in targets.items()
    )


def _parse_answers(output: str) -> dict[str, _Answer]:
    """Return the answer about each folder."""
    lines = (line.split(" ", 2) for line in output.splitlines())
    return {
        words[1]: _Answer(words[0] == "yes", " ".join(words[2:]).strip())
        for words in lines
        if words[0] in ("yes", "no") and len(words) > 1
    }
