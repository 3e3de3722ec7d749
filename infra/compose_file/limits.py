"""Parse a service's limits on memory and CPUs."""

import math
import re

from infra.compose_file.model import LocatedValue, Service
from infra.compose_file.syntax.sizes import parse_docker_size

# The default of `cpu_period` in microseconds; `cpu_quota` is a share of it.
_PERIOD = 100_000

_CPUSET = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,19}")
_MOST_CPUS = 8192  # as in the engine's own parser


def read_size(text: LocatedValue | None) -> int | None:
    """Return a Docker size in bytes; None if it is missing, 0 or invalid (QCA705)."""
    try:
        size = parse_docker_size(text.value) if text else 0
    except ValueError:
        return None
    return size if size > 0 else None


def read_number(text: LocatedValue | None) -> float | None:
    """Return a number of CPUs; None if it is missing, 0 or invalid (QCA705)."""
    try:
        number = float(text.value) if text else 0
    except ValueError:
        return None
    return number if number and math.isfinite(number) else None


def read_count(text: str) -> int | None:
    """Return a whole number; None if the text is anything else or the number exceeds 64 bits."""
    return int(text) if _COUNT.fullmatch(text) else None


def read_cpu_quota(service: Service) -> float | None:
    """Return the number of CPUs that `cpus` or a quota allows; None if there is no limit."""
    quota, period = (read_number(service.settings.get(f"cpu_{key}")) for key in ("quota", "period"))
    if quota is not None and quota > 0:
        return quota / (period or _PERIOD)
    return read_number(service.cpus)


def read_cpuset(cpuset: LocatedValue | None) -> frozenset[int] | None:
    """Return the CPUs in a list such as `0-3,8`; None for any other text."""
    if cpuset is None or not _CPUSET.fullmatch(cpuset.value):
        return None
    spans = [part.partition("-") for part in cpuset.value.split(",")]
    ranges = [(int(first), int(last) if dash else int(first)) for first, dash, last in spans]
    if any(first > last for first, last in ranges) or any(last > _MOST_CPUS for _, last in ranges):
        return None
    return frozenset(number for first, last in ranges for number in range(first, last + 1))
