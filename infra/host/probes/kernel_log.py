"""Read the kernel log: errors of NVIDIA's driver, and modules that the kernel refused."""

import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

from infra.host.facts import RefusedGpu, Xid

# A record of /dev/kmsg has up to 8 KiB, and a read returns one; a smaller buffer is an error.
_RECORD = 2**14
_MOST_BYTES = 2**23
# https://docs.nvidia.com/deploy/xid-errors: NVRM: Xid (PCI:0000:01:00): 79, pid=...
_XID = re.compile(r"NVRM: Xid \(PCI:([\da-fA-F:.]{7,16})\): (\d{1,4})")
# kernel/module/signing.c, security/lockdown/lockdown.c
_REFUSAL = re.compile(
    r"Loading of (?:unsigned module|module with \w+ \w+) is rejected"
    r"|Lockdown: \S+: unsigned module loading is restricted"
)
# The driver's messages span several lines; in a record, the line breaks appear as `\x0aNVRM:`.
_LINE_BREAK = re.compile(r"(?:\\x0a|\n)\s*NVRM:\s*|\\x0a\s*")
_LEGACY = re.compile(
    r"The NVIDIA ([^\n]{1,80}?) GPU installed in this system is supported through the NVIDIA "
    r"(\d{2,4})\.xx Legacy drivers"
)
_NEEDS_OPEN = re.compile(
    r"The NVIDIA GPU ([^\n]{1,80}?) installed in this system requires use of the NVIDIA open kernel"
)
_NEEDS_PROPRIETARY = re.compile(
    r"The NVIDIA GPU ([^\n]{1,80}?) installed in this system is not supported by open nvidia\.ko"
)


def read_kernel_log(root: Path = Path("/")) -> str | None:
    """Return the content of the log; None if this user may not read it, or it does not exist.

    In a container, another file may be in its place: a pipe, or LXC's link to the console.
    """
    try:
        log = os.open(root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        # No kernel has an empty log.
        return None if os.isatty(log) else _read_records(log).decode(errors="replace") or None
    except OSError:
        return None
    finally:
        os.close(log)


def _read_records(log: int) -> bytes:
    records = bytearray()
    while len(records) < _MOST_BYTES:
        with suppress(BrokenPipeError):  # the record was overwritten before it was read
            try:
                record = os.read(log, _RECORD)
            except BlockingIOError:  # the end of the log
                break
            if not record:
                break
            records += record
    return bytes(records)


def find_xids(log: str) -> tuple[Xid, ...]:
    """Return the errors of NVIDIA's driver, each with its number of occurrences."""
    counted = Counter((match[1].lower(), int(match[2])) for match in _XID.finditer(log))
    return tuple(
        Xid(code=code, pci_address=address, count=count)
        for (address, code), count in sorted(counted.items())
    )


def find_module_refusal(log: str) -> str:
    """Return the kernel's message about a module without a trusted signature; empty if there is
    none."""
    match = _REFUSAL.search(log)
    return match[0] if match else ""


def find_refused_gpus(log: str) -> tuple[RefusedGpu, ...]:
    """Return the GPUs that the driver does not support, each once."""
    text = _LINE_BREAK.sub(" ", log)
    found = [
        RefusedGpu(name=match[1], needs="older-driver", branch=match[2])
        for match in _LEGACY.finditer(text)
    ]
    found += [
        RefusedGpu(name=match[1], needs="open-module") for match in _NEEDS_OPEN.finditer(text)
    ]
    found += [
        RefusedGpu(name=match[1], needs="proprietary-module")
        for match in _NEEDS_PROPRIETARY.finditer(text)
    ]
    return tuple(dict.fromkeys(found))
