"""Find values that pass Compose's schema but that Compose cannot read.

The schema accepts any text for sizes, durations, counts and command strings.
"""

import re
from collections.abc import Callable

from infra.compose_file.model import Refusal
from infra.compose_file.syntax.shell_words import split_command
from infra.compose_file.syntax.sizes import is_duration, parse_cpus, parse_docker_size
from infra.compose_file.yaml.key_paths import Steps, compile_rules, visit
from infra.compose_file.yaml.tree import Items, Table, Value, to_table, to_text

_NUMBER = re.compile(r"[+-]?[0-9]+")  # the syntax of Go's strconv.Atoi

Check = Callable[[Value], None]
"""A function that raises ValueError for a value that Compose cannot read."""


def check_values(top: Table) -> list[Refusal]:
    """Return the values of the project that Compose cannot read."""
    refusals: list[Refusal] = []
    for check, value, origin, steps in visit(top, _RULES):
        try:
            check(value)
        except ValueError as error:
            refusals.append(Refusal.at(f"'{_format_path(steps)}' {error}", origin))
    return refusals


def _format_path(steps: Steps) -> str:
    """Return a path such as `services[web].gpus[0].count`."""
    top, name, *rest = steps
    inner = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)
    return f"{top}[{name}]{''.join(inner)}"


def _check_size(value: Value) -> None:
    if isinstance(value, str):
        parse_docker_size(value)


def _check_cpus(value: Value) -> None:
    if isinstance(value, str):
        parse_cpus(value)


def _check_duration(value: Value) -> None:
    if isinstance(value, str) and not is_duration(value):
        raise ValueError(f'time: invalid duration "{value}"')


def _check_command(value: Value) -> None:
    if isinstance(value, str):
        split_command(value)


def _check_count(value: Value) -> None:
    text = to_text(value)
    if text and text.lower() != "all" and not _NUMBER.fullmatch(text):
        raise ValueError(f"invalid value \"{text}\", the only value allowed is 'all' or a number")


def _check_ulimit(value: Value) -> None:
    if isinstance(value, float):
        raise ValueError("invalid type float64 for ulimits")


def _check_hosts(value: Value) -> None:
    for item in value if isinstance(value, Items) else ():
        text = to_text(item)
        if not text.partition("=" if "=" in text else ":")[2]:
            raise ValueError(f"invalid additional host, missing IP: {text}")


def _check_request(value: Value) -> None:
    _check_count(to_table(value).get("count"))


_SIZES = (
    "deploy.resources.limits.memory",
    "deploy.resources.reservations.memory",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "shm_size",
    "build.shm_size",
    "volumes.*.tmpfs.size",
)
_DURATIONS = (
    "deploy.restart_policy.delay",
    "deploy.restart_policy.window",
    "deploy.rollback_config.delay",
    "deploy.rollback_config.monitor",
    "deploy.update_config.delay",
    "deploy.update_config.monitor",
    "healthcheck.interval",
    "healthcheck.start_interval",
    "healthcheck.start_period",
    "healthcheck.timeout",
    "stop_grace_period",
)
_RULES = compile_rules(
    {
        f"services.*.{key}": check
        for keys, check in (
            (_SIZES, _check_size),
            (_DURATIONS, _check_duration),
            (("deploy.resources.limits.cpus", "deploy.resources.reservations.cpus"), _check_cpus),
            (("command", "entrypoint"), _check_command),
            (("ulimits.*",), _check_ulimit),
            (("build.extra_hosts", "extra_hosts"), _check_hosts),
            (("deploy.resources.reservations.devices.*", "gpus.*"), _check_request),
        )
        for key in keys
    }
)
