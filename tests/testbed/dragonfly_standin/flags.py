"""Read the flags of Dragonfly v1.40 from a command line, flag files and variables.

They are read as by Abseil (absl/flags/parse.cc), then by `ParseFlagsFromEnv` of dfly_main.cc.
"""

from collections.abc import Callable, Mapping, Sequence

from .values import check_crontab, parse_integer, parse_size, parse_switch

USAGE_ERROR = 1  # Abseil's exit status for a flag that it does not like
ABORTED = 134  # 128 + SIGABRT: how a process ends after LOG(FATAL)

ReadFile = Callable[[str], str]


class StartRefusedError(Exception):
    """Dragonfly would print this message and exit with this status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def _check_compression(text: str) -> None:
    names = ("NONE", "SINGLE_ENTRY", "MULTI_ENTRY_ZSTD", "MULTI_ENTRY_LZ4")
    if text not in ("0", "1", "2", "3", *names):
        raise ValueError(f"Unknown value {text} for compression_mode flag")


def _bounds(least: int, most: int) -> Callable[[str], object]:
    return lambda text: parse_integer(text, least, most)


# The parsers of values by type; they raise ValueError, with Dragonfly's reason if it gives one.
_INT32, _UINT16, _UINT32 = (
    _bounds(-(2**31), 2**31 - 1),
    _bounds(0, 2**16 - 1),
    _bounds(0, 2**32 - 1),
)
_TYPES: dict[Callable[[str], object], str] = {
    parse_switch: "alsologtostderr admin_nopass cache_mode df_snapshot_format force_epoll helpfull "
    "logtostderr primary_port_http_enabled tls version_check",
    _INT32: "minloglevel port v",
    _UINT16: "admin_port tcp_backlog",
    _UINT32: "conn_io_threads dbnum hz list_compress_level maxclients memcached_port num_shards "
    "pipeline_queue_limit proactor_threads",
    parse_size: "maxmemory",
    float: "rss_oom_deny_ratio",
    check_crontab: "snapshot_cron",
    _check_compression: "compression_mode",
    str: "admin_bind aclfile bind cluster_mode dbfilename default_lua_flags dir flagfile fromenv "
    "log_folder notify_keyspace_events proactor_affinity_mode requirepass save_schedule "
    "tls_ca_cert_dir tls_ca_cert_file tryfromenv unixsocket unixsocketperm",
}
FLAGS = {name: parse for parse, names in _TYPES.items() for name in names.split()}

# These flags are ignored, with a line in the log.
RETIRED = frozenset({"experimental_io_loop_v2", "experimental_replicaof_v2"})


def parse_flags(
    arguments: Sequence[str], environment: Mapping[str, str], read_file: ReadFile
) -> dict[str, str]:
    """Return the flags that are given; the command line wins over DFLY_<flag> variables."""
    given: dict[str, str] = {}
    _parse_words(list(arguments), given, environment, read_file)
    return _read_variables(environment, given) | given


def _parse_words(
    words: list[str],
    given: dict[str, str],
    environment: Mapping[str, str],
    read_file: ReadFile,
    *,
    in_file: bool = False,
) -> None:
    """Read the flags of a command line, or of the lines of a flag file."""
    while words:
        word = words.pop(0)
        if word == "--":
            return
        if not word.startswith("-"):
            continue  # an argument of the program to Abseil
        name, separator, value = word.removeprefix("-").removeprefix("-").partition("=")
        if (
            not separator
            and name not in FLAGS
            and FLAGS.get(name.removeprefix("no")) is parse_switch
        ):
            name, separator, value = name.removeprefix("no"), "=", "false"
        if not separator:
            value = _take_value(name, words, in_file)
        _take_flag(name, value, given, environment, read_file)


def _take_value(name: str, words: list[str], in_file: bool) -> str:
    """Return the value of `--name value`; a switch takes none, and in a file a line is a flag."""
    if FLAGS.get(name) is parse_switch or name in RETIRED:
        return "true"
    _require_known(name)
    if not words or in_file:
        raise StartRefusedError(f"ERROR: Missing the value for the flag '{name}'", USAGE_ERROR)
    return words.pop(0)


def _take_flag(
    name: str,
    value: str,
    given: dict[str, str],
    environment: Mapping[str, str],
    read_file: ReadFile,
) -> None:
    if name in RETIRED:
        return
    _require_known(name)
    if problem := _find_problem(name, value):
        raise StartRefusedError(f"ERROR: {problem}", USAGE_ERROR)
    if name == "flagfile":
        for path in value.split(","):
            lines = _read_flag_file(path, read_file)
            _parse_words(lines, given, environment, read_file, in_file=True)
    elif name in ("fromenv", "tryfromenv"):
        _read_abseil_variables(name, value.split(","), given, environment, read_file)
    else:
        given[name] = value


def _find_problem(name: str, value: str) -> str:
    """Return Abseil's error for a value; an empty string if the flag accepts it."""
    try:
        FLAGS[name](value)
    except ValueError as error:
        reason = f"; {error}" if str(error) and FLAGS[name] is not float else ""
        return f"Illegal value '{value}' specified for flag '{name}'{reason}"
    return ""


def _require_known(name: str) -> None:
    if name not in FLAGS:
        raise StartRefusedError(f"ERROR: Unknown command line flag '{name}'", USAGE_ERROR)


def _read_flag_file(path: str, read_file: ReadFile) -> list[str]:
    try:
        lines = [line.strip() for line in read_file(path).splitlines()]
    except OSError:
        raise StartRefusedError(f"ERROR: Can't open flagfile {path}", USAGE_ERROR) from None
    flags = [line for line in lines if line and not line.startswith("#")]
    for line in flags:
        if not line.startswith("-"):
            message = f"ERROR: Unexpected line in the flagfile {path}: {line}"
            raise StartRefusedError(message, USAGE_ERROR)
    return flags


def _read_abseil_variables(
    option: str,
    names: Sequence[str],
    given: dict[str, str],
    environment: Mapping[str, str],
    read_file: ReadFile,
) -> None:
    for name in names:
        value = environment.get(f"FLAGS_{name}")
        if value is not None:
            _take_flag(name, value, given, environment, read_file)
        elif option == "fromenv":
            raise StartRefusedError(f"ERROR: FLAGS_{name} not found in environment", USAGE_ERROR)


def _read_variables(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the flags of DFLY_<flag> variables that are not on the command line."""
    read = {}
    for variable, value in environment.items():
        name = variable.removeprefix("DFLY_")
        if name in (variable, "DEV_ENV") or name in given:
            continue
        if name not in FLAGS or name == "helpfull":
            raise StartRefusedError(f"unknown environment variable {variable}", ABORTED)
        if problem := _find_problem(name, value):
            message = f"could not parse flag {name} from environment variable. Error: {problem}"
            raise StartRefusedError(message, ABORTED)
        read[name] = value
    return read
