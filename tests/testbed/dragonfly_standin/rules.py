"""Make Dragonfly's decisions at startup, with pure functions.

They follow the measured behavior of v1.40.0 (tests/dragonfly/data/runs.csv) and its sources,
src/server/dfly_main.cc and romange/helio util/fibers/proactor_pool.cc.
"""

import math
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .flags import ABORTED, StartRefusedError
from .values import format_size, parse_integer, parse_size, parse_switch

BYTES_PER_THREAD = 256 * 1024**2  # RunEngine() in dfly_main.cc
SHARE_OF_AVAILABLE = 0.8  # main() in dfly_main.cc, where no maxmemory is given
TOO_MANY_THREADS = 1024  # kMaxThreadSize

Flags = Mapping[str, str]


@dataclass(frozen=True)
class Host:
    """Dragonfly's knowledge about the machine; None means no limit."""

    affinity: int
    available_bytes: int
    quota_threads: int | None = None


@dataclass(frozen=True)
class Limits:
    """The settings with which it runs."""

    threads: int
    maxmemory: int
    chosen_by_itself: bool


def read_quota_v2(cpu_max: str) -> int | None:
    """Return the threads of cgroup v2's cpu.max, "QUOTA PERIOD": rounded up."""
    quota, _, period = cpu_max.strip().partition(" ")
    return None if quota == "max" or not period else math.ceil(int(quota) / int(period))


def read_quota_v1(quota_us: str, period_us: str) -> int | None:
    """Return the threads of cgroup v1's quota, truncated, so that half a CPU counts as no limit."""
    quota = int(quota_us)
    return None if quota < 0 else quota // int(period_us) or None


def count_threads(flags: Flags, host: Host) -> int:
    """Return the threads in v1.38's order of precedence: flag, cgroup quota, affinity mask."""
    flag = parse_integer(flags.get("proactor_threads", "0"), 0, 2**32 - 1)
    return flag or host.quota_threads or host.affinity


def choose_limits(flags: Flags, host: Host) -> Limits:
    """Return threads and memory, before any rule is applied."""
    threads = count_threads(flags, host)
    maxmemory = parse_size(flags.get("maxmemory", "0"))
    if maxmemory > 0:
        return Limits(threads, maxmemory, chosen_by_itself=False)
    own_choice = int(SHARE_OF_AVAILABLE * host.available_bytes)
    return Limits(threads, own_choice, chosen_by_itself=True)


def check_memory(chosen: Limits) -> None:
    """Refuse less than 256 MiB per thread; exactly that much passes."""
    required = chosen.threads * BYTES_PER_THREAD
    if chosen.maxmemory < required:
        raise StartRefusedError(
            f"There are {chosen.threads} threads, so {format_size(required)} are required. "
            "Exiting..."
        )


def check_start(flags: Flags, chosen: Limits) -> None:
    """Apply every rule, in Dragonfly's order.

    Raises:
        StartRefusedError: a rule is violated; it has the message and the status of the first one.

    """
    for check in (_check_help, _check_port, _check_databases, _check_affinity):
        check(flags)
    check_memory(chosen)
    if chosen.threads >= TOO_MANY_THREADS:
        message = f"Check failed: pp->size() < kMaxThreadSize ({chosen.threads} vs. 1024)"
        raise StartRefusedError(message, ABORTED)
    for check in _SERVICE_CHECKS:
        check(flags)


def _is_on(flags: Flags, name: str, default: str = "false") -> bool:
    return parse_switch(flags.get(name, default))


def _check_help(flags: Flags) -> None:
    if _is_on(flags, "helpfull"):
        raise StartRefusedError("")


def _check_port(flags: Flags) -> None:
    port = parse_integer(flags.get("port", "6379"), -(2**31), 2**31 - 1)
    if port == 0 and not flags.get("unixsocket"):
        raise StartRefusedError("received --port 0, yet no unix socket to listen to. Exiting.")
    if not -1 <= port <= 65535:
        raise StartRefusedError(f"Bad port number {port}")


def _check_databases(flags: Flags) -> None:
    if parse_integer(flags.get("dbnum", "16"), 0, 2**32 - 1) > 1024:
        raise StartRefusedError("dbnum is too big. Exiting...")


def _check_affinity(flags: Flags) -> None:
    mode = flags.get("proactor_affinity_mode", "on")
    if mode not in ("on", "off", "auto"):
        message = f"Invalid proactor_affinity_mode flag value: {mode}"
        raise StartRefusedError(message, ABORTED)


def _check_file_name(flags: Flags) -> None:
    name = flags.get("dbfilename", "dump-{timestamp}")
    extension = posixpath.splitext(name)[1]
    if "/" in name and not name.startswith(("s3://", "gs://", "az://")):
        raise StartRefusedError(
            f'filename may not contain directory separators (Got "{name}"). '
            "dbfilename should specify the filename without the directory"
        )
    if extension and _is_on(flags, "df_snapshot_format", "true"):
        raise StartRefusedError(
            f"DF snapshot format is used but '{extension}' extension was given. "
            "Use --nodf_snapshot_format or remove the filename extension."
        )
    if extension not in ("", ".rdb"):
        raise StartRefusedError(f"Bad filename extension '{extension}'")


def _check_tls(flags: Flags) -> None:
    keys = ("requirepass", "tls_ca_cert_file", "tls_ca_cert_dir")
    if _is_on(flags, "tls") and not any(flags.get(key) for key in keys):
        raise StartRefusedError("TLS configured but no authentication method is used!")


def _check_cluster_mode(flags: Flags) -> None:
    mode = flags.get("cluster_mode", "")
    if mode not in ("", "emulated", "yes"):
        raise StartRefusedError(f"Invalid value for flag --cluster_mode: {mode}")


def _check_schedule(flags: Flags) -> None:
    if flags.get("save_schedule"):
        message = "save_schedule flag is deprecated, please use snapshot_cron instead"
        raise StartRefusedError(message)


def _check_events(flags: Flags) -> None:
    if flags.get("notify_keyspace_events", "") not in ("", "Ex"):
        raise StartRefusedError("Only Ex is currently supported", status=0)


def _check_queue(flags: Flags) -> None:
    if parse_integer(flags.get("pipeline_queue_limit", "1"), 0, 2**32 - 1) == 0:
        raise StartRefusedError("pipeline flag limit is 0", status=255)


_SERVICE_CHECKS: tuple[Callable[[Flags], None], ...] = (
    _check_cluster_mode,
    _check_file_name,
    _check_tls,
    _check_schedule,
    _check_events,
    _check_queue,
)


def describe_memory(chosen: Limits, host: Host) -> list[tuple[str, str]]:
    """Return the lines about memory, as (level, text)."""
    limit, found = format_size(chosen.maxmemory), format_size(host.available_bytes)
    if chosen.chosen_by_itself:
        return [
            ("I", "maxmemory has not been specified. Deciding myself...."),
            ("I", f"Found {found} available memory. Setting maxmemory to {limit}"),
        ]
    lines = [("I", f"Max memory limit is: {limit}")]
    if chosen.maxmemory > host.available_bytes:
        lines.insert(0, ("W", f"Got memory limit {limit}, however only {found} was found."))
    return lines
