"""Choose remedies for a training run or container that gets no GPU, given the missing layer."""

from infra.doctor.finding import Remedy
from infra.host.container_gpu import Obstacle

_RESTARTS_DOCKER = "restarting Docker stops the running containers, unless live-restore is on"

SHOW_GPUS = Remedy("Make the GPU visible (for this shell only)", ("unset CUDA_VISIBLE_DEVICES",))
_INSTALL_TOOLKIT = Remedy(
    "Install the NVIDIA Container Toolkit and register it (first add its package source: "
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html)",
    (
        "sudo apt-get install -y nvidia-container-toolkit",
        "sudo nvidia-ctk runtime configure --runtime=docker",
        "sudo systemctl restart docker",
    ),
    breaks=_RESTARTS_DOCKER,
)
_WRITE_CDI_FILE = Remedy(
    "Write a CDI file that describes the GPUs to the engine",
    (
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        "sudo systemctl restart docker",
    ),
    breaks=f"the file must be rewritten after each driver upgrade; {_RESTARTS_DOCKER}",
)
_RESTART_SNAP = Remedy(
    "Let the snap find the driver again; it sets up its toolkit when it starts",
    ("sudo snap set docker nvidia-support.disabled=false", "sudo snap restart docker"),
    breaks=_RESTARTS_DOCKER,
)
_REMOVE_HOST_TOOLKIT = Remedy(
    "Remove this host's toolkit, since the snap has its own, and reboot",
    (
        "sudo apt-get remove nvidia-container-toolkit nvidia-container-toolkit-base "
        "libnvidia-container-tools libnvidia-container1",
        "sudo reboot",
    ),
    breaks="stops everything running on this machine; other engines here lose their GPU",
)

USE_DEFAULT_CONTEXT = Remedy(
    "Use the engine of this machine itself, if it is installed (`docker-ce`)",
    ("docker context use default",),
    breaks="from then on, all docker commands of this user use the default context",
)
_NOUVEAU = (
    Remedy(
        "Install NVIDIA's driver, block nouveau, and reboot (Debian, Ubuntu)",
        (
            "echo 'blacklist nouveau' | sudo tee /etc/modprobe.d/blacklist-nouveau.conf",
            "sudo update-initramfs -u",
            "sudo reboot",
        ),
        breaks="stops everything running on this machine; without NVIDIA's driver the screen has "
        "no acceleration",
    ),
)
_ENROLL_KEY = Remedy(
    "Enroll the key that signed it, and confirm at the next boot (Ubuntu, Debian with DKMS)",
    ("sudo mokutil --import /var/lib/shim-signed/mok/MOK.der", "sudo reboot"),
    breaks="stops everything running on this machine",
)
_SECURE_BOOT = (
    Remedy(
        "Check whether the module was refused: `Key was rejected by service`",
        ("sudo modprobe nvidia",),
    ),
    _ENROLL_KEY,
)
_BUILD_MODULE = Remedy(
    "Build the module for this kernel with DKMS, which needs the kernel's headers "
    "(linux-headers-generic on Ubuntu, linux-headers-amd64 on Debian)",
    ("sudo dkms autoinstall", "sudo modprobe nvidia"),
)
_WSL = (
    Remedy(
        "Install NVIDIA's driver on Windows, never inside WSL, and start WSL again: in PowerShell "
        "`wsl --update`, then `wsl --shutdown` (https://docs.nvidia.com/cuda/wsl-user-guide/)"
    ),
    Remedy("Check whether the driver's library exists", ("ls -l /usr/lib/wsl/lib",)),
)
_RESTART_DOCKER = Remedy(
    "Restart the daemon, which looks for the toolkit when it starts",
    ("sudo systemctl restart docker",),
    breaks=_RESTARTS_DOCKER,
)
_WRITE_CDI_FILE_ANEW = Remedy(
    "Rewrite the CDI file for the running driver",
    ("sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",),
    breaks="it must be rewritten after the next driver upgrade (toolkit 1.18 and newer do that "
    "automatically)",
)
_CONFIGURE = "nvidia-ctk config --set nvidia-container-cli.no-cgroups"
_SET_NO_CGROUPS = Remedy(
    "Tell the toolkit that the engine is rootless",
    (f"sudo {_CONFIGURE} --in-place",),
    breaks="engines that run as root on this machine lose their GPU",
)
_CLEAR_NO_CGROUPS = Remedy(
    "Tell the toolkit that the engine is not rootless",
    (f"sudo {_CONFIGURE}=false --in-place",),
    breaks="rootless engines on this machine lose their GPU",
)
GPU_ACCESS_REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "snap": (_RESTART_SNAP,),
    "snap-with-toolkit": (_REMOVE_HOST_TOOLKIT,),
    "takes-cdi": (_WRITE_CDI_FILE, _INSTALL_TOOLKIT),
    "no-numbers": (_INSTALL_TOOLKIT,),
    Obstacle.NO_TOOLKIT: (_INSTALL_TOOLKIT,),
    Obstacle.NOT_RESTARTED: (_RESTART_DOCKER,),
    Obstacle.STALE_CDI: (_WRITE_CDI_FILE_ANEW,),
    Obstacle.NEEDS_NO_CGROUPS: (_SET_NO_CGROUPS,),
    Obstacle.NO_CGROUPS: (_CLEAR_NO_CGROUPS,),
}

# The cause of each NVML failure, and its remedies.
NO_DRIVER: dict[str, tuple[str, tuple[Remedy, ...]]] = {
    "wsl": ("WSL2 has a GPU (/dev/dxg), but no NVIDIA driver responds.", _WSL),
    "nouveau": (
        "The kernel drives this NVIDIA GPU with nouveau, which does not support CUDA.",
        _NOUVEAU,
    ),
    "secure-boot": (
        "The NVIDIA driver's kernel module is not loaded, and Secure Boot allows only signed "
        "modules. Cannot determine whether the kernel refused this one.",
        _SECURE_BOOT,
    ),
    "no-device": ("This host has no NVIDIA GPU.", ()),
    "no-driver": (
        "This host has an NVIDIA GPU, but no driver for it.",
        (Remedy("Show the driver that Ubuntu recommends", ("ubuntu-drivers devices",)),),
    ),
    "not-loaded": (
        "The NVIDIA driver is installed, but its kernel module is not loaded.",
        (Remedy("Load it", ("sudo modprobe nvidia",)),),
    ),
    "unsigned-module": (
        "The kernel refuses the NVIDIA driver's module: it loads only signed modules, and this "
        "one has no signature that this machine trusts.",
        (_ENROLL_KEY,),
    ),
    "no-module": (
        "The NVIDIA driver has no module for the running kernel; it was built for another one.",
        (_BUILD_MODULE,),
    ),
    "no-permission": (
        "The NVIDIA driver is loaded, but this user is not allowed to use it.",
        (Remedy("Show who is allowed to use it", ("ls -l /dev/nvidia*",)),),
    ),
    "version-mismatch": (
        "The NVIDIA driver's library and kernel module have different versions.",
        (
            Remedy(
                "Reboot: the driver was upgraded and the old module is still loaded",
                ("sudo reboot",),
                breaks="stops everything running on this machine",
            ),
        ),
    ),
}
