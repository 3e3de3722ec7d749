"""Read the health of a GPU from NVML: memory errors, slowdown, and its PCIe link."""

from collections.abc import Callable
from typing import Any, Literal

from infra.host.facts import GpuHealth
from infra.host.probes.answer_fields import parse_integer

# nvml.h, nvmlClocksEventReason*. Idling, the power limit and user-set clocks are excluded, because
# they also slow down healthy GPUs.
_SLOWDOWNS = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


class _Questions:
    """Queries NVML, and records the properties that it did not report but the GPU may have."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self.untold: list[str] = []

    def ask(self, what: str, question: Callable[[], Any]) -> Any:
        """Return the answer; None if the GPU lacks that property or NVML does not report it."""
        try:
            return question()
        except self._nvml.NVMLError as error:
            if error.value == self._nvml.NVML_ERROR_NOT_SUPPORTED:
                return None
        except (
            AttributeError,
            TypeError,
            ValueError,
        ):  # older bindings, or a value that they do not know
            pass
        self.untold.append(what)
        return None


def read_gpu_health(nvml: Any, handle: Any) -> GpuHealth:
    """Return a GPU's health; it never raises, and `untold` names what NVML does not report."""
    questions = _Questions(nvml)
    ask = questions.ask
    return GpuHealth(
        slowed_by=ask("clocks", lambda: _read_slowdowns(nvml, handle)),
        pcie_width=ask("PCIe", lambda: _parse(nvml.nvmlDeviceGetCurrPcieLinkWidth(handle))),
        pcie_most_width=ask("PCIe", lambda: _parse(nvml.nvmlDeviceGetMaxPcieLinkWidth(handle))),
        memory_errors=ask("memory errors", lambda: _read_memory_errors(nvml, handle)),
        memory_repair=ask("memory repair", lambda: _read_memory_repair(nvml, handle)),
        untold=tuple(dict.fromkeys(questions.untold)),
    )


def _parse(found: Any) -> int:
    return parse_integer(found, "a number")


def _read_slowdowns(nvml: Any, handle: Any) -> tuple[str, ...]:
    try:
        reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            raise
        # Drivers before 535 know only its old name.
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    return tuple(words for bit, words in _SLOWDOWNS.items() if _parse(reasons) & bit)


def _read_memory_errors(nvml: Any, handle: Any) -> int:
    """Return the number of errors that ECC could not correct since the driver was loaded."""
    kind, since = nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
    return _parse(nvml.nvmlDeviceGetTotalEccErrors(handle, kind, since))


def _read_memory_repair(nvml: Any, handle: Any) -> Literal["none", "pending", "failed"]:
    """Return whether faulty rows (before Ampere: pages) are to be replaced at the next reset, or
    could not be replaced."""
    try:
        _, _, is_pending, has_failed = nvml.nvmlDeviceGetRemappedRows(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
            raise
        is_pending, has_failed = nvml.nvmlDeviceGetRetiredPagesPendingStatus(handle), False
    if has_failed:
        return "failed"
    return "pending" if is_pending else "none"
