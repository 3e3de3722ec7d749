"""The live probe of the GPU, in a container: initialize CUDA, allocate memory, multiply numbers."""

import json
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from typing import Any

from infra.host.errors import ProbeError, ProbeTimeoutError
from infra.host.facts import GpuRun
from infra.stack.live.sandbox import (
    ContainerRefusedError,
    ContainerRequest,
    ContainerResult,
    Sandbox,
)
from infra.stack.live.service_limits import translate_limits
from infra.stack.live.shell import NO_PROGRAM


def run_on_gpu(
    sandbox: Sandbox,
    image: str,
    service: Mapping[str, Any],
    gpus: int,
    user: str,
    seconds: float,
) -> GpuRun:
    """Return CUDA's result in a container with the trainer's limits and GPUs.

    Raises:
        ProbeError: the image has no Python, so nothing was tested.

    """
    request = ContainerRequest(
        image=image,
        entrypoint=["python3", "-c", _read_script()],
        command=[],
        user=user,
        environment={"HOME": "/tmp"},
        limits={**translate_limits(service), "device_requests": _request_gpus(gpus)},
    )
    try:
        return _parse_report(image, sandbox.run(request, seconds))
    except ContainerRefusedError as error:
        if NO_PROGRAM in str(error):
            raise ProbeError(f"the image {image} has no python3") from None
        return GpuRun(image=image, seconds=0, failed_at="start", detail=str(error))
    except ProbeTimeoutError as error:
        return GpuRun(image=image, seconds=seconds, failed_at="program", detail=str(error))


def _request_gpus(count: int) -> list[dict[str, object]]:
    return [{"Driver": "nvidia", "Count": count, "Capabilities": [["gpu"]]}] if count else []


def _read_script() -> str:
    return files("infra.stack.live").joinpath("gpu_script.py").read_text("utf-8")


def _parse_report(image: str, outcome: ContainerResult) -> GpuRun:
    """Return the report on the last line; libraries may write lines before it."""
    last_line = outcome.output.rpartition("\n")[2]
    try:
        report = json.loads(last_line)
        known = {field.name for field in fields(GpuRun)}
        return GpuRun(
            image=image, seconds=outcome.seconds, **{k: report[k] for k in report if k in known}
        )
    except (ValueError, TypeError):
        killed = "killed for exceeding its memory limit" if outcome.killed_for_memory else "ended"
        detail = f"{killed} with exit code {outcome.exit_code}: {last_line or 'no output'}"
    return GpuRun(image=image, seconds=outcome.seconds, failed_at="program", detail=detail)
