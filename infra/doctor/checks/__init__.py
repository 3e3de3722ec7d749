"""The checks, one module for each category, in the order in which they are run and shown."""

from infra.doctor.check import Check
from infra.doctor.checks import (
    compose,
    docker,
    dragonfly,
    gpu,
    host,
    python,
    qca701_unread_parts,
    qca702_unset_variables,
    qca703_unsupported_keys,
    qca704_unknown_flags,
    qca705_rejected_limits,
    qca706_unavailable_gpus,
    qca707_refused_project,
    qca708_dropped_words,
)

CHECKS: tuple[Check, ...] = (
    *docker.CHECKS,
    *compose.CHECKS,
    *dragonfly.CHECKS,
    *gpu.CHECKS,
    *python.CHECKS,
    *host.CHECKS,
    qca701_unread_parts.CHECK,
    qca702_unset_variables.CHECK,
    qca703_unsupported_keys.CHECK,
    qca704_unknown_flags.CHECK,
    qca705_rejected_limits.CHECK,
    qca706_unavailable_gpus.CHECK,
    qca707_refused_project.CHECK,
    qca708_dropped_words.CHECK,
)
