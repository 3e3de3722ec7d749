"""What Dragonfly decides before it serves, as pure functions.

Read from Dragonfly's sources at v1.38 to v1.40: src/server/dfly_main.cc, and in
romange/helio strings/human_readable.cc and util/fibers/proactor_pool.cc; the flag syntax
is Abseil's (absl/flags/parse.cc). Written apart from the product on purpose: a test that
compares the two must be able to disagree.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MIB = 1024**2
BYTES_PER_THREAD = 256 * MIB  # RunEngine() in dfly_main.cc
SHARE_OF_AVAILABLE = 0.8  # main() in dfly_main.cc, where no maxmemory is given

BOOL, INTEGER, SIZE, TEXT = "bool", "integer", "size", "text"

# The flags of v1.40 that somebody might pass to a store in a container. One that Dragonfly
# once had and dropped (use_large_pages, save_schedule, oom_deny_ratio, ...) is unknown.
FLAGS = {
    "admin_bind": TEXT,
    "admin_nopass": BOOL,
    "admin_port": INTEGER,
    "alsologtostderr": BOOL,
    "bind": TEXT,
    "cache_mode": BOOL,
    "dbfilename": TEXT,
    "dbnum": INTEGER,
    "default_lua_flags": TEXT,
    "dir": TEXT,
    "force_epoll": BOOL,
    "hz": INTEGER,
    "log_dir": TEXT,
    "logtostderr": BOOL,
    "maxclients": INTEGER,
    "maxmemory": SIZE,
    "memcached_port": INTEGER,
    "minloglevel": INTEGER,
    "num_shards": INTEGER,
    "port": INTEGER,
    "primary_port_http_enabled": BOOL,
    "proactor_affinity_mode": TEXT,
    "proactor_threads": INTEGER,
    "requirepass": TEXT,
    "rss_oom_deny_ratio": TEXT,
    "snapshot_cron": TEXT,
    "tcp_backlog": INTEGER,
    "v": INTEGER,
    "version_check": BOOL,
}

USAGE_ERROR = 1  # Abseil's exit status for a flag it does not like
ABORTED = 134  # 128 + SIGABRT: how a process ends after LOG(FATAL)


class StartRefusedError(Exception):
    """Dragonfly would print this message and exit with this status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Host:
    """What Dragonfly finds out about the machine: None is "no limit"."""

    affinity: int
    available_bytes: int
    quota_threads: int | None = None


@dataclass(frozen=True)
class Limits:
    """What it runs with."""

    threads: int
    maxmemory: int
    chosen_by_itself: bool


# -- sizes ------------------------------------------------------------------------------------

SIZE_PATTERN = re.compile(
    r"(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[KMGTPEkmgtpe]i?)?[Bb]?"
)
SIZE_HINT = "Use human-readable format, eg.: 500MB, 1G, 1TB"


def parse_size(text: str) -> int:
    """Bytes, as v1.36 and later read them: binary units, and nothing may follow."""
    match = SIZE_PATTERN.fullmatch(text)
    if match is None or float(match["number"]) < 0:
        raise ValueError(SIZE_HINT)
    unit = (match["unit"] or "")[:1].upper()
    return int(float(match["number"]) * 1024 ** (" KMGTPE".index(unit) if unit else 0) + 0.5)


def human_size(value: int) -> str:
    """A size as Dragonfly's log prints it: 1023B, 1.5KiB, 4.00GiB."""
    if value < 1024:
        return f"{value}B"
    scaled, units = float(value), iter("KMGTPE")
    unit = next(units)
    while scaled >= 1024**2:
        scaled, unit = scaled // 1024, next(units)
    return f"{scaled / 1024:.{1 if unit == 'K' else 2}f}{unit}iB"


# -- flags ------------------------------------------------------------------------------------


def parse_flags(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    read_file: Callable[[str], str],
) -> dict[str, str]:
    """The flags that were given; the command line wins over DFLY_<flag> variables."""
    given = _parse_arguments(list(arguments), read_file)
    return _from_environment(environment) | given


def _parse_arguments(
    arguments: list[str], read_file: Callable[[str], str], in_file: bool = False
) -> dict[str, str]:
    given: dict[str, str] = {}
    while arguments:
        argument = arguments.pop(0)
        if argument == "--":
            break
        if not argument.startswith("-"):
            continue  # Abseil hands it on as a positional argument; Dragonfly has none
        name, separator, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if name not in FLAGS and name.removeprefix("no") in FLAGS and not separator:
            name, separator, value = name.removeprefix("no"), "=", "false"
        if not separator:
            value = _value_of_next(name, arguments, in_file)
        if name == "flagfile":
            for path in value.split(","):
                given |= _parse_flagfile(path, read_file)
        else:
            given[name] = _checked(name, value)
    return given


def _value_of_next(name: str, arguments: list[str], in_file: bool) -> str:
    """The value of `--name value`; a boolean never takes one, and in a file a line is a flag."""
    if FLAGS.get(name) == BOOL:
        return "true"
    if name not in FLAGS and name != "flagfile":
        raise StartRefusedError(f"ERROR: Unknown command line flag '{name}'", USAGE_ERROR)
    if not arguments or in_file:
        raise StartRefusedError(f"ERROR: Missing the value for the flag '{name}'", USAGE_ERROR)
    return arguments.pop(0)


def _parse_flagfile(path: str, read_file: Callable[[str], str]) -> dict[str, str]:
    try:
        lines = [line.lstrip() for line in read_file(path).splitlines()]
    except OSError:
        raise StartRefusedError(f"ERROR: Can't open flagfile {path}", USAGE_ERROR) from None
    flags = [line for line in lines if line and not line.startswith("#")]
    for line in flags:
        if not line.startswith("-"):
            message = f"ERROR: Unexpected line in the flagfile {path}: {line}"
            raise StartRefusedError(message, USAGE_ERROR)
    return _parse_arguments(flags, read_file, in_file=True)


def _checked(name: str, value: str) -> str:
    if name not in FLAGS:
        raise StartRefusedError(f"ERROR: Unknown command line flag '{name}'", USAGE_ERROR)
    problem = _problem(FLAGS[name], value)
    if problem is not None:
        message = f"ERROR: Illegal value '{value}' specified for flag '{name}'; {problem}"
        raise StartRefusedError(message.removesuffix("; "), USAGE_ERROR)
    return value


def _problem(kind: str, value: str) -> str | None:
    """Why the value does not fit the kind of flag; Abseil gives no reason for simple ones."""
    if kind == SIZE:
        try:
            parse_size(value)
        except ValueError as error:
            return str(error)
    if kind == INTEGER and not re.fullmatch(r"-?\d+", value):
        return ""
    if kind == BOOL and value.lower() not in TRUE | FALSE:
        return ""
    return None


TRUE = {"1", "t", "true", "y", "yes"}
FALSE = {"0", "f", "false", "n", "no"}


def is_true(flags: Mapping[str, str], name: str) -> bool:
    """Whether a boolean flag was given and is on."""
    return flags.get(name, "false").lower() in TRUE


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    if "DFLY_PASSWORD" in environment:
        message = "DFLY_PASSWORD environment variable was deprecated in favor of DFLY_requirepass"
        raise StartRefusedError(message, ABORTED)
    given = {}
    for variable, value in environment.items():
        name = variable.removeprefix("DFLY_")
        if name == variable or name == "DEV_ENV":
            continue
        if name not in FLAGS:
            raise StartRefusedError(f"unknown environment variable {variable}", ABORTED)
        if _problem(FLAGS[name], value) is not None:
            message = f"could not parse flag {name} from environment variable."
            raise StartRefusedError(message, ABORTED)
        given[name] = value
    return given


# -- threads and memory -------------------------------------------------------------------------


def quota_v2(cpu_max: str) -> int | None:
    """Threads by cgroup v2's cpu.max, "QUOTA PERIOD": rounded up."""
    quota, _, period = cpu_max.strip().partition(" ")
    return None if quota == "max" or not period else math.ceil(int(quota) / int(period))


def quota_v1(quota_us: str, period_us: str) -> int | None:
    """Threads by cgroup v1's quota: cut off, so that half a CPU counts as no limit."""
    quota = int(quota_us)
    return None if quota < 0 else quota // int(period_us) or None


def thread_count(flags: Mapping[str, str], host: Host) -> int:
    """By v1.38's order: an explicit flag, the cgroup's quota, the affinity mask."""
    return int(flags.get("proactor_threads", 0)) or host.quota_threads or host.affinity


def limits(flags: Mapping[str, str], host: Host) -> Limits:
    """Threads and memory, before the rule below is applied."""
    threads = thread_count(flags, host)
    maxmemory = parse_size(flags.get("maxmemory", "0"))
    if maxmemory > 0:
        return Limits(threads, maxmemory, chosen_by_itself=False)
    own_choice = int(SHARE_OF_AVAILABLE * host.available_bytes)
    return Limits(threads, own_choice, chosen_by_itself=True)


def check(chosen: Limits) -> None:
    """The start-up rule: 256 MiB for each thread; exactly that much passes."""
    required = chosen.threads * BYTES_PER_THREAD
    if chosen.maxmemory < required:
        raise StartRefusedError(
            f"There are {chosen.threads} threads, so {human_size(required)} are required. "
            "Exiting..."
        )


def memory_log(chosen: Limits, host: Host) -> list[tuple[str, str]]:
    """The lines about memory, as (level, text)."""
    limit, found = human_size(chosen.maxmemory), human_size(host.available_bytes)
    if chosen.chosen_by_itself:
        return [
            ("I", "maxmemory has not been specified. Deciding myself...."),
            ("I", f"Found {found} available memory. Setting maxmemory to {limit}"),
        ]
    lines = [("I", f"Max memory limit is: {limit}")]
    if chosen.maxmemory > host.available_bytes:
        lines.insert(0, ("W", f"Got memory limit {limit}, however only {found} was found."))
    return lines


# -- the server behind it -------------------------------------------------------------------------


def valkey_config(flags: Mapping[str, str], maxmemory: int) -> str:
    """Valkey's configuration for the same flags. It never writes a file."""
    lines = [
        'save ""',
        "appendonly no",
        "daemonize no",
        "protected-mode no",  # Dragonfly has no such mode
        f"port {flags.get('port', '6379')}",
        f"maxmemory {maxmemory}",
        f"maxmemory-policy {'allkeys-lru' if is_true(flags, 'cache_mode') else 'noeviction'}",
    ]
    optional = {"bind": "bind", "requirepass": "requirepass", "dir": "dir"}
    lines += [f"{optional[name]} {_quoted(flags[name])}" for name in optional if flags.get(name)]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
