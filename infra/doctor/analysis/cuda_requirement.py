"""Evaluate an image's driver and GPU requirements (NVIDIA_REQUIRE_CUDA) as the toolkit does.

The toolkit's hook passes them to libnvidia-container. Spaces separate alternatives, and commas
separate the conditions of one alternative (src/cli/dsl.c and configure.c). CDI ignores these
requirements.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest

from infra.host.facts import Gpu, GpuDriver
from qca.core.versions import parse_version

_PREFIX, _DISABLED = "NVIDIA_REQUIRE_", "NVIDIA_DISABLE_REQUIRE"
# The true values of Go's strconv.ParseBool.
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_CONDITION = re.compile(r"(cuda|driver|arch|brand)(=|!=|<=|<|>=|>)([^<>=!]+)", re.I)
_COMPARISONS: Mapping[str, Callable[[int], bool]] = {
    "=": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def list_requirements(variables: Mapping[str, str]) -> list[str]:
    """Return the requirements in a container's variables; empty if a variable disables them."""
    if variables.get(_DISABLED) in _TRUE:
        return []
    return [text for name, text in variables.items() if name.startswith(_PREFIX) and text]


def names_driver(requirement: str) -> bool:
    """Return whether the requirement has a condition on the driver or CUDA, not only on the GPU."""
    return re.search(r"\b(cuda|driver)\b", requirement, re.I) is not None


def is_met(requirement: str, driver: GpuDriver, gpu: Gpu) -> bool | None:
    """Return whether the driver and the GPU meet the requirement, or None if that is unknown."""
    return _any(
        _all(_is_true(condition, driver, gpu) for condition in alternative.split(",") if condition)
        for alternative in requirement.split()
    )


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if True in found or not found:
        return True
    return None if None in found else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True


def _is_true(condition: str, driver: GpuDriver, gpu: Gpu) -> bool | None:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        return None
    name, comparison, wanted = match[1].lower(), match[2], match[3]
    if name == "brand":
        brand = _find_brand(gpu)
        return None if brand is None else (brand == wanted.lower()) is (comparison == "=")
    found = {
        "cuda": driver.cuda_version,
        "driver": parse_version(driver.driver_version),
        "arch": gpu.compute_capability,
    }[name]
    limit = parse_version(wanted)
    return _COMPARISONS[comparison](_compare(found, limit)) if found and limit else None


def _find_brand(gpu: Gpu) -> str | None:
    """Return the brand that NVML reports, if the GPU's name shows it (GeForce); otherwise None."""
    return "geforce" if "GeForce" in gpu.name else None


def _compare(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return a negative number, 0 or a positive number if `one` is older, equal or newer.

    Missing trailing numbers count as 0.
    """
    for left, right in zip_longest(one, other, fillvalue=0):
        if left != right:
            return left - right
    return 0
