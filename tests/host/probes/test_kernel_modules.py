"""What keeps NVIDIA's module out is read from the kernel and the firmware."""

from pathlib import Path

import pytest

from infra.host.probes.kernel_modules import has_nouveau, read_secure_boot

VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nouveau 3096576 1 - Live 0x0000000000000000\nvideo 77824 1 nouveau\n", True),
        ("video 77824 1 nouveau, Live 0x0\nnvidia 62000000 0 - Live 0x0\n", False),
        ("", False),
        (None, None),
    ],
)
def test_nouveau_is_a_module_of_its_own_line(
    tmp_path: Path, text: str | None, expected: bool | None
) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/modules").write_text(text)
    assert has_nouveau(tmp_path) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (b"\6\0", None), (None, None)],
)
def test_secure_boot_is_the_fifth_byte(
    tmp_path: Path, value: bytes | None, expected: bool | None
) -> None:
    if value is not None:
        (tmp_path / VARIABLE).parent.mkdir(parents=True)
        (tmp_path / VARIABLE).write_bytes(value)
    assert read_secure_boot(tmp_path) is expected
