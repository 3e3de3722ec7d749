"""Choose the processes to stop so that a run fits on a GPU, but never those of the desktop."""

from collections.abc import Sequence
from pathlib import PureWindowsPath

from infra.doctor.finding import Remedy
from infra.host.facts import GpuProcess
from qca.core.units import MIB, format_size

# Display servers, compositors, login screens and the driver's daemon. Stopping one of them ends the
# user's login, or frees no memory.
_DESKTOP = frozenset(
    {
        *("xorg", "x", "xwayland", "wayland", "weston", "mutter", "muffin", "cinnamon", "compiz"),
        *(
            "gnome-shell",
            "gnome-session-binary",
            "gdm",
            "gdm3",
            "gdm-x-session",
            "gdm-wayland-session",
        ),
        *("kwin", "kwin_x11", "kwin_wayland", "plasmashell", "ksmserver", "sddm", "lightdm"),
        *("sway", "hyprland", "labwc", "river", "wayfire", "niri", "gamescope", "cosmic-comp"),
        *("xfwm4", "marco", "budgie-wm", "gala", "openbox", "picom", "i3", "xdg-desktop-portal"),
        *("windowserver", "dwm.exe", "explorer.exe", "csrss.exe", "nvidia-persistenced"),
    }
)

# Smaller amounts belong to a cursor or an idle context, and are not worth mentioning.
_WORTH_NAMING = 64 * MIB


def _is_desktop(process: GpuProcess) -> bool:
    """Return whether stopping the process would end the user's desktop session."""
    return _get_program(process).lower() in _DESKTOP


def describe_holders(processes: Sequence[GpuProcess]) -> str:
    """Return a list of the processes that use GPU memory, largest first, omitting small ones."""
    return ", ".join(
        _describe(process) for process in _sort_by_memory(processes) if _is_worth_naming(process)
    )


def free_memory(processes: Sequence[GpuProcess], missing: int) -> tuple[Remedy, ...]:
    """Return remedies that stop as few processes as needed to free `missing` bytes.

    If that is not enough, include all processes whose size is unknown; if there are none, return no
    remedies.
    """
    candidates = [process for process in _sort_by_memory(processes) if not _is_desktop(process)]
    chosen: list[GpuProcess] = []
    for process in candidates:
        if process.used is not None and sum(other.used or 0 for other in chosen) < missing:
            chosen.append(process)
    if sum(process.used or 0 for process in chosen) < missing:
        unknown = [process for process in candidates if process.used is None]
        chosen = [*chosen, *unknown] if unknown else []
    return tuple(_end_process(process) for process in chosen if _is_worth_naming(process))


def _is_worth_naming(process: GpuProcess) -> bool:
    return process.used is None or process.used >= _WORTH_NAMING


def _sort_by_memory(processes: Sequence[GpuProcess]) -> list[GpuProcess]:
    return sorted(processes, key=lambda process: -(process.used or 0))


def _end_process(process: GpuProcess) -> Remedy:
    name = _get_program(process) or f"process {process.pid}"
    holds = f", which uses {format_size(process.used)}" if process.used is not None else ""
    breaks = f"stops {name}; its unsaved work is lost"
    return Remedy(f"End {name}{holds}", (f"kill {process.pid}",), breaks=breaks)


def _describe(process: GpuProcess) -> str:
    size = f", {format_size(process.used)}" if process.used is not None else ""
    desktop = ", part of the desktop" if _is_desktop(process) else ""
    return f"{_get_program(process) or 'a process'} (pid {process.pid}{size}{desktop})"


def _get_program(process: GpuProcess) -> str:
    """Return the program's name from NVML's path, which contains backslashes on Windows."""
    return PureWindowsPath(process.name).name
