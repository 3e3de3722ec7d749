"""QCA408: does a GPU report a hardware fault or a slowdown?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, GpuDriver, GpuHealth, Xid, require
from qca.core.units import format_count

# https://docs.nvidia.com/deploy/xid-errors; the first four are mostly caused by programs.
_XIDS = {
    13: "a program's error on the GPU",
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
    faults = [fault for gpu in driver.gpus for fault in _find_faults(gpu)]
    faults += [_report_xid(driver, xid) for xid in driver.xids or ()]
    unknown = list(_list_unknown(driver))
    yield from faults
    if unknown:
        yield skip(f"Cannot determine {' or '.join(unknown)}.")
    elif not faults:
        names = ", ".join(gpu.name for gpu in driver.gpus)
        yield ok(f"{names}: no fault reported, and no Xid error in the kernel's log.")


def _list_unknown(driver: GpuDriver) -> Iterator[str]:
    if any(gpu.health is None for gpu in driver.gpus):
        yield "the condition of the GPUs (it was not recorded)"
    for gpu in driver.gpus:
        if gpu.health and gpu.health.untold:
            yield f"of {gpu.name}: {' and '.join(gpu.health.untold)} (not reported by NVML)"
    if driver.xids is None:
        yield "Xid errors (the kernel's log was not recorded or cannot be read; try `sudo dmesg`)"


def _find_faults(gpu: Gpu) -> Iterator[Verdict]:
    health = gpu.health
    if health is None:
        return
    evidence = {"gpu": gpu.index}
    for message in (
        _describe_memory(gpu.name, health),
        _describe_repair(gpu.name, health),
        _describe_slowdown(gpu.name, health),
        _describe_link(gpu.name, health),
    ):
        if message:
            yield Verdict(Severity.INFO, message, evidence)


def _describe_memory(name: str, health: GpuHealth) -> str:
    if not health.memory_errors:
        return ""
    return (
        f"{name}: {format_count(health.memory_errors, 'memory error')} since the driver was "
        "loaded that ECC could not correct.\nResults may be wrong, or a training run may have "
        "failed "
        "because of it. `nvidia-smi -q -d ECC` shows where they are."
    )


def _describe_repair(name: str, health: GpuHealth) -> str:
    if health.memory_repair == "pending":
        return (
            f"{name}: the GPU replaces faulty memory at its next reset.\nReboot, or reset it "
            "while no program uses it: sudo nvidia-smi --gpu-reset"
        )
    if health.memory_repair == "failed":
        return (
            f"{name}: faulty memory could not be replaced, because no spare rows are left.\n"
            "Replace the card; a training run on it may fail with an ECC error."
        )
    return ""


def _describe_slowdown(name: str, health: GpuHealth) -> str:
    if not health.slowed_by:
        return ""
    return (
        f"{name} is currently slowed down: {', '.join(health.slowed_by)}.\nIt is too hot or does "
        "not get enough power: check fans, dust and power connectors. `nvidia-smi -q -d "
        "PERFORMANCE` shows whether it continues."
    )


def _describe_link(name: str, health: GpuHealth) -> str:
    width, most = health.pcie_width, health.pcie_most_width
    if width is None or most is None or width >= most:
        return ""
    return (
        f"{name} uses only {width} of the {most} PCIe lanes of the card and its slot.\nCopies "
        "between the host's memory and the GPU take longer. Some laptops reduce the lanes while "
        "the GPU is idle; otherwise check the slot, the riser and the firmware settings."
    )


def _report_xid(driver: GpuDriver, xid: Xid) -> Verdict:
    cards = [gpu.name for gpu in driver.gpus if (gpu.pci_address or "").startswith(xid.pci_address)]
    meaning = _XIDS.get(xid.code, "see NVIDIA's list")
    times = "once" if xid.count == 1 else f"{xid.count} times"
    message = (
        f"{cards[0] if cards else f'The card at {xid.pci_address}'}: the kernel's log has Xid "
        f"{xid.code} {times}, {meaning}.\n`sudo dmesg | grep Xid` shows the time and the process."
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
    "errors in the kernel's log, if this user may read it.",
    why="Such a fault can stop a training run after hours, or make it several times slower, and "
    "the "
    "CUDA error in its log does not give the reason. It is always an info, because a GPU with old "
    "errors may be healthy.\nFor example `NVRM: Xid (PCI:0000:01:00): 79`: the GPU has fallen off "
    "the bus and needs a reboot.",
    fix="Check heat and power first: fans, dust and power connectors. Xid 13, 31 and 43 are "
    "mostly caused by the program, the others by the card, its slot or the driver.",
    url="https://docs.nvidia.com/deploy/xid-errors/",
    judge_host=_judge_host,
)
