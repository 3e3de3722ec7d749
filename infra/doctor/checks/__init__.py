"""The checks, one module for each category, in the order in which they are run and shown."""

from infra.doctor.check import Check
from infra.doctor.checks import (
    compose,
    docker,
    dragonfly,
    file,
    file_gpus,
    file_limits,
    file_services,
    gpu,
    host,
    python,
)

CHECKS: tuple[Check, ...] = (
    *docker.CHECKS,
    *compose.CHECKS,
    *dragonfly.CHECKS,
    *gpu.CHECKS,
    *python.CHECKS,
    *host.CHECKS,
    *sorted(
        (*file.CHECKS, *file_services.CHECKS, file_limits.LIMITS, file_gpus.GPUS),
        key=lambda check: check.id,
    ),
)
