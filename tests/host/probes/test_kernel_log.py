"""Only NVIDIA's errors and refused modules are kept from the kernel log."""

import os
from pathlib import Path

import pytest

from infra.host.facts import Xid
from infra.host.probes.kernel_log import (
    find_module_refusal,
    find_refused_gpus,
    find_xids,
    read_kernel_log,
)

# The kernel's format, with invented process names.
LOG = """\
6,901,1100000,-;NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.95.05
3,990,9900000,-;NVRM: Xid (PCI:0000:0A:00): 31, pid=4242, name=python3, Ch 00000010
 SUBSYSTEM=pci
3,991,9900010,-;NVRM: Xid (PCI:0000:0a:00): 31, pid=4242, name=python3, Ch 00000011
3,999,9900500,-;NVRM: Xid (PCI:0000:0a:00): 79, pid=<unknown>, GPU has fallen off the bus.
"""


def write_log(root: Path, text: str) -> Path:
    (root / "dev").mkdir()
    (root / "dev/kmsg").write_text(text)
    return root


def test_the_log_is_read_to_its_end(tmp_path: Path) -> None:
    assert read_kernel_log(write_log(tmp_path, LOG)) == LOG


def test_without_a_log_there_is_none(tmp_path: Path) -> None:
    assert read_kernel_log(tmp_path) is None


def test_a_pipe_in_place_of_the_log_is_not_a_log_without_errors(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/kmsg")

    assert read_kernel_log(tmp_path) is None


def test_a_console_in_place_of_the_log_is_not_read(tmp_path: Path) -> None:
    master, console = os.openpty()
    with os.fdopen(master, "wb"), os.fdopen(console, "rb", buffering=0) as typed:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/kmsg").symlink_to(os.ttyname(console))
        os.write(master, b"password\n")

        assert read_kernel_log(tmp_path) is None
        assert typed.readline() == b"password\n"


def test_records_come_one_by_one_and_some_were_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([b"6,1,1,-;one\n", BrokenPipeError(), b"6,9,9,-;two\n", BlockingIOError()])

    def read(*_: int) -> bytes:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    root = write_log(tmp_path, "")
    monkeypatch.setattr(os, "read", read)

    assert read_kernel_log(root) == "6,1,1,-;one\n6,9,9,-;two\n"


def test_a_log_that_fails_midway_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: int) -> bytes:
        raise PermissionError

    root = write_log(tmp_path, "")
    monkeypatch.setattr(os, "read", read)

    assert read_kernel_log(root) is None


def test_the_drivers_errors_are_counted_by_card_and_kind() -> None:
    assert find_xids(LOG) == (
        Xid(code=31, pci_address="0000:0a:00", count=2),
        Xid(code=79, pci_address="0000:0a:00", count=1),
    )
    assert find_xids("6,1,1,-;NVRM: Xid without a number\n") == ()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Loading of unsigned module is rejected", "Loading of unsigned module is rejected"),
        (
            "Loading of module with unavailable key is rejected",
            "Loading of module with unavailable key is rejected",
        ),
        (
            "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7",
            "Lockdown: modprobe: unsigned module loading is restricted",
        ),
        # The module was loaded, and only the kernel is marked as tainted.
        ("nvidia: module verification failed: signature and/or required key missing", ""),
    ],
)
def test_a_refused_module_is_found(message: str, words: str) -> None:
    assert find_module_refusal(f"5,1,1,-;{message}\n") == words


LEGACY = (
    r"NVRM: The NVIDIA NVIDIA GeForce GTX 1050 GPU installed in this system is\x0aNVRM:  supported "
    r"through the NVIDIA 580.xx Legacy drivers. Please\x0aNVRM:  visit http://www.nvidia.com/"
)
NEEDS_OPEN = (
    r"NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2b85)\x0aNVRM: installed in this system "
    "requires use of the NVIDIA open kernel modules."
)
NEEDS_PROPRIETARY = (
    r"NVRM: The NVIDIA GPU 0000:03:00.0 (PCI ID: 10de:1bb3)\x0aNVRM: installed in this system is "
    r"not supported by open\x0aNVRM: nvidia.ko because it does not include the required GPU"
)


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        # NixOS/nixos-hardware 1880
        (LEGACY, [("NVIDIA GeForce GTX 1050", "older-driver", "580")]),
        # NVIDIA/open-gpu-kernel-modules 862
        (NEEDS_OPEN, [("0000:01:00.0 (PCI ID: 10de:2b85)", "open-module", "")]),
        # zzzhouuu/truenas-nvidia-drivers 20
        (NEEDS_PROPRIETARY, [("0000:03:00.0 (PCI ID: 10de:1bb3)", "proprietary-module", "")]),
        ("NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.82.09", []),
        ("NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)", []),
    ],
)
def test_a_gpu_that_the_driver_ignores_is_seen_once(
    message: str, refused: list[tuple[str, str, str]]
) -> None:
    log = f"4,1,1,-;{message}\n4,2,9,-;{message}\n"

    assert [(one.name, one.needs, one.branch) for one in find_refused_gpus(log)] == refused
