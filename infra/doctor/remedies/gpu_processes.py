"""Which programs could be ended so that a training fits a GPU; never the desktop."""

from collections.abc import Sequence
from pathlib import PureWindowsPath

from infra.doctor.finding import Remedy
from infra.host.facts import GpuProcess
from qca.core.units import MIB, format_size

# Display servers, compositors, login screens and the driver's own daemon: ending one ends
# the session, or gains nothing.
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

# Less than this is a cursor or an idle context: it is not worth a line.
_WORTH_NAMING = 64 * MIB


def is_desktop(process: GpuProcess) -> bool:
    """Whether ending it would end the person's session."""
    return _name(process).lower() in _DESKTOP


def named(processes: Sequence[GpuProcess]) -> str:
    """Return who holds the memory, the largest first; little things are left out."""
    holders = [one for one in _largest(processes) if one.used is None or one.used >= _WORTH_NAMING]
    return ", ".join(_described(one) for one in holders)


def worth_ending(processes: Sequence[GpuProcess], missing: int) -> tuple[Remedy, ...]:
    """Return what to end so that `missing` bytes come free, the fewest that do it.

    None where even all together would not do, as far as the driver tells what they hold.
    """
    others = [one for one in _largest(processes) if not is_desktop(one)]
    chosen: list[GpuProcess] = []
    for one in others:
        if one.used is not None and sum(two.used or 0 for two in chosen) < missing:
            chosen.append(one)
    if sum(one.used or 0 for one in chosen) < missing:
        unknown = [one for one in others if one.used is None]
        chosen = [*chosen, *unknown] if unknown else []
    return tuple(_end(one) for one in chosen if one.used is None or one.used >= _WORTH_NAMING)


def _largest(processes: Sequence[GpuProcess]) -> list[GpuProcess]:
    return sorted(processes, key=lambda one: -(one.used or 0))


def _end(process: GpuProcess) -> Remedy:
    name = _name(process) or f"process {process.pid}"
    holds = f", which holds {format_size(process.used)}" if process.used is not None else ""
    breaks = f"ends {name} and what it has not saved"
    return Remedy(f"End {name}{holds}", (f"kill {process.pid}",), breaks=breaks)


def _described(process: GpuProcess) -> str:
    size = f", {format_size(process.used)}" if process.used is not None else ""
    desktop = ", the desktop's" if is_desktop(process) else ""
    return f"{_name(process) or 'a process'} (pid {process.pid}{size}{desktop})"


def _name(process: GpuProcess) -> str:
    """Return the program's name: NVML gives its path, on Windows with backslashes."""
    return PureWindowsPath(process.name).name
