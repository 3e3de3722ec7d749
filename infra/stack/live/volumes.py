"""The live probe of volumes: the user of each service writes where the stack will write."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from infra.host.errors import ProbeError
from infra.host.facts import VolumeWrite
from infra.stack.live.sandbox import ContainerRequest, Outcome, Sandbox
from infra.stack.live.service_limits import translate_limits
from infra.stack.live.shell import run_script

# One line for each folder: `yes FOLDER`, or `no FOLDER` and what was said.
_WRITE = (
    'for folder; do file="$folder/.qca-deep"; '
    'if said=$( { echo > "$file" && rm "$file"; } 2>&1 ); '
    'then echo "yes $folder"; else echo "no $folder $said" | tr "\\n" " "; echo; fi; done'
)


def write_volumes(
    sandbox: Sandbox,
    name: str,
    service: Mapping[str, Any],
    user: str,
    volumes: Mapping[str, str],
    seconds: float,
) -> tuple[VolumeWrite, ...]:
    """Write into the service's scratch folders and its volumes, by target.

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
    lines = _read_lines(run_script(sandbox, request, _WRITE, list(targets), seconds), targets)
    return tuple(
        VolumeWrite(
            service=name,
            target=target,
            kind=kind,
            user=user,
            written=lines[target].startswith("yes "),
            detail=lines[target].removeprefix(f"no {target}").strip()
            if lines[target].startswith("no ")
            else "",
        )
        for target, kind in targets.items()
    )


def _read_lines(outcome: Outcome, targets: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """Return the line about each folder."""
    lines = {
        words[1]: line
        for line in outcome.output.splitlines()
        if len(words := line.split(" ", 2)) > 1
    }
    missing = [target for target in targets if target not in lines]
    if missing:
        raise ProbeError(f"the container said nothing of {', '.join(missing)}: {outcome.output}")
    return lines
