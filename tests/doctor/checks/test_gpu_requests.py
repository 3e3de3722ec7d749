"""QCA706: requests for NVIDIA and AMD GPUs on different engines."""

from typing import Any

import pytest

from infra.host.facts import HostFacts
from tests.support.hosts import driver, engine, gpu, host, toolkit
from tests.support.verdicts import ERROR, OK, SKIPPED, judge_file

UUID = "GPU-5a0b1c2d-0000-1111-2222-333344445555"
OTHER = UUID.replace("5a0b", "ffff")
NVIDIA, AMD = ("nvidia.com/gpu=0", "nvidia.com/gpu=all"), ("amd.com/gpu=0", "amd.com/gpu=all")
ON: dict[str, Any] = {"cdi_dirs": ("/etc/cdi", "/var/run/cdi")}


def _reserve(how: str, capability: str = "gpu") -> str:
    device = f"{{{how}, capabilities: [{capability}]}}"
    return f"deploy: {{resources: {{reservations: {{devices: [{device}]}}}}}}"


def _nvidia(*devices: str, uuid: str = UUID, **changes: Any) -> HostFacts:
    docker = engine(version="29.4.0", cdi_devices=devices, **ON)
    return host(docker=docker, gpu=driver(gpu(uuid=uuid), **changes))


def _no_nvidia(version: str, *devices: str, **changes: Any) -> HostFacts:
    return host(docker=engine(version=version, cdi_devices=devices, **{**ON, **changes}))


WITHOUT_HOOK: dict[str, Any] = {"toolkit": None, "container_toolkit": toolkit()}
WITHOUT_TOOLKIT: dict[str, Any] = {"toolkit": None, "container_toolkit": toolkit(cdi_hook=None)}
AMD_BY_CDI = _no_nvidia("29.3.0", *AMD)

CASES = [
    # GPUs selected by `device_ids`.
    (_reserve(f"device_ids: [{UUID}]"), _nvidia(), OK, ""),
    (_reserve(f"device_ids: ['0', {OTHER}]"), _nvidia(), ERROR, f"error: {OTHER}: unknown device"),
    (_reserve(f"device_ids: [{OTHER}]"), _nvidia(uuid="GPU-1"), SKIPPED, "do not show"),
    (
        _reserve(f"device_ids: [{UUID}]"),
        _nvidia(*NVIDIA, **WITHOUT_HOOK),
        ERROR,
        f"unresolvable CDI devices nvidia.com/gpu={UUID}",
    ),
    (
        "gpus: [{count: 1}]",
        _nvidia("nvidia.com/gpu=all", **WITHOUT_HOOK),
        ERROR,
        "unresolvable CDI devices nvidia.com/gpu=0",
    ),
    ("gpus: all", _nvidia("nvidia.com/gpu=all", **WITHOUT_HOOK), OK, ""),
    # Without NVIDIA's toolkit, a request without a driver goes to AMD's from Engine 29.3 on.
    ("gpus: all", _nvidia(*NVIDIA, **WITHOUT_TOOLKIT), ERROR, ": AMD CDI spec not found"),
    ("gpus: all", _nvidia(**WITHOUT_TOOLKIT), ERROR, "no known GPU vendor found"),
    (_reserve("driver: nvidia"), _nvidia(**WITHOUT_TOOLKIT), ERROR, 'device driver "nvidia"'),
    ("gpus: all", _no_nvidia("29.3.0"), ERROR, "no known GPU vendor found"),
    ("gpus: all", _no_nvidia("29.3.0", cdi_dirs=()), ERROR, "could not select device driver"),
    ("gpus: all", _no_nvidia("29.2.1"), ERROR, "could not select device driver"),
    # AMD GPUs.
    ("gpus: all", AMD_BY_CDI, OK, ""),
    (_reserve("count: 1", "amd"), AMD_BY_CDI, OK, ""),
    (_reserve("driver: amd, count: 1"), AMD_BY_CDI, OK, ""),
    (_reserve("driver: nvidia"), AMD_BY_CDI, ERROR, 'device driver "nvidia"'),
    ("devices: ['amd.com/gpu=all']", AMD_BY_CDI, OK, ""),
    ("devices: ['amd.com/gpu=7']", AMD_BY_CDI, ERROR, "unresolvable CDI devices amd.com/gpu=7"),
    ("gpus: all", _no_nvidia("29.2.1", *AMD), ERROR, "before 29.3"),
    ("gpus: all", _no_nvidia("28.5.2", runtimes=("amd",)), SKIPPED, "AMD's runtime"),
    ("gpus: all", _no_nvidia("29.3.0", *AMD, *NVIDIA), SKIPPED, "NVIDIA and AMD GPUs"),
    (_reserve("count: 1", "amd"), _no_nvidia("29.3.0"), SKIPPED, "shows no AMD GPU"),
    (_reserve("count: 1", "amd"), _nvidia(), SKIPPED, "shows no AMD GPU"),
]


@pytest.mark.parametrize(("line", "facts", "severity", "says"), CASES)
def test_a_service_that_requests_a_gpu(tmp_path, line, facts, severity, says):
    text = f"services:\n  work:\n    image: busybox:1\n    {line}\n"

    found = judge_file(tmp_path, "QCA706", text, facts)

    assert (found.severity, found.message) == (severity, found.message)
    assert says in found.message
