"""QCA408: does a GPU report a hardware fault or a slowdown?"""

from collections.abc import Iterator

from infra.doctor.analysis.gpu_groups import describe_gpus, group_gpus
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, GpuDriver, GpuHealth, Xid, require
from qca.core.units import format_count

# https://docs.nvidia.com/deploy/xid-errors; the first four are mostly caused by programs.
_XIDS = {
    13: "an error of a program on the GPU",
    31: "a program's invalid memory access",
    43: "a program that the GPU stopped",
    45: "the removal of a program's work after another error",
    48: "a memory error that ECC could not correct",
    62: "the GPU's own controller halted",
    63: "faulty memory that needs to be replaced",
    64: "faulty memory that could not be replaced",
    74: "an NVLink error",
    79: "the GPU fell off the bus",
    92: "many memory errors that ECC corrected",
    94: "a memory error that ended one program",
    95: "a memory error that ended all programs",
    119: "no answer from the GPU's system processor",
    120: "an error of the GPU's system processor",
}


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    driver = require(subject.facts.gpu)
    if not isinstance(driver, GpuDriver) or not driver.gpus:
        return
    faults = list(_find_faults(driver))
    faults += [_report_xid(driver, xid) for xid in driver.xids or ()]
    unknown = list(_list_unknown(driver))
    yield from faults
    if unknown:
        yield skip(f"Cannot determine {' or '.join(unknown)}.")
    elif not faults:
        names = describe_gpus(driver.gpus, driver.gpus)
        yield ok(f"{names}: no fault reported, and no Xid error in the kernel log.")


def _list_unknown(driver: GpuDriver) -> Iterator[str]:
    if any(gpu.health is None for gpu in driver.gpus):
        yield "the health of the GPUs (it was not recorded)"
    groups = group_gpus(driver.gpus, lambda gpu: gpu.health.untold if gpu.health else ())
    for untold, gpus in groups.items():
        if untold:
            names = describe_gpus(gpus, driver.gpus)
            yield f"{' and '.join(untold)} of {names} (not reported by NVML)"
    if driver.xids is None:
        yield (
            "whether there are Xid errors (the kernel log was not recorded or cannot be read; "
            "try `sudo dmesg`)"
        )


def _find_faults(driver: GpuDriver) -> Iterator[Verdict]:
    for gpu in driver.gpus:
        if gpu.health and gpu.health.memory_errors:
            yield _report_fault(driver, [gpu], _describe_memory(gpu.health.memory_errors))
    shared: dict[str, list[Gpu]] = {}
    for gpu in driver.gpus:
        for fault in _list_shared_faults(gpu):
            shared.setdefault(fault, []).append(gpu)
    yield from (_report_fault(driver, gpus, fault) for fault, gpus in shared.items())


def _list_shared_faults(gpu: Gpu) -> list[str]:
    """Return the faults that are reported once for all GPUs that have them."""
    if gpu.health is None:
        return []
    health = gpu.health
    faults = (_describe_repair(health), _describe_slowdown(health), _describe_link(health))
    return [fault for fault in faults if fault]


def _report_fault(driver: GpuDriver, gpus: list[Gpu], fault: str) -> Verdict:
    evidence = {"gpu": gpus[0].index, "gpus": [gpu.index for gpu in gpus]}
    return Verdict(Severity.INFO, f"{describe_gpus(gpus, driver.gpus)}: {fault}", evidence)


def _describe_memory(errors: int) -> str:
    return (
        f"{format_count(errors, 'memory error')} that ECC could not correct since the driver was "
        "loaded.\nResults may be wrong, or a training run may have failed for this reason. "
        "`nvidia-smi -q -d ECC` shows where they are."
    )


def _describe_repair(health: GpuHealth) -> str:
    if health.memory_repair == "pending":
        return (
            "faulty memory will be replaced at the next reset.\nReboot, or reset the GPU "
            "while no program uses it: sudo nvidia-smi --gpu-reset"
        )
    if health.memory_repair == "failed":
        return (
            "faulty memory could not be replaced, because no spare rows are left.\nReplace the "
            "card; a training run on it may fail with an ECC error."
        )
    return ""


def _describe_slowdown(health: GpuHealth) -> str:
    if not health.slowed_by:
        return ""
    return (
        f"currently slowed down by {' and '.join(health.slowed_by)}.\nThe card is too hot or does "
        "not get enough power: check fans, dust and power connectors. `nvidia-smi -q -d "
        "PERFORMANCE` shows whether it continues."
    )


def _describe_link(health: GpuHealth) -> str:
    width, most = health.pcie_width, health.pcie_most_width
    if width is None or most is None or width >= most:
        return ""
    return (
        f"only {width} of the {most} PCIe lanes of the card and its slot are in use.\nCopies "
        "between the host's memory and the GPU take longer. Some laptops reduce the lanes while "
        "the GPU is idle; otherwise check the slot, the riser and the firmware settings."
    )


def _report_xid(driver: GpuDriver, xid: Xid) -> Verdict:
    cards = [gpu for gpu in driver.gpus if (gpu.pci_address or "").startswith(xid.pci_address)]
    card = describe_gpus(cards, driver.gpus) if cards else f"The card at {xid.pci_address}"
    meaning = _XIDS.get(xid.code, "see NVIDIA's list")
    times = "once" if xid.count == 1 else f"{xid.count} times"
    message = (
        f"{card}: the kernel log has Xid {xid.code} {times} ({meaning}).\n`sudo dmesg | grep Xid` "
        "shows the time and the process."
    )
    evidence = {"xid": xid.code, "count": xid.count, "pci_address": xid.pci_address}
    return Verdict(Severity.INFO, message, evidence)


CHECK = Check(
    id="QCA408",
    category="gpu",
    title="A GPU reports a fault",
    needs=("gpu",),
    looks_at="each GPU's uncorrectable ECC memory errors, memory that needs to be replaced, the "
    "reasons for reduced clocks, and the width of its PCIe link, all from NVML; and NVIDIA's Xid "
    "errors in the kernel log, if this user may read it.",
    why="Such a fault can stop a training run after hours, or make it several times slower, and "
    "the "
    "CUDA error in its log does not give the reason. The severity is always `info`, because a "
    "GPU with old errors may be healthy.\n"
    "For example `NVRM: Xid (PCI:0000:01:00): 79`: the GPU has fallen off "
    "the bus and needs a reboot.",
    fix="Check heat and power first: fans, dust and power connectors. Xid 13, 31 and 43 are "
    "mostly caused by the program, the others by the card, its slot or the driver.",
    url="https://docs.nvidia.com/deploy/xid-errors/",
    judge_host=_judge_host,
)
