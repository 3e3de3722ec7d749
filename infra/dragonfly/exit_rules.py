"""Check Dragonfly's own rules: values that a flag's type allows, but that make Dragonfly exit.

Each rule is from the cited sources and, except for `unixsocketperm`, was tested with v1.40.0.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from infra.dragonfly.cron import convert_save_schedule
from infra.dragonfly.flag_values import parse_boolean, parse_integer
from infra.dragonfly.releases import Release

Values = Mapping[str, str]
"""The values of the flags, by name."""

_MOST_DATABASES = 1024  # kMaxDbId

# The first releases with these rules; each other rule is as old as its flag.
_FILE_NAMES_CHECKED: Release = (1, 9, 0)  # ValidateFilename
_SAVE_SCHEDULE_REFUSED: Release = (1, 14, 0)  # pull request 2327
_TLS_NEEDS_AUTHENTICATION: Release = (1, 7, 0)

_SOCKET_MODE = re.compile(r"\+?0*[0-7]{1,3}")
_AFFINITY_MODES = ("auto", "off", "on")
_CLUSTER_MODES = ("", "emulated", "yes")
_KEYSPACE_EVENTS = ("", "Ex")
_CLOUD_PREFIXES = ("s3://", "gs://", "az://")
_PRINTING_FLAGS = ("help", "helpfull", "helpshort", "helppackage", "version", "only_check_args")


def list_broken_rules(values: Values, release: Release) -> Iterator[tuple[str, str]]:
    """Yield each flag that violates Dragonfly's own rules, with the reason."""
    for flag, find_reason in _RULES.items():
        if flag in values and (reason := find_reason(values, release)):
            yield flag, reason


def _check_file_name(values: Values, release: Release) -> str:
    """Return why dbfilename is rejected, or an empty string.

    The rules are those of the snapshot storage's ValidateFilename (from server_family.cc).
    """
    name = values["dbfilename"]
    if release < _FILE_NAMES_CHECKED or not name:
        return ""
    if name.startswith('"'):
        return "the name in dbfilename starts with a quote"
    if "/" in name and not name.startswith(_CLOUD_PREFIXES):
        return f"dbfilename {name!r} contains a directory; that belongs in --dir"
    extension = posixpath.splitext(name)[1]
    is_df = parse_boolean(values.get("df_snapshot_format", "true")) is not False
    if extension and is_df:
        return (
            f"dbfilename {name!r} has an extension, which the DF snapshot format does not allow; "
            f"write {name.removesuffix(extension)}, or add --nodf_snapshot_format for an .rdb"
        )
    if extension and extension.lower() != ".rdb":
        return (
            f"with --nodf_snapshot_format, dbfilename {name!r} must end in .rdb or have no "
            "extension"
        )
    return ""


def _check_save_schedule(values: Values, release: Release) -> str:
    schedule = values["save_schedule"]
    if release < _SAVE_SCHEDULE_REFUSED or not schedule:
        return ""
    crontab = convert_save_schedule(schedule)
    return "save_schedule has not been supported since v1.14; use snapshot_cron" + (
        f": {crontab}" if crontab else ", which takes a crontab"
    )


def _check_tls(values: Values, release: Release) -> str:
    if release < _TLS_NEEDS_AUTHENTICATION or parse_boolean(values["tls"]) is not True:
        return ""
    keys = ("requirepass", "tls_ca_cert_file", "tls_ca_cert_dir")
    if any(values.get(key) for key in keys):
        return ""
    return "tls requires requirepass, tls_ca_cert_file or tls_ca_cert_dir"


def _check_port(values: Values, _: Release) -> str:
    is_closed = parse_integer(values["port"]) == 0 and not values.get("unixsocket")
    return "port 0 requires a unixsocket" if is_closed else ""


def _check_socket_mode(values: Values, _: Release) -> str:
    """Return why unixsocketperm is rejected, or an empty string.

    dfly_main.cc reads the mode only if there is a socket.
    """
    mode = values["unixsocketperm"]
    if not mode or not values.get("unixsocket") or _SOCKET_MODE.fullmatch(mode.strip()):
        return ""
    return f"unixsocketperm {mode!r} is not an octal number up to 777"


def _check_databases(values: Values, _: Release) -> str:
    number = parse_integer(values["dbnum"])
    is_too_big = number is not None and number > _MOST_DATABASES
    return f"dbnum {number} is more than {_MOST_DATABASES}" if is_too_big else ""


def _check_queue_limit(values: Values, _: Release) -> str:
    is_zero = parse_integer(values["pipeline_queue_limit"]) == 0
    return "pipeline_queue_limit must be greater than 0" if is_zero else ""


def _require_one_of(flag: str, words: tuple[str, ...]) -> Callable[[Values, Release], str]:
    """Return the rule that a flag accepts only these words."""
    choice = " or ".join(word or "an empty value" for word in words)

    def check(values: Values, _: Release) -> str:
        value = values[flag]
        return "" if value in words else f"{flag} accepts {choice}, not {value!r}"

    return check


def _reject_printing(flag: str) -> Callable[[Values, Release], str]:
    """Return the rule that rejects a flag with which Dragonfly only prints something and exits."""

    def check(values: Values, _: Release) -> str:
        is_on = parse_boolean(values[flag]) is not False
        return f"with --{flag} it only prints something and exits" if is_on else ""

    return check


_RULES: Mapping[str, Callable[[Values, Release], str]] = {
    "dbfilename": _check_file_name,
    "save_schedule": _check_save_schedule,
    "tls": _check_tls,
    "port": _check_port,
    "unixsocketperm": _check_socket_mode,
    "dbnum": _check_databases,
    "pipeline_queue_limit": _check_queue_limit,
    "cluster_mode": _require_one_of("cluster_mode", _CLUSTER_MODES),
    "notify_keyspace_events": _require_one_of("notify_keyspace_events", _KEYSPACE_EVENTS),
    "proactor_affinity_mode": _require_one_of("proactor_affinity_mode", _AFFINITY_MODES),
    **{flag: _reject_printing(flag) for flag in _PRINTING_FLAGS},
}
