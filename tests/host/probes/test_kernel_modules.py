"""The kernel and the firmware show what prevents NVIDIA's module from loading."""

from pathlib import Path

import pytest

from infra.host.probes.kernel_modules import (
    find_nvidia_module,
    has_nouveau,
    has_signature,
    read_secure_boot,
)

FIRMWARE = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
VENDORS = {"MokSBStateRT": "605dab50-e046-4300-abb6-3dd810dd8b23"}  # shim


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nouveau 3096576 1 - Live 0x0000000000000000\nvideo 77824 1 nouveau\n", True),
        ("video 77824 1 nouveau, Live 0x0\nnvidia 62000000 0 - Live 0x0\n", False),
        ("", False),
        (None, None),
    ],
)
def test_nouveau_is_found_by_its_own_line(
    tmp_path: Path, text: str | None, expected: bool | None
) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/modules").write_text(text)
    assert has_nouveau(tmp_path) is expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SecureBoot": b"\6\0\0\0\1"}, True),
        ({"SecureBoot": b"\6\0\0\0\0"}, False),
        ({"SecureBoot": b"\6\0"}, None),
        ({}, None),
        ({"SecureBoot": b"\6\0\0\0\1", "SetupMode": b"\6\0\0\0\0"}, True),
        ({"SecureBoot": b"\6\0\0\0\1", "SetupMode": b"\6\0\0\0\1"}, False),
        # `mokutil --disable-validation`: shim checks nothing, and neither does the kernel.
        ({"SecureBoot": b"\6\0\0\0\1", "MokSBStateRT": b"\6\0\0\0\1"}, False),
        ({"SecureBoot": b"\6\0\0\0\1", "MokSBStateRT": b"\6\0\0\0\0"}, True),
        ({"SecureBoot": b"\6\0\0\0\1", "MokSBStateRT": b"\7\0\0\0\1"}, True),  # not shim's
    ],
)
def test_secure_boot_is_on_by_the_kernels_rule(
    tmp_path: Path, variables: dict[str, bytes], expected: bool | None
) -> None:
    folder = tmp_path / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    for name, value in variables.items():
        (folder / f"{name}-{VENDORS.get(name, FIRMWARE)}").write_bytes(value)
    assert read_secure_boot(tmp_path) is expected


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("updates/dkms/nvidia.ko: kernel/drivers/video/video.ko", "updates/dkms/nvidia.ko"),
        ("kernel/nvidia-580/nvidia.ko.zst:", "kernel/nvidia-580/nvidia.ko.zst"),
        ("updates/dkms/nvidia-current.ko:", "updates/dkms/nvidia-current.ko"),
        ("kernel/drivers/usb/nvidia-drm.ko: updates/dkms/nvidia.ko", ""),
        ("kernel/drivers/gpu/drm/nouveau/nouveau.ko:", ""),
        ("x" * 2**20, None),  # only part of the list was read
    ],
)
def test_the_module_is_that_of_the_running_kernel(
    tmp_path: Path, line: str, module: str | None
) -> None:
    folder = tmp_path / "lib/modules/6.1.0-9-amd64"
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text(f"kernel/a.ko:\n{line}\n")

    expected = f"/lib/modules/6.1.0-9-amd64/{module}" if module else module
    assert find_nvidia_module(tmp_path, "6.1.0-9-amd64") == expected
    assert find_nvidia_module(tmp_path, "6.1.0-10-amd64") is None


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"ELF~Module signature appended~\n", "nvidia.ko", True),
        (b"ELF and nothing after it, as DKMS leaves it without a key", "nvidia.ko", False),
        (b"~Module signature appended~\n", "nvidia.ko.zst", None),
        (b"", "nvidia.ko", None),
        (None, "nvidia.ko", None),
    ],
)
def test_a_signature_is_at_the_end_of_the_module(
    tmp_path: Path, content: bytes | None, name: str, expected: bool | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert has_signature(f"/{name}", tmp_path) is expected
    assert has_signature("", tmp_path) is None
