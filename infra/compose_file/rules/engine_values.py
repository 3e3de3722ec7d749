"""Check single values that Compose accepts but that keep Docker Engine from starting a service.

Each rule was tested with Engine 20.10 and Compose 2.40, and quotes the engine's message. The rules
are in moby (daemon/daemon_unix.go, opts/hosts.go, container/hostconfig_unix.go) and in Compose
(pkg/compose/create.go).
"""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address

from infra.compose_file.model import Refusal
from infra.compose_file.rules.engine_refusal import refuse
from infra.compose_file.yaml.tree import Table, to_items, to_table, to_text

# signal(7), without the prefix SIG, and moby's real-time signals.
_SIGNALS = """
    ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP
    SYS TERM TRAP TSTP TTIN TTOU UNUSED URG USR1 USR2 VTALRM WINCH XCPU XFSZ
"""
_REAL_TIME_SIGNAL = re.compile(r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?")
# getrlimit(2), without the prefix RLIMIT_
_ULIMITS = """
    core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack
"""
_IPC_MODES = ("", "none", "private", "shareable", "host")
_SECURITY_OPTIONS = ("apparmor", "label", "no-new-privileges", "seccomp", "writable-cgroups")
_MAC_ADDRESS = re.compile(
    r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
)
# moby/sys, mount/flags_unix.go; later releases may accept other options of tmpfs(5).
_TMPFS_FLAGS = """
    async atime bind defaults dev diratime dirsync exec mand noatime nodev nodiratime noexec nomand
    norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave
    runbindable rw shared slave strictatime suid sync unbindable
"""
_TMPFS_VALUES = "gid mode mpol nr_blocks nr_inodes size uid"
_LATER_TMPFS_OPTIONS = "huge inode32 inode64 noswap usrquota grpquota"


def check_values(service: Table) -> Iterator[Refusal]:
    """Yield the values of a service's settings that the engine refuses."""
    yield from _check_stop_signal(service)
    yield from _check_ipc(service)
    yield from _check_security_options(service)
    yield from _check_ulimits(service)
    yield from _check_hosts(service)
    yield from _check_mac_address(service)
    yield from _check_tmpfs(service)
    yield from _check_environment(service)


def _check_stop_signal(service: Table) -> Iterator[Refusal]:
    given = to_text(service.get("stop_signal"))
    name = given.upper().removeprefix("SIG")
    is_known = name in _SIGNALS.split() or _REAL_TIME_SIGNAL.fullmatch(name) or given.isdecimal()
    if given and not is_known:
        origin = service.origins["stop_signal"]
        yield refuse(f"{given} is not a signal", f"Invalid signal: {given}", origin)


def _check_ipc(service: Table) -> Iterator[Refusal]:
    mode = to_text(service.get("ipc"))
    if mode not in _IPC_MODES and not mode.startswith(("service:", "container:")):
        what = f"{mode!r} is not an `ipc` mode"
        yield refuse(what, f"Invalid IPC mode: {mode}", service.origins["ipc"])


def _check_security_options(service: Table) -> Iterator[Refusal]:
    for item, origin in to_items(service.get("security_opt")).entries():
        option = to_text(item)
        name = re.split("[=:]", option)[0]
        is_alone = name == option and option not in ("no-new-privileges", "writable-cgroups")
        if is_alone:
            docker = f'invalid security-opt: "{option}"'
        elif name in _SECURITY_OPTIONS or option == "systempaths=unconfined":
            continue
        else:
            docker = f'invalid --security-opt 2: "{option}"'
        yield refuse(f"{option} is not a security option", docker, origin)


def _check_ulimits(service: Table) -> Iterator[Refusal]:
    for name, _, origin in to_table(service.get("ulimits")).entries():
        if name not in _ULIMITS.split():
            docker = f"OCI runtime create failed (Engine 28: invalid rlimit type {name})"
            yield refuse(f"{name} is not a limit that `ulimits` can set", docker, origin)


def _check_hosts(service: Table) -> Iterator[Refusal]:
    for item, origin in to_items(service.get("extra_hosts")).entries():
        text = to_text(item)
        host, _, addresses = text.partition("=" if "=" in text else ":")
        for address in addresses.split(",") if addresses else ():
            if not _is_address(address):
                what = f"`extra_hosts` maps {host} to {address}, which is not an IP address"
                yield refuse(what, f'invalid IP address in add-host: "{address}"', origin)


def _is_address(text: str) -> bool:
    if text == "host-gateway":
        return True
    try:
        ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return False
    return True


def _check_mac_address(service: Table) -> Iterator[Refusal]:
    given = to_text(service.get("mac_address"))
    if given and not _MAC_ADDRESS.fullmatch(given):
        what = f"{given!r} is not a MAC address"
        docker = f"address {given}: invalid MAC address"
        yield refuse(what, docker, service.origins["mac_address"])


def _check_tmpfs(service: Table) -> Iterator[Refusal]:
    for item, origin in to_items(service.get("tmpfs")).entries():
        target, colon, options = to_text(item).partition(":")
        wrong = next(
            (option for option in options.split(",") if not _is_tmpfs_option(option)), None
        )
        if colon and wrong is not None:
            what = f"the tmpfs {target} has an option {wrong!r} that the engine does not know"
            yield refuse(what, f"invalid tmpfs option {_format_option(wrong)}", origin)


def _is_tmpfs_option(option: str) -> bool:
    name, equals, _ = option.partition("=")
    known = _TMPFS_VALUES if equals else _TMPFS_FLAGS
    return name in known.split() or name in _LATER_TMPFS_OPTIONS.split()


def _format_option(option: str) -> str:
    """Write an option as the engine does, such as `["size" "64m"]`."""
    return f"[{' '.join(json.dumps(part) for part in option.split('=', 1))}]"


def _check_environment(service: Table) -> Iterator[Refusal]:
    for name, value, origin in to_table(service.get("environment")).entries():
        if not name:
            docker = f"invalid environment variable: ={to_text(value)}"
            yield refuse("`environment` has a variable without a name", docker, origin)
