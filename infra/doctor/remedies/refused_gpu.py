"""Explain why the NVIDIA driver ignores a GPU, as its kernel module says in the log.

Which drivers work depends on the generation of the GPU. No branch after 580 supports generations
before Turing. They have no open kernel module, because they lack the processor that it needs (GSP).
Blackwell works only with the open module.
https://github.com/NixOS/nixos-hardware/issues/1880
https://github.com/NVIDIA/open-gpu-kernel-modules/issues/862
"""

from infra.doctor.finding import Remedy
from infra.host.facts import RefusedGpu

READ_LOG = Remedy(
    "Read what the driver says about the GPU in the kernel log", ("sudo dmesg | grep NVRM",)
)
_STOPS = "replaces the installed driver, and stops everything that runs on this machine"


def explain_refusal(gpu: RefusedGpu) -> tuple[str, tuple[Remedy, ...]]:
    """Return the reason why the driver ignores a GPU, and its remedies."""
    if gpu.needs == "older-driver":
        what = (
            f"The installed NVIDIA driver no longer supports the {gpu.name}; branch {gpu.branch} "
            "is the last one that does."
        )
        return what, (_install_branch(gpu.branch),)
    kind, other = ("open", "proprietary")[:: 1 if gpu.needs == "open-module" else -1]
    what = f"The GPU {gpu.name} needs NVIDIA's {kind} kernel module; the {other} one is loaded."
    return what, (_SHOW_DRIVERS[gpu.needs],)


def _install_branch(branch: str) -> Remedy:
    return Remedy(
        "Install that branch, and reboot (Ubuntu)",
        (f"sudo apt-get install -y nvidia-driver-{branch}", "sudo reboot"),
        breaks=_STOPS,
    )


_SHOW_DRIVERS = {
    "open-module": Remedy(
        "Install a driver whose name ends in `-open`, and reboot; on Ubuntu, this lists drivers",
        ("ubuntu-drivers devices",),
    ),
    "proprietary-module": Remedy(
        "Install a driver of branch 580 or older whose name does not end in `-open`, and reboot; "
        "on Ubuntu, this lists drivers",
        ("ubuntu-drivers devices",),
    ),
}
